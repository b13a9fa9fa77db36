"""Frame tables (`dicom.frames`): every frame's bytes lie within Pixel Data, native or encapsulated."""

from __future__ import annotations

import struct

from chalicelib.dicom.elements import EXPLICIT_LITTLE, PIXEL_DATA, BytesSource, Malformed, walk
from chalicelib.dicom.frames import PixelDescription, encapsulated_frames, native_frames

_ITEM = struct.Struct("<HHI")
DESCRIPTION = struct.Struct("<HHBBhB")
"""Rows, columns, bits allocated, samples per pixel, frames, and which transfer syntax or interpretation."""
SYNTAXES = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.5")


def _fragments(*contents: bytes) -> bytes:
    return b"".join(_ITEM.pack(0xFFFE, 0xE000, len(content)) + content for content in contents)


def _encapsulated(*contents: bytes) -> bytes:
    head = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
    return head + _fragments(*contents) + _ITEM.pack(0xFFFE, 0xE0DD, 0)


_FRAME = b"\xff\xd8aa"
SEEDS = [
    DESCRIPTION.pack(2, 2, 8, 1, 2, 0) + _encapsulated(b"", _FRAME, _FRAME),
    DESCRIPTION.pack(2, 2, 8, 3, 2, 1) + _encapsulated(struct.pack("<II", 0, 24), _FRAME, b"bb", _FRAME),
    DESCRIPTION.pack(2, 2, 8, 1, 3, 3) + _encapsulated(b"", _FRAME, b"bb", _FRAME, _FRAME),
    DESCRIPTION.pack(2, 2, 16, 1, 2, 0) + b"\xe0\x7f\x10\x00OW\0\0\x10\0\0\0" + bytes(16),
    DESCRIPTION.pack(3, 3, 1, 1, 4, 0) + b"\xe0\x7f\x10\x00OB\0\0\x06\0\0\0" + bytes(6),
]


def fuzz(data: bytes) -> None:
    """A description of the pixels, then an element."""
    if len(data) < DESCRIPTION.size:
        return
    rows, columns, bits, samples, count, kind = DESCRIPTION.unpack_from(data)
    description = PixelDescription(rows, columns, bits, samples, count, "YBR_FULL_422" if kind & 128 else "RGB")
    source = BytesSource(data[DESCRIPTION.size :])
    try:
        element = next(walk(source, 0, source.size, EXPLICIT_LITTLE), None)
        if element is None:
            return
        if element.undefined_length and element._replace(tag=PIXEL_DATA).is_fragments:
            table, lengths = source.read_at(element.end, 16), source.read_at(element.end + 16, 16)
            found = encapsulated_frames(
                source, element, EXPLICIT_LITTLE, description, SYNTAXES[kind % 4], table, lengths
            )
        else:
            found = native_frames(element, description)
    except Malformed:
        return
    for frame in found:
        for offset, length in frame:
            assert element.value_offset <= offset <= offset + length <= element.end
