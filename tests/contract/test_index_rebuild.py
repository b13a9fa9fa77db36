"""The index follows the bucket: rebuilt in place beside writers, exact whatever comes, goes or fails meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import errors, wiring
from chalicelib.archive.index_instance import index_objects
from chalicelib.archive.ports import IndexOutcome
from chalicelib.archive.reindex import rebuild
from chalicelib.functions.reindex import main as reindex_command
from tests.contract.index_support import check_against_items, counts, guard_of, index, listed, make, record, store
from tests.emulator import Cloud

pytestmark = pytest.mark.usefixtures("cloud")
CREATED, DUPLICATE, CONFLICT = IndexOutcome.CREATED, IndexOutcome.DUPLICATE, IndexOutcome.CONFLICT


@pytest.fixture
def delete_object(cloud: Cloud) -> Callable[[str], None]:
    """Deletes an object of the archive bucket, which the product never does."""
    s3, bucket = cloud.client("s3"), cloud.settings["archive_bucket"]
    return lambda key: s3.delete_object(Bucket=bucket, Key=key)


def known(*studies: str) -> set[str]:
    return {key for study in studies for key in wiring.index_reader().object_keys_of_study("nord", study)}


def test_what_is_gone_from_the_bucket_leaves_the_index(delete_object: Callable[[str], None]) -> None:
    reader = wiring.index_reader()
    kept = [store(sop=f"9.{number}") for number in range(3)]
    gone = [store(sop=f"9.{number}", PatientSex="F", StudyDate="20200101") for number in range(3, 100)]
    gone += [store(sop="9.0", InstanceNumber=2), store(sop="8.1", series="1.2.3.9"), store(study="1.5", sop="8.2")]
    gone += [store(study="1.6", sop="9.0")]
    index_objects(index(), kept + gone)
    assert counts("1.2.3")[:3] == (2, 101, 1)
    for key in gone:
        delete_object(key)
    assert reindex_command([]) == 0
    assert counts("1.2.3")[:3] == (1, 3, 0)
    assert (counts("1.5"), counts("1.6")) == ((0, 0, 0, 0), (0, 0, 0, 0))
    assert [study.study_instance_uid for study in reader.studies_by_date("nord", "", "")] == ["1.2.3"]
    assert listed("WLEF") == ["1.2.3"]
    assert not list(reader.conflicts("nord"))
    assert known("1.2.3", "1.5", "1.6") == set(kept)
    check_against_items("1.2.3")


def test_of_a_conflict_the_part_that_is_left_is_served(delete_object: Callable[[str], None]) -> None:
    served, waiting = store(study="1.9", sop="9.1"), store(study="1.5", sop="9.1")
    results = [index_objects(index(), [key])[0].outcome for key in (served, waiting)]
    assert results == [CREATED, CONFLICT]
    delete_object(served)
    assert reindex_command([]) == 0
    assert counts("1.9") == (0, 0, 0, 0)
    assert counts("1.5")[:3] == (1, 1, 0)
    check_against_items("1.5")


def test_rebuild_writes_anew_what_the_index_says() -> None:
    """As after a correction of how headers are read: instances, levels and searches follow, the rest stays."""
    writer, reader = wiring.index_writer(), wiring.index_reader()
    right = [record(sop=f"9.{number}") for number in range(3)]
    wrong = [
        replace(item, dicom_json={**item.dicom_json, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Gu?rin^X"}]}})
        for item in right
    ]
    writer.add_instances(wrong)
    writer.set_series_metadata("nord", "1.2.3", "1.2.3.4", "metadata/x", 3, "https://x", "")
    before = reader.study("nord", "1.2.3")
    assert before
    assert writer.set_study_ready("nord", "1.2.3", before.last_received_at_ms)
    assert reindex_command([]) == 0
    assert list(reader.instances_of_series("nord", "1.2.3", "1.2.3.4")) == right
    study, series = reader.study("nord", "1.2.3"), reader.series("nord", "1.2.3", "1.2.3.4")
    assert study
    assert series
    assert study.attributes["00100010"] == right[0].dicom_json["00100010"]
    assert (study.state, series.metadata_key) == ("ready", "")
    assert not listed("FGURIN")
    assert listed("WLEF") == listed("FLEF") == ["1.2.3"]
    check_against_items("1.2.3")


def test_levels_are_of_the_instance_that_came_first() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    for number, received_at_ms in ((1, 50), (2, 10), (3, 30)):
        day = {"00080020": {"vr": "DA", "Value": [f"2024010{number}"]}, "00081030": {"vr": "LO"}}
        if number == 3:
            day["00081030"] = {"vr": "LO", "Value": ["Genou"]}
        writer.add_instances([make(number, received_at_ms=received_at_ms, **day)])
    writer.refresh_levels("nord", "1.2")
    study = reader.study("nord", "1.2")
    assert study
    assert (study.value("00080020"), study.value("00081030")) == ("20240102", "Genou")
    assert (study.first_received_at_ms, study.last_received_at_ms) == (10, 50)
    assert listed("WLEFE") == ["1.2"]


def test_refreshing_never_brings_back_what_is_not_served() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    served, other = make(1), make(1, digest="a" * 64)
    writer.add_instances([served, other])
    writer.refresh_instances([other, make(2)])
    assert reader.instance("nord", "1.2", "1.2.1", served.keys.sop_instance_uid) == served
    check_against_items()


@pytest.mark.parametrize("seed", range(3))
def test_rebuild_beside_writers_and_readers(seed: int) -> None:
    """Writers add, send again and conflict, in two studies; meanwhile nothing that was served disappears."""
    numbers = range(60)
    keys = [store(sop=f"9.{number}", series=f"1.2.3.{number % 2}") for number in numbers]
    keys += [store(study="1.5", series="1.5.1", sop=f"9.{number}") for number in numbers if number % 5 == 0]
    keys += [store(study="1.5", series="1.5.1", sop=f"8.{number}") for number in numbers]
    keys += [store(sop=f"9.{number}", series=f"1.2.3.{number % 2}", InstanceNumber=7) for number in range(0, 60, 6)]
    shuffled = random.Random(seed)
    first = keys[:30]
    index_objects(index(), first)
    batches = [shuffled.sample(keys, 12) for _ in range(20)] + [keys[start : start + 20] for start in range(0, 142, 20)]
    shuffled.shuffle(batches)
    stopped = threading.Event()

    def read() -> list[set[str]]:
        lost = []
        while not stopped.is_set():
            lost.append(set(first) - known("1.2.3", "1.5"))
        return lost

    def write(batch: list[str]) -> list[Exception]:
        return [result.error for result in index_objects(index(), batch) if result.error]

    with ThreadPoolExecutor(5) as threads:
        reading = threads.submit(read)
        try:
            writing = [threads.submit(write, batch) for batch in batches]
            studies = [study for _ in range(3) for study in rebuild(index(), wiring.index_reader())]
            failed = [error for future in writing for error in future.result()]
        finally:
            stopped.set()
    assert not failed
    assert not [result.error for study in studies for result in study if result.error]
    assert not [lost for lost in reading.result() if lost]
    assert known("1.2.3", "1.5") == set(keys)
    totals = [counts(study) for study in ("1.2.3", "1.5")]
    assert sum(instances for _, instances, _, _ in totals) == 120
    assert sum(conflicts for _, _, conflicts, _ in totals) == 22
    for study in ("1.2.3", "1.5"):
        check_against_items(study)


@pytest.mark.parametrize("moment", ["SERIES#", "INSTANCE#", "CONFLICT#"])
def test_levels_take_what_comes_while_they_are_read(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Whatever a writer commits between a read and the commit that was decided from it is counted."""
    writer = wiring.index_writer()
    writer.add_instances([make(number) for number in range(3)] + [make(1, digest="a" * 64)])
    of_study, came = writer._of_study, []

    def read(hospital: str, study: str, beginning: str, projection: str = "") -> Any:
        found = iter(list(of_study(hospital, study, beginning, projection)))
        if beginning == moment and not came:
            came.append(beginning)
            sibling = {"00321060": {"vr": "LO", "Value": ["Genou"]}}
            writer.add_instances([make(7, series="1.2.2", **sibling), make(2, series="1.2.2")])
            writer.add_instances([make(8)])
        return found

    monkeypatch.setattr(writer, "_of_study", read)
    writer.refresh_levels("nord", "1.2")
    assert came
    assert counts() == (2, 5, 2, 500)
    check_against_items()
    study = wiring.index_reader().study("nord", "1.2")
    assert study
    assert study.value("00321060") == "Genou"


