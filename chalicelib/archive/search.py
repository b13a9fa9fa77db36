"""Search transaction (QIDO-RS, PS3.18 10.6; C-FIND, PS3.4 C.4.1)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TypeVar

from chalicelib.archive import search_results
from chalicelib.archive.model import DicomJson, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import Scope
from chalicelib.archive.search_results import Level, level_of
from chalicelib.dicom.matching import Condition, name_words, range_bounds
from chalicelib.dicom.names import TOKEN_LENGTH, fold
from chalicelib.errors import BadRequest, TooMuch

MAXIMUM_RESULTS = 1000
"""Results per answer; a Warning tells the caller that there are more (PS3.18 8.3.4.4.1)."""
MAXIMUM_STUDIES_READ = 5000
"""Studies that one search may read from the index."""
MAXIMUM_INSTANCES_READ = 20_000
NAME_PREFIX_LENGTH = 3
"""Shortest beginning of a name that the index can look up."""

T = TypeVar("T")


@dataclass(frozen=True)
class SearchRequest:
    """A search, parsed: `web/qido_rs.py` and C-FIND build it."""

    level: Level
    study_instance_uid: str = ""
    """Parent named by the resource, "" for none."""
    series_instance_uid: str = ""
    conditions: tuple[Condition, ...] = ()
    include_tags: frozenset[str] = frozenset()
    include_all: bool = False
    limit: int = MAXIMUM_RESULTS
    offset: int = 0


@dataclass(frozen=True)
class SearchResult:
    """Matches in stable order: studies newest first, series and instances by UID within them."""

    matches: list[DicomJson] = field(default_factory=list)
    is_complete: bool = True
    """False when more matches exist after those returned."""


@dataclass
class _Budget:
    """Counts what a search reads, so that it stops before it reads too much."""

    left: int
    what: str

    def spend(self, items: Iterable[T]) -> Iterator[T]:
        for item in items:
            if self.left == 0:
                raise TooMuch(
                    f"Answering would read too many {self.what}. Narrow the search by StudyDate, PatientID, "
                    f"AccessionNumber, StudyInstanceUID or at least {NAME_PREFIX_LENGTH} letters of PatientName."
                )
            self.left -= 1
            yield item


def _most_read(maximum: int, limit: int) -> int:
    """Rows that a search may read; a caller that streams more results than a page holds may read more."""
    return maximum if limit <= MAXIMUM_RESULTS else max(maximum, 2 * limit)


def search(reader: IndexReader, scope: Scope, request: SearchRequest, base_url: str) -> SearchResult:
    """Search transaction (PS3.18 10.6): what matches within the session's scope, a page of it.

    `base_url` is the DICOMweb base, for Retrieve URL. Raises as `find`.
    """
    matches = find(reader, scope, request, base_url)
    page = list(islice(matches, request.offset, request.offset + request.limit + 1))
    return SearchResult(page[: request.limit], len(page) <= request.limit)


def find(reader: IndexReader, scope: Scope, request: SearchRequest, base_url: str = "") -> Iterator[DicomJson]:
    """Search transaction (PS3.18 10.6; C-FIND, PS3.4 C.4.1) as a stream: every match as it is read from the index.

    Limit and offset are the caller's. Nothing is read before the first match is asked for.

    Raises
    ------
    BadRequest
        If a condition cannot be matched at the level asked for.
    TooMuch
        If the answer would take too much reading; the message says how to narrow the search.
    """
    by_level = _split_conditions(request)
    studies = _matching_studies(reader, scope, request, by_level)
    if request.level is Level.STUDY:
        return (search_results.study_result(study, request, base_url) for study in studies)
    if request.level is Level.SERIES:
        return _series(reader, studies, request, by_level[Level.SERIES], base_url)
    return _instances(reader, studies, request, by_level, base_url)


def find_studies(reader: IndexReader, scope: Scope, request: SearchRequest) -> Iterator[StudyRecord]:
    """Studies that match a request of level study, newest first, as records. Raises as `find`."""
    return _matching_studies(reader, scope, request, _split_conditions(request))


def _matching_studies(
    reader: IndexReader, scope: Scope, request: SearchRequest, by_level: dict[Level, list[Condition]]
) -> Iterator[StudyRecord]:
    candidates = _candidate_studies(reader, scope, request)
    return (study for study in candidates if _all_match(by_level[Level.STUDY], _row(study)))


def _row(study: StudyRecord) -> DicomJson:
    return search_results.study_attributes(study)


def _all_match(conditions: Sequence[Condition], dataset: DicomJson) -> bool:
    return all(condition.matches(dataset) for condition in conditions)


def _split_conditions(request: SearchRequest) -> dict[Level, list[Condition]]:
    """Each condition goes to the highest level whose rows hold the attribute, so that lower rows are read less."""
    split: dict[Level, list[Condition]] = {level: [] for level in Level}
    for condition in request.conditions:
        level = level_of(condition.tag)
        if request.level is Level.STUDY and level is not Level.STUDY:
            raise BadRequest(f"{condition.path[0].keyword or condition.tag} cannot be matched in a search for studies.")
        if request.level is Level.SERIES and level is Level.INSTANCE:
            raise BadRequest(f"{condition.path[0].keyword or condition.tag} cannot be matched in a search for series.")
        split[level].append(condition)
    return split


# Access path to studies -------------------------------------------------------------------------------------------


def _candidate_studies(reader: IndexReader, scope: Scope, request: SearchRequest) -> Iterator[StudyRecord]:
    """Visible studies that may match, newest first, each once, by the cheapest access path that the request allows."""
    budget = _Budget(_most_read(MAXIMUM_STUDIES_READ, request.limit), "studies")
    path = _access_path(reader, request)
    sources = [
        budget.spend(path(hospital) if hospital in scope.hospitals else _granted(reader, scope, hospital))
        for hospital in scope.candidate_hospitals()
    ]
    seen: set[tuple[str, str]] = set()
    for study in heapq.merge(*sources, key=_newest_first, reverse=True):
        name = (study.hospital, study.study_instance_uid)
        visible = scope.permits(*name, study.value("00100020"), study.value("00100021"))
        if visible and name not in seen and request.study_instance_uid in ("", study.study_instance_uid):
            seen.add(name)
            yield study


def _newest_first(study: StudyRecord) -> tuple[str, str, str]:
    return (study.value("00080020"), study.value("00080030"), study.study_instance_uid)


def _sorted(studies: Iterable[StudyRecord]) -> Iterator[StudyRecord]:
    return iter(sorted(studies, key=_newest_first, reverse=True))


def _granted(reader: IndexReader, scope: Scope, hospital: str) -> Iterator[StudyRecord]:
    """Studies of the patients, and the single studies, that the scope names at a hospital."""
    studies = [
        study
        for patient in scope.patients
        if patient.hospital == hospital
        for study in reader.studies_by_patient_id(hospital, patient.patient_id)
    ]
    named = (reader.study(hospital, s.study_instance_uid) for s in scope.studies if s.hospital == hospital)
    return _sorted([*studies, *(study for study in named if study)])


def _access_path(reader: IndexReader, request: SearchRequest) -> Callable[[str], Iterator[StudyRecord]]:
    exact = {c.path[0].keyword: c.text for c in request.conditions if len(c.path) == 1 and not c.is_universal}
    uids = _study_instance_uids(request, exact)
    if uids is not None:
        wanted = uids
        return lambda hospital: _sorted(s for uid in wanted if (s := reader.study(hospital, uid)))
    for keyword, look_up in (
        ("PatientID", reader.studies_by_patient_id),
        ("AccessionNumber", reader.studies_by_accession_number),
    ):
        value = exact.get(keyword, "").strip()
        if value and not set(value) & set("*?"):
            return partial(_with_value, look_up, value)
    first, last = range_bounds("DA", exact["StudyDate"]) if "StudyDate" in exact else ("", "")
    prefix = _name_prefix(request)
    if prefix and not (first and first == last):
        budget = _Budget(MAXIMUM_STUDIES_READ, "studies of that name")
        return lambda hospital: _sorted(budget.spend(reader.studies_by_name_token(hospital, prefix)))
    first_date, last_date = first and first.ljust(8, "0"), last and last.ljust(8, "9")
    return lambda hospital: reader.studies_by_date(hospital, first_date, last_date)


def _with_value(
    look_up: Callable[[str, str], Iterator[StudyRecord]], value: str, hospital: str
) -> Iterator[StudyRecord]:
    return look_up(hospital, value)


def _study_instance_uids(request: SearchRequest, exact: dict[str, str]) -> list[str] | None:
    if request.study_instance_uid:
        return [request.study_instance_uid]
    text = exact.get("StudyInstanceUID")
    if text is None:
        return None
    uids = list(dict.fromkeys(uid.strip() for uid in text.replace("\\", ",").split(",") if uid.strip()))
    if len(uids) > MAXIMUM_RESULTS:
        raise TooMuch(f"A search names at most {MAXIMUM_RESULTS} Study Instance UIDs.")
    return uids


def _name_prefix(request: SearchRequest) -> str:
    """The longest beginning of a name component that the condition on Patient's Name requires, "" if too short."""
    for condition in request.conditions:
        if condition.path[0].keyword == "PatientName" and not condition.is_universal:
            words = name_words(condition.text) if condition.fuzzy else required_beginnings(condition.text)
            prefix = max(words, key=len, default="")[:TOKEN_LENGTH]
            return prefix if len(prefix) >= NAME_PREFIX_LENGTH else ""
    return ""


