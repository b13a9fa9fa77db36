"""Byte ranges of frames within Pixel Data, native (PS3.5 8.1, 8.2) and encapsulated (PS3.5 A.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from chalicelib.dicom.elements import PIXEL_DATA, Element, Encoding, Source, items

FLOAT_PIXEL_DATA = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA = 0x7FE00009
EXTENDED_OFFSET_TABLE = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002
PIXEL_DATA_TAGS = frozenset({PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA})

_VIDEO_PREFIXES = tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109))
"""MPEG-2, MPEG-4 and HEVC, fragmentable ones (`.1` appended) included (PS3.5 A.4.5 to A.4.8)."""
_START_OF_FRAME = (b"\xff\xd8", b"\xff\x4f")
"""JPEG family's SOI and JPEG 2000's SOC markers."""

Frames = tuple[tuple[tuple[int, int], ...], ...]
"""Per frame its fragments as (offset from the start of the source, length) in bytes."""


@dataclass(frozen=True)
class PixelDescription:
    """Attributes of the Image Pixel module (PS3.3 C.7.6.3) that determine the size of a frame; 0 where absent."""

    rows: int = 0
    columns: int = 0
    bits_allocated: int = 0
    samples_per_pixel: int = 1
    number_of_frames: int = 1
    photometric_interpretation: str = ""


def is_video(transfer_syntax_uid: str) -> bool:
    """Whether frames cannot be addressed because the value is one stream.

    >>> is_video("1.2.840.10008.1.2.4.102"), is_video("1.2.840.10008.1.2.4.102.1"), is_video("1.2.840.10008.1.2.4.90")
    (True, True, False)
    """
    return transfer_syntax_uid.removesuffix(".1") in _VIDEO_PREFIXES


def native_frames(element: Element, description: PixelDescription) -> Frames:
    """Frames of native Pixel Data.

    Frames that do not begin at a byte (BitsAllocated 1, PS3.5 8.1.1) have no byte range: then the result is empty
    unless there is one frame. Frames that the value is too short for are left out.

    >>> element = Element(PIXEL_DATA, "OW", 0, 12, 8, 20, False)
    >>> native_frames(element, PixelDescription(2, 2, 8, 1, 2))
    (((12, 4),), ((16, 4),))
    """
    bits = description.rows * description.columns * description.bits_allocated * description.samples_per_pixel
    if description.photometric_interpretation in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        bits = bits * 2 // 3
    count = max(1, description.number_of_frames)
    if count == 1:
        length = min(element.length, -(-bits // 8)) if bits else element.length
        return (((element.value_offset, length),),) if length else ()
    if bits == 0 or bits % 8:
        return ()
    length = bits // 8
    count = min(count, element.length // length)
    return tuple(((element.value_offset + number * length, length),) for number in range(count))


def encapsulated_frames(
    source: Source,
    element: Element,
    encoding: Encoding,
    description: PixelDescription,
    transfer_syntax_uid: str,
    extended_offsets: bytes = b"",
    extended_lengths: bytes = b"",
) -> Frames:
    """Frames of encapsulated Pixel Data.

    Tables are believed only where they agree with the fragments; without one, fragments that start a frame are
    recognised by their marker. Empty when the boundaries cannot be known.
    """
    count = max(1, description.number_of_frames)
    extended = _by_extended_offset_table(source, element, count, extended_offsets, extended_lengths)
    if extended:
        return extended
    table, *fragments = [*items(source, element, encoding)] or [(0, 0)]
    if not fragments:
        return ()
    if count == 1 or is_video(transfer_syntax_uid):
        return (tuple(fragments),)
    if len(fragments) == count:
        return tuple((fragment,) for fragment in fragments)
    starts = _starts_by_basic_offset_table(source, table, fragments)
    if len(starts) != count:
        starts = [n for n, (offset, _) in enumerate(fragments) if source.read_at(offset, 2) in _START_OF_FRAME]
    if len(starts) != count or starts[0] != 0:
        return ()
    ends = [*starts[1:], len(fragments)]
    return tuple(tuple(fragments[start:end]) for start, end in zip(starts, ends, strict=True))


def _by_extended_offset_table(source: Source, element: Element, count: int, offsets: bytes, lengths: bytes) -> Frames:
    """Frames by the Extended Offset Table (PS3.3 C.7.6.3.1.8): one fragment a frame, Basic Offset Table empty."""
    if not offsets or len(offsets) != len(lengths) or len(offsets) != 8 * count:
        return ()
    starts = struct.unpack(f"<{count}Q", offsets)
    sizes = struct.unpack(f"<{count}Q", lengths)
    first = element.value_offset + 8
    end = element.value_offset + element.length
    frames = tuple(((first + start + 8, size),) for start, size in zip(starts, sizes, strict=True))
    if any(offset + size > end for ((offset, size),) in frames):
        return ()
    for start, size in {(starts[0], sizes[0]), (starts[-1], sizes[-1])}:
        header = source.read_at(first + start, 8)
        # The length given for a frame of odd length excludes the padding that its item includes.
        if header[:4] != b"\xfe\xff\x00\xe0" or int.from_bytes(header[4:8], "little") - size not in (0, 1):
            return ()
    return frames


def _starts_by_basic_offset_table(
    source: Source, table: tuple[int, int], fragments: list[tuple[int, int]]
) -> list[int]:
    """Indices of the fragments where frames begin; empty when the table is, or when it points elsewhere."""
    offset, length = table
    if not fragments or length < 4 or length % 4:
        return []
    first_item = fragments[0][0] - 8
    index_of = {start - 8 - first_item: number for number, (start, _) in enumerate(fragments)}
    offsets = struct.unpack(f"<{length // 4}I", source.read_at(offset, length))
    starts = [index_of[value] for value in offsets if value in index_of]
    return starts if len(starts) == len(offsets) and starts == sorted(set(starts)) else []
