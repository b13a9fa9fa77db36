"""The documents of an invoice: Factur-X (PDF/A-3 with EN 16931 CII inside), UBL, and the detail of its lines.

Heavy libraries are imported here and nowhere else: this runs in the invoices' own Lambda.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from facturx import generate_from_binary, generate_xml
from xlsxwriter import Workbook

from chalicelib.billing.adjusting import origin
from chalicelib.billing.en16931 import business_terms
from chalicelib.billing.invoice import Invoice
from chalicelib.billing.invoice_pdf import pdf, title
from chalicelib.billing.ledger import Line

FACTUR_X, UBL, LEVEL = "factur-x", "ubl-2.1", "en16931"
DETAIL_COLUMNS = (
    "N°",
    "Date du fait",
    "Fait",
    "Modalités",
    "N° de demande",
    "Examen (UID)",
    "Enregistré le",
    "Empreinte",
    "Mois d'origine",
)
_PARIS = ZoneInfo("Europe/Paris")


def cii_xml(invoice: Invoice) -> bytes:
    """The invoice as UN/CEFACT CII, profile EN 16931 of Factur-X; checked by its XML Schema."""
    return bytes(generate_xml(business_terms(invoice), FACTUR_X, LEVEL, check_schematron=None))


def ubl_xml(invoice: Invoice) -> bytes:
    """The invoice as UBL 2.1, EN 16931; checked by its XML Schema."""
    return bytes(generate_xml(business_terms(invoice), UBL, LEVEL, check_schematron=None))


def factur_x(invoice: Invoice) -> bytes:
    """The invoice as people read it, PDF/A-3, with the XML that machines read inside it."""
    metadata = {
        "author": invoice.seller.name,
        "title": title(invoice),
        "subject": f"{invoice.account.buyer.name}, {invoice.period}",
        "keywords": f"{title(invoice).partition(' ')[0]}, Factur-X",
    }
    document = generate_from_binary(
        pdf(invoice), cii_xml(invoice), FACTUR_X, LEVEL, check_xsd=False, pdf_metadata=metadata, lang="fr-FR"
    )
    return bytes(document)


def detail_csv(invoice: Invoice, lines: Iterable[Line]) -> bytes:
    """Every line of the ledger behind an invoice, for spreadsheets in French: semicolons, UTF-8 with a mark."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(DETAIL_COLUMNS)
    writer.writerows([_harmless(value) for value in _row(invoice, line)] for line in lines)
    return text.getvalue().encode("utf-8-sig")


def detail_xlsx(invoice: Invoice, lines: Iterable[Line]) -> bytes:
    """The same as a workbook, row by row in constant memory."""
    output = io.BytesIO()
    with Workbook(output, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("Détail")
        book.set_properties({"title": title(invoice), "author": invoice.seller.name})
        sheet.set_column(0, len(DETAIL_COLUMNS) - 1, 22)
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, DETAIL_COLUMNS, book.add_format({"bold": True}))
        for number, line in enumerate(lines, 1):
            sheet.write_row(number, 0, _row(invoice, line))
    return output.getvalue()


def _row(invoice: Invoice, line: Line) -> list[Any]:
    """No name, no birth date, no description: nothing of the patient but the hospital's own order number."""
    return [
        line.seq,
        _local(line.event_time),
        {"exam archived": "Examen archivé"}.get(line.event, line.event),
        line.modalities.replace("\\", ", "),
        line.accession_number,
        line.study_instance_uid,
        _local(line.recorded_at),
        line.hash[:16],
        "" if (month := origin(line, invoice.period)) == invoice.period else month,
    ]


def _local(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(_PARIS).strftime("%d/%m/%Y %H:%M:%S")


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula begins with an apostrophe: order numbers come from outside."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
