"""How a search finds the studies that may match: by the cheapest access path that its conditions allow (docs/adr/0013).

Every path yields studies newest first and reads a page at a time, so that a page of answers costs what it costs
however many studies a hospital has.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from chalicelib.archive.levels import date_key
from chalicelib.archive.model import DicomJson, Posting, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import Scope
from chalicelib.archive.search_terms import ANY, MODALITY_TAGS, PATIENT_NAME, Terms, required_terms
from chalicelib.dicom.date_times import range_bounds
from chalicelib.dicom.matching import Condition, DateTimeCondition, EmptyCondition
from chalicelib.errors import TooMuch

if TYPE_CHECKING:
    from chalicelib.archive.search import SearchRequest

MOST_UIDS = 1000
"""That a search may name."""
MAXIMUM_STUDIES_READ = 5000
"""Studies that one search may read from the index."""
MAXIMUM_POSTINGS_READ = 20_000
"""Entries of lists that one search may read; one has about 150 bytes, a study's row about 1,000."""
PROBED = 50
"""Entries by which lists are compared."""
LARGEST_PAGE = 100

Path = Callable[[str], Iterator[StudyRecord]]
T = TypeVar("T")


@dataclass
class Budget:
    """Counts what a search reads, so that it stops before it reads too much."""

    left: int
    what: str

    def spend(self, items: Iterable[T]) -> Iterator[T]:
        """The items, as long as there is something left; `errors.TooMuch` with advice then."""
        for item in items:
            if self.left == 0:
                raise TooMuch(
                    f"Answering would read too many {self.what}. Narrow the search by StudyDate, PatientID, "
                    "AccessionNumber, StudyInstanceUID, ModalitiesInStudy or at least 3 letters of PatientName."
                )
            self.left -= 1
            yield item


def candidate_studies(
    reader: IndexReader, scope: Scope, request: SearchRequest, maximum_read: int
) -> Iterator[StudyRecord]:
    """Visible studies that may match, newest first, each once; all that do are among them.

    Raises `errors.TooMuch` when more than `maximum_read` studies were looked at.
    """
    budget = Budget(maximum_read, "studies")
    path = _access_path(reader, request)
    sources = [
        budget.spend(path(hospital) if hospital in scope.hospitals else _granted(reader, scope, hospital))
        for hospital in scope.candidate_hospitals()
    ]
    seen: set[tuple[str, str]] = set()
    for study in heapq.merge(*sources, key=_date_key, reverse=True) if len(sources) > 1 else chain(*sources):
        name = (study.hospital, study.study_instance_uid)
        visible = scope.permits(*name, study.value("00100020"), study.value("00100021"))
        if visible and name not in seen and request.study_instance_uid in ("", study.study_instance_uid):
            seen.add(name)
            yield study


def _date_key(study: StudyRecord) -> str:
    return date_key(study.attributes, study.study_instance_uid)


def _sorted(studies: Iterable[StudyRecord]) -> Iterator[StudyRecord]:
    return iter(sorted(studies, key=_date_key, reverse=True))


def _granted(reader: IndexReader, scope: Scope, hospital: str) -> Iterator[StudyRecord]:
    """Studies of the patients, and the single studies, that the scope names at a hospital."""
    studies = [
        study
        for patient in scope.patients
        if patient.hospital == hospital
        for study in reader.studies_by_patient_id(hospital, patient.patient_id)
    ]
    single = ((s.hospital, s.study_instance_uid) for one in (scope.studies, scope.shared) for s in one)
    uids = dict.fromkeys(uid for where, uid in single if where == hospital)
    return _sorted([*studies, *reader.studies(hospital, uids)])


def _access_path(reader: IndexReader, request: SearchRequest) -> Path:
    exact = {
        condition.path[0].keyword: condition.text
        for condition in request.conditions
        if len(condition.path) == 1 and not condition.is_universal and not isinstance(condition, EmptyCondition)
    }
    by_uid = _path_by_uid(reader, request, exact)
    if by_uid:
        return by_uid
    for keyword, look_up in (
        ("PatientID", reader.studies_by_patient_id),
        ("AccessionNumber", reader.studies_by_accession_number),
    ):
        value = exact.get(keyword, "").strip()
        if value and not set(value) & set("*?\\"):
            return partial(_with_value, look_up, value)
    first, last = _dates(request)
    required = required_terms(request.conditions)
    if required:
        return partial(_studies_by_terms, reader, required, (first, last), request)
    page = _page(request)
    return lambda hospital: reader.studies_by_date(hospital, first, last, page)


def _with_value(
    look_up: Callable[[str, str], Iterator[StudyRecord]], value: str, hospital: str
) -> Iterator[StudyRecord]:
    return look_up(hospital, value)


