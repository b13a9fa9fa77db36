"""What the contract tests of the write path share."""

from __future__ import annotations

import json
from typing import Any

from pydicom.dataset import Dataset

from chalicelib import wiring
from chalicelib.archive.index_instance import Index, read_object
from chalicelib.archive.model import FrameTable, InstanceKeys, InstanceRecord
from chalicelib.archive.store import ReceivedInstance, instance_object_key, store_instance
from chalicelib.aws.index_items import guard_key, study_pk
from chalicelib.aws.index_postings import posting_items
from tests.dicom_files import data_set, part10


def index() -> Index:
    """The index use case of the emulator."""
    return Index(
        wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), study_quiet_s=0
    )


def store(instance: Dataset | None = None, hospital: str = "nord", body: bytes = b"", **attributes: Any) -> str:
    """Store an instance; its object key."""
    body = body or part10(instance or data_set(**attributes))
    return store_instance(wiring.object_store(), ReceivedInstance(hospital, body, "c0ffee", "NORD_CT1")).object_key


def record(hospital: str = "nord", **attributes: Any) -> InstanceRecord:
    """Store an instance and read it as the index does."""
    read = read_object(wiring.object_store(), store(hospital=hospital, **attributes)).record
    assert read
    return read


def s3_event(*object_keys: str) -> dict[str, Any]:
    """SQS event of S3 events, one message per key; its message id is the key."""
    return {"Records": [{"messageId": key, "body": s3_message(key)} for key in object_keys]}


def s3_message(object_key: str) -> str:
    """Body of a message as S3 sends it."""
    event = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": object_key}}}
    return json.dumps({"Records": [event]})


def listed(term: str, hospital: str = "nord") -> list[str]:
    """Study Instance UIDs that the index lists under a term."""
    return [posting.study_instance_uid for posting in wiring.index_reader().postings(hospital, term, "", "")]


def make(
    number: int,
    series: str = "1.2.1",
    study: str = "1.2",
    hospital: str = "nord",
    patient: str = "P1",
    digest: str = "",
    received_at_ms: int = 1000,
    sop: str = "",
    **attributes: object,
) -> InstanceRecord:
    """A record of an instance that is in no bucket."""
    keys = InstanceKeys(hospital, study, series, sop or f"{study}.9.{number}")
    digest = digest or f"{number:064x}"
    dicom_json = {
        "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00080018": {"vr": "UI", "Value": [keys.sop_instance_uid]},
        "00080020": {"vr": "DA", "Value": ["20240131"]},
        "00080030": {"vr": "TM", "Value": ["101500.25"]},
        "00080050": {"vr": "SH", "Value": ["A1"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Lefèvre^Anne-Marie"}]},
        "00100020": {"vr": "LO", "Value": [patient]} if patient else {"vr": "LO"},
        "0020000D": {"vr": "UI", "Value": [study]},
        "0020000E": {"vr": "UI", "Value": [series]},
        "00200013": {"vr": "IS", "Value": [number]},
        **attributes,
    }
    return InstanceRecord(
        keys,
        instance_object_key(keys, digest),
        digest,
        100,
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.5.1.4.1.1.2",
        received_at_ms,
        dicom_json,
        FrameTable((((132, 10),), ((142, 10), (160, 7)))),
        {"7FE00010": (132, 35)},
    )


def counts(study: str = "1.2", hospital: str = "nord") -> tuple[int, int, int, int]:
    """Series, instances, conflicts and bytes that a study's item counts; conflicts alone when nothing is served."""
    item = wiring.index_reader()._get(study_pk(hospital, study), "STUDY")
    if item is None:
        return 0, 0, 0, 0
    assert ("attributes" in item) == (item["instance_count"]["N"] != "0")
    names = ("series_count", "instance_count", "conflict_count", "size_bytes")
    series, instances, conflicts, size_bytes = (int(item[name]["N"]) for name in names)
    return series, instances, conflicts, size_bytes


def check_against_items(study: str = "1.2", hospital: str = "nord") -> None:
    """Counters say what the items are."""
    reader = wiring.index_reader()
    series = list(reader.series_of_study(hospital, study))
    instances = {
        record.series_instance_uid: list(reader.instances_of_series(hospital, study, record.series_instance_uid))
        for record in series
    }
    for record in series:
        assert record.instance_count == len(instances[record.series_instance_uid])
    conflicts = [item for item in reader.conflicts(hospital) if item["study_instance_uid"] == study]
    every = [instance for members in instances.values() for instance in members]
    assert {guard_of(instance) for instance in every} <= {(instance.keys, instance.digest) for instance in every}
    assert not {item["object_key"] for item in conflicts} & {instance.object_key for instance in every}
    assert counts(study, hospital) == (
        len(series),
        len(every),
        len(conflicts),
        sum(instance.size_bytes for instance in every),
    )
    check_postings(study, hospital)
    assert all(study in reader.studies_of_series(hospital, record.series_instance_uid) for record in series)


def check_postings(study: str, hospital: str) -> None:
    """A study is listed under each of its terms."""
    reader = wiring.index_reader()
    record = reader.study(hospital, study)
    if record:
        for item in posting_items(hospital, study, record.attributes, record.modalities):
            assert reader._get(item["pk"]["S"], item["sk"]["S"]) == item


def guard_of(instance: InstanceRecord) -> tuple[InstanceKeys, str] | None:
    """Whom the guard of an instance's SOP Instance UID names."""
    key = guard_key(instance.keys.hospital, instance.keys.sop_instance_uid)
    item = wiring.index_reader()._get(key["pk"]["S"], key["sk"]["S"])
    if item is None:
        return None
    study, series = item["study_instance_uid"]["S"], item["series_instance_uid"]["S"]
    return InstanceKeys(instance.keys.hospital, study, series, instance.keys.sop_instance_uid), item["digest"]["S"]
