"""The page of an invoice that people read, ready for PDF/A: fonts embedded, colours defined."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from PIL import ImageCms
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, StreamObject, TextStringObject
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle

from chalicelib.billing.invoice import NOTES, Invoice, Party

INK, SOFT, LINE, PAPER = HexColor("#1f2a37"), HexColor("#52606d"), HexColor("#c5cdd6"), HexColor("#f1f4f7")
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_FONTS = Path(reportlab.__file__).parent / "fonts"
_BODY = ParagraphStyle("body", fontName="Vera", fontSize=8.5, leading=12, textColor=INK)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=7, leading=9.5, textColor=SOFT)
_RIGHT = ParagraphStyle("right", parent=_BODY, alignment=TA_RIGHT)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName="VeraBd", fontSize=17, leading=22)
_HEADING = ParagraphStyle("heading", parent=_BODY, fontName="VeraBd")
_HEADING_RIGHT = ParagraphStyle("heading-right", parent=_HEADING, alignment=TA_RIGHT)


def pdf(invoice: Invoice) -> bytes:
    """One document of A4 pages, in French."""
    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, _FONTS / f"{name}.ttf"))
    output = io.BytesIO()
    document = BaseDocTemplate(
        output,
        pagesize=A4,
        title=title(invoice),
        author=invoice.seller.name,
        lang="fr-FR",
        initialFontName="Vera",
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=24 * mm,
    )
    frame = Frame(document.leftMargin, document.bottomMargin, document.width, document.height, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate("invoice", [frame], onPage=lambda canvas, _: _footer(canvas, invoice)))
    document.build(
        [
            *_head(invoice, document.width),
            _lines(invoice, document.width),
            Spacer(0, 5 * mm),
            _totals(invoice, document.width),
            Spacer(0, 7 * mm),
            *_payment(invoice),
        ]
    )
    return _with_colours_defined(output.getvalue())


def title(invoice: Invoice) -> str:
    """`Facture SF2026-000001` or `Avoir AV2026-000001`."""
    return f"{'Avoir' if invoice.corrects else 'Facture'} {invoice.number}"


def money(amount: Decimal) -> str:
    """An amount as French readers expect it, with no-break spaces.

    >>> money(Decimal("1234567.8")).replace(chr(0xA0), " ")
    '1 234 567,80 €'
    """
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{decimals}f} €".replace(",", "\u00a0").replace(".", ",").replace(" €", "\u00a0€")


def _head(invoice: Invoice, width: float) -> list[Any]:
    seller, buyer = _party(invoice.seller), _party(invoice.account.buyer)
    account, corrects = invoice.account, invoice.corrects
    month = MONTHS[invoice.first_day.month - 1]
    of_month = f"d'{month}" if month[0] in "ao" else f"de {month}"
    facts = [
        ("Avoir n°" if corrects else "Facture n°", invoice.number),
        ("Date d'émission", invoice.issued_on.strftime("%d/%m/%Y")),
        ("Période", f"du {invoice.first_day:%d/%m/%Y} au {invoice.last_day:%d/%m/%Y}"),
        ("Facture rectifiée", f"{corrects.invoice} du {corrects.invoice_issued_on:%d/%m/%Y}")
        if corrects
        else ("Échéance", f"{invoice.due_on:%d/%m/%Y} ({account.term_days} jours)"),
        *([("Code service", account.service_code)] if account.service_code else []),
        *([("N° d'engagement", account.commitment_number)] if account.commitment_number else []),
    ]
    rows = [[Paragraph(escape(name), _SMALL), Paragraph(escape(value), _BODY)] for name, value in facts]
    parties = Table([[_block("Émetteur", seller), _block("Destinataire", buyer)]], [width / 2, width / 2])
    parties.setStyle(_style(("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)))
    table = Table(rows, [32 * mm, width - 32 * mm])
    table.setStyle(_style(("LEFTPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)))
    return [
        Paragraph(
            f"Avoir sur la facture {corrects.invoice}" if corrects else f"Facture {of_month} {invoice.first_day.year}",
            _TITLE,
        ),
        Paragraph("Archivage régional d'imagerie médicale, facturé à l'usage", _BODY),
        Spacer(0, 6 * mm),
        parties,
        Spacer(0, 5 * mm),
        table,
        Spacer(0, 6 * mm),
    ]


def _party(party: Party) -> list[str]:
    found = [party.name, party.street, f"{party.postcode} {party.city}", f"SIRET {party.siret}"]
    return [*found, *([f"TVA {party.vat_number}"] if party.vat_number else [])]


def _block(title: str, lines: list[str]) -> list[Paragraph]:
    return [Paragraph(title, _SMALL), Paragraph("<br/>".join(map(escape, lines)), _BODY)]


def _lines(invoice: Invoice, width: float) -> Table:
    header = ["Désignation", "Quantité", "Prix unitaire HT", "TVA", "Montant HT"]
    rows: list[list[Any]] = [
        [Paragraph(header[0], _HEADING), *(Paragraph(name, _HEADING_RIGHT) for name in header[1:])]
    ]
    for line in invoice.rating.lines:
        per = f" / {line.per}" if line.per > 1 else ""
        quantity = f"{line.quantity:,}".replace(",", "\u00a0")
        cells = [quantity, money(line.unit_price) + per, f"{line.vat_rate:f} %", money(line.amount)]
        label = escape(line.label_fr) + (f'<br/><font size="7">{escape(line.detail)}</font>' if line.detail else "")
        rows.append([Paragraph(label, _BODY), *(Paragraph(cell, _RIGHT) for cell in cells)])
    widths = [width - 102 * mm, 22 * mm, 34 * mm, 16 * mm, 30 * mm]
    table = Table(rows, widths, repeatRows=1)
    table.setStyle(
        _style(
            ("BACKGROUND", (0, 0), (-1, 0), PAPER),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        )
    )
    return table


def _style(*commands: Any) -> TableStyle:
    # A table's own font is Helvetica, which is not embedded, even if every cell is a paragraph.
    return TableStyle([("FONTNAME", (0, 0), (-1, -1), "Vera"), *commands])


def _totals(invoice: Invoice, width: float) -> Table:
    rating = invoice.rating
    rows = [
        ("Total HT", rating.total_without_vat, _RIGHT),
        *((f"TVA {vat.rate:f} % sur {money(vat.base)}", vat.amount, _RIGHT) for vat in rating.vat),
        ("Total TTC à déduire" if invoice.corrects else "Total TTC à payer", rating.total, _HEADING_RIGHT),
    ]
    cells = [[Paragraph(name, style), Paragraph(money(amount), style)] for name, amount, style in rows]
    table = Table(cells, [width - 36 * mm, 36 * mm])
    table.setStyle(_style(("LINEABOVE", (0, -1), (-1, -1), 0.6, INK)))
    return table


def _payment(invoice: Invoice) -> list[Any]:
    seller = invoice.seller
    if invoice.corrects:
        return [
            Paragraph("Imputation", _HEADING),
            Paragraph(
                f"Net à votre crédit, à déduire de la facture {invoice.corrects.invoice} ou, si elle est payée, "
                "remboursé par virement. TVA à régulariser par le destinataire (CGI, art. 272-1).",
                _BODY,
            ),
            Spacer(0, 3 * mm),
            *(Paragraph(escape(text), _SMALL) for _, text in NOTES),
            Paragraph(f"Tarif {escape(invoice.rating.price_list)}, celui de la facture rectifiée.", _SMALL),
        ]
    return [
        Paragraph("Paiement", _HEADING),
        Paragraph(
            f"Par virement avant le {invoice.due_on:%d/%m/%Y}, référence {invoice.number}.<br/>"
            f"IBAN {escape(seller.iban)}{f' — BIC {escape(seller.bic)}' if seller.bic else ''}",
            _BODY,
        ),
        Spacer(0, 3 * mm),
        *(Paragraph(escape(text), _SMALL) for _, text in NOTES),
        Paragraph(
            f"Tarif {escape(invoice.rating.price_list)}. Le détail, ligne par ligne avec les numéros de demande, "
            "accompagne cette facture ; il ne contient aucune donnée clinique.",
            _SMALL,
        ),
    ]


def _footer(canvas: Any, invoice: Invoice) -> None:
    canvas.saveState()
    canvas.setFont("Vera", 6.5)
    canvas.setFillColor(SOFT)
    seller = invoice.seller
    canvas.drawString(18 * mm, 12 * mm, f"{seller.name} — {seller.legal_form} — SIREN {seller.siren}"[:150])
    canvas.drawRightString(A4[0] - 18 * mm, 12 * mm, f"{invoice.number} — page {canvas.getPageNumber()}")
    canvas.restoreState()


def _with_colours_defined(document: bytes) -> bytes:
    """The document with an output intent, which PDF/A wants (ISO 19005-3, 6.2.3): sRGB."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(document)))
    profile = StreamObject()
    profile.set_data(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[NameObject("/N")] = NumberObject(3)
    intent = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/OutputIntent"),
            NameObject("/S"): NameObject("/GTS_PDFA1"),
            NameObject("/OutputConditionIdentifier"): TextStringObject("sRGB IEC61966-2.1"),
            NameObject("/Info"): TextStringObject("sRGB IEC61966-2.1"),
            NameObject("/DestOutputProfile"): writer._add_object(profile.flate_encode()),
        }
    )
    writer.root_object[NameObject("/OutputIntents")] = ArrayObject([writer._add_object(intent)])
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()