def _page(request: SearchRequest) -> int:
    """Rows to read at once: what the answer takes where every row is an answer, else a full page."""
    listed = ("00080020", PATIENT_NAME, *MODALITY_TAGS)
    selective = [c for c in request.conditions if not c.is_universal and c.tag not in listed]
    return LARGEST_PAGE if selective else min(LARGEST_PAGE, request.offset + request.limit + 1)


def _dates(request: SearchRequest) -> tuple[str, str]:
    """Bounds of Study Date, "" for open; a key in another time zone is good for the days beside it."""
    for condition in request.conditions:
        if condition.path[0].keyword == "StudyDate" and len(condition.path) == 1 and not condition.is_universal:
            if isinstance(condition, EmptyCondition) or (isinstance(condition, DateTimeCondition) and condition.offset):
                return "", ""
            first, last = range_bounds("DA", condition.text)
            return first and first.ljust(8, "0"), last and last.ljust(8, "9")
    return "", ""


# By UID -----------------------------------------------------------------------------------------------------------


def _path_by_uid(reader: IndexReader, request: SearchRequest, exact: dict[str, str]) -> Path | None:
    if request.study_instance_uid:
        return lambda hospital: _sorted(s for s in [reader.study(hospital, request.study_instance_uid)] if s)
    if (studies := uid_list(exact.get("StudyInstanceUID"))) is not None:
        return lambda hospital: _sorted(reader.studies(hospital, studies))
    if (series := uid_list(exact.get("SeriesInstanceUID"))) is not None:
        return lambda hospital: _sorted(
            reader.studies(hospital, dict.fromkeys(chain(*(reader.studies_of_series(hospital, uid) for uid in series))))
        )
    if (instances := uid_list(exact.get("SOPInstanceUID"))) is not None:
        return lambda hospital: _sorted(
            reader.studies(hospital, dict.fromkeys(
                found.keys.study_instance_uid for found in reader.objects_of_instances(hospital, instances).values()
            ))
        )  # fmt: skip
    return None


def uid_list(text: str | None) -> list[str] | None:
    """UIDs of a key, None without one.

    Raises
    ------
    errors.TooMuch
        If it names more than a search may.
    """
    if text is None:
        return None
    uids = list(dict.fromkeys(uid.strip() for uid in re.split(r"[\\,]", text) if uid.strip()))
    if len(uids) > MOST_UIDS:
        raise TooMuch(f"A search names at most {MOST_UIDS} UIDs.")
    return uids


# By term ----------------------------------------------------------------------------------------------------------


def _studies_by_terms(
    reader: IndexReader, required: list[Terms], dates: tuple[str, str], request: SearchRequest, hospital: str
) -> Iterator[StudyRecord]:
    """Studies of the rarest of the lists that the conditions require, read as they are taken."""
    names = [condition for condition in request.conditions if condition.path[0].tag == PATIENT_NAME]

    def listed(terms: Terms) -> Iterator[Posting]:
        return _merged([reader.postings(hospital, term, *dates, LARGEST_PAGE) for term in terms])

    budget = Budget(MAXIMUM_POSTINGS_READ, "studies with that name or modality")
    walk = _merged([_rarest([listed(terms) for terms in required]), listed((ANY,))])
    may_match = (posting for posting in budget.spend(walk) if _name_may_match(posting, names))
    page = _page(request)
    while batch := list(islice(may_match, page)):
        places = {posting.date_key for posting in batch}
        for study in reader.studies(hospital, dict.fromkeys(posting.study_instance_uid for posting in batch), page):
            # A list may have the study at a date that it had before.
            if _date_key(study) in places:
                yield study


def _merged(lists: list[Iterator[Posting]]) -> Iterator[Posting]:
    """Lists as one, newest first."""
    return heapq.merge(*lists, key=attrgetter("date_key"), reverse=True) if len(lists) > 1 else lists[0]


def _name_may_match(posting: Posting, conditions: Iterable[Condition]) -> bool:
    if posting.name is None:
        return True
    row: DicomJson = {PATIENT_NAME: {"vr": "PN", "Value": [posting.name]}}
    return all(condition.matches(row) for condition in conditions)


def _rarest(lists: list[Iterator[Posting]]) -> Iterator[Posting]:
    """The list with the fewest studies: a short one, else that whose first entries reach back furthest."""
    if len(lists) == 1:
        return lists[0]
    heads = [list(islice(each, PROBED)) for each in lists]

    def rarity(index: int) -> tuple[bool, int, str]:
        head = heads[index]
        return (len(head) == PROBED, len(head), head[-1].date_key if head else "")

    rarest = min(range(len(lists)), key=rarity)
    return chain(heads[rarest], lists[rarest])
