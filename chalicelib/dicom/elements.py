"""Walks the data elements of a data set (PS3.5 7.1) without decoding values, over anything that reads byte ranges."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
MAXIMUM_DEPTH = 64
"""Sequences nested deeper than this are refused: real data sets stay below ten."""

LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""VRs with a 32-bit length in explicit VR encodings (PS3.5 7.1.2)."""
SHORT_VRS = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI",
     "UL", "US"}
)  # fmt: skip


class Malformed(ValueError):
    """Bytes that are no data set."""


class Truncated(Malformed):
    """A data set that ends before an element does."""


class Source(Protocol):
    """Bytes at offsets; values that nobody asks for need never be there."""

    @property
    def size(self) -> int:
        """Total length in bytes."""

    @property
    def beginning(self) -> bytes | memoryview:
        """What is at hand from offset 0 on without reading; may be empty."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` (0-based), fewer only at the end."""


class BytesSource:
    """A source in memory."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.beginning = data
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """See `Source.read_at`."""
        return bytes(self.beginning[offset : offset + length])


@dataclass(frozen=True)
class Encoding:
    """How elements are laid out (PS3.5 7.1, 7.3)."""

    implicit_vr: bool
    little_endian: bool = True

    @property
    def byte_order(self) -> Literal["little", "big"]:
        """Order of the bytes of a number."""
        return "little" if self.little_endian else "big"


IMPLICIT_LITTLE = Encoding(implicit_vr=True)
EXPLICIT_LITTLE = Encoding(implicit_vr=False)
EXPLICIT_BIG = Encoding(implicit_vr=False, little_endian=False)


class Element(NamedTuple):
    """A data element by position; offsets are in bytes from the start of the source."""

    tag: int
    vr: str
    """`""` where the encoding does not carry it."""
    offset: int
    value_offset: int
    length: int
    """Of the value; with an undefined length up to the sequence delimitation item, itself excluded."""
    end: int
    """Where the next element starts."""
    undefined_length: bool

    @property
    def is_fragments(self) -> bool:
        """Whether the value is a sequence of fragments (PS3.5 A.4)."""
        return self.undefined_length and (self.vr in ("OB", "OW") or self.tag == PIXEL_DATA)


def walk(source: Source, start: int, end: int, encoding: Encoding, depth: int = 0) -> Iterator[Element]:
    """Elements between two offsets, those within sequences excluded.

    Stops at an item delimitation, and at zero padding that some writers leave behind the last element.

    Raises
    ------
    Truncated
        If the last element reaches past `end`.
    Malformed
        If something else than a data element is met.
    """
    offset = start
    at_hand = min(end, len(source.beginning)) - 12
    plain_element = _plain_implicit if encoding.implicit_vr else _plain_explicit
    while offset < end:
        element = plain_element(source.beginning, offset, end, encoding) if offset <= at_hand else None
        element = element or read_element(source, offset, end, encoding, depth)
        if element is None:
            return
        yield element
        offset = element.end


_IMPLICIT_HEADER = {True: struct.Struct("<HHI"), False: struct.Struct(">HHI")}
_EXPLICIT_HEADER = {True: struct.Struct("<HH2sH"), False: struct.Struct(">HH2sH")}
_LONG_LENGTH = {True: struct.Struct("<I"), False: struct.Struct(">I")}
_SHORT_VR_OF = {vr.encode(): vr for vr in SHORT_VRS}
_LONG_VR_OF = {vr.encode(): vr for vr in LONG_VRS}
_new_tuple = tuple.__new__
"""Makes an `Element` in a third of the time that its own constructor takes."""


def _plain_explicit(data: bytes | memoryview, offset: int, end: int, encoding: Encoding) -> Element | None:
    """An element in the common form, 12 bytes of which are at hand; None if `read_element` has to look closer."""
    group, number, vr_octets, length = _EXPLICIT_HEADER[encoding.little_endian].unpack_from(data, offset)
    vr = _SHORT_VR_OF.get(vr_octets)
    value_offset = offset + 8
    if vr is None:
        vr = _LONG_VR_OF.get(vr_octets)
        if vr is None:
            return None
        (length,) = _LONG_LENGTH[encoding.little_endian].unpack_from(data, value_offset)
        value_offset += 4
        if length == UNDEFINED_LENGTH:
            return None
    following = value_offset + length
    if following > end or not 0 < group < 0xFFFE:
        return None
    return _new_tuple(Element, (group << 16 | number, vr, offset, value_offset, length, following, False))


def _plain_implicit(data: bytes | memoryview, offset: int, end: int, encoding: Encoding) -> Element | None:
    """See `_plain_explicit`."""
    group, number, length = _IMPLICIT_HEADER[encoding.little_endian].unpack_from(data, offset)
    following = offset + 8 + length
    if length == UNDEFINED_LENGTH or following > end or not 0 < group < 0xFFFE:
        return None
    return _new_tuple(Element, (group << 16 | number, "", offset, offset + 8, length, following, False))


def read_element(source: Source, offset: int, end: int, encoding: Encoding, depth: int = 0) -> Element | None:
    """The element at an offset; None at an item delimitation or where only zeros follow."""
    header = source.read_at(offset, min(12, end - offset))
    if len(header) < 8:
        if not any(header):
            return None
        raise Truncated("The data set ends within the header of an element.")
    order = encoding.byte_order
    tag = int.from_bytes(header[0:2], order) << 16 | int.from_bytes(header[2:4], order)
    if tag == ITEM_DELIMITATION or (tag == 0 and _only_zeros(source, offset, end)):
        return None
    if tag >> 16 == 0xFFFE or tag >> 16 == 0:
        raise Malformed("Something else than a data element is within a data set.")
    vr, header_length, length = _vr_and_length(header, encoding, order)
    value_offset = offset + header_length
    if value_offset > end:
        raise Truncated("The data set ends within the header of an element.")
    if length == UNDEFINED_LENGTH:
        return _of_undefined_length(source, tag, vr, offset, value_offset, end, encoding, depth)
    if value_offset + length > end:
        raise Truncated("The data set ends within the value of an element.")
    return Element(tag, vr, offset, value_offset, length, value_offset + length, False)


def _vr_and_length(header: bytes, encoding: Encoding, order: Literal["little", "big"]) -> tuple[str, int, int]:
    """VR, length of the element's header and of its value."""
    if not encoding.implicit_vr and header[4:6].isalpha() and header[4:6].isupper():
        vr = header[4:6].decode("ascii")
        if vr not in LONG_VRS:
            return vr, 8, int.from_bytes(header[6:8], order)
        if len(header) < 12:
            raise Truncated("The data set ends within the header of an element.")
        return vr, 12, int.from_bytes(header[8:12], order)
    # Explicit data sets with single elements in implicit VR exist; what is no VR must be a length.
    return "", 8, int.from_bytes(header[4:8], order)