def test_a_writer_that_read_before_a_rebuild_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    writer.add_instances([make(1, **{"00081030": {"vr": "LO", "Value": ["Genou"]}}), make(2)])
    read, rebuilt = writer._read, []

    def read_then_rebuild(records: Any) -> Any:
        current = read(records)
        if not rebuilt:
            rebuilt.append(True)
            writer.forget_objects("nord", "1.2", {make(1).object_key})
            writer.refresh_levels("nord", "1.2")
        return current

    monkeypatch.setattr(writer, "_read", read_then_rebuild)
    added = [make(1), make(3, **{"00081030": {"vr": "LO", "Value": ["Hanche"]}})]
    assert writer.add_instances(added) == [CREATED, CREATED]
    study = reader.study("nord", "1.2")
    assert study
    assert study.value("00081030") == "Hanche"
    assert counts() == (1, 3, 0, 300)
    check_against_items()


def test_forgetting_beside_a_writer_of_the_same_study(delete_object: Callable[[str], None]) -> None:
    gone = [store(sop=f"9.{number}", series="1.2.3.9") for number in range(100)]
    index_objects(index(), gone)
    for key in gone:
        delete_object(key)
    coming = [store(sop=f"8.{number}") for number in range(60)] + [store(sop="7.1", series="1.2.3.9")]
    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(index_objects, index(), coming[start : start + 7]) for start in range(0, 61, 7)]
        rebuilding = [threads.submit(lambda: list(rebuild(index(), wiring.index_reader()))) for _ in range(2)]
        results = [result for future in writing for result in future.result()]
        for future in rebuilding:
            future.result()
    assert not [result.error for result in results if result.error]
    assert known("1.2.3") == set(coming)
    assert counts("1.2.3")[:3] == (2, 61, 0)
    check_against_items("1.2.3")


