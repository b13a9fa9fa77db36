"""Data sets to the DICOM JSON Model (PS3.18 Annex F). An element that cannot be converted stays as its bytes."""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from chalicelib.dicom.character_sets import decode
from chalicelib.dicom.elements import (
    PIXEL_DATA,
    Element,
    Encoding,
    Malformed,
    Source,
    content_encoding,
    items,
    walk,
)

DicomJson = dict[str, Any]
INLINE_LIMIT_BYTES = 1024
"""Longer binary values are bulk data."""
_BULK_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_PIXEL_TAGS = frozenset({PIXEL_DATA, 0x7FE00008, 0x7FE00009})
_CHARACTER_SET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_SINGLE_TEXT_VRS = frozenset({"LT", "ST", "UR", "UT"})
_LEADING_SPACES_COUNT = frozenset({"LT", "ST", "UT", "UC"})
_NUMBERS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_WORD_BYTES = {"OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2}
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_AMBIGUOUS = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW", "OB/OW": "OW"}
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


@dataclass
class _Context:
    """What the meaning of an element depends on: items inherit it and may override it."""

    encoding: Encoding
    path: str = ""
    character_sets: tuple[str, ...] = ()
    signed_pixels: bool = False
    depth: int = 0
    private_creators: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Converted:
    """A data set without its bulk data, and where that lies."""

    dicom_json: DicomJson
    bulk_data: dict[str, tuple[int, int]]
    """Path (`7FE00010`, `00409999.1.00420011`: items counted from 1) to (offset within the source, length)."""


def convert(source: Source, elements: Iterable[Element], encoding: Encoding) -> Converted:
    """Convert top-level elements; group lengths, groups below 0008 and trailing padding are left out."""
    bulk_data: dict[str, tuple[int, int]] = {}
    dicom_json = _data_set(source, elements, _Context(encoding), bulk_data)
    return Converted(dicom_json, bulk_data)


def _data_set(
    source: Source, elements: Iterable[Element], context: _Context, bulk_data: dict[str, tuple[int, int]]
) -> DicomJson:
    converted: DicomJson = {}
    for element in elements:
        group, number = element.tag >> 16, element.tag & 0xFFFF
        if number == 0 or group < 0x0008 or element.tag == 0xFFFCFFFC:
            continue
        name = f"{element.tag:08X}"
        attribute = _attribute(source, element, name, context, bulk_data)
        converted[name] = attribute
        if element.tag == 0x00080005:
            context.character_sets = tuple(text or "" for text in attribute.get("Value", ()))
        elif element.tag == 0x00280103:
            context.signed_pixels = attribute.get("Value") == [1]
        elif group & 1 and 0x10 <= number <= 0xFF:
            context.private_creators[element.tag] = str((attribute.get("Value") or [""])[0])
    return converted


def _attribute(
    source: Source, element: Element, name: str, context: _Context, bulk_data: dict[str, tuple[int, int]]
) -> DicomJson:
    vr = _value_representation(element, context)
    path = context.path + name
    if element.undefined_length and not element.is_fragments:
        vr = "SQ"
    if vr == "SQ":
        sequence_bulk: dict[str, tuple[int, int]] = {}
        try:
            values = _sequence(source, element, context, path, sequence_bulk)
        except Malformed:
            return _binary(source, element, "UN", path, context, bulk_data)
        bulk_data.update(sequence_bulk)
        return {"vr": "SQ", "Value": values} if values else {"vr": "SQ"}
    if vr in _BULK_VRS or element.tag in _PIXEL_TAGS:
        return _binary(source, element, vr, path, context, bulk_data)
    raw = source.read_at(element.value_offset, element.length)
    try:
        found = _values(raw, vr, context)
    except (ValueError, struct.error):
        return _binary(source, element, "UN", path, context, bulk_data)
    return {"vr": vr, "Value": found} if found else {"vr": vr}


def _sequence(
    source: Source, element: Element, context: _Context, path: str, bulk_data: dict[str, tuple[int, int]]
) -> list[DicomJson]:
    encoding = content_encoding(element, context.encoding)
    values = []
    for number, (start, length) in enumerate(items(source, element, context.encoding, context.depth), start=1):
        depth = context.depth + 1
        nested = _Context(encoding, f"{path}.{number}.", context.character_sets, context.signed_pixels, depth)
        values.append(_data_set(source, walk(source, start, start + length, encoding, depth), nested, bulk_data))
    return values


def _value_representation(element: Element, context: _Context) -> str:
    """VR of an element: as encoded, or by the dictionary where the encoding does not say (PS3.5 6.2.2)."""
    if element.vr and element.vr != "UN":
        return element.vr
    group, number = element.tag >> 16, element.tag & 0xFFFF
    if group & 1:
        if 0x10 <= number <= 0xFF:
            return "LO"
        creator = context.private_creators.get(group << 16 | number >> 8, "")
        vr = _private_vr(element.tag, creator) if creator else ""
    else:
        vr = _standard_vr(element.tag)
    if vr == "US or SS":
        return "SS" if context.signed_pixels else "US"
    return _AMBIGUOUS.get(vr, vr) or "UN"


@lru_cache(maxsize=4096)
def _standard_vr(tag: int) -> str:
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return ""


@lru_cache(maxsize=4096)
def _private_vr(tag: int, creator: str) -> str:
    from pydicom.datadict import private_dictionary_VR

    try:
        return str(private_dictionary_VR(tag, creator))
    except KeyError:
        return ""


def _binary(
    source: Source, element: Element, vr: str, path: str, context: _Context, bulk_data: dict[str, tuple[int, int]]
) -> DicomJson:
    """Bulk data by reference, short values in base64 and little endian (PS3.18 F.2.7, F.2.6)."""
    if element.length == 0:
        return {"vr": vr}
    if element.is_fragments:
        vr = "OB"
    if element.tag in _PIXEL_TAGS or element.length > INLINE_LIMIT_BYTES:
        bulk_data[path] = (element.value_offset, element.length)
        return {"vr": vr, "BulkDataURI": f"bulkdata/{path}"}
    raw = source.read_at(element.value_offset, element.length)
    word = _WORD_BYTES.get(vr, 1)
    if not context.encoding.little_endian and word > 1 and len(raw) % word == 0:
        raw = b"".join(raw[start : start + word][::-1] for start in range(0, len(raw), word))
    return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode("ascii")}


