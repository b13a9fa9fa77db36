"""Marks that keep documents back: until they are announced, from others than the author's hospital, from proxies.

Two are the DMP's confidentiality codes INVISIBLE_PATIENT and MASQUE_PS (1.2.250.1.213.1.1.4.13); docs/adr/0027.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

DOCUMENT_MODALITIES = frozenset({"SR", "DOC"})
"""Series of these hold reports and documents alone."""
_DOCUMENT_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.")
"""Structured reports and key object selections; encapsulated documents (PS3.4 B.5)."""


def is_document(sop_class_uid: str, modality: str = "") -> bool:
    """Whether an instance is a report or document.

    >>> is_document("1.2.840.10008.5.1.4.1.1.104.1", "OT"), is_document("1.2.840.10008.5.1.4.1.1.2", "CT")
    (True, False)
    """
    return modality in DOCUMENT_MODALITIES or sop_class_uid.startswith(_DOCUMENT_CLASSES)


class Kind(Enum):
    """From whom a document is kept back."""

    DELAYED = "delayed"
    """From the patient, and whoever sees by the patient's links, before it was announced (INVISIBLE_PATIENT)."""
    MASKED = "masked"
    """From professionals of other places than the hospital that it comes from, and from every share (MASQUE_PS)."""
    PRIVATE = "private"
    """From those who act for the patient, and all to whom they could give it: a minor's right to secrecy (CSP art.
    L1111-5, docs/adr/0035)."""


@dataclass(frozen=True)
class Target:
    """What of a study a mark is about; by default all of it."""

    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    """An instance of that series; "" for all of them."""
    reports: bool = False
    """Every report and document of the study, those that come later too (`is_document`)."""

    @property
    def is_study(self) -> bool:
        """Whether it is all of the study."""
        return not (self.series_instance_uid or self.reports)


@dataclass(frozen=True)
class Mark:
    """Something of a study is kept back. Times are seconds since the epoch."""

    mark_id: str
    kind: Kind
    target: Target
    set_by: str
    """Subject of the session."""
    set_by_name: str
    set_at: int
    announcer: str = ""
    """Who is going to tell the patient, in the words of whoever set it."""
    until: int = 0
    """It ends by itself then; 0: it has to be lifted."""
    lifted_by_name: str = ""
    lifted_at: int = 0

    def is_live(self, now: float) -> bool:
        """Whether it keeps anything back."""
        return not self.lifted_at and (not self.until or now < self.until)


@dataclass(frozen=True)
class Part:
    """What a ground of access (a scope, or a share) gives of a study once marks are taken into account."""

    series: tuple[str, ...] = ()
    """Empty: every series."""
    reports: bool = True
    download: bool = True
    without_series: frozenset[str] = field(default_factory=frozenset)
    without_instances: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Series and SOP Instance UIDs."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the study is kept back."""
        return self.reports and not (self.series or self.without_series or self.without_instances)

    def names(self, series_uid: str) -> bool:
        """Whether it gives anything of a series."""
        return (not self.series or series_uid in self.series) and series_uid not in self.without_series

    def gives_instances(self, series_uid: str) -> bool:
        """Whether it gives every instance of a series that it names, reports apart."""
        return all(series != series_uid for series, _ in self.without_instances)

    def gives(self, uids: tuple[str, str], sop_class_uid: str, modality: str) -> bool:
        """Whether it gives an instance; `uids` are series and SOP instance."""
        is_kept = uids in self.without_instances or (not self.reports and is_document(sop_class_uid, modality))
        return self.names(uids[0]) and not is_kept

    def covers(self, other: Part, series_uid: str) -> bool:
        """Whether it gives all that another gives of a series."""
        mine, others = ({sop for s, sop in each.without_instances if s == series_uid} for each in (self, other))
        return self.names(series_uid) and (self.reports or not other.reports) and mine <= others


def part_left(
    marks: Iterable[Mark],
    sees: Iterable[Kind],
    series: tuple[str, ...] = (),
    *,
    reports: bool = True,
    download: bool = True,
) -> Part | None:
    """What is left of a ground of access that sees through some marks; None if that is nothing.

    >>> part_left([Mark("1", Kind.MASKED, Target(), "u", "U", 0)], ())
    >>> part_left([Mark("1", Kind.MASKED, Target(reports=True), "u", "U", 0)], ()).reports
    False
    """
    sees = frozenset(sees)
    kept = [mark.target for mark in marks if mark.kind not in sees]
    if any(target.is_study for target in kept):
        return None
    return Part(
        series,
        reports and not any(target.reports for target in kept),
        download,
        frozenset(t.series_instance_uid for t in kept if t.series_instance_uid and not t.sop_instance_uid),
        frozenset((t.series_instance_uid, t.sop_instance_uid) for t in kept if t.sop_instance_uid),
    )
