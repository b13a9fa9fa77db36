"""Deflated data sets (PS3.5 A.5) read once, from their beginning to their end, in constant memory."""

from __future__ import annotations

import zlib

from chalicelib.dicom.elements import Malformed, Source, Truncated

PIECE_BYTES = 64 << 10
LOOK_BACK_BYTES = 256 << 10
"""How far behind what was read a reader may go back."""


class InflatedSource:
    """A file as a `Source` whose data set is inflated as it is read; offsets are those of the inflated file.

    Parameters
    ----------
    start
        Length of preamble and File Meta Information, which are not deflated.
    limit_bytes
        What it may be inflated to: a few bytes can become very many.
    """

    beginning = b""
    """Nothing: the window moves on."""

    def __init__(self, source: Source, start: int, limit_bytes: int) -> None:
        self._source = source
        self._start = start
        self._end_of_limit = start + limit_bytes
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflated_offset = start
        self._window = bytearray()
        self._window_start = start

    @property
    def _inflated_end(self) -> int:
        return self._window_start + len(self._window)

    @property
    def size(self) -> int:
        """Length of the inflated file; beyond every limit until its end was read."""
        return self._inflated_end if self._inflater.eof else 1 << 62

    def read_at(self, offset: int, length: int) -> bytes:
        """See `Source.read_at`.

        Raises
        ------
        Truncated
            If the compressed data ends early.
        Malformed
            If it cannot be inflated, is too big once inflated, or is read backwards.
        """
        if offset < self._start:
            return self._source.read_at(offset, min(length, self._start - offset))
        while self._inflated_end < offset + length and not self._inflater.eof:
            self._inflate()
            surplus = min(offset, self._inflated_end - LOOK_BACK_BYTES) - self._window_start
            if surplus > LOOK_BACK_BYTES:
                del self._window[:surplus]
                self._window_start += surplus
        first = offset - self._window_start
        if first < 0:
            raise Malformed("The data set cannot be read in one pass.")
        return bytes(self._window[first : first + length])

    def _inflate(self) -> None:
        deflated = self._inflater.unconsumed_tail
        if not deflated:
            deflated = self._source.read_at(self._deflated_offset, PIECE_BYTES)
            self._deflated_offset += len(deflated)
            if not deflated:
                raise Truncated("The deflated data set ends early.")
        try:
            self._window += self._inflater.decompress(deflated, PIECE_BYTES)
        except zlib.error as error:
            raise Malformed("The deflated data set cannot be inflated.") from error
        if self._inflated_end > self._end_of_limit:
            raise Malformed("The data set is too big once inflated.")
