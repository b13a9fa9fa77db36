"""Index Lambda: from S3 events to the index, one message at a time failing alone."""

from __future__ import annotations

import json
import random
import sys
from typing import Any

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from chalicelib import errors, wiring
from chalicelib.archive.index_instance import index_objects, read_object
from chalicelib.archive.object_source import FIRST_BYTES
from chalicelib.archive.ports import IndexOutcome
from chalicelib.functions import index_instance as function
from chalicelib.functions.reindex import main as reindex_command
from tests.contract.index_support import index, record, s3_event, s3_message, store
from tests.dicom_files import data_set, part10, real_files
from tests.emulator import Cloud

CREATED, DUPLICATE, CONFLICT = IndexOutcome.CREATED, IndexOutcome.DUPLICATE, IndexOutcome.CONFLICT


pytestmark = pytest.mark.usefixtures("cloud")


def _counts(study: str = "1.2.3", hospital: str = "nord") -> tuple[int, int, int]:
    found = wiring.index_reader().study(hospital, study)
    assert found
    return found.series_count, found.instance_count, found.conflict_count


def _scheduled(cloud: Cloud) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    queue = cloud.settings["study_ready_queue_url"]
    while (
        messages := cloud.client("sqs")
        .receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        .get("Messages")
    ):
        found += [json.loads(message["Body"]) for message in messages]
    return found


