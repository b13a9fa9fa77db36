"""Counts of the ingest process: shown by its health endpoint, sent to CloudWatch as EMF lines on stdout."""

from __future__ import annotations

import threading
import time
from collections import Counter

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

LATENCIES_KEPT = 99
"""One EMF line holds at most 100 values of a metric."""


class Counts:
    """Counts since the start. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total: Counter[str] = Counter()
        self._sent: Counter[str] = Counter()
        self._latencies_ms: list[float] = []
        self._started = time.monotonic()

    def add(self, name: str, value: int = 1) -> None:
        """Add to a count, for example `received`, `stored`, `rejected`, `duplicates`, `bytes_received`."""
        with self._lock:
            self._total[name] += value

    def observe_latency_ms(self, value: float) -> None:
        """Remember how long a C-STORE took from the whole request to the response; a sample when there are many."""
        with self._lock:
            if len(self._latencies_ms) < LATENCIES_KEPT:
                self._latencies_ms.append(value)

    def snapshot(self) -> dict[str, int]:
        """Every count since the start, and `uptime_s`."""
        with self._lock:
            return {"uptime_s": int(time.monotonic() - self._started), **self._total}

    def send(self) -> None:
        """Print what was counted since the last call as CloudWatch metrics (Embedded Metric Format)."""
        with self._lock:
            difference = self._total - self._sent
            self._sent = self._total.copy()
            latencies, self._latencies_ms = self._latencies_ms, []
        if not difference:
            return
        metrics = EphemeralMetrics(namespace="SansFilm", service="scp")
        for name, value in difference.items():
            metrics.add_metric(name, MetricUnit.Bytes if name.startswith("bytes") else MetricUnit.Count, value)
        for latency in latencies:
            metrics.add_metric("store_latency_ms", MetricUnit.Milliseconds, latency)
        metrics.flush_metrics()