def test_a_rebuild_that_dies_anywhere_is_finished_by_the_next(
    delete_object: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [store(sop=f"9.{number}", series=f"1.2.3.{number % 4}") for number in range(12)]
    keys += [store(study="1.5", sop="9.0")]
    index_objects(index(), keys)
    gone = {key for key in keys if "/1.2.3.0/" in key or "/1.2.3.1/" in key}
    for key in gone:
        delete_object(key)
    client = wiring.index_writer()._client
    commit = client.transact_write_items
    for survived in range(8):
        left = [survived]

        def die(left: list[int] = left, **parameters: Any) -> Any:
            if left[0] == 0:
                raise errors.Unavailable("killed")
            left[0] -= 1
            return commit(**parameters)

        monkeypatch.setattr(client, "transact_write_items", die)
        with suppress(errors.Unavailable):
            list(rebuild(index(), wiring.index_reader()))
        monkeypatch.undo()
        assert set(keys) - gone <= known("1.2.3", "1.5")
    assert reindex_command([]) == 0
    assert known("1.2.3", "1.5") == set(keys) - gone
    assert (counts("1.2.3")[:3], counts("1.5")[:3]) == ((2, 6, 0), (1, 1, 0))
    for study in ("1.2.3", "1.5"):
        check_against_items(study)


def test_remove_study_beside_a_writer() -> None:
    writer = wiring.index_writer()
    records = [make(number) for number in range(100)]
    writer.add_instances(records)
    with ThreadPoolExecutor(4) as threads:
        removing = threads.submit(writer.remove_study, "nord", "1.2")
        for _ in threads.map(writer.add_instances, [records[start : start + 10] for start in range(0, 100, 10)]):
            pass
        removing.result()
    check_against_items()
    writer.add_instances(records)
    assert counts() == (1, 100, 0, 10_000)
    assert {guard_of(item) for item in records} == {(item.keys, item.digest) for item in records}
