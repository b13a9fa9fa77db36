"""The list of one-time codes for people without a telephone: one A4 page in French, apart from the code's sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, Spacer, Table, TableStyle

from chalicelib.access.patient_sheet import BODY, CENTRED, HEADING, LINE, PAPER, SMALL, TITLE, document

_ONE = ParagraphStyle("one", parent=CENTRED, fontName="VeraBd", fontSize=17, leading=24)
_COLUMNS = 2


@dataclass(frozen=True)
class Sheet:
    """What is printed."""

    codes: str
    """`XXXX-XXXX`, separated by spaces."""
    holder_name: str
    """"" leaves it out."""
    hospital_name: str
    portal_url: str
    handed_over_on: str
    """DD/MM/YYYY."""


def pdf(sheet: Sheet) -> bytes:
    """One page."""
    return document(
        "Votre liste de codes à usage unique",
        "Codes à usage unique remis à l'accueil",
        sheet.hospital_name,
        lambda width: [*_head(sheet), _codes(sheet, width), *_directions(sheet)],
    )


def _head(sheet: Sheet) -> list[Any]:
    name = [Paragraph(f"Remise à {escape(sheet.holder_name)}", BODY)] if sheet.holder_name else []
    return [
        Paragraph(escape(sheet.hospital_name), SMALL),
        Paragraph("Vos codes à usage unique", TITLE),
        Spacer(0, 2 * mm),
        *name,
        Paragraph(
            f"Le {escape(sheet.handed_over_on)}. Cette liste remplace le SMS quand vous vous connectez ; elle annule "
            "les listes précédentes.",
            BODY,
        ),
        Spacer(0, 6 * mm),
    ]


def _codes(sheet: Sheet, width: float) -> Table:
    # A box to tick beside each: it is good once.
    cells = [Paragraph(f"[&nbsp;&nbsp;] &nbsp;{escape(code)}", _ONE) for code in sheet.codes.split()]
    rows = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
    table = Table(rows, [width / _COLUMNS] * _COLUMNS)
    table.setStyle(
        TableStyle(
            [
                # A table's own font is Helvetica, which is not embedded, even if every cell is a paragraph.
                ("FONTNAME", (0, 0), (-1, -1), "Vera"),
                ("BACKGROUND", (0, 0), (-1, -1), PAPER),
                ("GRID", (0, 0), (-1, -1), 0.6, LINE),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 2.5 * mm),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5 * mm),
            ]
        )
    )
    return table


def _directions(sheet: Sheet) -> list[Any]:
    address = escape(f"{sheet.portal_url}/patient")
    return [
        Paragraph("Vous connecter avec cette liste", HEADING),
        Paragraph(
            f"1. À l'adresse <b>{address}</b>, saisissez le code de votre autre feuille et la date de naissance.<br/>"
            "2. Choisissez « un code de ma liste imprimée ».<br/>"
            "3. Recopiez un code de cette liste, n'importe lequel, puis cochez-le : chacun ne sert qu'une fois.",
            BODY,
        ),
        Paragraph("Il ne vous en reste presque plus ?", HEADING),
        Paragraph(
            "L'écran vous le dit. L'accueil de l'établissement vous remet une nouvelle liste sur présentation d'une "
            "pièce d'identité. Votre médecin peut aussi regarder les images avec vous, par le code de l'autre feuille.",
            BODY,
        ),
        Paragraph("Rangez-la loin de l'autre feuille", HEADING),
        Paragraph(
            "Les deux feuilles ensemble, avec la date de naissance, ouvrent l'espace. Si vous perdez celle-ci, "
            "demandez-en une autre à l'accueil : l'ancienne ne vaudra plus rien.",
            BODY,
        ),
    ]
