"""Files without a name: the container's root file system is read-only, and keys do not belong on a disk."""

from __future__ import annotations

import os
import tempfile
from typing import IO


def unnamed_file() -> IO[bytes]:
    """An empty file, in memory where the system has such files; gone when it is closed."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("sansfilm"), "w+b")
    return tempfile.TemporaryFile()
