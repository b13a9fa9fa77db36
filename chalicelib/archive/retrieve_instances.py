"""Retrieve transaction by unique keys (C-MOVE and C-GET, PS3.4 C.4.2 and C.4.3): which instances they name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from chalicelib.archive.model import FrameTable, InstanceRecord, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import Scope
from chalicelib.archive.search import SearchRequest, find
from chalicelib.archive.search_results import Level
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID
from chalicelib.dicom.attributes import resolve
from chalicelib.dicom.matching import Condition


@dataclass(frozen=True)
class RetrieveKeys:
    """Unique keys of a retrieval: the last level that has any names what is retrieved, those above where it lies."""

    patient_id: str = ""
    """"" for any patient."""
    study_instance_uids: tuple[str, ...] = ()
    """Empty for every study of the patient."""
    series_instance_uids: tuple[str, ...] = ()
    """Empty for every series; otherwise exactly one study is named, or the keys are relational."""
    sop_instance_uids: tuple[str, ...] = ()
    """Empty for every instance; otherwise exactly one series is named, or the keys are relational."""

    @property
    def is_relational(self) -> bool:
        """Whether a level above the one that is asked for is not named (PS3.4 C.4.2.2.2)."""
        if self.sop_instance_uids:
            return not (self.study_instance_uids and self.series_instance_uids)
        return bool(self.series_instance_uids and not self.study_instance_uids)


def located(reader: IndexReader, scope: Scope, keys: RetrieveKeys) -> list[RetrieveKeys]:
    """Keys that name every level, for those that may not (relational retrieval, PS3.4 C.4.2.3.2).

    Instances are found by SOP Instance UID; a series without its study by a search, newest studies first.

    Raises
    ------
    errors.TooMuch
        If a series is not among the studies that a search may look through.
    """
    reader = reader_within(reader, scope)
    if not keys.is_relational:
        return [keys]
    if not keys.sop_instance_uids:
        return _located_series(reader, scope, keys)
    by_series: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for hospital in scope.candidate_hospitals():
        for found in reader.objects_of_instances(hospital, keys.sop_instance_uids).values():
            study, series = found.keys.study_instance_uid, found.keys.series_instance_uid
            is_wanted = study in (keys.study_instance_uids or (study,))
            if is_wanted and series in (keys.series_instance_uids or (series,)):
                by_series[study, series].append(found.keys.sop_instance_uid)
    return [RetrieveKeys(keys.patient_id, (each[0],), (each[1],), tuple(uids)) for each, uids in by_series.items()]


def _located_series(reader: IndexReader, scope: Scope, keys: RetrieveKeys) -> list[RetrieveKeys]:
    tags = {"0020000E": keys.series_instance_uids, "00100020": filter(None, [keys.patient_id])}
    conditions = tuple(
        Condition((attribute,), text)
        for tag, values in tags.items()
        if (attribute := resolve(tag)) and (text := "\\".join(values))
    )
    matches = find(reader, scope, SearchRequest(Level.SERIES, conditions=conditions))
    # Each is in one study: no more is read once all were found.
    found = islice(matches, len(set(keys.series_instance_uids)))
    uids = ((match["0020000D"]["Value"][0], match["0020000E"]["Value"][0]) for match in found)
    return [RetrieveKeys(keys.patient_id, (study,), (series,)) for study, series in uids]


def count_instances(reader: IndexReader, scope: Scope, keys: RetrieveKeys) -> int:
    """How many instances keys name, from the counters of the index; UIDs of instances count as named."""
    reader = reader_within(reader, scope)
    if keys.sop_instance_uids:
        return len(keys.sop_instance_uids) if any(True for _ in named_studies(reader, scope, keys)) else 0
    total = 0
    for study in named_studies(reader, scope, keys):
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
    reader = reader_within(reader, scope)
    for study in named_studies(reader, scope, keys):
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


def named_studies(reader: IndexReader, scope: Scope, keys: RetrieveKeys) -> Iterator[StudyRecord]:
    """Studies that keys name and that are visible within a scope."""
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
