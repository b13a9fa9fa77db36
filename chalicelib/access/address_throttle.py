"""How often strangers at one address may ask for what makes the archive write (docs/adr/0026).

Counted in the registry, since processes come and go; a process remembers who has to wait, so that a flood from one
address costs it one write in `REMEMBERED_S` instead of one for each request.
"""

from __future__ import annotations

import time

from chalicelib.access.code_attempts import QUARTER_S, origin_digest
from chalicelib.access.ports import Registry
from chalicelib.errors import TooManyAttempts

REMEMBERED_S = 10
"""Short: those who succeed meanwhile make room for others at the same address."""
MOST_REMEMBERED = 10_000


class AddressThrottle:
    """So many requests of one caller in a quarter of an hour, those that succeeded not counted.

    Parameters
    ----------
    name
        Of what is asked for; each has counters of its own.
    """

    def __init__(self, registry: Registry, name: str, most: int) -> None:
        self._registry = registry
        self._name = name
        self._most = most
        self._waiting: dict[str, float] = {}

    def count(self, address: str) -> None:
        """Count a request.

        Raises
        ------
        errors.TooManyAttempts
            If there were too many.
        """
        key, now = self._key(address), time.time()
        window = int(now) // QUARTER_S
        wait_s = max(1, int((window + 1) * QUARTER_S - now))
        if self._waiting.get(key, 0) > now:
            raise _too_many(wait_s)
        if self._registry.count_attempt(key, window, QUARTER_S) > self._most:
            if len(self._waiting) >= MOST_REMEMBERED:
                self._waiting.clear()
            self._waiting[key] = now + min(REMEMBERED_S, wait_s)
            raise _too_many(wait_s)

    def take_back(self, address: str) -> None:
        """A request that was counted succeeded."""
        self._registry.count_attempt(self._key(address), int(time.time()) // QUARTER_S, QUARTER_S, by=-1)

    def _key(self, address: str) -> str:
        return f"{self._name}#{origin_digest(address)}"


def _too_many(wait_s: int) -> TooManyAttempts:
    return TooManyAttempts("Too many requests; wait before the next one.", retry_after_s=wait_s)
