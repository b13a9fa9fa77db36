"""Who may call: application entities of the registry, remembered for a few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity

FRESH_S = 5.0
USABLE_S = 600.0
"""How long an answer serves while the registry does not answer: reception outlives an outage of the registry."""
LOOK_UP_TIMEOUT_S = 8.0
"""Requestors wait about 30 s for the answer to A-ASSOCIATE-RQ."""
LARGEST_CACHE = 1000

T = TypeVar("T")


class Remembered(Generic[T]):
    """What the registry says under a key. Safe to share between threads."""

    def __init__(self, look_up: Callable[[str], T | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, tuple[float, T | None]] = {}
        self._lock = threading.Lock()
        # Its threads bound how many look-ups may hang at once.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="registry")

    def resolve(self, key: str) -> T | None:
        """What is registered under the key, or None.

        Raises
        ------
        errors.Unavailable
            If the registry does not answer in time and was not asked about the key lately.
        """
        known = self._known.get(key)
        age = self._clock() - known[0] if known else USABLE_S
        if known and age < FRESH_S:
            return known[1]
        future: Future[T | None] = self._threads.submit(self._look_up, key)
        try:
            found = future.result(LOOK_UP_TIMEOUT_S)
        except (errors.Unavailable, FutureTimeoutError) as error:
            future.cancel()
            if known and known[1] and age < USABLE_S:
                return known[1]
            raise errors.Unavailable("The registry does not answer.") from error
        with self._lock:
            if len(self._known) >= LARGEST_CACHE:
                self._known.clear()
            self._known[key] = (self._clock(), found)
        return found

    def close(self) -> None:
        """Forget waiting look-ups."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Callers(Remembered[ApplicationEntity]):
    """Application entities by title."""

    def resolve(self, key: str) -> ApplicationEntity | None:
        """The registered and enabled application entity of that title, or None; `errors.Unavailable` as above."""
        found = super().resolve(key)
        return found if found and found.enabled else None
