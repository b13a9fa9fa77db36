"""Instances from the DICOM JSON Model with their bulk data apart (PS3.18 Annex F, 10.5.2) to DICOM files (PS3.10).

Explicit VR Little Endian throughout, the encoding of every encapsulated transfer syntax (PS3.5 A.4). Bulk data of the
top level passes through piece by piece, so that an instance may be larger than memory.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from chalicelib.dicom.elements import UNDEFINED_LENGTH, Malformed
from chalicelib.dicom.part10 import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

DicomJson = dict[str, Any]
PIXEL_DATA = "7FE00010"
NESTED_BULK_LIMIT_BYTES = 64 << 20
COPY_BYTES = 1 << 20
BULK_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
OCTET_STREAM = "application/octet-stream"

TRANSFER_SYNTAX_OF_MEDIA_TYPE = {
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/jxl": "1.2.840.10008.1.2.4.110",
    "video/mpeg2": "1.2.840.10008.1.2.4.100",
    "video/mpeg": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
}
"""Transfer syntax of a frame whose media type names none (PS3.18 tables 8.7.3-3 to 8.7.3-5)."""
_TAG = re.compile("[0-9A-Fa-f]{8}")
_NO_GROUPS = frozenset({0x0000, 0x0002, 0xFFFE})
"""Groups that a data set does not have (PS3.5 7.8, 7.5)."""
_NATIVE = frozenset({EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN})


class MissingBulkData(Malformed):
    """A BulkDataURI that no part of the request answers to."""


@dataclass(frozen=True)
class BulkData:
    """Content of one part."""

    content: bytes | memoryview
    media_type: str
    transfer_syntax_uid: str = ""
    """As its media type's parameter says, `""` where it does not."""


Find = Callable[[str], Sequence[BulkData]]
"""Parts by Content-Location: one value, or the frames of Pixel Data in order; none if there is no such part."""
Write = Callable[[bytes | memoryview], object]


def transfer_syntax_of(data_set: DicomJson, find: Find) -> str:
    """Transfer syntax in which an instance will be encoded: that of its Pixel Data.

    Raises
    ------
    Malformed
        If the Pixel Data is in none that Explicit VR Little Endian can carry.
    """
    uri = (data_set.get(PIXEL_DATA) or {}).get("BulkDataURI")
    parts = find(uri) if uri else ()
    if not parts:
        return EXPLICIT_VR_LITTLE_ENDIAN
    named = {part.transfer_syntax_uid or TRANSFER_SYNTAX_OF_MEDIA_TYPE.get(part.media_type, "") for part in parts}
    if len(named) != 1:
        raise Malformed("The frames of Pixel Data are in different transfer syntaxes.")
    transfer_syntax_uid = named.pop() or EXPLICIT_VR_LITTLE_ENDIAN
    if transfer_syntax_uid in _NATIVE:
        return EXPLICIT_VR_LITTLE_ENDIAN
    if not transfer_syntax_uid.startswith(("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5")):
        raise Malformed("Pixel Data is in a transfer syntax that a request in DICOM JSON cannot have.")
    return transfer_syntax_uid


def write_data_set(data_set: DicomJson, find: Find, write: Write) -> None:
    """Write the elements of an instance in ascending order; group 0002 is left to the caller.

    Raises
    ------
    MissingBulkData
        If a BulkDataURI leads nowhere.
    Malformed
        If it is no data set.
    """
    is_encapsulated = transfer_syntax_of(data_set, find) not in _NATIVE
    bulk = {tag: each for tag, each in data_set.items() if isinstance(each, dict) and _is_streamed(each)}
    small = {tag: each for tag, each in data_set.items() if tag not in bulk and tag[:4] not in ("0002", "0000")}
    converted = _converted(small, find)
    character_set = converted.get("SpecificCharacterSet") or ""
    elements = [element for element in converted if element.tag.element != 0]
    for tag in sorted(bulk, key=_number):
        number = _number(tag)
        before = list(takewhile(lambda element: int(element.tag) < number, elements))  # noqa: B023
        write(_encode(before, character_set))
        _write_bulk(number, str(bulk[tag]["vr"]), _found(find, bulk[tag]), is_encapsulated, write)
        del elements[: len(before)]
    write(_encode(elements, character_set))


