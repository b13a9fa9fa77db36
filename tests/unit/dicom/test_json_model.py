"""DICOM JSON Model: agreement with pydicom on real files, and what pydicom does not do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, Sequence, dcmread

from chalicelib.dicom.character_sets import decode
from chalicelib.dicom.elements import BytesSource, Malformed
from chalicelib.dicom.json_model import Converted, convert
from chalicelib.dicom.part10 import open_data_set
from tests.dicom_files import data_set, part10, real_files

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"


def converted(body: bytes) -> Converted:
    found = open_data_set(BytesSource(body))
    return convert(found.source, found.elements(), found.encoding)


def model(syntax: str = EXPLICIT, **attributes: Any) -> dict[str, Any]:
    return converted(part10(data_set(**attributes), syntax)).dicom_json


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files_agree_with_pydicom(path: Path) -> None:
    try:
        mine = converted(path.read_bytes())
    except Malformed:
        return
    json.dumps(mine.dicom_json, allow_nan=False)
    for offset, length in mine.bulk_data.values():
        assert offset > 0
        assert length > 0
    instance = dcmread(path, force=True)
    theirs = {}
    for tag in list(instance.keys()):
        try:
            element = instance[tag]
            theirs[f"{int(tag):08X}"] = element.to_json_dict(lambda _: "uri", 1024)
        except Exception:
            continue
    for tag, attribute in mine.dicom_json.items():
        if tag in theirs:
            _compare(attribute, theirs[tag], big_endian="expb" in path.name)


def _compare(mine: dict[str, Any], theirs: dict[str, Any], big_endian: bool) -> None:
    if "BulkDataURI" in mine or "BulkDataURI" in theirs or (big_endian and "InlineBinary" in mine):
        return
    assert mine["vr"] == theirs["vr"]
    if mine["vr"] == "SQ":
        for item, their_item in zip(mine.get("Value", []), theirs.get("Value", []), strict=True):
            for tag in item.keys() & their_item.keys():
                _compare(item[tag], their_item[tag], big_endian)
    else:
        assert _plain(mine) == _plain(theirs)


def _plain(attribute: dict[str, Any]) -> Any:
    """Values without what only pydicom keeps: padding within multi-valued attributes, "" for null."""
    values = attribute.get("Value", attribute.get("InlineBinary", []))
    return [value.strip() or None if isinstance(value, str) else value for value in values]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_values(syntax: str) -> None:
    found = model(
        syntax,
        PatientWeight="70.50",
        NumberOfFrames="3",
        ImageType=["ORIGINAL", "", "AXIAL"],
        FrameIncrementPointer=0x00181063,
        SmallestImagePixelValue=5,
        RescaleSlope="1",
    )
    assert found["00101030"] == {"vr": "DS", "Value": [70.5]}
    assert found["00280008"] == {"vr": "IS", "Value": [3]}
    assert found["00080008"]["Value"] == ["ORIGINAL", None, "AXIAL"]
    assert found["00280009"]["Value"] == ["00181063"]
    assert found["00280106"] == {"vr": "US", "Value": [5]}
    assert found["00100010"]["Value"] == [{"Alphabetic": "Lefèvre^Anne-Marie"}]
    assert found["7FE00010"] == {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"}
    assert "00020010" not in found
    assert list(found) == sorted(found)


def test_signed_pixels_decide_ambiguous_vr() -> None:
    found = model(IMPLICIT, PixelRepresentation=1, SmallestImagePixelValue=-5)
    assert found["00280106"] == {"vr": "SS", "Value": [-5]}


def test_numbers_that_json_cannot_hold() -> None:
    instance = data_set(RealWorldValueSlope=[float("nan"), float("inf"), float("-inf"), 1.5])
    found = converted(part10(instance)).dicom_json["00409225"]
    assert found["Value"] == ["NaN", "inf", "-inf", 1.5]


def test_values_of_the_wrong_kind_stay() -> None:
    body = part10(data_set(PatientWeight="70.5", SeriesNumber="7"))
    body = body.replace(b"70.5", b"7kg ").replace(b"IS\x02\x007 ", b"IS\x02\x007x")
    found = converted(body).dicom_json
    assert found["00101030"]["Value"] == ["7kg"]
    assert found["00200011"]["Value"] == ["7x"]


def test_a_number_of_odd_length_does_not_lose_the_instance() -> None:
    body = part10(data_set(SmallestImagePixelValue=5)).replace(
        b"\x28\x00\x06\x01US\x02\x00\x05\x00", b"\x28\x00\x06\x01US\x03\x00\x05\x00\x00"
    )
    found = converted(body).dicom_json
    assert found["00280106"] == {"vr": "UN", "InlineBinary": "BQAA"}
    assert found["0020000D"]["Value"] == ["1.2.3"]


def test_a_broken_sequence_becomes_its_bytes() -> None:
    instance = data_set(RequestAttributesSequence=Sequence([Dataset()]))
    body = part10(instance)
    at = body.index(b"\x40\x00\x75\x02SQ")
    broken = body[: at + 12] + b"\x10" + body[at + 13 :]
    found = converted(broken).dicom_json
    assert found["00400275"]["vr"] == "UN"
    assert found["7FE00010"]


def test_nested_bulk_data_has_a_path_and_an_offset() -> None:
    inner = Dataset()
    inner.EncapsulatedDocument = b"%PDF" * 1000
    inner.MIMETypeOfEncapsulatedDocument = "application/pdf"
    instance = data_set(ReferencedImageSequence=Sequence([Dataset(), inner]), EncapsulatedDocument=b"%PDF" * 2000)
    body = part10(instance)
    found = converted(body)
    nested = found.dicom_json["00081140"]["Value"][1]
    assert nested["00420011"] == {"vr": "OB", "BulkDataURI": "bulkdata/00081140.2.00420011"}
    for path, size in (("00081140.2.00420011", 4000), ("00420011", 8000)):
        offset, length = found.bulk_data[path]
        assert body[offset : offset + length] == b"%PDF" * (size // 4)


def test_private_attributes_by_their_creator() -> None:
    instance = data_set()
    block = instance.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "500")
    block.add_new(0xEE, "UN", b"ab")
    found = converted(part10(instance, IMPLICIT)).dicom_json
    assert found["00190010"] == {"vr": "LO", "Value": ["SIEMENS MR HEADER"]}
    assert found["0019100C"] == {"vr": "IS", "Value": [500]}
    assert found["001910EE"] == {"vr": "UN", "InlineBinary": "YWI="}


@pytest.mark.parametrize(
    ("value", "character_sets", "text"),
    [
        ("Lefèvre^Zoë".encode("latin-1"), ["ISO_IR 100"], "Lefèvre^Zoë"),
        ("Lefèvre".encode(), ["ISO_IR 192"], "Lefèvre"),
        ("Lefèvre".encode(), [], "Lefèvre"),
        ("Lefèvre".encode("latin-1"), [], "Lefèvre"),
        ("Lefèvre".encode("latin-1"), ["ISO_IR 6"], "Lefèvre"),
        ("Œuvre".encode("iso8859_15"), ["ISO_IR 203"], "Œuvre"),
        ("王^小东".encode("gb18030"), ["GB18030"], "王^小东"),
        ("谷\\谷".encode("gbk"), ["GBK"], "谷\\谷"),
        (b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
        (
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            ["", "ISO 2022 IR 149"],
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (b"\x1b-FDionysios is \xe4\xe9", ["ISO 2022 IR 100", "ISO 2022 IR 126"], "Dionysios is δι"),
        (b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", ["ISO_IR 13"], "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        (b"caf\xe9", ["LATIN-1"], "café"),
        (b"\xff\xfe", ["ISO_IR 192"], "\ufffd\ufffd"),
    ],
)
def test_character_sets(value: bytes, character_sets: list[str], text: str) -> None:
    assert decode(value, character_sets, person_name=True) == text


@given(
    st.binary(max_size=60),
    st.lists(st.sampled_from(["", "ISO_IR 100", "ISO 2022 IR 87", "ISO 2022 IR 149", "GBK", "?"])),
)
def test_decoding_never_fails(value: bytes, character_sets: list[str]) -> None:
    json.dumps(decode(value, character_sets, person_name=True), allow_nan=False).encode()


@given(st.binary(max_size=400), st.sampled_from([EXPLICIT, IMPLICIT, BIG]))
def test_any_bytes_convert_or_are_malformed(data: bytes, syntax: str) -> None:
    head = part10(data_set(PixelData=None))
    start = head.index(b"\x08\x00\x05\x00")
    try:
        found = converted(head[:start].replace(EXPLICIT.encode(), syntax.encode().ljust(19, b"\0")) + data)
    except Malformed:
        return
    json.dumps(found.dicom_json, allow_nan=False)
