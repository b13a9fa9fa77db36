"""How the API knows the edge, whose word about a caller's address counts (docs/adr/0029)."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

READ_AGAIN_S = 60
"""After an operator gave the secret another value, running processes know it so much later at most."""


class EdgeProof:
    """What the edge proves itself with; its value is read when the first proof is offered, and kept.

    Parameters
    ----------
    read
        The value now, "" where there is none. What it raises reaches the caller.
    """

    def __init__(self, read: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._known = ""
        self._read_at: float | None = None

    def holds(self, offered: str) -> bool:
        """Whether whoever offers this is the edge. A stranger's guesses cause one reading a minute at most."""
        if not offered:
            return False
        if self._is_known(offered):
            return True
        now = self._clock()
        if self._read_at is not None and now - self._read_at < READ_AGAIN_S:
            return False
        self._known = self._read()
        self._read_at = now
        return self._is_known(offered)

    def _is_known(self, offered: str) -> bool:
        expected = self._known.encode()
        return bool(expected) and hmac.compare_digest(offered.encode("utf-8", "replace"), expected)
