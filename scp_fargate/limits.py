"""Limits of associations: all together, from one address, of one hospital."""

from __future__ import annotations

import fcntl
import hashlib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import IO

from chalicelib.settings import Settings

LARGEST_MEMORY = 10_000
"""Addresses of which the rate is known at once."""
SLOTS_OF_A_HOSPITAL = 1 << 16
POLITE_REFUSALS_OF_AN_ADDRESS = 8


class Verdict(Enum):
    """What becomes of a connection."""

    ADMIT = "admit"
    REFUSE = "refuse"
    """A-ASSOCIATE-RJ, local limit exceeded (PS3.8 9.3.4)."""
    DROP = "drop"
    """Closed without an answer: too many wait for one already."""


class Connections:
    """Connections that are open, by address. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._admitted: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def begin(self, address: str, admitted: bool) -> None:
        """Count one more."""
        with self._lock:
            self._of(admitted)[address] += 1

    def end(self, address: str, admitted: bool) -> None:
        """Count one less."""
        counter = self._of(admitted)
        with self._lock:
            counter[address] -= 1
            if counter[address] <= 0:
                del counter[address]

    def clear(self) -> None:
        """All are gone."""
        with self._lock:
            self._admitted.clear()
            self._refused.clear()

    def count(self, address: str = "", admitted: bool = True) -> int:
        """How many are open, from everywhere or from one address."""
        with self._lock:
            return self._of(admitted)[address] if address else self._of(admitted).total()

    def _of(self, admitted: bool) -> Counter[str]:
        return self._admitted if admitted else self._refused


class Rates:
    """New associations by address: a token bucket that holds the tokens of a minute."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Tokens, and when there were as many."""

    def take(self, address: str) -> bool:
        """Whether an address may begin another association now."""
        now = self._clock()
        tokens, at = self._buckets.pop(address, (float(self._per_minute), now))
        tokens = min(float(self._per_minute), tokens + (now - at) * self._per_minute / 60)
        # The address that called last is the last one, so that the first one may be forgotten.
        self._buckets[address] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > LARGEST_MEMORY:
            del self._buckets[next(iter(self._buckets))]
        return tokens >= 1


class Limits:
    """Judges connections before anything was read from them. For the one thread, or two, that accept."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._maximum = settings.maximum_associations
        self._maximum_of_an_address = settings.maximum_address_associations
        self._rates = Rates(settings.address_associations_per_minute, clock)
        self._lock = threading.Lock()

    def judge(self, address: str, open_connections: Iterable[Connections]) -> Verdict:
        """Whether to admit another connection from an address beside those that are open."""
        parts = list(open_connections)

        def count(of: str, admitted: bool) -> int:
            return sum(part.count(of, admitted) for part in parts)

        with self._lock:
            in_time = self._rates.take(address)
        if in_time and count("", True) < self._maximum and count(address, True) < self._maximum_of_an_address:
            return Verdict.ADMIT
        if count("", False) >= self._maximum or count(address, False) >= POLITE_REFUSALS_OF_AN_ADDRESS:
            return Verdict.DROP
        return Verdict.REFUSE


class HospitalAssociations:
    """Associations of each hospital in all processes of a container. Safe to share between threads.

    Each has a slot: a byte of a file that the processes inherit, locked as long as the association lasts. The kernel
    gives back the slots of a process that dies.

    Parameters
    ----------
    maximum_of
        How many a hospital may have at once. May raise `errors.Unavailable`.
    """

    def __init__(self, file: IO[bytes], maximum_of: Callable[[str], int]) -> None:
        self._file = file
        self._maximum_of = maximum_of
        self._lock = threading.Lock()
        self._taken: defaultdict[str, set[int]] = defaultdict(set)
        """By this process, whose own locks do not exclude each other."""

    def begin(self, hospital: str) -> Callable[[], None] | None:
        """Count one more; return what to call at its end, None when the hospital has as many as it may have.

        Raises
        ------
        errors.Unavailable
            If it is not known how many that is.
        """
        maximum = min(self._maximum_of(hospital), SLOTS_OF_A_HOSPITAL)
        start = _start(hospital)
        with self._lock:
            taken = self._taken[hospital]
            for number in range(maximum):
                if number not in taken and self._locked(start + number):
                    taken.add(number)
                    return partial(self._end, hospital, number)
        return None

    def _locked(self, position: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, position)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _end(self, hospital: str, number: int) -> None:
        with self._lock:
            self._taken[hospital].discard(number)
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _start(hospital) + number)


def _start(hospital: str) -> int:
    """Where its slots are: far beyond the end of the file, which stays empty."""
    return int.from_bytes(hashlib.sha256(hospital.encode()).digest()[:5], "big") * SLOTS_OF_A_HOSPITAL
