"""DICOM JSON Model of generated data sets: what pydicom can convert is converted alike, what it cannot is kept."""

from __future__ import annotations

import json
import struct
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from chalicelib.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    BytesSource,
    Encoding,
    walk,
)
from chalicelib.dicom.json_model import INLINE_LIMIT_BYTES, convert

ALPHABETS = {
    "AE": "AET 1\\", "AS": "0123DY\\", "CS": "AB _1\\", "DA": "0129.\\-", "TM": "0123.:\\", "DT": "01+.\\-",
    "DS": "0123456789.eE+- \\", "IS": "0123456789+- \\", "UI": "012.\\", "UR": "ab:/ ",
}  # fmt: skip
"""Of what the VR allows, so that values are often but not always valid."""
CHARACTER_SETS = {
    "": "ascii", "ISO_IR 100": "latin_1", "ISO_IR 144": "iso8859_5", "ISO_IR 192": "utf_8", "GB18030": "gb18030",
    "GBK": "gbk", "ISO_IR 166": "tis_620",
}  # fmt: skip
LETTERS = "aZ 1\\=^éßЖ山李ก\t"
TAGS = {
    "AE": 0x00080054, "AS": 0x00101010, "AT": 0x00280009, "CS": 0x00080008, "DA": 0x00080020, "DS": 0x00181411,
    "DT": 0x0008002A, "FD": 0x00081163, "FL": 0x00089459, "IS": 0x00201206, "LO": 0x00081030, "LT": 0x00102000,
    "OB": 0x00420011, "OF": 0x00640009, "OW": 0x00281201, "PN": 0x00101001, "SH": 0x00080050, "SL": 0x00186020,
    "SS": 0x00189219, "ST": 0x00080081, "TM": 0x00080030, "UC": 0x00080119, "UI": 0x0008001A, "UL": 0x00081161,
    "UR": 0x00080120, "US": 0x00280010, "UT": 0x00404041,
}  # fmt: skip
SEQUENCE, PRIVATE = 0x00081140, 0x00431000
WIDTHS = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "UL": 4, "US": 2, "OF": 4, "OW": 2, "UV": 8, "SV": 8}
UNDEFINED = 0xFFFFFFFF
Tree = dict[int, tuple[str, Any]]
"""Value by tag: octets, or a list of items with whether lengths are undefined."""


