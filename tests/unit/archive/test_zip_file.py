"""ZIP files made of ranges, read by Python's own module."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.archive.model import ByteRange
from chalicelib.archive.zip_file import Entry, zip_pieces

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\\0"), min_size=1, max_size=20)


def entry(name: str, content: bytes) -> Entry:
    return Entry(name, content, len(content), zlib.crc32(content))


def joined(entries: list[Entry]) -> bytes:
    return b"".join(piece for piece in zip_pieces(entries) if isinstance(piece, bytes))


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=20))
def test_whatever_is_put_in_comes_out(contents: dict[str, bytes]) -> None:
    whole = joined([entry(name, content) for name, content in contents.items()])
    with zipfile.ZipFile(io.BytesIO(whole)) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == contents
        assert read.namelist() == list(contents)


def test_more_entries_than_the_old_format_counts() -> None:
    entries = [Entry(f"{number:05d}", b"", 0, 0) for number in range(65_536)]
    with zipfile.ZipFile(io.BytesIO(joined(entries))) as read:
        assert len(read.namelist()) == len(entries)


def test_contents_and_offsets_beyond_four_gibibytes(tmp_path: Path) -> None:
    large = (4 << 30) + 7
    last = b"behind them"
    pieces = zip_pieces([Entry("large", ByteRange("key", 0, large), large, 0), entry("last", last)])
    with (tmp_path / "sparse.zip").open("w+b") as file:
        for piece in pieces:
            if isinstance(piece, bytes):
                file.write(piece)
            else:
                file.seek(piece.length, io.SEEK_CUR)
        with zipfile.ZipFile(file) as read:
            assert [(info.filename, info.file_size) for info in read.infolist()] == [("large", large), ("last", 11)]
            assert read.read("last") == last
            with read.open("large") as content:
                assert content.read(3) == bytes(3)
