"""The sheet that is handed over at the desk: one A4 page in French, with the code in letters and as a QR code.

The QR code leads to the portal with the code behind `#`, which browsers never send to a server.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import BaseDocTemplate, Frame, KeepInFrame, PageTemplate, Paragraph, Spacer, Table, TableStyle

INK, SOFT, LINE, PAPER = HexColor("#1f2a37"), HexColor("#52606d"), HexColor("#c5cdd6"), HexColor("#f1f4f7")
_FONTS = Path(reportlab.__file__).parent / "fonts"
BODY = ParagraphStyle("body", fontName="Vera", fontSize=10.5, leading=15.5, textColor=INK)
SMALL = ParagraphStyle("small", parent=BODY, fontSize=8.5, leading=12.5, textColor=SOFT)
TITLE = ParagraphStyle("title", parent=BODY, fontName="VeraBd", fontSize=19, leading=26)
HEADING = ParagraphStyle("heading", parent=BODY, fontName="VeraBd", fontSize=12, leading=17, spaceBefore=4 * mm)
CODE = ParagraphStyle("code", parent=BODY, fontName="VeraBd", fontSize=27, leading=36, alignment=TA_CENTER)
CENTRED = ParagraphStyle("centred", parent=BODY, alignment=TA_CENTER)
SMALL_CENTRED = ParagraphStyle("small-centred", parent=SMALL, alignment=TA_CENTER)
QR_SIZE = 46 * mm


@dataclass(frozen=True)
class Sheet:
    """What is printed."""

    code: str
    """`XXXXX-XXXXX`."""
    patient_name: str
    """"" leaves it out."""
    hospital_name: str
    portal_url: str
    handed_over_on: str
    """DD/MM/YYYY; so is the next."""
    valid_until: str
    proxy_name: str = ""
    """Of the one who acts for the patient and is handed the sheet; "" for the patient's own."""
    relation: str = ""
    """Value of `access.proxies.Relation`."""
    ends_on: str = ""
    """Last day on which that one acts for the patient."""

    @property
    def address(self) -> str:
        """Where the QR code leads."""
        return f"{self.portal_url}/patient#{self.code}"


def pdf(sheet: Sheet) -> bytes:
    """One page."""
    subject = "Code personnel remis au représentant" if sheet.proxy_name else "Code personnel remis au patient"
    return document(
        "Votre code d'accès à vos images médicales" if not sheet.proxy_name else "Votre code d'accès par procuration",
        subject,
        sheet.hospital_name,
        lambda width: [*_head(sheet), _code(sheet, width), *directions_of(sheet)],
    )


def document(title: str, subject: str, author: str, story: Callable[[float], list[Any]]) -> bytes:
    """A page in French with embedded fonts; `story` makes its parts for a width."""
    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, _FONTS / f"{name}.ttf"))
    pdfmetrics.registerFontFamily("Vera", normal="Vera", bold="VeraBd", italic="Vera", boldItalic="VeraBd")
    output = io.BytesIO()
    document = BaseDocTemplate(
        output,
        pagesize=A4,
        title=title,
        author=author,
        subject=subject,
        lang="fr-FR",
        initialFontName="Vera",
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=18 * mm,
        bottomMargin=16 * mm,
    )
    frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate("sheet", [frame], onPage=_prefer_title))
    # However long the names are, a sheet is one page: a second one would be left in the printer.
    whole = KeepInFrame(document.width, document.height, story(document.width), mode="shrink")
    document.build([whole])
    return output.getvalue()


def _prefer_title(canvas: Any, _: Any) -> None:
    canvas.setViewerPreference("DisplayDocTitle", "true")


def _head(sheet: Sheet) -> list[Any]:
    return [
        Paragraph(escape(sheet.hospital_name), SMALL),
        Paragraph(
            "Vos images médicales, sans film" if not sheet.proxy_name else "Ses images médicales, sans film", TITLE
        ),
        Spacer(0, 2 * mm),
        *(_handed_to_proxy(sheet) if sheet.proxy_name else _handed_to_patient(sheet)),
        Spacer(0, 6 * mm),
    ]


def _handed_to_patient(sheet: Sheet) -> list[Any]:
    name = [Paragraph(f"Remis à {escape(sheet.patient_name)}", BODY)] if sheet.patient_name else []
    return [
        *name,
        Paragraph(
            f"Le {escape(sheet.handed_over_on)}. Ce code est valable jusqu'au {escape(sheet.valid_until)} "
            "et donne accès à tous vos examens archivés par cet établissement.",
            BODY,
        ),
    ]