def _number(tag: str) -> int:
    if not _TAG.fullmatch(tag):
        raise Malformed("A key is not a tag.")
    return _of_data_set(int(tag, 16))


def _of_data_set(number: int) -> int:
    """The tag itself; raises Malformed if it is one of commands, File Meta Information or items."""
    if number >> 16 in _NO_GROUPS:
        raise Malformed("A key is not the tag of an attribute of a data set.")
    return number


def _check_tags(data_set: Any) -> None:
    for element in data_set:
        _of_data_set(int(element.tag))
        if element.VR == "SQ":
            for item in element.value:
                _check_tags(item)


def _is_streamed(attribute: DicomJson) -> bool:
    return "BulkDataURI" in attribute and attribute.get("vr") in BULK_VRS


def _found(find: Find, attribute: DicomJson) -> Sequence[BulkData]:
    parts = find(str(attribute["BulkDataURI"]))
    if not parts:
        raise MissingBulkData("A BulkDataURI leads to no part of the request.")
    return parts


def _converted(data_set: DicomJson, find: Find) -> Any:
    """A pydicom data set of what is small; whatever it does not like is malformed."""
    from pydicom.dataset import Dataset

    left_bytes = NESTED_BULK_LIMIT_BYTES

    def with_bulk(value: Any) -> Any:
        nonlocal left_bytes
        if isinstance(value, list):
            return [with_bulk(each) for each in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("BulkDataURI"), str) and "vr" in value:
            content = b"".join(part.content for part in _found(find, value))
            left_bytes -= len(content)
            if left_bytes < 0:
                raise Malformed("Bulk data within sequences is too large.")
            return _inline(str(value["vr"]), content)
        return {name: with_bulk(each) for name, each in value.items()}

    try:
        converted = Dataset.from_json(with_bulk(data_set))
        _check_tags(converted)
        if not str(data_set).isascii():
            # JSON is UTF-8, whatever the character set of the data set that it was made of.
            converted.SpecificCharacterSet = "ISO_IR 192"
    except Malformed:
        raise
    except Exception as error:
        raise Malformed("The DICOM JSON is not a data set.") from error
    return converted


def _inline(vr: str, content: bytes) -> DicomJson:
    if vr in BULK_VRS:
        return {"vr": vr, "InlineBinary": base64.b64encode(content).decode("ascii")}
    return {"vr": vr, "Value": [content.decode("utf-8").rstrip(" \0")]}


def _encode(elements: Sequence[Any], character_set: Any) -> bytes:
    from pydicom.charset import convert_encodings
    from pydicom.dataset import Dataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    if not elements:
        return b""
    some = Dataset()
    for element in elements:
        some.add(element)
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    try:
        write_dataset(out, some, convert_encodings(character_set))
    except Exception as error:
        raise Malformed("The DICOM JSON is not a data set.") from error
    return bytes(out.getvalue())


def _write_bulk(number: int, vr: str, parts: Sequence[BulkData], is_encapsulated: bool, write: Write) -> None:
    if number == int(PIXEL_DATA, 16) and is_encapsulated:
        write(_header(number, "OB", UNDEFINED_LENGTH))
        write(struct.pack("<HHI", 0xFFFE, 0xE000, 0))  # empty Basic Offset Table: a fragment is a frame
        for part in parts:
            _write_item(part, write)
        write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
        return
    length = sum(len(part.content) for part in parts)
    write(_header(number, vr, length + length % 2))
    for part in parts:
        _write_content(part, write)
    write(b"\0" * (length % 2))


def _write_item(part: BulkData, write: Write) -> None:
    length = len(part.content)
    if length >= UNDEFINED_LENGTH - 1:
        raise Malformed("A frame is too large.")
    write(struct.pack("<HHI", 0xFFFE, 0xE000, length + length % 2))
    _write_content(part, write)
    write(b"\0" * (length % 2))


def _write_content(part: BulkData, write: Write) -> None:
    for start in range(0, len(part.content), COPY_BYTES):
        write(part.content[start : start + COPY_BYTES])


def _header(number: int, vr: str, length: int) -> bytes:
    if length > UNDEFINED_LENGTH:
        raise Malformed("A value is too large.")
    return struct.pack("<HH2sHI", number >> 16, number & 0xFFFF, vr.encode("ascii"), 0, length)