def required_beginnings(text: str) -> list[str]:
    """Folded beginnings that the components of a name must have to match a key: each up to its first wildcard.

    Nothing after `*` counts, which may run over the end of a component.

    >>> required_beginnings("Le Goff^J?an^*x")
    ['LEGOFF', 'J', '']
    """
    group = next((group for group in text.split("=") if group), "")
    return [fold(component.split("?")[0]) for component in group.split("*")[0].split("^")]


# Levels below -----------------------------------------------------------------------------------------------------


def _series(
    reader: IndexReader,
    studies: Iterable[StudyRecord],
    request: SearchRequest,
    conditions: Sequence[Condition],
    base_url: str,
) -> Iterator[DicomJson]:
    budget = _Budget(_most_read(MAXIMUM_INSTANCES_READ, request.limit), "series")
    for study in studies:
        for series in budget.spend(reader.series_of_study(study.hospital, study.study_instance_uid)):
            if _all_match(conditions, search_results.series_attributes(series)):
                yield search_results.series_result(study, series, request, base_url)


def _instances(
    reader: IndexReader,
    studies: Iterable[StudyRecord],
    request: SearchRequest,
    by_level: dict[Level, list[Condition]],
    base_url: str,
) -> Iterator[DicomJson]:
    budget = _Budget(_most_read(MAXIMUM_INSTANCES_READ, request.limit), "instances")
    for study in studies:
        for series in reader.series_of_study(study.hospital, study.study_instance_uid):
            if request.series_instance_uid not in ("", series.series_instance_uid):
                continue
            if not _all_match(by_level[Level.SERIES], search_results.series_attributes(series)):
                continue
            records = reader.instances_of_series(study.hospital, study.study_instance_uid, series.series_instance_uid)
            for record in budget.spend(records):
                if _all_match(by_level[Level.INSTANCE], record.dicom_json):
                    yield search_results.instance_result(study, series, record, request, base_url)
