"""Finds a few top-level elements of a data set and checks the structure of all, faster than `walk` yields them.

A data set in memory is what C-STORE and STOW-RS check on every instance: one unpacking and two comparisons an element.
Whatever is unusual (undefined lengths, unknown VRs, the last bytes, anything malformed) is left to `read_element`.
"""

from __future__ import annotations

import struct
from collections.abc import Collection

from chalicelib.dicom.elements import (
    LONG_VRS,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    BytesSource,
    Encoding,
    Source,
    read_element,
)

_EXPLICIT = struct.Struct("<HH2sHL")
_IMPLICIT = struct.Struct("<HHL")
_HEADER_BYTES = {vr.encode(): 8 for vr in SHORT_VRS} | {vr.encode(): 12 for vr in LONG_VRS}
_NO_ELEMENTS = (0x0000, 0xFFFE)
"""Groups of command sets or padding, and of items."""
LONGEST_VALUE_BYTES = 1024
Found = tuple[int, bytes]
"""Tag and value, the latter `b""` where it is longer than `LONGEST_VALUE_BYTES`."""


def skim(
    source: Source, start: int, end: int, encoding: Encoding, wanted: Collection[int], group: int = -1
) -> tuple[list[Found], int]:
    """Those elements between two offsets whose tag is wanted, and where the last of all elements ends.

    With `group`, stops before the first element of another group. Values are read on the way: a source that is still
    arriving cannot be asked again.

    Raises
    ------
    Truncated, Malformed
        As `elements.walk` does.
    """
    found: list[Found] = []
    advance = _over_implicit if encoding.implicit_vr else _over_explicit
    offset = start
    while offset < end:
        if encoding.little_endian and isinstance(source, BytesSource):
            offset = advance(source, offset, end, wanted, group, found)
            if offset >= end:
                break
        if group >= 0 and source.read_at(offset, 2) != group.to_bytes(2, "little"):
            break
        element = read_element(source, offset, end, encoding)
        if element is None:
            break
        if element.tag in wanted:
            found.append((element.tag, _value(source, element.value_offset, element.length)))
        offset = element.end
    return found, offset


def _over_explicit(
    source: BytesSource, offset: int, end: int, wanted: Collection[int], only: int, found: list[Found]
) -> int:
    """Offset of the first element that is not an ordinary one."""
    data, unpack, header_bytes = source.beginning, _EXPLICIT.unpack_from, _HEADER_BYTES.get
    last = end - _EXPLICIT.size
    while offset <= last:
        group, number, vr, length, long_length = unpack(data, offset)
        header = header_bytes(vr)
        if header == 12:
            length = long_length
        if header is None or group in _NO_ELEMENTS or length == UNDEFINED_LENGTH or (only >= 0 and group != only):
            return offset
        following = offset + header + length
        if following > end:
            return offset
        tag = group << 16 | number
        if tag in wanted:
            found.append((tag, _value(source, offset + header, length)))
        offset = following
    return offset


def _over_implicit(
    source: BytesSource, offset: int, end: int, wanted: Collection[int], only: int, found: list[Found]
) -> int:
    data, unpack = source.beginning, _IMPLICIT.unpack_from
    last = end - _IMPLICIT.size
    while offset <= last:
        group, number, length = unpack(data, offset)
        following = offset + 8 + length
        if group in _NO_ELEMENTS or length == UNDEFINED_LENGTH or following > end or (only >= 0 and group != only):
            return offset
        tag = group << 16 | number
        if tag in wanted:
            found.append((tag, _value(source, offset + 8, length)))
        offset = following
    return offset


def _value(source: Source, offset: int, length: int) -> bytes:
    return source.read_at(offset, length) if length <= LONGEST_VALUE_BYTES else b""