def _values(raw: bytes, vr: str, context: _Context) -> list[Any]:
    """Values of an element that is neither a sequence nor binary; raises ValueError if they are not of the VR."""
    if vr in _NUMBERS:
        return _binary_numbers(raw, vr, context.encoding)
    if vr == "AT":
        order = "<" if context.encoding.little_endian else ">"
        numbers = struct.unpack(f"{order}{len(raw) // 2}H", raw)
        return [f"{group:04X}{number:04X}" for group, number in zip(numbers[::2], numbers[1::2], strict=True)]
    if vr in _CHARACTER_SET_VRS:
        text = decode(raw, context.character_sets, person_name=vr == "PN")
    else:
        text = raw.decode("latin-1")
    text = text.rstrip(" \0")
    if not text:
        return []
    parts = [text] if vr in _SINGLE_TEXT_VRS else text.split("\\")
    if vr == "PN":
        return [_person_name(part) for part in parts]
    if vr in ("DS", "IS"):
        return [_number(part.strip(" \0"), vr) for part in parts]
    strip = " \0" if vr not in _LEADING_SPACES_COUNT else ""
    return [(part.strip(strip) if strip else part.rstrip(" \0")) or None for part in parts]


def _binary_numbers(raw: bytes, vr: str, encoding: Encoding) -> list[Any]:
    code = _NUMBERS[vr]
    count, rest = divmod(len(raw), struct.calcsize(code))
    if rest:
        raise ValueError("length")
    numbers = struct.unpack(f"{'<' if encoding.little_endian else '>'}{count}{code}", raw)
    if vr in ("FD", "FL"):
        return [_finite(number) for number in numbers]
    return list(numbers)


def _finite(number: float) -> float | str:
    """A number as JSON can hold it: "NaN", "inf" and "-inf" are texts (PS3.18 F.2.3)."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("inf" if number > 0 else "-inf")


def _number(text: str, vr: str) -> float | int | str | None:
    """A DS or IS as a number, as its text if it is none (PS3.18 F.2.3 allows both), None if empty."""
    if not text:
        return None
    if not _DECIMAL.fullmatch(text):
        return text
    if vr == "IS" and text.lstrip("+-").isdigit() and len(text) < 20:
        return int(text)
    number = float(text)
    if vr == "IS":
        return int(number) if number.is_integer() and abs(number) < 1 << 53 else text
    return number if math.isfinite(number) else text


def _person_name(text: str) -> DicomJson | None:
    """A PN by component groups (PS3.18 F.2.2, PS3.5 6.2.1); None if empty."""
    groups = (group.strip(" \0") for group in text.split("=")[:3])
    return {name: group for name, group in zip(_GROUPS, groups, strict=False) if group} or None
