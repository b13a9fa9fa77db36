"""What PDF/A-3b (ISO 19005-3) wants of an invoice, as far as it can be seen without a validator of that standard.

Each check names its clause. There is none of transparency and images: the page has neither, which is checked.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from lxml import etree
from PIL import ImageCms
from pypdf import PdfReader
from pypdf.generic import ArrayObject, ContentStream, DictionaryObject, StreamObject

from chalicelib.billing import invoice_documents as documents
from tests.unit.billing.invoices import invoice

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PDFAID, EXTENSION = "http://www.aiim.org/pdfa/ns/id/", "http://www.aiim.org/pdfa/ns/extension/"
FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"


@cache
def file() -> bytes:
    return documents.factur_x(invoice())


@pytest.fixture
def reader() -> PdfReader:
    return PdfReader(io.BytesIO(file()))


def objects(reader: PdfReader) -> Iterator[Any]:
    """Every object of the file, and those inside them."""

    def inside(value: Any) -> Iterator[Any]:
        yield value
        if isinstance(value, DictionaryObject):
            for each in value.values():
                yield from inside(each)
        elif isinstance(value, ArrayObject):
            for each in value:
                yield from inside(each)

    for number in range(1, int(reader.trailer["/Size"])):
        yield from inside(reader.get_object(number))


def test_file_structure(reader: PdfReader) -> None:
    assert file()[:5] == b"%PDF-"
    assert file()[8:].splitlines()[1][:1] == b"%"
    assert all(byte > 127 for byte in file()[8:].splitlines()[1][1:5])  # 6.1.2
    assert file().rstrip().endswith(b"%%EOF")
    assert len(reader.trailer["/ID"]) == 2  # 6.1.3
    assert "/Encrypt" not in reader.trailer
    filters = {str(each["/Filter"]) for each in objects(reader) if isinstance(each, StreamObject) and "/Filter" in each}
    assert "/LZWDecode" not in " ".join(filters)  # 6.1.7.2


def test_nothing_that_acts_and_no_transparency(reader: PdfReader) -> None:
    dictionaries = [each for each in objects(reader) if isinstance(each, DictionaryObject)]
    kinds = {str(each.get("/S")) for each in dictionaries if each.get("/Type") == "/Action"}
    assert kinds == set()  # 6.5.1
    for forbidden in ("/JavaScript", "/AA", "/XFA", "/SMask", "/Alternates", "/OPI", "/PresSteps"):  # 6.5.2, 6.4, 6.2.9
        assert not any(forbidden in each for each in dictionaries), forbidden
    assert not any(each.get("/Subtype") == "/Image" for each in dictionaries)


def test_colours_are_those_of_the_output_intent(reader: PdfReader) -> None:
    (intent,) = reader.root_object["/OutputIntents"]  # 6.2.3
    intent = intent.get_object()
    assert (intent["/S"], intent["/DestOutputProfile"]["/N"]) == ("/GTS_PDFA1", 3)
    profile = intent["/DestOutputProfile"].get_object().get_data()
    assert (profile[12:16], profile[16:20], profile[8] < 5) == (b"mntr", b"RGB ", True)
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    for page in reader.pages:
        operators = {operator for _, operator in ContentStream(page.get_contents(), reader).operations}
        assert operators & {b"k", b"K", b"cs", b"CS", b"sh", b"Do"} == set()  # 6.2.4: DeviceRGB and grey only


def test_fonts_are_embedded_and_complete(reader: PdfReader) -> None:
    fonts = [each for each in objects(reader) if isinstance(each, DictionaryObject) and each.get("/Type") == "/Font"]
    assert {font["/BaseFont"].partition("+")[2] for font in fonts} == {
        "BitstreamVeraSans-Roman",
        "BitstreamVeraSans-Bold",
    }
    for font in fonts:
        descriptor = font["/FontDescriptor"]
        assert "/FontFile2" in descriptor  # 6.2.11.4.1
        assert descriptor["/Flags"] & 4, "symbolic"
        assert "/Encoding" not in font  # 6.2.11.6
        program = descriptor["/FontFile2"].get_object().get_data()
        assert _tables_of_cmap(program) == 1  # 6.2.11.6
        assert font["/ToUnicode"]
        assert len(font["/Widths"]) == font["/LastChar"] - font["/FirstChar"] + 1


def _tables_of_cmap(program: bytes) -> int:
    for at in range(12, 12 + 16 * int.from_bytes(program[4:6], "big"), 16):
        if program[at : at + 4] == b"cmap":
            start = int.from_bytes(program[at + 8 : at + 12], "big")
            return int.from_bytes(program[start + 2 : start + 4], "big")
    return 0


def test_what_is_attached(reader: PdfReader) -> None:
    (specification,) = reader.root_object["/AF"]  # 6.8
    specification = specification.get_object()
    assert specification["/AFRelationship"] in ("/Data", "/Source", "/Alternative")
    assert (specification["/F"], specification["/UF"]) == ("factur-x.xml",) * 2
    assert specification["/Desc"]
    attached = specification["/EF"]["/F"].get_object()
    assert attached["/Subtype"] == "/text/xml"
    assert {"/ModDate", "/Size"} <= set(attached["/Params"])
    assert attached["/Params"]["/Size"] == len(attached.get_data())
    names = reader.root_object["/Names"]["/EmbeddedFiles"]["/Names"]
    assert names[1].get_object() == specification


def test_metadata(reader: PdfReader) -> None:
    stream = reader.root_object["/Metadata"].get_object()
    assert (stream["/Type"], stream["/Subtype"]) == ("/Metadata", "/XML")  # 6.6.2.1
    packet = etree.fromstring(stream.get_data())
    said = {element.tag: element.text for element in packet.iter() if element.text}
    assert (said[f"{{{PDFAID}}}part"], said[f"{{{PDFAID}}}conformance"]) == ("3", "B")  # 6.6.4
    assert (said[f"{{{FX}}}DocumentFileName"], said[f"{{{FX}}}ConformanceLevel"]) == ("factur-x.xml", "EN 16931")
    own = {etree.QName(element).localname for element in packet.iter() if etree.QName(element).namespace == FX}
    described = packet.findall(f".//{{{EXTENSION}}}schemas//{{http://www.aiim.org/pdfa/ns/property#}}name")
    assert own == {element.text for element in described}  # 6.6.2.3: an extension schema describes what it uses
