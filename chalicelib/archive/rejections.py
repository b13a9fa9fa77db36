"""Instances that were refused (PS3.4 B.2.3): their bytes are kept for 30 days under `rejected/`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from chalicelib.archive.model import ObjectHead
from chalicelib.archive.ports import ObjectStore

KEPT_DAYS = 30


def recent_rejections(objects: ObjectStore, hospital: str, today: date) -> Iterator[ObjectHead]:
    """Refused instances of a hospital with their metadata, latest day first; the caller stops when it has enough."""
    for age in range(KEPT_DAYS + 1):
        day = today - timedelta(days=age)
        listed = sorted(
            objects.list(f"rejected/{hospital}/{day.isoformat()}/"),
            key=lambda head: (-head.last_modified_ms, head.key),
        )
        for rejection in listed:
            head = objects.head(rejection.key)
            if head is not None:
                yield head
