"""Where a part of an HTTP request waits until it is whole: a little memory, then an unnamed file.

An instance can be judged only when its last byte has come (D2), and it may have gigabytes. Files have no name, so
nothing stays behind a process that dies.
"""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

IN_MEMORY_BYTES = 1 << 20
"""Also the size of what is written to a file at once."""


class Spool:
    """Bytes of parts under way in this process, up to a limit. Safe to share between threads."""

    def __init__(self, folder: str, limit_bytes: int) -> None:
        self.folder = folder or None
        self._left_bytes = limit_bytes
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> bool:
        """Reserve; return False when the limit would be passed."""
        with self._lock:
            if size_bytes > self._left_bytes:
                return False
            self._left_bytes -= size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Release what was taken."""
        with self._lock:
            self._left_bytes += size_bytes

    def part(self) -> SpooledPart:
        """Room for one part."""
        return SpooledPart(self)


class SpooledPart:
    """Content of one part. `close` it, whatever happens."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._buffer = bytearray()
        self._file: IO[bytes] | None = None
        self.size_bytes = 0
        self.is_too_large = False
        """The limit was passed: its content is gone."""

    def add(self, content: bytes | memoryview) -> bool:
        """Take content; return whether `flush` has to be called before more comes."""
        if self.is_too_large:
            return False
        if not self._spool.take(len(content)):
            self.refuse()
            return False
        self.size_bytes += len(content)
        self._buffer += content
        return len(self._buffer) >= IN_MEMORY_BYTES

    def refuse(self) -> None:
        """Keep nothing of it, whatever comes."""
        self.close()
        self.is_too_large = True

    def flush(self) -> None:
        """Move what is in memory to the file; may block.

        Raises
        ------
        OSError
            If the disk is full.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._spool.folder, buffering=0)  # noqa: SIM115
        view = memoryview(self._buffer)
        while view:
            view = view[self._file.write(view) :]
        view.release()
        self._buffer = bytearray()

    @contextmanager
    def content(self) -> Iterator[bytes | memoryview]:
        """All of it, mapped if it is in a file: pages come and go as they are read."""
        if self._file is None:
            yield bytes(self._buffer)
            return
        if self._buffer:
            self.flush()
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        view = memoryview(mapped)
        try:
            yield view
        finally:
            # Slices that an exception still holds go with the exception; the map goes with the last of them.
            try:
                view.release()
                mapped.close()
            except BufferError:
                pass

    def close(self) -> None:
        """Forget the content and give its room back."""
        self._spool.give_back(self.size_bytes)
        self.size_bytes = 0
        self._buffer = bytearray()
        if self._file is not None:
            self._file.close()
            self._file = None
