"""Keeping documents back: who may mark what, and lift it (docs/adr/0027).

A hospital marks what it archived itself. A mark counts from the next request on; it is read with the study's index.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from datetime import time as day_time
from typing import Protocol
from zoneinfo import ZoneInfo

from chalicelib.access.model import Permission, Session
from chalicelib.archive.confidentiality import Kind, Mark, Target
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.ports import IndexReader, MarksReader
from chalicelib.archive.scope import Scope
from chalicelib.archive.visible import visible_instance, visible_series, visible_study
from chalicelib.errors import BadRequest, Conflict, NotAllowed, NotFound

MOST_LIVE = 50
"""Marks of a study: what is kept back is read with every request."""
MOST_ENDED = 50
"""Of a study, the newest; the audit trail knows them all."""
MOST_DAYS = 366
PARIS = ZoneInfo("Europe/Paris")


class Marks(MarksReader, Protocol):
    """Where marks are kept. `errors.Unavailable` when it does not answer."""

    def of_study(self, hospital: str, study_instance_uid: str) -> tuple[list[Mark], int]:
        """Every mark of a study, oldest first, and the revision that `put` takes."""

    def put(self, hospital: str, study_instance_uid: str, marks: Iterable[Mark], revision: int) -> None:
        """Replace the marks of a study if they have that revision (0: if it has none); else `errors.Conflict`."""


@dataclass(frozen=True)
class Wanted:
    """A mark that is asked for."""

    kind: Kind
    target: Target
    until: str = ""
    """Day (YYYY-MM-DD, in Paris) on which a delay ends by itself; "" for none."""
    announcer: str = ""


def study_of_hospital(reader: IndexReader, session: Session, study_instance_uid: str) -> StudyRecord:
    """A study of the session's own hospital.

    Raises
    ------
    errors.NotAllowed
        If the session's role marks nothing, or is of no hospital.
    errors.NotFound, errors.BadRequest
        As `visible.visible_study`.
    """
    if not session.may(Permission.MARK_DOCUMENTS) or not session.hospital:
        raise NotAllowed("Your role does not permit this.")
    return visible_study(reader, Scope(hospitals=(session.hospital,)), study_instance_uid)


def set_mark(marks: Marks, reader: IndexReader, session: Session, study: StudyRecord, wanted: Wanted) -> Mark:
    """Keep something of a study back; the mark.

    Raises
    ------
    errors.NotFound
        If the series or instance is not in the study.
    errors.BadRequest
        If the target or the day makes no sense.
    errors.Conflict
        If the same is marked already, too much is, or somebody else changed the marks meanwhile.
    """
    _check_target(reader, study, wanted.target)
    until = _end(wanted)
    now = int(time.time())
    known, revision = marks.of_study(study.hospital, study.study_instance_uid)
    live = [mark for mark in known if mark.is_live(now)]
    if any((mark.kind, mark.target) == (wanted.kind, wanted.target) for mark in live):
        raise Conflict("The same is marked so already: lift that first.")
    if len(live) >= MOST_LIVE:
        raise Conflict(f"A study has at most {MOST_LIVE} marks: mark all of it.")
    mark = Mark(
        mark_id=secrets.token_hex(8),
        kind=wanted.kind,
        target=wanted.target,
        set_by=session.subject,
        set_by_name=session.display_name,
        set_at=now,
        announcer=wanted.announcer.strip(),
        until=until,
    )
    marks.put(study.hospital, study.study_instance_uid, [*_kept(known, now), mark], revision)
    return mark


def live_mark(marks: Marks, study: StudyRecord, mark_id: str) -> Mark:
    """A mark of a study that keeps something back now.

    Raises
    ------
    errors.NotFound
        If there is none of that id, or it has ended.
    """
    known, _ = marks.of_study(study.hospital, study.study_instance_uid)
    found = next((mark for mark in known if mark.mark_id == mark_id and mark.is_live(time.time())), None)
    if found is None:
        raise NotFound("There is no such mark, or it has ended.")
    return found


def lift_mark(marks: Marks, session: Session, study: StudyRecord, mark_id: str) -> Mark:
    """End a mark: what it kept back is shown from the next request on. Raises as `live_mark` and `set_mark`."""
    known, revision = marks.of_study(study.hospital, study.study_instance_uid)
    found = live_mark(marks, study, mark_id)
    now = int(time.time())
    lifted = replace(found, lifted_by_name=session.display_name, lifted_at=now)
    changed = [lifted if mark.mark_id == mark_id else mark for mark in known]
    marks.put(study.hospital, study.study_instance_uid, _kept(changed, now), revision)
    return lifted


def _kept(marks: Iterable[Mark], now: int) -> list[Mark]:
    """Those that are live, and as many of the others as a study remembers."""
    marks = list(marks)
    ended = {mark.mark_id for mark in [mark for mark in marks if not mark.is_live(now)][:-MOST_ENDED]}
    return [mark for mark in marks if mark.mark_id not in ended]


def _check_target(reader: IndexReader, study: StudyRecord, target: Target) -> None:
    scope = Scope(hospitals=(study.hospital,))
    if target.reports and target.series_instance_uid:
        raise BadRequest("Mark either the reports or a series.")
    if target.sop_instance_uid:
        if not target.series_instance_uid:
            raise BadRequest("Name the series of the instance.")
        visible_instance(reader, scope, study.study_instance_uid, target.series_instance_uid, target.sop_instance_uid)
    elif target.series_instance_uid:
        visible_series(reader, scope, study.study_instance_uid, target.series_instance_uid)


def _end(wanted: Wanted) -> int:
    """When a delay ends by itself, seconds since the epoch; 0: it does not."""
    if not wanted.until:
        return 0
    if wanted.kind is not Kind.DELAYED:
        raise BadRequest("Only a delay ends by itself: masking is lifted.")
    try:
        day = date.fromisoformat(wanted.until)
    except ValueError as error:
        raise BadRequest("until: the day is written YYYY-MM-DD.") from error
    today = datetime.now(PARIS).date()
    if not 0 < (day - today).days <= MOST_DAYS:
        raise BadRequest(f"until: a day from tomorrow on, {MOST_DAYS} days ahead at most.")
    return int(datetime.combine(day, day_time(), PARIS).timestamp())
