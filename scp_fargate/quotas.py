"""What hospitals may store in a minute and in a day, counted in the registry for every container together.

Each process counts for itself and tells the registry every few seconds, so that no instance waits for it: a quota may
be passed by what arrives meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from chalicelib import errors
from chalicelib.access.model import Hospital

TELL_EVERY_S = 2.0


class QuotaUsedUp(errors.TooManyAttempts):
    """A hospital has stored as much as it may for now."""


@dataclass(frozen=True)
class Measure:
    """Something that is counted in windows of time."""

    name: str
    window_s: int
    maximum: Callable[[Hospital], int]
    """0: any."""


MEASURES = (
    Measure("INSTANCES", 60, lambda hospital: hospital.maximum_instances_per_minute),
    Measure("BYTES", 24 * 3600, lambda hospital: hospital.maximum_bytes_per_day),
)
_Window = tuple[str, str, int]
"""Hospital, name of the measure, number of the window since the epoch."""


class Quotas:
    """Quotas of one process. Safe to share between threads.

    Parameters
    ----------
    hospital
        What is registered; may raise `errors.Unavailable`.
    count
        See `access.ports.Registry.count_attempt`.
    """

    def __init__(
        self,
        hospital: Callable[[str], Hospital | None],
        count: Callable[[str, int, int, int], int],
        logger: Logger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._hospital = hospital
        self._count = count
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[_Window, int] = {}
        """As the registry said last."""
        self._untold: Counter[_Window] = Counter()
        self._asked: set[_Window] = set()
        """Since the registry was told last: it is not asked about hospitals that send nothing."""
        self._stopping = threading.Event()

    def start(self) -> None:
        """Tell the registry from now on."""
        threading.Thread(target=self._run, name="quotas", daemon=True).start()

    def admit(self, hospital_id: str) -> None:
        """Let a hospital store one more instance.

        Raises
        ------
        QuotaUsedUp
            If it may not.
        """
        hospital = self._registered(hospital_id)
        for measure in MEASURES if hospital else ():
            assert hospital  # noqa: S101 - narrows a type
            maximum = measure.maximum(hospital)
            if not maximum:
                continue
            window = self._window(hospital_id, measure)
            self._asked.add(window)
            if self._known.get(window, 0) + self._untold.get(window, 0) >= maximum:
                left_s = (window[2] + 1) * measure.window_s - self._clock()
                raise QuotaUsedUp("The quota of the hospital is used up for now.", max(1, int(left_s)))

    def add(self, hospital_id: str, size_bytes: int) -> None:
        """Count an instance that was stored."""
        hospital = self._registered(hospital_id)
        for measure, number in zip(MEASURES, (1, size_bytes), strict=True):
            if hospital and measure.maximum(hospital):
                with self._lock:
                    self._untold[self._window(hospital_id, measure)] += number

    def tell(self) -> None:
        """Tell the registry what was counted, and learn what other processes counted."""
        with self._lock:
            untold, self._untold = self._untold, Counter()
            now = {measure.name: int(self._clock()) // measure.window_s for measure in MEASURES}
            self._known = {window: count for window, count in self._known.items() if now[window[1]] == window[2]}
            windows, self._asked = self._asked | untold.keys(), set()
        for window in windows:
            hospital_id, name, number = window
            window_s = next(measure.window_s for measure in MEASURES if measure.name == name)
            try:
                known = self._count(f"QUOTA#{name}#{hospital_id}", number, window_s, untold[window])
            except errors.ArchiveError:
                self._logger.warning("quotas cannot be counted")
                with self._lock:
                    self._untold[window] += untold[window]
                continue
            with self._lock:
                self._known[window] = known

    def stop(self) -> None:
        """Tell what is untold, and no more."""
        self._stopping.set()
        self.tell()

    def _run(self) -> None:
        while not self._stopping.wait(TELL_EVERY_S):
            try:
                self.tell()
            except Exception as error:
                self._logger.error("quotas failed", extra={"error": type(error).__name__})

    def _registered(self, hospital_id: str) -> Hospital | None:
        try:
            return self._hospital(hospital_id)
        except errors.Unavailable:
            # Images go before quotas.
            return None

    def _window(self, hospital_id: str, measure: Measure) -> _Window:
        return hospital_id, measure.name, int(self._clock()) // measure.window_s
