"""Headers of compressed frames: what a decoder would make of them, known before it allocates anything.

A frame of a hundred bytes may declare 60,000 x 60,000 pixels; every decoder believes it.
"""

from __future__ import annotations

from dataclasses import dataclass

_SIZ = b"\xff\x4f\xff\x51"
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_STARTS_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""SOF0 to SOF15 without DHT, JPG and DAC (ISO/IEC 10918-1 table B.1), and SOF55 of JPEG-LS (ISO/IEC 14495-1 C.1.1)."""
_SEARCHED_BYTES = 1 << 20


@dataclass(frozen=True)
class FrameSize:
    """Dimensions in pixels that a codestream declares."""

    rows: int
    columns: int
    samples: int


def frame_size(encoded: bytes) -> FrameSize | None:
    """Size that a JPEG, JPEG-LS, JPEG 2000 or HTJ2K frame declares; None if it is none or says nothing.

    >>> frame_size(bytes.fromhex("ffd8ffc0000b08000a001403"))
    FrameSize(rows=10, columns=20, samples=3)
    """
    if encoded.startswith(b"\xff\xd8"):
        return _jpeg(encoded)
    if encoded.startswith((_SIZ, _JP2_SIGNATURE)):
        place = encoded.find(_SIZ, 0, _SEARCHED_BYTES)
        return _jpeg_2000(encoded, place) if place >= 0 else None
    return None


def _jpeg_2000(encoded: bytes, place: int) -> FrameSize | None:
    """Image and tile size (ISO/IEC 15444-1 A.5.1)."""
    siz = encoded[place + 8 : place + 42]
    if len(siz) < 34:
        return None
    width, height, left, top = (int.from_bytes(siz[at : at + 4]) for at in (0, 4, 8, 12))
    return FrameSize(max(0, height - top), max(0, width - left), int.from_bytes(siz[32:34]))


def _jpeg(encoded: bytes) -> FrameSize | None:
    place = 2
    while place + 9 < min(len(encoded), _SEARCHED_BYTES):
        if encoded[place] != 0xFF:
            return None
        marker = encoded[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker in _STARTS_OF_FRAME:
            rows, columns = (int.from_bytes(encoded[place + at : place + at + 2]) for at in (5, 7))
            return FrameSize(rows, columns, encoded[place + 9])
        else:
            place += 2 + int.from_bytes(encoded[place + 2 : place + 4])
    return None
