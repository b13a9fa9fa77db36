"""Who may call: application entities of the registry, remembered for a few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity

FRESH_S = 5.0
USABLE_S = 600.0
"""How long an answer serves while the registry does not answer: reception outlives an outage of the registry."""
LOOK_UP_TIMEOUT_S = 8.0
"""Requestors wait about 30 s for the answer to A-ASSOCIATE-RQ."""
LARGEST_CACHE = 1000

LookUp = Callable[[str], ApplicationEntity | None]


class Callers:
    """Resolves calling AE titles. Safe to share between threads."""

    def __init__(self, look_up: LookUp, clock: Callable[[], float] = time.monotonic) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, tuple[float, ApplicationEntity | None]] = {}
        self._lock = threading.Lock()
        # Its threads bound how many look-ups may hang at once.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="registry")

    def resolve(self, calling_ae_title: str) -> ApplicationEntity | None:
        """The registered and enabled application entity of that title, or None.

        Raises
        ------
        errors.Unavailable
            If the registry does not answer in time and was not asked about the title lately.
        """
        known = self._known.get(calling_ae_title)
        age = self._clock() - known[0] if known else USABLE_S
        if known and age < FRESH_S:
            return known[1]
        future: Future[ApplicationEntity | None] = self._threads.submit(self._look_up, calling_ae_title)
        try:
            found = future.result(LOOK_UP_TIMEOUT_S)
        except (errors.Unavailable, FutureTimeoutError) as error:
            future.cancel()
            if known and known[1] and age < USABLE_S:
                return known[1]
            raise errors.Unavailable("The registry does not answer.") from error
        found = found if found and found.enabled else None
        with self._lock:
            if len(self._known) >= LARGEST_CACHE:
                self._known.clear()
            self._known[calling_ae_title] = (self._clock(), found)
        return found

    def close(self) -> None:
        """Forget waiting look-ups."""
        self._threads.shutdown(wait=False, cancel_futures=True)
