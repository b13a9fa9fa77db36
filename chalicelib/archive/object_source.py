"""A stored object as a `dicom.elements.Source`: byte ranges fetched as the walker comes to them."""

from __future__ import annotations

from chalicelib import errors
from chalicelib.archive.model import ObjectHead
from chalicelib.archive.ports import ObjectStore

FIRST_BYTES = 256 << 10
"""Enough for the header of nearly every instance: one request in the common case."""
WINDOW_BYTES = 4 << 20


class ObjectSource:
    """Keeps the beginning of the object and the window read last."""

    def __init__(self, objects: ObjectStore, object_key: str) -> None:
        head, self.beginning = objects.read_with_head(object_key, 0, FIRST_BYTES)
        if head is None:
            raise errors.NotFound("The object is empty.")
        self.head: ObjectHead = head
        self.size = head.size_bytes
        self._objects = objects
        self._window_start = 0
        self._window = b""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`, fewer only at the end."""
        end = min(offset + length, self.size)
        if end <= len(self.beginning):
            return self.beginning[offset:end]
        start = offset - self._window_start
        if start < 0 or end > self._window_start + len(self._window):
            wanted = min(max(end - offset, WINDOW_BYTES), self.size - offset)
            if wanted <= 0:
                return b""
            self._window_start, start = offset, 0
            self._window = self._objects.read(self.head.key, offset, wanted)
        return self._window[start : start + end - offset]