def _only_zeros(source: Source, offset: int, end: int) -> bool:
    while offset < end:
        piece = source.read_at(offset, min(65536, end - offset))
        if not piece or any(piece):
            return False
        offset += len(piece)
    return True


def _of_undefined_length(
    source: Source, tag: int, vr: str, offset: int, value_offset: int, end: int, encoding: Encoding, depth: int
) -> Element:
    element = Element(tag, vr, offset, value_offset, 0, 0, True)
    position = value_offset
    for _, _, position in _contents(source, element, end, encoding, depth):  # noqa: B007
        pass
    if _item_header(source, position, end, content_encoding(element, encoding))[0] != SEQUENCE_DELIMITATION:
        raise Truncated("A sequence has no end.")
    return element._replace(length=position - value_offset, end=position + 8)


def content_encoding(element: Element, encoding: Encoding) -> Encoding:
    """Encoding of a sequence's items: UN of undefined length holds implicit VR little endian (PS3.5 6.2.2)."""
    return IMPLICIT_LITTLE if element.vr == "UN" else encoding


def items(source: Source, element: Element, encoding: Encoding, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Content of each item of a sequence, or of each fragment (the first is the Basic Offset Table).

    Yields (offset, length) in bytes, item headers excluded. `encoding` is that of the element itself.
    """
    for start, length, _ in _contents(source, element, element.value_offset + element.length, encoding, depth):
        yield start, length


def _item_header(source: Source, offset: int, end: int, encoding: Encoding) -> tuple[int, int]:
    header = source.read_at(offset, min(8, end - offset)) if offset < end else b""
    if len(header) < 8:
        raise Truncated("The data set ends within an item.")
    order = encoding.byte_order
    tag = int.from_bytes(header[0:2], order) << 16 | int.from_bytes(header[2:4], order)
    return tag, int.from_bytes(header[4:8], order)


def _contents(
    source: Source, element: Element, end: int, encoding: Encoding, depth: int
) -> Iterator[tuple[int, int, int]]:
    """(offset, length, where the next item begins) of each item up to `end` or the sequence delimitation item."""
    if depth >= MAXIMUM_DEPTH:
        raise Malformed("Sequences are nested too deeply.")
    encoding = content_encoding(element, encoding)
    position = element.value_offset
    while position < end:
        tag, length = _item_header(source, position, end, encoding)
        if tag == SEQUENCE_DELIMITATION:
            return
        if tag != ITEM:
            raise Malformed("Something else than an item is within a sequence.")
        start = position + 8
        if length != UNDEFINED_LENGTH:
            position = start + length
            if position > end:
                raise Truncated("The data set ends within an item.")
        elif element.is_fragments:
            raise Malformed("A fragment has no length.")
        else:
            position = start
            for nested in walk(source, start, end, encoding, depth + 1):
                position = nested.end
            if _item_header(source, position, end, encoding)[0] != ITEM_DELIMITATION:
                raise Truncated("An item has no end.")
            length = position - start
            position += 8
        yield start, length, position
