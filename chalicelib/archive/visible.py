"""Look-ups within a session's scope: what is not visible is not found (D9)."""

from __future__ import annotations

import re

from chalicelib.archive.model import DicomJson, InstanceRecord, SeriesRecord, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import Scope
from chalicelib.dicom.uid import is_valid
from chalicelib.errors import BadRequest, NotFound

PATIENT_ID = "00100020"
ISSUER_OF_PATIENT_ID = "00100021"


def _check_uids(*uids: str) -> None:
    if not all(is_valid(uid) for uid in uids):
        raise BadRequest("The path names something that is not a UID.")


def _first_value(dataset: DicomJson, tag: str) -> str:
    values = dataset.get(tag, {}).get("Value") or [""]
    return str(values[0])


def visible_study(reader: IndexReader, scope: Scope, study_instance_uid: str) -> StudyRecord:
    """A study of the first of the scope's hospitals that has it and where the scope permits it.

    Raises
    ------
    NotFound
        If there is none, or none that may be seen: callers cannot tell the two apart.
    BadRequest
        If the UID is malformed.
    """
    _check_uids(study_instance_uid)
    for hospital in scope.candidate_hospitals():
        study = reader.study(hospital, study_instance_uid)
        if study and scope.permits(
            hospital, study_instance_uid, study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID)
        ):
            return study
    raise NotFound("There is no such study.")


def _study_is_visible(reader: IndexReader, scope: Scope, hospital: str, study_instance_uid: str) -> bool:
    """Whether a study may be seen: its own row decides for all that is in it; a whole hospital needs no look."""
    if hospital in scope.hospitals:
        return True
    study = reader.study(hospital, study_instance_uid)
    return study is not None and scope.permits(
        hospital, study_instance_uid, study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID)
    )


def visible_series(
    reader: IndexReader, scope: Scope, study_instance_uid: str, series_instance_uid: str
) -> SeriesRecord:
    """A series of a visible study; raises as `visible_study`."""
    _check_uids(study_instance_uid, series_instance_uid)
    for hospital in scope.candidate_hospitals():
        if not _study_is_visible(reader, scope, hospital, study_instance_uid):
            continue
        series = reader.series(hospital, study_instance_uid, series_instance_uid)
        if series:
            return series
    raise NotFound("There is no such series.")


def visible_instance(
    reader: IndexReader, scope: Scope, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str
) -> InstanceRecord:
    """An instance by one read of the index, two where the scope is of patients; raises as `visible_study`."""
    _check_uids(study_instance_uid, series_instance_uid, sop_instance_uid)
    for hospital in scope.candidate_hospitals():
        if not _study_is_visible(reader, scope, hospital, study_instance_uid):
            continue
        record = reader.instance(hospital, study_instance_uid, series_instance_uid, sop_instance_uid)
        if record:
            return record
    raise NotFound("There is no such instance.")


def representative_instance(
    reader: IndexReader, scope: Scope, study_instance_uid: str, series_instance_uid: str = ""
) -> InstanceRecord:
    """An instance with pixel data from the middle of a series, or of the study's first series that has some.

    Raises
    ------
    NotFound
        If nothing is visible there or nothing has pixel data.
    """
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
