"""Who used what on which day: the input of allocation, whatever it is counted from (docs/adr/0032)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from chalicelib.archive.model import StudyRecord
from chalicelib.billing.ledger import Ledger, Line

EXAMS = "exams"
INSTANCES = "instances"
BYTES_IN = "bytes in"
BYTE_DAYS = "byte-days"
METERS = (EXAMS, INSTANCES, BYTES_IN, BYTE_DAYS)
DOCUMENT_MODALITIES = frozenset({"SR", "PR", "KO", "DOC", "SEG"})
NO_MODALITY = "OT"


@dataclass(frozen=True, order=True)
class Cell:
    """What cost is allocated to: a hospital's exams of a modality."""

    hospital: str
    modality: str


@dataclass(frozen=True)
class Used:
    """A quantity of a meter; quantities of the same cell, day and meter add up."""

    cell: Cell
    day: str
    """`YYYY-MM-DD`."""
    meter: str
    """One of the ledger's meters, or of `METERS`."""
    quantity: int


class UsageSource(Protocol):
    """Where usage is counted. `errors.Unavailable` when it does not answer."""

    def usage(self, hospitals: Sequence[str], period: str) -> Iterator[Used]:
        """Usage of a month, `YYYY-MM`, in any order."""


class StudySizes(Protocol):
    """What the index knows of the sizes of studies."""

    def studies(self, hospital: str, study_instance_uids: Iterable[str]) -> Iterator[StudyRecord]:
        """Records of those that are there, in any order."""


StoredBefore = Callable[[str, str], Mapping[str, int] | None]
"""Of a hospital and month."""


class LedgerUsage:
    """Usage from the lines of the ledger and the sizes that the index knows of their studies.

    Parameters
    ----------
    stored_before
        Bytes by modality that a hospital had stored before a month, because what was archived earlier is still stored;
        None where that is not known.
    """

    def __init__(
        self,
        ledger: Ledger,
        studies: StudySizes,
        stored_before: Callable[[str, str], Mapping[str, int] | None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._studies = studies
        self._stored_before = stored_before

    def usage(self, hospitals: Sequence[str], period: str) -> Iterator[Used]:
        """Usage of a month."""
        for hospital in hospitals:
            yield from self._of_hospital(hospital, period)

    def _of_hospital(self, hospital: str, period: str) -> Iterator[Used]:
        """The whole ledger is read once where nothing says what was stored before the month."""
        before = self._stored_before(hospital, period) if self._stored_before else None
        if before is None:
            return self.of_lines(hospital, period, self._ledger.lines(hospital), {})
        first, last = self._ledger.period(hospital, period) or (1, 0)
        return self.of_lines(hospital, period, self._ledger.lines(hospital, first - 1, last), before)

    def of_lines(
        self, hospital: str, period: str, lines: Iterable[Line], stored_before: Mapping[str, int]
    ) -> Iterator[Used]:
        """Usage of a month from its lines and what was stored before it, bytes by modality."""
        days = days_of(period)
        stored: dict[tuple[str, str], int] = defaultdict(int)
        for modality, size_bytes in stored_before.items():
            stored[modality, days[0]] += size_bytes
        for batch in _batches(lines):
            sizes = {each.study_instance_uid: each for each in self._studies.studies(hospital, _studies_of(batch))}
            for line in batch:
                day, cell = day_of(line), Cell(hospital, main_modality(line.modalities))
                if day > days[-1]:
                    continue
                study = sizes.get(line.study_instance_uid)
                if study is not None:
                    stored[cell.modality, max(day, days[0])] += study.size_bytes
                if day < days[0]:
                    continue
                yield Used(cell, day, EXAMS, 1)
                if study is not None:
                    yield Used(cell, day, INSTANCES, study.instance_count)
                    yield Used(cell, day, BYTES_IN, study.size_bytes)
        for modality in sorted({modality for modality, _ in stored}):
            size_bytes = 0
            for day in days:
                size_bytes += stored.get((modality, day), 0)
                if size_bytes:
                    yield Used(Cell(hospital, modality), day, BYTE_DAYS, size_bytes)


def main_modality(modalities: str) -> str:
    """The modality that an exam is counted under: its first that is not a document's.

    >>> main_modality("CT\\\\SR"), main_modality("PR\\\\SR"), main_modality("")
    ('CT', 'PR', 'OT')
    """
    values = modalities.split("\\") if modalities else [NO_MODALITY]
    return next((each for each in values if each not in DOCUMENT_MODALITIES), values[0])


def day_of(line: Line) -> str:
    """The day in Paris on which a line was recorded: months of the ledger are Paris's too."""
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(line.recorded_at).astimezone(ZoneInfo("Europe/Paris")).date().isoformat()


def days_of(period: str) -> list[str]:
    """Days of a month.

    >>> days_of("2026-02")[-1]
    '2026-02-28'
    """
    first = date.fromisoformat(f"{period}-01")
    following = (first + timedelta(days=31)).replace(day=1)
    return [(first + timedelta(days=each)).isoformat() for each in range((following - first).days)]


@dataclass(frozen=True)
class UsageTable:
    """Usage added up: by meter and day, and by meter over the month."""

    of_day: Mapping[tuple[str, str], Mapping[Cell, int]]
    of_month: Mapping[str, Mapping[Cell, int]]

    @classmethod
    def of(cls, used: Iterable[Used]) -> UsageTable:
        """Add up; the order says nothing."""
        of_day: dict[tuple[str, str], dict[Cell, int]] = defaultdict(lambda: defaultdict(int))
        of_month: dict[str, dict[Cell, int]] = defaultdict(lambda: defaultdict(int))
        for each in used:
            if each.quantity:
                of_day[each.meter, each.day][each.cell] += each.quantity
                of_month[each.meter][each.cell] += each.quantity
        return cls(of_day, of_month)


def _batches(lines: Iterable[Line], size: int = 100) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _studies_of(lines: Iterable[Line]) -> list[str]:
    return list(dict.fromkeys(line.study_instance_uid for line in lines))
