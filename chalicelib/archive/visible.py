"""Look-ups within a session's scope: what is not visible is not found (D9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from chalicelib.archive.model import DicomJson, InstanceRecord, SeriesRecord, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.restricted import reader_within, row_of
from chalicelib.archive.scope import Scope
from chalicelib.dicom.uid import is_valid
from chalicelib.errors import BadRequest, Conflict, NotFound, TooMuch

PATIENT_ID = "00100020"
ISSUER_OF_PATIENT_ID = "00100021"

T = TypeVar("T")


def _check_uids(*uids: str) -> None:
    if not all(is_valid(uid) for uid in uids):
        raise BadRequest("The path names something that is not a UID.")


def _first_value(dataset: DicomJson, tag: str) -> str:
    values = dataset.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _only(found: Iterable[T | None], hospital_of: Callable[[T], str], what: str) -> T:
    """What one hospital of the scope has.

    Raises
    ------
    NotFound
        If none has it.
    Conflict
        If several do, which they may (D3): the caller says whose is meant.
    """
    visible = [each for each in found if each is not None]
    if not visible:
        raise NotFound(f"There is no such {what}.")
    if len(visible) > 1:
        hospitals = ", ".join(sorted(map(hospital_of, visible)))
        raise Conflict(f"Several hospitals have that {what}: name one of {hospitals} by the query parameter hospital.")
    return visible[0]


def visible_study(reader: IndexReader, scope: Scope, study_instance_uid: str) -> StudyRecord:
    """The study of that hospital of the scope which has it, where the scope permits it.

    Raises
    ------
    NotFound
        If there is none, or none that may be seen: callers cannot tell the two apart.
    Conflict
        If several hospitals have one that may be seen.
    BadRequest
        If the UID is malformed.
    """
    _check_uids(study_instance_uid)
    reader = reader_within(reader, scope)
    found = (_permitted(reader, scope, hospital, study_instance_uid) for hospital in scope.candidate_hospitals())
    return _only(found, lambda study: study.hospital, "study")


def _permitted(reader: IndexReader, scope: Scope, hospital: str, study_instance_uid: str) -> StudyRecord | None:
    study = reader.study(hospital, study_instance_uid)
    ids = (study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID)) if study else ("", "")
    return study if study and scope.permits(hospital, study_instance_uid, *ids) else None


def _hospitals(reader: IndexReader, scope: Scope, study_instance_uid: str) -> Iterator[str]:
    """Hospitals where a study may be seen: its own row decides for all in it; a whole hospital needs no look."""
    for hospital in scope.candidate_hospitals():
        is_named = bool(scope.shared and scope.shares_of(hospital, study_instance_uid))
        if hospital in scope.hospitals or is_named or _is_held(reader, scope, hospital, study_instance_uid):
            yield hospital


def _is_held(reader: IndexReader, scope: Scope, hospital: str, study_instance_uid: str) -> bool:
    """Whether the scope holds a study; what is kept back of it is missing below it, and need not be counted."""
    row = row_of(reader, hospital, study_instance_uid)
    return row is not None and scope.permits(
        hospital, study_instance_uid, row.value(PATIENT_ID), row.value(ISSUER_OF_PATIENT_ID)
    )


def visible_series(
    reader: IndexReader, scope: Scope, study_instance_uid: str, series_instance_uid: str
) -> SeriesRecord:
    """A series of a visible study; raises as `visible_study`."""
    _check_uids(study_instance_uid, series_instance_uid)
    reader = reader_within(reader, scope)
    hospitals = _hospitals(reader, scope, study_instance_uid)
    found = (reader.series(hospital, study_instance_uid, series_instance_uid) for hospital in hospitals)
    return _only(found, lambda series: series.hospital, "series")


def visible_instance(
    reader: IndexReader, scope: Scope, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str
) -> InstanceRecord:
    """An instance by one read of the index for each hospital of the scope, two where it is of patients.

    Raises as `visible_study`.
    """
    uids = (study_instance_uid, series_instance_uid, sop_instance_uid)
    _check_uids(*uids)
    reader = reader_within(reader, scope)
    found = (reader.instance(hospital, *uids) for hospital in _hospitals(reader, scope, study_instance_uid))
    return _only(found, lambda record: record.keys.hospital, "instance")


def representative_instance(
    reader: IndexReader, scope: Scope, study_instance_uid: str, series_instance_uid: str = ""
) -> InstanceRecord:
    """An instance with pixel data from the middle of a series, or of the study's first series that has some.

    Raises
    ------
    NotFound
        If nothing is visible there or nothing has pixel data.
    """
    reader = reader_within(reader, scope)
    if series_instance_uid:
        all_series = iter([visible_series(reader, scope, study_instance_uid, series_instance_uid)])
    else:
        study = visible_study(reader, scope, study_instance_uid)
        all_series = reader.series_of_study(study.hospital, study_instance_uid)
    for series in all_series:
        record = _representative(reader, series)
        if record:
            return record
    raise NotFound("There is no picture to show.")


def _representative(reader: IndexReader, series: SeriesRecord) -> InstanceRecord | None:
    """What was recorded when the series was quiet; looked for while it is not."""
    recorded = series.representative_sop_instance_uid
    if recorded:
        uids = (series.hospital, series.study_instance_uid, series.series_instance_uid, recorded)
        if record := reader.instance(*uids):
            return record
    elif recorded == "" and series.metadata_instance_count == series.instance_count:
        return None
    return _middle_picture(reader, series)


class Pictures:
    """Instances of a series that have pixel data."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def seen(self, record: InstanceRecord) -> InstanceRecord:
        """Take an instance into account; the same instance."""
        if record.number_of_frames:
            self._found.append((_instance_number(record), record.keys.sop_instance_uid))
        return record

    def __bool__(self) -> bool:
        return bool(self._found)

    def middle(self) -> str:
        """SOP Instance UID of the one in the middle by Instance Number, "" when there is none."""
        return sorted(self._found)[len(self._found) // 2][1] if self._found else ""


def pictures_of_series(
    reader: IndexReader, scope: Scope, study_instance_uid: str, series_instance_uid: str, limit: int
) -> list[InstanceRecord]:
    """Instances of a series that have pixel data, by Instance Number; raises as `visible_study`.

    Raises
    ------
    TooMuch
        If the series has more than `limit` instances.
    """
    reader = reader_within(reader, scope)
    return _pictures(reader, visible_series(reader, scope, study_instance_uid, series_instance_uid), limit)


def pictures_of_study(reader: IndexReader, scope: Scope, study_instance_uid: str, limit: int) -> list[InstanceRecord]:
    """Instances of a study that have pixel data, series by series; raises as `pictures_of_series`."""
    reader = reader_within(reader, scope)
    study = visible_study(reader, scope, study_instance_uid)
    if study.instance_count > limit:
        raise _too_many(study.instance_count, limit)
    all_series = reader.series_of_study(study.hospital, study_instance_uid)
    return [record for series in all_series for record in _pictures(reader, series, limit)]


def _pictures(reader: IndexReader, series: SeriesRecord, limit: int) -> list[InstanceRecord]:
    if series.instance_count > limit:
        raise _too_many(series.instance_count, limit)
    records = reader.instances_of_series(series.hospital, series.study_instance_uid, series.series_instance_uid)
    found = [record for record in records if record.number_of_frames]
    return sorted(found, key=lambda record: (_instance_number(record), record.keys.sop_instance_uid))


def _too_many(count: int, limit: int) -> TooMuch:
    return TooMuch(f"There are {count} instances; one answer shows {limit} pictures. Ask for instances or frames.")


def _middle_picture(reader: IndexReader, series: SeriesRecord) -> InstanceRecord | None:
    """The instance in the middle by Instance Number; None if the first has no pixel data, for then none has.

    Numbers usually run from 1, so that the middle one is recognized and reading stops there.
    """
    uids = (series.hospital, series.study_instance_uid, series.series_instance_uid)
    middle = (series.instance_count + 1) // 2
    pictures = Pictures()
    for record in reader.instances_of_series(*uids):
        if record.number_of_frames:
            if _instance_number(record) == middle:
                return record
            pictures.seen(record)
        elif not pictures:
            return None
    sop_instance_uid = pictures.middle()
    return reader.instance(*uids, sop_instance_uid) if sop_instance_uid else None


def _instance_number(record: InstanceRecord) -> int:
    text = _first_value(record.dicom_json, "00200013")
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,12}", text) else 0
