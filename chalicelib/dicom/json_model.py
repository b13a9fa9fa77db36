"""Data sets to the DICOM JSON Model (PS3.18 Annex F). An element that cannot be converted stays as its bytes."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

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
from chalicelib.dicom.json_values import VALUES_OF_VR, Context, texts

DicomJson = dict[str, Any]
INLINE_LIMIT_BYTES = 1024
"""Longer binary values are bulk data."""
_BULK_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_PIXEL_TAGS = frozenset({PIXEL_DATA, 0x7FE00008, 0x7FE00009})
_ALWAYS_BULK = _PIXEL_TAGS | {0x00420011}
"""Whatever their length: pixels, and Encapsulated Document, which is retrieved as itself."""
_WORD_BYTES = {"OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2}
_AMBIGUOUS = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW", "OB/OW": "OW"}


@dataclass(frozen=True)
class Converted:
    """A data set without its bulk data, and where that lies."""

    dicom_json: DicomJson
    bulk_data: dict[str, tuple[int, int]]
    """Path (`7FE00010`, `00409999.1.00420011`: items counted from 1) to (offset within the source, length)."""


def convert(source: Source, elements: Iterable[Element], encoding: Encoding) -> Converted:
    """Convert top-level elements; group lengths, groups below 0008 and trailing padding are left out."""
    bulk_data: dict[str, tuple[int, int]] = {}
    dicom_json = _data_set(source, elements, Context(encoding), bulk_data)
    return Converted(dicom_json, bulk_data)


def _data_set(
    source: Source, elements: Iterable[Element], context: Context, bulk_data: dict[str, tuple[int, int]]
) -> DicomJson:
    converted: DicomJson = {}
    for element in elements:
        tag, vr, _, value_offset, length, _, undefined_length = element
        if tag < 0x00080000 or tag & 0xFFFF == 0 or tag == 0xFFFCFFFC:
            continue
        name = _name(tag)
        values_of = VALUES_OF_VR.get(vr)
        if values_of is None or undefined_length or tag in _PIXEL_TAGS:
            attribute = _attribute(source, element, name, context, bulk_data)
        else:
            try:
                values = values_of(source.read_at(value_offset, length), context)
                attribute = {"vr": vr, "Value": values} if values else {"vr": vr}
            except (ValueError, struct.error):
                attribute = _binary(source, element, "UN", context.path + name, context, bulk_data)
        converted[name] = attribute
        if tag & 0x1FF00 == 0x10000 and tag & 0xFFFF >= 0x10:
            context.private_creators[tag] = str((attribute.get("Value") or [""])[0])
        elif tag == 0x00080005:
            values = attribute.get("Value", ())
            context.character_sets = tuple(text if isinstance(text, str) else "" for text in values)
        elif tag == 0x00280103:
            context.signed_pixels = attribute.get("Value") == [1]
    return converted


@lru_cache(maxsize=8192)
def _name(tag: int) -> str:
    return f"{tag:08X}"


def _attribute(
    source: Source, element: Element, name: str, context: Context, bulk_data: dict[str, tuple[int, int]]
) -> DicomJson:
    """What is no plain value: sequences, bulk data, and what the encoding gives no VR."""
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
        found = VALUES_OF_VR.get(vr, texts)(raw, context)
    except (ValueError, struct.error):
        return _binary(source, element, "UN", path, context, bulk_data)
    return {"vr": vr, "Value": found} if found else {"vr": vr}


def _sequence(
    source: Source, element: Element, context: Context, path: str, bulk_data: dict[str, tuple[int, int]]
) -> list[DicomJson]:
    encoding = content_encoding(element, context.encoding)
    values = []
    for number, (start, length) in enumerate(items(source, element, context.encoding, context.depth), start=1):
        depth = context.depth + 1
        nested = Context(encoding, f"{path}.{number}.", context.character_sets, context.signed_pixels, depth)
        values.append(_data_set(source, walk(source, start, start + length, encoding, depth), nested, bulk_data))
    return values


def _value_representation(element: Element, context: Context) -> str:
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
    source: Source, element: Element, vr: str, path: str, context: Context, bulk_data: dict[str, tuple[int, int]]
) -> DicomJson:
    """Bulk data by reference, short values in base64 and little endian (PS3.18 F.2.7, F.2.6)."""
    if element.length == 0:
        return {"vr": vr}
    if element.is_fragments:
        vr = "OB"
    if element.tag in _ALWAYS_BULK or element.length > INLINE_LIMIT_BYTES:
        bulk_data[path] = (element.value_offset, element.length)
        return {"vr": vr, "BulkDataURI": f"bulkdata/{path}"}
    raw = source.read_at(element.value_offset, element.length)
    word = _WORD_BYTES.get(vr, 1)
    if not context.encoding.little_endian and word > 1 and len(raw) % word == 0:
        raw = b"".join(raw[start : start + word][::-1] for start in range(0, len(raw), word))
    return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode("ascii")}