@st.composite
def values(draw: st.DrawFn, vr: str, character_set: str) -> bytes:
    """Octets of a value, of even length."""
    if vr in WIDTHS or vr in ("OB", "UN"):
        octets = draw(st.binary(max_size=24))
        return octets[: len(octets) // 8 * 8]
    if vr in ALPHABETS:
        octets = draw(st.text(ALPHABETS[vr], max_size=20)).encode()
    else:
        octets = draw(st.text(LETTERS, max_size=20)).encode(CHARACTER_SETS[character_set], "ignore")
    pad = b"\0" if vr == "UI" else b" "
    return octets + pad * (len(octets) % 2)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> Tree:
    """A data set: standard and private elements, sequences of both kinds of length."""
    character_set = draw(st.sampled_from(sorted(CHARACTER_SETS)))
    tree: Tree = {}
    if character_set:
        tree[0x00080005] = ("CS", character_set.encode().ljust(10))
    for vr in draw(st.lists(st.sampled_from(sorted(TAGS)), unique=True, max_size=6)):
        tree[TAGS[vr]] = (vr, draw(values(vr, character_set)))
    if draw(st.booleans()):
        tree[0x00430010] = ("LO", b"SANSFILM TEST ")
        for number in draw(st.lists(st.integers(1, 255), unique=True, max_size=3)):
            vr = draw(st.sampled_from([*sorted(TAGS), "UN", "UV", "SV"]))
            tree[PRIVATE + number] = (vr, draw(values(vr, character_set)))
    if depth < 2 and draw(st.booleans()):
        tree[SEQUENCE] = ("SQ", (draw(st.booleans()), draw(st.lists(trees(depth + 1), max_size=2))))
    return tree


def encoded(tree: Tree, encoding: Encoding) -> bytes:
    order = "<" if encoding.little_endian else ">"
    body = b""
    for tag in sorted(tree):
        vr, value = tree[tag]
        undefined = False
        if vr == "SQ":
            undefined, items = value
            value = b"".join(_item(encoded(item, encoding), undefined, order) for item in items)
            if undefined:
                value += struct.pack(f"{order}HHI", 0xFFFE, 0xE0DD, 0)
        length = UNDEFINED if undefined else len(value)
        body += struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
        if encoding.implicit_vr:
            body += struct.pack(f"{order}I", length)
        elif vr in LONG_VRS:
            body += vr.encode() + struct.pack(f"{order}HI", 0, length)
        else:
            body += vr.encode() + struct.pack(f"{order}H", length)
        body += value
    return body


def _item(body: bytes, undefined: bool, order: str) -> bytes:
    head = struct.pack(f"{order}HHI", 0xFFFE, 0xE000, UNDEFINED if undefined else len(body))
    return head + body + (struct.pack(f"{order}HHI", 0xFFFE, 0xE00D, 0) if undefined else b"")


ENCAPSULATED_DOCUMENT = 0x00420011


def by_pydicom(instance: Dataset) -> dict[str, Any]:
    """pydicom's model; what it cannot convert is None."""
    model: dict[str, Any] = {}
    for tag in list(instance.keys()):
        name = f"{int(tag):08X}"
        try:
            element = instance[tag]
            if element.VR == "SQ":
                items = [by_pydicom(item) for item in element.value]
                model[name] = {"vr": "SQ", **({"Value": items} if items else {})}
            else:
                # A document is bulk data however short it is.
                limit = 0 if tag == ENCAPSULATED_DOCUMENT else INLINE_LIMIT_BYTES
                model[name] = element.to_json_dict(lambda _: "uri", limit)
        except Exception:
            model[name] = None
    return model


def check(mine: dict[str, Any], theirs: dict[str, Any], little_endian: bool) -> None:
    assert list(mine) == list(theirs)
    for tag, attribute in mine.items():
        other = theirs[tag]
        if other is None:
            assert attribute["vr"]
        elif attribute["vr"] == other["vr"] == "SQ":
            for item, their_item in zip(attribute.get("Value", ()), other.get("Value", ()), strict=True):
                check(item, their_item, little_endian)
        elif little_endian or "InlineBinary" not in attribute:
            assert normal(attribute) == normal(other), tag


def normal(attribute: dict[str, Any]) -> dict[str, Any]:
    """Without what only pydicom keeps: padding around values of several and around groups of a name, "" for null
    (PS3.5 6.2, PS3.18 F.2.5)."""
    if "BulkDataURI" in attribute:
        return {**attribute, "BulkDataURI": "uri"}  # where it lies is ours to say
    if "Value" not in attribute:
        return attribute
    return {**attribute, "Value": [_normal_value(value) for value in attribute["Value"]]}


def _normal_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {group: text.strip(" \0") for group, text in value.items() if text.strip(" \0")} or None
    return value.strip(" \0") or None if isinstance(value, str) else value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("encoding", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG], ids=["ele", "ile", "ebe"])
@settings(max_examples=60, deadline=None)
@given(tree=trees())
def test_generated_data_sets_agree_with_pydicom(encoding: Encoding, tree: Tree) -> None:
    body = encoded(tree, encoding)
    source = BytesSource(body)
    mine = convert(source, walk(source, 0, len(body), encoding), encoding).dicom_json
    json.dumps(mine, allow_nan=False)
    uid = {(True, True): "1.2.840.10008.1.2", (False, True): "1.2.840.10008.1.2.1"}.get(
        (encoding.implicit_vr, encoding.little_endian), "1.2.840.10008.1.2.2"
    )
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(uid) + len(uid) % 2) + uid.encode() + b"\0" * (len(uid) % 2)
    theirs = by_pydicom(dcmread(BytesIO(b"\0" * 128 + b"DICM" + meta + body), force=True))
    check(mine, theirs, encoding.little_endian)
