"""The sheet is one page that a screen reader can read, and its QR code holds the code behind `#` only."""

from __future__ import annotations

import io
from dataclasses import replace

import pypdfium2
from pypdf import PdfReader

from chalicelib.access import printed_codes_sheet
from chalicelib.access.patient_sheet import RELATIONS, Sheet, pdf
from chalicelib.access.proxies import Relation

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


def test_the_sheet_of_a_proxy_names_the_role_and_its_end() -> None:
    assert set(RELATIONS) == {relation.value for relation in Relation}
    for relation, words in RELATIONS.items():
        sheet = replace(
            SHEET,
            proxy_name="W" * 100,
            patient_name="W" * 60,
            relation=relation,
            ends_on="03/05/2031",
            hospital_name="W" * 100,
        )
        drawn = pdf(sheet)
        assert len(PdfReader(io.BytesIO(drawn)).pages) == 1
        text = " ".join(pypdfium2.PdfDocument(drawn)[0].get_textpage().get_text_range().split())
        for expected in (words, "03/05/2031", "la date de naissance du patient, pas la vôtre", "par procuration"):
            assert expected in text


def test_the_list_of_codes_is_a_page_of_its_own() -> None:
    codes = [f"{number:04}-2XR9" for number in range(10)]
    sheet = printed_codes_sheet.Sheet(" ".join(codes), NAME, "Hôpital Nord", "https://x.example", "26/11/2026")
    drawn = printed_codes_sheet.pdf(sheet)
    (page,) = PdfReader(io.BytesIO(drawn)).pages
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    assert len([font for font in fonts if "/FontDescriptor" in font]) == 2
    text = pypdfium2.PdfDocument(drawn)[0].get_textpage().get_text_range()
    for expected in (*codes, NAME, "26/11/2026", "https://x.example/patient"):
        assert expected in text
    assert "7K4MP-2XR91" not in text, "the code itself is on another sheet"
