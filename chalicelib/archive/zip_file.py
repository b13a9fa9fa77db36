"""ZIP files whose contents lie in stored objects: nothing is compressed, nothing is copied (PKWARE's APPNOTE 6.3).

Only what surrounds the contents is written here, so that an answer is put together of ranges as any other (`delivery`).
Sizes and offsets of 4 GiB and more, and more than 65,535 entries, are written as ZIP64.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.archive.delivery import Piece

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END_64, _LOCATOR_64 = b"PK\x06\x06", b"PK\x06\x07"
_UTF_8 = 1 << 11
"""General purpose flag: names are UTF-8 (APPNOTE 4.4.4)."""
_VERSION, _VERSION_64 = 20, 45
_BY_UNIX = 3 << 8
_PLAIN_FILE = 0o100644 << 16
_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF
_DATE_1980 = (1 << 5) | 1
"""1 January 1980: the same contents make the same bytes at any time."""


@dataclass(frozen=True)
class Entry:
    """A file within a ZIP file."""

    name: str
    """Path with `/`."""
    content: Piece
    size_bytes: int
    crc32: int
    """CRC-32 of the content (APPNOTE 4.4.7)."""


def zip_pieces(entries: Sequence[Entry]) -> list[Piece]:
    """A ZIP file of the entries, in their order.

    >>> from zlib import crc32
    >>> import io, zipfile
    >>> whole = b"".join(zip_pieces([Entry("a/é.txt", b"text", 4, crc32(b"text"))]))
    >>> zipfile.ZipFile(io.BytesIO(whole)).read("a/é.txt")
    b'text'
    """
    pieces: list[Piece] = []
    directory: list[bytes] = []
    offset = 0
    for entry in entries:
        name = entry.name.encode()
        header = _local_header(entry, name)
        pieces += [header, entry.content]
        directory.append(_directory_entry(entry, name, offset))
        offset += len(header) + entry.size_bytes
    listed = b"".join(directory)
    pieces.append(listed + _end(len(directory), len(listed), offset))
    return pieces


def _local_header(entry: Entry, name: bytes) -> bytes:
    """APPNOTE 4.3.7."""
    is_large = entry.size_bytes >= _MOST_32
    size = _MOST_32 if is_large else entry.size_bytes
    extra = struct.pack("<HHQQ", 1, 16, entry.size_bytes, entry.size_bytes) if is_large else b""
    version = _VERSION_64 if is_large else _VERSION
    numbers = (version, _UTF_8, 0, 0, _DATE_1980, entry.crc32, size, size, len(name), len(extra))
    return _LOCAL + struct.pack("<HHHHHIIIHH", *numbers) + name + extra


def _directory_entry(entry: Entry, name: bytes, offset: int) -> bytes:
    """APPNOTE 4.3.12; in the extra field only what does not fit, sizes first (4.5.3)."""
    size, large = entry.size_bytes, b""
    if size >= _MOST_32:
        large += struct.pack("<QQ", size, size)
        size = _MOST_32
    if offset >= _MOST_32:
        large += struct.pack("<Q", offset)
        offset = _MOST_32
    extra = struct.pack("<HH", 1, len(large)) + large if large else b""
    version = _VERSION_64 if large else _VERSION
    numbers = (_BY_UNIX | version, version, _UTF_8, 0, 0, _DATE_1980, entry.crc32, size, size, len(name), len(extra))
    return _CENTRAL + struct.pack("<HHHHHHIIIHHHHHII", *numbers, 0, 0, 0, _PLAIN_FILE, offset) + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    """APPNOTE 4.3.14 to 4.3.16."""
    end = struct.pack(
        "<HHHHIIH", 0, 0, min(count, _MOST_16), min(count, _MOST_16), min(size, _MOST_32), min(offset, _MOST_32), 0
    )
    if count < _MOST_16 and size < _MOST_32 and offset < _MOST_32:
        return _END + end
    end_64 = struct.pack("<QHHIIQQQQ", 44, _BY_UNIX | _VERSION_64, _VERSION_64, 0, 0, count, count, size, offset)
    locator = struct.pack("<IQI", 0, offset + size, 1)
    return _END_64 + end_64 + _LOCATOR_64 + locator + _END + end
