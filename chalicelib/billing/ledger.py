"""The ledger: one line per billable fact, per hospital a chain of hashes, never changed (D10, docs/adr/0004).

A fact is keyed by what happened (hospital, study, event), not by the delivery that told of it. Its line belongs to
the month in which it was recorded: what comes late falls into the next invoice and a closed month stays closed.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

from chalicelib.errors import Unavailable

EXAM_ARCHIVED = "exam archived"
FIRST_PREVIOUS_HASH = "0" * 64
ATTEMPTS = 12


@dataclass(frozen=True)
class Fact:
    """A billable fact."""

    hospital: str
    event: str
    study_instance_uid: str
    accession_number: str
    event_time_ms: int
    """When it happened, milliseconds since the epoch."""
    modalities: str = ""
    """Values of Modality of the exam, sorted and with `\\` between them; prices depend on them."""

    @property
    def key(self) -> str:
        """What makes it the same fact."""
        return f"{self.hospital}|{self.study_instance_uid}|{self.event}"


@dataclass(frozen=True)
class Line:
    """A line of a hospital's ledger; times are RFC 3339 in UTC with milliseconds."""

    seq: int
    """Counted from 1 without gaps."""
    event: str
    study_instance_uid: str
    accession_number: str
    hospital: str
    event_time: str
    recorded_at: str
    hash: str
    """SHA-256 (hex) over the canonical JSON of every other field."""
    previous_hash: str
    modalities: str = ""
    """As in the fact; no part of the JSON when there are none."""

    @property
    def period(self) -> str:
        """Month of recording in Paris, `YYYY-MM`."""
        from zoneinfo import ZoneInfo

        return datetime.fromisoformat(self.recorded_at).astimezone(ZoneInfo("Europe/Paris")).strftime("%Y-%m")


@dataclass(frozen=True)
class Usage:
    """A number of alike facts."""

    event: str
    modalities: tuple[str, ...] = ()
    quantity: int = 1


@dataclass(frozen=True)
class Head:
    """The end of a hospital's chain."""

    seq: int = 0
    hash: str = FIRST_PREVIOUS_HASH
    recorded_at: str = ""


class Ledger(Protocol):
    """Where lines are kept. `errors.Unavailable` when it does not answer."""

    def head(self, hospital: str) -> Head:
        """The end of the chain, read consistently."""

    def line_of_fact(self, hospital: str, study_instance_uid: str, event: str) -> Line | None:
        """The line of a fact."""

    def append(self, line: Line) -> bool:
        """Write a line and move the head, both or none; False when the head is elsewhere or the fact has a line."""

    def lines(self, hospital: str, after_seq: int = 0, last_seq: int | None = None) -> Iterator[Line]:
        """Lines in order, read consistently."""

    def period(self, hospital: str, period: str) -> tuple[int, int] | None:
        """First and last seq of a month, None when nothing was recorded in it."""

    def close(self, hospital: str, period: str) -> None:
        """Nothing is recorded in that month any more, however late a writer is: it comes into a later one."""

    def usage(self, hospital: str, period: str) -> list[Usage]:
        """What was recorded in a month, counted when each line was written: one read, however many lines."""


def append(ledger: Ledger, fact: Fact) -> tuple[Line, bool]:
    """Record a fact once; return its line and whether it is new. Safe to repeat and to run concurrently.

    Raises
    ------
    errors.Unavailable
        If others kept moving the head, or the service does not answer.
    """
    for attempt in range(ATTEMPTS):
        known = ledger.line_of_fact(fact.hospital, fact.study_instance_uid, fact.event)
        if known is not None:
            return known, False
        line = next_line(ledger.head(fact.hospital), fact, int(time.time() * 1000))
        if ledger.append(line):
            return line, True
        time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 6)))  # noqa: S311 - jitter
    raise Unavailable("The ledger is busy.")


def next_line(head: Head, fact: Fact, now_ms: int) -> Line:
    """The line that follows the head; its time never precedes the line before."""
    content = {
        "seq": head.seq + 1,
        "event": fact.event,
        "study_instance_uid": fact.study_instance_uid,
        "accession_number": fact.accession_number,
        "hospital": fact.hospital,
        "event_time": _rfc3339(fact.event_time_ms),
        "recorded_at": max(_rfc3339(now_ms), head.recorded_at),
        "previous_hash": head.hash,
        **({"modalities": fact.modalities} if fact.modalities else {}),
    }
    return Line(hash=digest(content), **content)  # type: ignore[arg-type]


def digest(content: dict[str, object]) -> str:
    """SHA-256 of the canonical JSON (sorted keys, no spaces, ASCII) of a line without its hash."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def modality_values(modalities: str) -> tuple[str, ...]:
    """Values of Modality of a fact or line.

    >>> modality_values("CT\\\\SR"), modality_values("")
    (('CT', 'SR'), ())
    """
    return tuple(modalities.split("\\")) if modalities else ()


def to_json(line: Line) -> dict[str, object]:
    """A line as the API shows it."""
    values = asdict(line)
    if not line.modalities:
        del values["modalities"]
    return values


def _rfc3339(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