def _handed_to_proxy(sheet: Sheet) -> list[Any]:
    of_whom = f" de {escape(sheet.patient_name)}" if sheet.patient_name else " du patient que vous représentez"
    end = f" Votre procuration prend fin le {escape(sheet.ends_on)}."
    if sheet.relation == "parent":
        end = f" Votre procuration prend fin d'elle-même le {escape(sheet.ends_on)}, au plus tard la veille des 18 ans."
    return [
        Paragraph(f"Remis à <b>{escape(sheet.proxy_name)}</b>, {RELATIONS[sheet.relation]}", BODY),
        Paragraph(
            f"Le {escape(sheet.handed_over_on)}. Ce code, à votre nom, est valable jusqu'au "
            f"{escape(sheet.valid_until)} et donne accès aux examens{of_whom} archivés par cet établissement.{end}",
            BODY,
        ),
    ]


def _code(sheet: Sheet, width: float) -> Table:
    text = [
        Paragraph("Votre code personnel", CENTRED),
        Paragraph(escape(sheet.code), CODE),
        Paragraph("Il n'y a ni lettre I, ni L, ni O : un rond est un zéro, une barre est un un.", SMALL_CENTRED),
    ]
    table = Table([[text, _qr_code(sheet.address)]], [width - QR_SIZE - 8 * mm, QR_SIZE + 8 * mm])
    table.setStyle(
        TableStyle(
            [
                # A table's own font is Helvetica, which is not embedded, even if every cell is a paragraph.
                ("FONTNAME", (0, 0), (-1, -1), "Vera"),
                ("BACKGROUND", (0, 0), (0, 0), PAPER),
                ("BOX", (0, 0), (-1, -1), 0.6, LINE),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("ALIGN", (1, 0), (1, 0), "CENTER"),
                ("TOPPADDING", (0, 0), (-1, -1), 4 * mm),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4 * mm),
            ]
        )
    )
    return table


def _qr_code(address: str) -> Drawing:
    drawing = Drawing(QR_SIZE, QR_SIZE)
    # Level M: a fold or a stain of 15 % does no harm. Four modules of quiet zone are its default border.
    drawing.add(QrCodeWidget(address, barWidth=QR_SIZE, barHeight=QR_SIZE, barLevel="M"))
    return drawing


def directions_of(sheet: Sheet) -> list[Any]:
    """What to do with the code."""
    address = escape(f"{sheet.portal_url}/patient")
    return [part for each in _texts(sheet, address) for part in (Paragraph(each[0], HEADING), Paragraph(each[1], BODY))]


def _texts(sheet: Sheet, address: str) -> list[tuple[str, str]]:
    born = "la date de naissance <b>du patient</b>, pas la vôtre" if sheet.proxy_name else "votre date de naissance"
    return [
        (
            "Voir ses images et ses comptes rendus" if sheet.proxy_name else "Voir vos images et vos comptes rendus",
            f"1. Flashez le carré ci-dessus avec votre téléphone, ou tapez l'adresse : <b>{address}</b><br/>"
            f"2. Saisissez ce code et {born}.<br/>"
            "3. Recopiez le second code : celui du SMS, de votre application ou de votre liste imprimée.",
        ),
        (
            "Les montrer à un médecin" if sheet.proxy_name else "Les montrer à votre médecin",
            f"Donnez-lui ce code et {born.split(',')[0]}. Depuis son propre compte, il aura accès aux examens pour une "
            "durée limitée. Un SMS vous le dira, et vous pourrez y mettre fin vous-même à tout moment.",
        ),
        *(_OF_PROXIES if sheet.proxy_name else ()),
        (
            "Pas de téléphone portable, feuille perdue ?",
            "L'accueil de l'établissement, sur présentation d'une pièce d'identité, vous remet une liste de dix codes "
            "à usage unique qui remplace le SMS, change ce code, supprime les accès déjà donnés, ou vous indique un "
            "professionnel qui regardera les images avec vous.",
        ),
        (
            "Gardez cette feuille comme une clé",
            "Ne la publiez pas et ne l'envoyez pas par message. Personne ne vous demandera votre code par téléphone, "
            "par SMS ou par courriel. Sans le second code, celui-ci seul n'ouvre rien.",
        ),
    ]


_OF_PROXIES = (
    (
        "Vous agissez par procuration",
        "Chaque consultation est notée à votre nom et le patient peut la voir. Certains examens peuvent lui être "
        "réservés (article L1111-5 du code de la santé publique). Un enfant, une feuille : connectez-vous séparément "
        "pour chacun.",
    ),
)
RELATIONS = {
    "parent": "titulaire de l'autorité parentale",
    "guardian": "tuteur ou tutrice",
    "trusted-person": "personne de confiance, par mandat",
}
