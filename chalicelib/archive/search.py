"""Search transaction (QIDO-RS, PS3.18 10.6; C-FIND, PS3.4 C.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from chalicelib.archive import search_access, search_results
from chalicelib.archive.model import DicomJson, SeriesRecord, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import Scope
from chalicelib.archive.search_access import Budget, uid_list
from chalicelib.archive.search_results import Level, level_of
from chalicelib.dicom.matching import Condition
from chalicelib.errors import BadRequest

MAXIMUM_RESULTS = 1000
"""Results per answer; a Warning tells the caller that there are more (PS3.18 8.3.4.4.1)."""
MAXIMUM_INSTANCES_READ = 20_000


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
    names_hospital: bool = False
    """Retrieve URLs say whose study it is: of several hospitals, two may have the same UIDs (D3)."""


@dataclass(frozen=True)
class SearchResult:
    """Matches in stable order: studies newest first, series and instances by UID within them."""

    matches: list[DicomJson] = field(default_factory=list)
    is_complete: bool = True
    """False when more matches exist after those returned."""


def _most_read(maximum: int, limit: int) -> int:
    """Rows that a search may read; a caller that streams more results than a page holds may read more."""
    return maximum if limit <= MAXIMUM_RESULTS else max(maximum, 2 * limit)


def search(reader: IndexReader, scope: Scope, request: SearchRequest, base_url: str) -> SearchResult:
    """Search transaction (PS3.18 10.6): what matches within the session's scope, a page of it.

    `base_url` is the DICOMweb base, for Retrieve URL. Raises as `find`.
    """
    request = replace(request, names_hospital=len(scope.candidate_hospitals()) > 1)
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
    reader = reader_within(reader, scope)
    by_level = _split_conditions(request)
    studies = _matching_studies(reader, scope, request, by_level)
    if request.level is Level.STUDY:
        return (search_results.study_result(study, request, base_url) for study in studies)
    if request.level is Level.SERIES:
        return _series(reader, studies, request, by_level[Level.SERIES], base_url)
    return _instances(reader, studies, request, by_level, base_url)


def find_studies(reader: IndexReader, scope: Scope, request: SearchRequest) -> Iterator[StudyRecord]:
    """Studies that match a request of level study, newest first, as records. Raises as `find`."""
    return _matching_studies(reader_within(reader, scope), scope, request, _split_conditions(request))


def _matching_studies(
    reader: IndexReader, scope: Scope, request: SearchRequest, by_level: dict[Level, list[Condition]]
) -> Iterator[StudyRecord]:
    maximum_read = _most_read(search_access.MAXIMUM_STUDIES_READ, request.limit)
    candidates = search_access.candidate_studies(reader, scope, request, maximum_read)
    conditions = by_level[Level.STUDY]
    if not conditions:
        return candidates
    return (study for study in candidates if _all_match(conditions, search_results.study_attributes(study)))


def _all_match(conditions: Sequence[Condition], dataset: DicomJson) -> bool:
    return all(condition.matches(dataset) for condition in conditions)


def _split_conditions(request: SearchRequest) -> dict[Level, list[Condition]]:
    """Each condition goes to the highest level whose rows hold the attribute, so that lower rows are read less."""
    split: dict[Level, list[Condition]] = {level: [] for level in Level}
    for condition in request.conditions:
        if condition.is_universal:
            continue
        level = level_of(condition.tag)
        if request.level is Level.STUDY and level is not Level.STUDY:
            raise BadRequest(f"{condition.path[0].keyword or condition.tag} cannot be matched in a search for studies.")
        if request.level is Level.SERIES and level is Level.INSTANCE:
            raise BadRequest(f"{condition.path[0].keyword or condition.tag} cannot be matched in a search for series.")
        split[level].append(condition)
    return split


# Levels below -----------------------------------------------------------------------------------------------------


def _series(
    reader: IndexReader,
    studies: Iterable[StudyRecord],
    request: SearchRequest,
    conditions: Sequence[Condition],
    base_url: str,
) -> Iterator[DicomJson]:
    budget = Budget(_most_read(MAXIMUM_INSTANCES_READ, request.limit), "series")
    for study in studies:
        for series in budget.spend(_series_of(reader, study, request)):
            if _all_match(conditions, search_results.series_attributes(series)):
                yield search_results.series_result(study, series, request, base_url)


def _instances(
    reader: IndexReader,
    studies: Iterable[StudyRecord],
    request: SearchRequest,
    by_level: dict[Level, list[Condition]],
    base_url: str,
) -> Iterator[DicomJson]:
    budget = Budget(_most_read(MAXIMUM_INSTANCES_READ, request.limit), "instances")
    named = _named(request, "SOPInstanceUID")
    for study in studies:
        located = _located(reader, study, named)
        for series in _series_of(reader, study, request):
            if located is not None and series.series_instance_uid not in located:
                continue
            if not _all_match(by_level[Level.SERIES], search_results.series_attributes(series)):
                continue
            where = (series.hospital, series.study_instance_uid, series.series_instance_uid)
            if located is None:
                records = reader.instances_of_series(*where)
            else:
                found = (reader.instance(*where, uid) for uid in located[series.series_instance_uid])
                records = (record for record in found if record)
            for record in budget.spend(records):
                if _all_match(by_level[Level.INSTANCE], record.dicom_json):
                    yield search_results.instance_result(study, series, record, request, base_url)


def _located(reader: IndexReader, study: StudyRecord, named: list[str] | None) -> dict[str, list[str]] | None:
    """Series of a study to the SOP Instance UIDs in it that a request names; None if it names none."""
    if named is None:
        return None
    located: dict[str, list[str]] = {}
    for uid, found in sorted(reader.objects_of_instances(study.hospital, named).items()):
        if found.keys.study_instance_uid == study.study_instance_uid:
            located.setdefault(found.keys.series_instance_uid, []).append(uid)
    return located


def _named(request: SearchRequest, keyword: str) -> list[str] | None:
    """UIDs by which the request names series or instances, None if it does not."""
    keys = (c.text for c in request.conditions if len(c.path) == 1 and c.path[0].keyword == keyword and c.text)
    return uid_list(next(keys, None))


def _series_of(reader: IndexReader, study: StudyRecord, request: SearchRequest) -> Iterator[SeriesRecord]:
    """Series of a study that a request names, all if it names none, by Series Instance UID."""
    parent = [request.series_instance_uid] if request.series_instance_uid else None
    named = parent or _named(request, "SeriesInstanceUID")
    if named is None:
        return reader.series_of_study(study.hospital, study.study_instance_uid)
    found = (reader.series(study.hospital, study.study_instance_uid, uid) for uid in sorted(named))
    return (series for series in found if series)
