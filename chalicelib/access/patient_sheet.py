"""The sheet that is handed over at the desk: one A4 page in French, with the code in letters and as a QR code.

The QR code leads to the portal with the code behind `#`, which browsers never send to a server.
"""

from __future__ import annotations

import io
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
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle

INK, SOFT, LINE, PAPER = HexColor("#1f2a37"), HexColor("#52606d"), HexColor("#c5cdd6"), HexColor("#f1f4f7")
_FONTS = Path(reportlab.__file__).parent / "fonts"
_BODY = ParagraphStyle("body", fontName="Vera", fontSize=10.5, leading=15.5, textColor=INK)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=8.5, leading=12.5, textColor=SOFT)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName="VeraBd", fontSize=19, leading=26)
_HEADING = ParagraphStyle("heading", parent=_BODY, fontName="VeraBd", fontSize=12, leading=17, spaceBefore=5 * mm)
_CODE = ParagraphStyle("code", parent=_BODY, fontName="VeraBd", fontSize=27, leading=36, alignment=TA_CENTER)
_CENTRED = ParagraphStyle("centred", parent=_BODY, alignment=TA_CENTER)
_SMALL_CENTRED = ParagraphStyle("small-centred", parent=_SMALL, alignment=TA_CENTER)
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

    @property
    def address(self) -> str:
        """Where the QR code leads."""
        return f"{self.portal_url}/patient#{self.code}"


def pdf(sheet: Sheet) -> bytes:
    """One page."""
    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, _FONTS / f"{name}.ttf"))
    output = io.BytesIO()
    document = BaseDocTemplate(
        output,
        pagesize=A4,
        title="Votre code d'accès à vos images médicales",
        author=sheet.hospital_name,
        subject="Code personnel remis au patient",
        lang="fr-FR",
        initialFontName="Vera",
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=18 * mm,
        bottomMargin=16 * mm,
    )
    frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate("sheet", [frame], onPage=_prefer_title))
    document.build([*_head(sheet), _code(sheet, document.width), *_directions(sheet)])
    return output.getvalue()


def _prefer_title(canvas: Any, _: Any) -> None:
    canvas.setViewerPreference("DisplayDocTitle", "true")


def _head(sheet: Sheet) -> list[Any]:
    name = [Paragraph(f"Remis à {escape(sheet.patient_name)}", _BODY)] if sheet.patient_name else []
    return [
        Paragraph(escape(sheet.hospital_name), _SMALL),
        Paragraph("Vos images médicales, sans film", _TITLE),
        Spacer(0, 2 * mm),
        *name,
        Paragraph(
            f"Le {escape(sheet.handed_over_on)}. Ce code est valable jusqu'au {escape(sheet.valid_until)} "
            "et donne accès à tous vos examens archivés par cet établissement.",
            _BODY,
        ),
        Spacer(0, 6 * mm),
    ]


def _code(sheet: Sheet, width: float) -> Table:
    text = [
        Paragraph("Votre code personnel", _CENTRED),
        Paragraph(escape(sheet.code), _CODE),
        Paragraph("Il n'y a ni lettre I, ni L, ni O : un rond est un zéro, une barre est un un.", _SMALL_CENTRED),
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


def _directions(sheet: Sheet) -> list[Any]:
    address = escape(f"{sheet.portal_url}/patient")
    return [
        Paragraph("Voir vos images et vos comptes rendus", _HEADING),
        Paragraph(
            f"1. Flashez le carré ci-dessus avec votre téléphone, ou tapez l'adresse : <b>{address}</b><br/>"
            "2. Saisissez votre code et votre date de naissance.<br/>"
            "3. Un SMS vous apporte un second code, à six chiffres, valable 5 minutes : recopiez-le.",
            _BODY,
        ),
        Paragraph("Les montrer à votre médecin", _HEADING),
        Paragraph(
            "Donnez-lui ce code et votre date de naissance. Depuis son propre compte, il aura accès à vos examens pour "
            "une durée limitée. Un SMS vous le dira, et vous pourrez y mettre fin vous-même à tout moment.",
            _BODY,
        ),
        Paragraph("Pas de téléphone portable, feuille perdue ?", _HEADING),
        Paragraph(
            "Adressez-vous à l'accueil de l'établissement, avec une pièce d'identité : vos images peuvent vous être "
            "remises autrement, votre code remplacé, et tous les accès déjà donnés supprimés.",
            _BODY,
        ),
        Paragraph("Gardez cette feuille comme une clé", _HEADING),
        Paragraph(
            "Ne la publiez pas et ne l'envoyez pas par message. Personne ne vous demandera votre code par téléphone, "
            "par SMS ou par courriel. Sans le SMS reçu sur votre téléphone, ce code seul n'ouvre pas votre espace.",
            _BODY,
        ),
    ]