def test_batch_is_indexed_and_studies_are_scheduled(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(function.log.registered_handler, "stream", sys.stdout)
    keys = [store(sop=f"1.2.3.4.{number}") for number in range(12)]
    keys += [store(study="1.5", series="1.5.1", sop="1.5.1.1", hospital="sud")]
    assert function.handler(s3_event(*keys), None) == {"batchItemFailures": []}
    assert _counts() == (1, 12, 0)
    assert _counts("1.5", "sud") == (1, 1, 0)
    study = wiring.index_reader().study("nord", "1.2.3")
    assert study
    scheduled = _scheduled(cloud)
    assert {(item["hospital"], item["study_instance_uid"]) for item in scheduled} == {("nord", "1.2.3"), ("sud", "1.5")}
    assert len(scheduled) == 2
    assert study.last_received_at_ms in [item["last_received_at_ms"] for item in scheduled]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    logged = [line for line in lines if line.get("message") == "instances indexed"]
    assert {line["correlation_id"] for line in logged} == {"c0ffee"}
    (emf,) = [line for line in lines if "_aws" in line]
    assert emf["indexed"] == [13.0]
    assert "Lef" not in json.dumps(lines)


def test_redelivery_three_times(cloud: Cloud) -> None:
    event = s3_event(*[store(sop=f"1.2.3.4.{number}") for number in range(3)])
    for _ in range(3):
        assert function.handler(event, None) == {"batchItemFailures": []}
    assert _counts() == (1, 3, 0)
    assert len(_scheduled(cloud)) == 3


def test_bad_messages_fail_alone(cloud: Cloud) -> None:
    objects = wiring.object_store()
    good = store()
    wrong_name = good.replace("1.2.3.4.5/", "1.2.3.4.6/")
    objects.put(wrong_name, objects.read(good), "application/dicom")
    garbage = f"archive/nord/1.2/1.3/1.4/{'0' * 64}.dcm"
    objects.put(garbage, b"garbage", "application/dicom")
    empty = f"archive/nord/1.2/1.3/1.5/{'0' * 64}.dcm"
    objects.put(empty, b"", "application/dicom")
    gone = good.replace("1.2.3.4.5/", "1.2.3.4.7/")
    event = s3_event(good, wrong_name, garbage, empty, gone, "archive/nord/../x.dcm")
    event["Records"] += [
        {"messageId": "not-json", "body": "{"},
        {"messageId": "not-s3", "body": '{"Records": [{}]}'},
        {"messageId": "a-list", "body": "[]"},
        {"messageId": "test-event", "body": '{"Event": "s3:TestEvent"}'},
        {"messageId": "removed", "body": s3_message(gone).replace("ObjectCreated:Put", "ObjectRemoved:Delete")},
    ]
    failed = {item["itemIdentifier"] for item in function.handler(event, None)["batchItemFailures"]}
    assert failed == {
        wrong_name, garbage, empty, gone, "archive/nord/../x.dcm", "not-json", "not-s3", "a-list",
    }  # fmt: skip
    assert _counts() == (1, 1, 0)


def test_a_series_that_cannot_be_written_does_not_hold_up_others(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = store(), store(study="1.9", series="1.9.1", sop="1.9.1.1")
    ports = index()
    add = ports.writer.add_instances

    def fail_for_one(records: Any) -> Any:
        if records[0].keys.study_instance_uid == "1.9":
            raise errors.Unavailable("no")
        return add(records)

    monkeypatch.setattr(ports.writer, "add_instances", fail_for_one)
    first, second = index_objects(ports, [good, bad])
    assert first.outcome is CREATED
    assert isinstance(second.error, errors.Unavailable)


def test_what_the_index_refuses_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.aws.index_items.LARGEST_BODY_BYTES", 1 << 30)
    good, bad = store(), store(sop="1.2.3.4.6", TextValue=random.Random(1).randbytes(500_000).hex())
    first, second = index_objects(index(), [good, bad])
    assert (first.outcome, first.error) == (CREATED, None)
    assert second.error
    assert _counts() == (1, 1, 0)


def test_crash_between_writing_and_scheduling(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    key = store()
    ports = index()

    def crash(*_: object) -> None:
        raise errors.Unavailable("no queue")

    monkeypatch.setattr(ports.queue, "schedule", crash)
    (result,) = index_objects(ports, [key])
    assert isinstance(result.error, errors.Unavailable)
    monkeypatch.undo()
    (result,) = index_objects(index(), [key])
    assert (result.outcome, result.error) == (DUPLICATE, None)
    assert _counts() == (1, 1, 0)
    assert len(_scheduled(cloud)) == 1


def test_conflicts_of_stored_instances() -> None:
    keys = [
        store(),
        store(InstanceNumber=2),
        store(series="1.2.3.9"),
        store(sop="1.2.3.4.6", PatientID="P2"),
        store(sop="1.2.3.4.7", PatientID=""),
    ]
    outcomes = [index_objects(index(), [key])[0].outcome for key in keys]
    assert outcomes == [CREATED, CONFLICT, CONFLICT, CONFLICT, CREATED]
    assert _counts() == (1, 2, 3)


def test_one_ranged_read_for_a_big_native_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    key = store(Rows=1024, Columns=1024, PixelData=bytes(2 << 20))
    reads: list[tuple[int, int | None]] = []
    objects = wiring.object_store()
    read_with_head = objects.read_with_head

    def count(name: str, start: int = 0, length: int | None = None) -> Any:
        reads.append((start, length))
        return read_with_head(name, start, length)

    monkeypatch.setattr(objects, "read_with_head", count)
    found = read_object(objects, key).record
    assert found
    assert reads == [(0, FIRST_BYTES)]
    ((fragment,),) = found.frame_table.frames
    assert fragment[1] == 2 << 20
    assert fragment[0] + fragment[1] == found.size_bytes
    assert found.dicom_json["7FE00010"] == {"vr": "OW", "BulkDataURI": "bulkdata/7FE00010"}


@pytest.mark.parametrize("fragments_per_frame", [1, 3])
def test_encapsulated_multi_frame_beyond_the_first_read(
    monkeypatch: pytest.MonkeyPatch, fragments_per_frame: int
) -> None:
    frames = [b"\xff\x4f" + bytes([number]) * 99_998 for number in range(100)]
    pixel_data = encapsulate(frames, fragments_per_frame=fragments_per_frame, has_bot=True)
    instance = data_set(NumberOfFrames=100, PixelData=pixel_data)
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True
    body = part10(instance, JPEG2000Lossless)
    key = store(body=body)
    objects = wiring.object_store()
    reads: list[int | None] = []
    read = objects.read

    def count(name: str, start: int = 0, length: int | None = None) -> bytes:
        reads.append(length)
        return read(name, start, length)

    monkeypatch.setattr(objects, "read", count)
    found = read_object(objects, key).record
    assert found
    table = found.frame_table.frames
    assert [b"".join(body[offset : offset + length] for offset, length in frame) for frame in table] == frames
    # Read by windows in sequence, twice because fragments are walked for the structure and then for the table.
    assert len(reads) <= 8


def test_header_of_20_mb_is_indexed() -> None:
    found = record(TextValue="é" * (20 << 20))
    (result,) = index_objects(index(), [found.object_key])
    assert result.outcome is CREATED
    back = wiring.index_reader().instance("nord", "1.2.3", "1.2.3.4", "1.2.3.4.5")
    assert back
    assert back.dicom_json["0040A160"] == {"vr": "UT", "Value": ["é" * (20 << 20)]}


def test_every_real_instance_is_indexed_once() -> None:
    keys = []
    for path in real_files():
        try:
            keys.append(store(body=path.read_bytes()))
        except errors.InvalidInstance:
            continue
    assert len(keys) > 220
    results = index_objects(index(), keys)
    assert [(result.object_key, result.error) for result in results if result.error] == []
    assert {result.outcome for result in results} <= {CREATED, CONFLICT, DUPLICATE}
    known = set[str]()
    for study in wiring.index_reader().studies_by_date("nord", "", ""):
        known |= wiring.index_reader().object_keys_of_study("nord", study.study_instance_uid)
    assert known == set(keys)


def test_reindex_rebuilds_the_same_index_from_the_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    keys = [store(sop=f"1.2.3.4.{number}") for number in range(5)]
    keys += [store(sop="1.2.3.4.1", InstanceNumber=9), store(study="1.5", series="1.5.1", sop="1.5.1.1")]
    index_objects(index(), keys)
    before = [wiring.index_reader().study("nord", study) for study in ("1.2.3", "1.5")]
    wiring.index_writer().remove_study("nord", "1.5")
    assert reindex_command([]) == 0
    assert "conflict=1 created=1 duplicate=5" in capsys.readouterr().out
    assert [wiring.index_reader().study("nord", study) for study in ("1.2.3", "1.5")] == before


def test_reindex_of_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    index_objects(index(), [store(sop="1.2.3.4.1")])
    store(sop="1.2.3.4.2")
    store(hospital="sud")
    assert reindex_command(["--missing-only", "--hospital", "nord"]) == 0
    assert "created=1\n" in capsys.readouterr().out
    assert reindex_command(["--missing-only"]) == 0
    assert "created=1\n" in capsys.readouterr().out
    assert reindex_command(["--missing-only"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert _counts() == (1, 2, 0)


def test_part10_without_file_meta_is_indexed() -> None:
    whole = part10(data_set())
    body = whole[whole.index(b"\x08\x00\x05\x00") :]
    (result,) = index_objects(index(), [store(body=body)])
    assert result.record
    assert result.record.transfer_syntax_uid == "1.2.840.10008.1.2.1"
