"""What goes out, counted in the process and recorded now and then beside the answers (docs/adr/0030).

No answer waits for it. A process that is ended between two flushes takes its last counts with it: what is recorded is
never more than what went out.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from chalicelib.billing.facts import FactStore, MeterFact

FLUSH_S = 30
Key = tuple[str, str, str, str]
"""Hospital, meter, kind, day (UTC)."""


class ReadMeter:
    """Counts of one process. Safe to share between threads."""

    def __init__(self, store: Callable[[], FactStore]) -> None:
        self._store = store
        self._process = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._counts: Counter[Key] = Counter()
        self._batches = 0
        self._pending: list[MeterFact] = []
        self._next_flush = time.monotonic() + FLUSH_S

    def add(self, hospital: str, kind: str, quantities: Mapping[str, int]) -> None:
        """Count what an answer was, by meter; begin a flush beside it when one is due."""
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        with self._lock:
            for meter, quantity in quantities.items():
                if quantity:
                    self._counts[hospital, meter, kind, day] += quantity
            is_due = time.monotonic() >= self._next_flush
            if is_due:
                self._next_flush = time.monotonic() + FLUSH_S
        if is_due:
            threading.Thread(target=self.flush, name="read-meter", daemon=True).start()

    def flush(self) -> bool:
        """Record what was counted; False if it has to be tried again.

        A batch keeps its facts, and so their ids, until all are recorded: what a failure leaves open is recorded once.
        """
        if not self._flushing.acquire(blocking=False):
            return False
        try:
            with self._lock:
                self._pending += self._batch()
            while self._pending:
                self._store().record(self._pending[0])
                with self._lock:
                    self._pending.pop(0)
            return True
        except Exception:  # in a thread of its own: answers go on, and what is left is tried again
            return False
        finally:
            self._flushing.release()

    def _batch(self) -> list[MeterFact]:
        counts, self._counts = self._counts, Counter()
        self._batches += bool(counts)
        occurrence, now_ms = f"{self._process}|{self._batches}", int(time.time() * 1000)
        return [
            MeterFact(hospital, meter, f"{day}|{occurrence}", quantity, now_ms, kind, subject=day)
            for (hospital, meter, kind, day), quantity in sorted(counts.items())
        ]
