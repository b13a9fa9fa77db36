"""Retrieve transaction by unique keys (C-MOVE and C-GET, PS3.4 C.4.2 and C.4.3): which instances they name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chalicelib.archive.model import FrameTable, InstanceRecord, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import Scope
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID


@dataclass(frozen=True)
class RetrieveKeys:
    """Unique keys of a retrieval: the last level that has any names what is retrieved, those above where it lies."""

    patient_id: str = ""
    """"" for any patient."""
    study_instance_uids: tuple[str, ...] = ()
    """Empty for every study of the patient."""
    series_instance_uids: tuple[str, ...] = ()
    """Empty for every series; otherwise exactly one study is named."""
    sop_instance_uids: tuple[str, ...] = ()
    """Empty for every instance; otherwise exactly one series is named."""


def count_instances(reader: IndexReader, scope: Scope, keys: RetrieveKeys) -> int:
    """How many instances keys name, from the counters of the index; UIDs of instances count as named."""
    if keys.sop_instance_uids:
        return len(keys.sop_instance_uids) if any(True for _ in _studies(reader, scope, keys)) else 0
    total = 0
    for study in _studies(reader, scope, keys):
        if not keys.series_instance_uids:
            total += study.instance_count
            continue
        for uid in keys.series_instance_uids:
            series = reader.series(study.hospital, study.study_instance_uid, uid)
            total += series.instance_count if series else 0
    return total


def instances(reader: IndexReader, scope: Scope, keys: RetrieveKeys) -> Iterator[InstanceRecord]:
    """Retrieve transaction (PS3.4 C.4.2.2): instances that keys name within a scope, as a stream.

    Records come without their attributes, frame table and bulk data, so that many can be held. Series by series, by
    SOP Instance UID.

    Raises
    ------
    errors.Unavailable
        If the index does not answer, at any record.
    """
    for study in _studies(reader, scope, keys):
        uids = keys.series_instance_uids or (
            series.series_instance_uid for series in reader.series_of_study(study.hospital, study.study_instance_uid)
        )
        for series_instance_uid in uids:
            records: Iterator[InstanceRecord]
            where = (study.hospital, study.study_instance_uid, series_instance_uid)
            if keys.sop_instance_uids:
                found = (reader.instance(*where, uid) for uid in dict.fromkeys(keys.sop_instance_uids))
                records = (record for record in found if record)
            else:
                records = reader.instances_of_series(*where)
            for record in records:
                yield replace(record, dicom_json={}, frame_table=FrameTable(), bulk_data={})


def _studies(reader: IndexReader, scope: Scope, keys: RetrieveKeys) -> Iterator[StudyRecord]:
    """Visible studies that keys name."""
    studies: Iterator[StudyRecord]
    for hospital in scope.candidate_hospitals():
        if keys.study_instance_uids:
            candidates = (reader.study(hospital, uid) for uid in dict.fromkeys(keys.study_instance_uids))
            studies = (study for study in candidates if study)
        else:
            studies = reader.studies_by_patient_id(hospital, keys.patient_id)
        for study in studies:
            patient_id = study.value(PATIENT_ID)
            if keys.patient_id not in ("", patient_id):
                continue
            if scope.permits(hospital, study.study_instance_uid, patient_id, study.value(ISSUER_OF_PATIENT_ID)):
                yield study
