"""The sheet is one page that a screen reader can read, and its QR code holds the code behind `#` only."""

from __future__ import annotations

import io
from dataclasses import replace

import pypdfium2
from pypdf import PdfReader

from chalicelib.access.patient_sheet import Sheet, pdf

NAME = "Karim <b>BENALI</b> & fils"
SHEET = Sheet("7K4MP-2XR91", NAME, "Hôpital Nord", "https://x.example", "26/11/2026", "26/11/2027")


def test_the_sheet_is_one_titled_page_in_french_with_embedded_fonts() -> None:
    drawn = pdf(SHEET)
    reader = PdfReader(io.BytesIO(drawn))
    (page,) = reader.pages
    assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
    assert reader.trailer["/Root"]["/Lang"] == "fr-FR"
    assert reader.metadata is not None
    assert reader.metadata.title == "Votre code d'accès à vos images médicales"
    text = pypdfium2.PdfDocument(drawn)[0].get_textpage().get_text_range()
    for expected in (
        "7K4MP-2XR91",
        NAME,
        "Hôpital Nord",
        "https://x.example/patient",
        "26/11/2027",
    ):
        assert expected in text
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    embedded = [font["/FontDescriptor"]["/FontFile2"] for font in fonts if "/FontDescriptor" in font]
    assert len(embedded) == 2


def test_a_long_name_stays_on_the_page_and_none_is_left_out() -> None:
    assert len(PdfReader(io.BytesIO(pdf(replace(SHEET, patient_name="W" * 100, hospital_name="W" * 100)))).pages) == 1
    text = pypdfium2.PdfDocument(pdf(replace(SHEET, patient_name="")))[0].get_textpage().get_text_range()
    assert "Remis à" not in text


def test_the_address_keeps_the_code_from_servers() -> None:
    assert SHEET.address == "https://x.example/patient#7K4MP-2XR91"
