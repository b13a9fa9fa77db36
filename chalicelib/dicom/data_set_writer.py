"""The DICOM JSON Model (PS3.18 Annex F) to encoded data sets (PS3.5 7.1), little endian: identifiers of DIMSE."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.dicom.character_sets import NotInRepertoire
from chalicelib.dicom.character_sets import encode as encode_text
from chalicelib.dicom.elements import LONG_VRS

DicomJson = Mapping[str, Any]

_CHARACTER_SET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_NUMBERS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_ZERO_PADDED = frozenset({"UI", *_BINARY_VRS})
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
LONGEST_SHORT_VALUE_BYTES = 0xFFFE
DECIMAL_STRING_LENGTH = 16


def encode_data_set(dataset: DicomJson, implicit_vr: bool, character_sets: Sequence[str] = ()) -> bytes:
    """Encode a data set; elements with bulk data by reference come out empty.

    `character_sets` are the values of Specific Character Set that its texts are written in; the element (0008,0005)
    itself is the caller's.

    Raises
    ------
    NotInRepertoire
        If a text does not fit `character_sets`.

    >>> encode_data_set({"00100020": {"vr": "LO", "Value": ["P1"]}}, implicit_vr=True)
    b'\\x10\\x00 \\x00\\x02\\x00\\x00\\x00P1'
    """
    return b"".join(_element(tag, dataset[tag], implicit_vr, character_sets) for tag in sorted(dataset))


def _element(tag: str, attribute: DicomJson, implicit_vr: bool, character_sets: Sequence[str]) -> bytes:
    vr = attribute.get("vr") or "UN"
    try:
        value = _value(vr, attribute, implicit_vr, character_sets)
    except NotInRepertoire:
        raise
    except (ValueError, TypeError, struct.error):
        # Devices write texts where numbers belong; what cannot be expressed is empty.
        value = b""
    if len(value) % 2:
        value += b"\0" if vr in _ZERO_PADDED else b" "
    head = struct.pack("<HH", int(tag[:4], 16), int(tag[4:], 16))
    if implicit_vr:
        return head + struct.pack("<I", len(value)) + value
    if vr not in LONG_VRS and len(value) > LONGEST_SHORT_VALUE_BYTES:
        # PS3.5 6.2.2: what a 16-bit length cannot express goes as UN.
        vr = "UN"
    if vr in LONG_VRS:
        return head + vr.encode() + struct.pack("<xxI", len(value)) + value
    return head + vr.encode() + struct.pack("<H", len(value)) + value


def _value(vr: str, attribute: DicomJson, implicit_vr: bool, character_sets: Sequence[str]) -> bytes:
    if "InlineBinary" in attribute:
        return base64.b64decode(attribute["InlineBinary"])
    values = attribute.get("Value") or ()
    if vr == "SQ":
        items = (encode_data_set(item or {}, implicit_vr, character_sets) for item in values)
        return b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    if vr in _NUMBERS:
        number = float if vr in ("FD", "FL") else int
        return struct.pack(f"<{len(values)}{_NUMBERS[vr]}", *(number(value) for value in values))
    if vr == "AT":
        return b"".join(struct.pack("<HH", int(value[:4], 16), int(value[4:], 16)) for value in values)
    if vr in _BINARY_VRS:
        return b""
    return b"\\".join(_text(vr, value, character_sets) for value in values)


def _text(vr: str, value: Any, character_sets: Sequence[str]) -> bytes:
    if value is None:
        return b""
    if vr == "PN":
        return encode_text(name_text(value), character_sets, person_name=True)
    text = _decimal(value) if isinstance(value, float) else str(value)
    return encode_text(text, character_sets) if vr in _CHARACTER_SET_VRS else text.encode("latin-1", "replace")


def name_text(value: Any) -> str:
    """A PN of the model as DICOM writes it, component groups separated by `=`.

    >>> name_text({"Alphabetic": "Yamada^Tarou", "Phonetic": "やまだ^たろう"})
    'Yamada^Tarou==やまだ^たろう'
    """
    if not isinstance(value, Mapping):
        return str(value)
    return "=".join(value.get(group, "") for group in _GROUPS).rstrip("=")


def _decimal(number: float) -> str:
    """A Decimal String of at most 16 characters (PS3.5 6.2).

    >>> _decimal(0.5), _decimal(5.0), _decimal(-1.23456789012345678e-7)
    ('0.5', '5', '-1.234567890e-07')
    """
    text = str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    if len(text) <= DECIMAL_STRING_LENGTH:
        return text
    return next(text for digits in range(16, 0, -1) if len(text := f"{number:.{digits}e}") <= DECIMAL_STRING_LENGTH)
