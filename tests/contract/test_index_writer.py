"""The index on DynamoDB: exact counts whatever is redelivered, concurrent or in conflict."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib import errors, wiring
from chalicelib.archive.model import FrameTable
from chalicelib.archive.ports import IndexOutcome
from tests.contract.index_support import check_against_items, counts, listed, make
from tests.emulator import Cloud

pytestmark = pytest.mark.usefixtures("cloud")
CREATED, DUPLICATE, CONFLICT = IndexOutcome.CREATED, IndexOutcome.DUPLICATE, IndexOutcome.CONFLICT


def test_an_instance_comes_back_as_it_went_in() -> None:
    record = make(1)
    assert wiring.index_writer().add_instances([record]) == [CREATED]
    reader = wiring.index_reader()
    assert reader.instance("nord", "1.2", "1.2.1", "1.2.9.1") == record
    assert list(reader.instances_of_series("nord", "1.2", "1.2.1")) == [record]
    study = reader.study("nord", "1.2")
    assert study
    assert study.value("00100010") == "Lefèvre^Anne-Marie"
    assert study.modalities == ("CT",)
    assert study.state == "receiving"
    assert "00200013" not in study.attributes
    series = reader.series("nord", "1.2", "1.2.1")
    assert series
    assert (series.instance_count, series.size_bytes) == (1, 100)
    assert reader.study("sud", "1.2") is None


def test_redelivery_three_times_counts_once() -> None:
    records = [make(number) for number in range(50)]
    writer = wiring.index_writer()
    assert writer.add_instances(records) == [CREATED] * 50
    for _ in range(3):
        assert writer.add_instances(records) == [DUPLICATE] * 50
    assert counts() == (1, 50, 0, 5000)
    check_against_items()


def test_the_same_instance_twice_in_one_batch() -> None:
    assert wiring.index_writer().add_instances([make(1), make(1), make(2), make(1, digest="f" * 64)]) == [
        CREATED,
        DUPLICATE,
        CREATED,
        CONFLICT,
    ]
    assert counts() == (1, 2, 1, 200)


def test_threads_adding_overlapping_groups_of_several_series() -> None:
    writer = wiring.index_writer()
    batches = [
        [make(100 * series + number, f"1.2.{series}", received_at_ms=number) for number in range(start, start + 30)]
        for series in (1, 2, 3)
        for start in (0, 10, 20, 30)
        for _ in range(2)
    ]
    with ThreadPoolExecutor(8) as threads:
        outcomes = [outcome for group in threads.map(writer.add_instances, batches) for outcome in group]
    assert outcomes.count(CREATED) == 180
    assert CONFLICT not in outcomes
    assert counts() == (3, 180, 0, 18000)
    check_against_items()
    study = wiring.index_reader().study("nord", "1.2")
    assert study
    assert (study.first_received_at_ms, study.last_received_at_ms) == (0, 59)


def test_conflicts_are_kept_aside_and_counted_once() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    first = make(1)
    writer.add_instances([first])
    other_bytes = make(1, digest="a" * 64)
    other_series = make(1, series="1.2.2")
    other_patient = make(2, patient="P2")
    for _ in range(2):
        assert writer.add_instances([other_bytes]) == [CONFLICT]
        assert writer.add_instances([other_series]) == [CONFLICT]
        assert writer.add_instances([other_patient]) == [CONFLICT]
    assert counts() == (1, 1, 3, 100)
    assert {item["reason"]: item["object_key"] for item in reader.conflicts("nord")} == {
        "other-bytes": other_bytes.object_key,
        "other-series": other_series.object_key,
        "other-patient": other_patient.object_key,
    }
    assert reader.instance("nord", "1.2", "1.2.1", "1.2.9.1") == first
    assert reader.series("nord", "1.2", "1.2.2") is None
    assert not list(reader.conflicts("sud"))
    assert reader.object_keys_of_study("nord", "1.2") == {
        record.object_key for record in (first, other_bytes, other_series, other_patient)
    }


def test_racing_conflicts_have_one_winner() -> None:
    writer = wiring.index_writer()
    records = [make(1, digest=f"{number:064x}", series=f"1.2.{number % 3}") for number in range(1, 13)]
    with ThreadPoolExecutor(8) as threads:
        outcomes = [group[0] for group in threads.map(lambda record: writer.add_instances([record]), records)]
    assert (outcomes.count(CREATED), outcomes.count(CONFLICT)) == (1, 11)
    check_against_items()


def test_same_uids_from_two_hospitals_never_meet() -> None:
    writer = wiring.index_writer()
    assert writer.add_instances([make(1)]) == [CREATED]
    assert writer.add_instances([make(1, hospital="sud", patient="other", digest="b" * 64)]) == [CREATED]
    assert counts(hospital="nord") == counts(hospital="sud") == (1, 1, 0, 100)


def test_attributes_missing_at_first_are_filled_in_and_found() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    bare = make(1, patient="", **{"00100010": {"vr": "PN"}, "00080050": {"vr": "SH"}, "00080020": {"vr": "DA"}})
    writer.add_instances([bare])
    assert [study.study_instance_uid for study in reader.studies_by_date("nord", "", "")] == ["1.2"]
    assert not list(reader.studies_by_date("nord", "20240101", ""))
    writer.add_instances([make(2)])
    for found in (
        reader.studies_by_date("nord", "20240131", "20240131"),
        reader.studies_by_patient_id("nord", "P1"),
        reader.studies_by_accession_number("nord", "A1"),
        reader.studies("nord", listed("WLEFE")),
    ):
        assert [study.study_instance_uid for study in found] == ["1.2"]
    # Where it was listed while it had no date, it is not any more.
    assert listed("MCT") == ["1.2"]
    assert writer.add_instances([make(3, patient="P2")]) == [CONFLICT]
    check_against_items()


def test_a_later_modality_is_listed_at_the_study_s_date() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    undated = {"00080020": {"vr": "DA"}}
    writer.add_instances([make(1, **undated)])
    for number, (series, modality) in enumerate((("1.2.2", "SR"), ("1.2.3", "MR")), start=2):
        day = undated if modality == "SR" else {}
        writer.add_instances([make(number, series=series, **{"00080060": {"vr": "CS", "Value": [modality]}, **day})])
    assert [listed(f"M{modality}") for modality in ("CT", "SR", "MR")] == [["1.2"]] * 3
    assert [each.date_key for each in reader.postings("nord", "MSR", "", "")] == ["20240131#101500#1.2"]
    check_against_items()


def test_writers_of_several_modalities_and_of_the_date_lose_no_posting() -> None:
    writer = wiring.index_writer()
    writer.add_instances([make(1, **{"00080020": {"vr": "DA"}})])

    def add(number: int) -> None:
        modality = {"00080060": {"vr": "CS", "Value": [f"M{number}"]}}
        day = {} if number % 2 else {"00080020": {"vr": "DA"}}
        writer.add_instances([make(number, series=f"1.2.{number}", **modality, **day)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(2, 18)))
    check_against_items()


def test_a_name_with_too_many_terms_is_found() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    long = "^".join(f"N{n}A B{n}C D{n}E" for n in range(30))
    writer.add_instances([make(1, **{"00100010": {"vr": "PN", "Value": [{"Alphabetic": long}]}})])
    assert listed("*") == ["1.2"]
    assert not listed("MCT")
    writer.remove_study("nord", "1.2")
    assert not listed("*")
    assert not list(reader.studies_of_series("nord", "1.2.1"))


def test_big_body_is_spilled() -> None:
    import random

    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20 << 20))
    big = make(1, **{"00204000": {"vr": "LT", "Value": [text]}, "00104000": {"vr": "LT", "Value": [text]}})
    writer, reader = wiring.index_writer(), wiring.index_reader()
    assert writer.add_instances([big, make(2)]) == [CREATED, CREATED]
    assert writer.add_instances([big]) == [DUPLICATE]
    assert reader.instance("nord", "1.2", "1.2.1", "1.2.9.1") == big
    assert len(list(reader.instances_of_series("nord", "1.2", "1.2.1"))) == 2
    (spilled,) = wiring.object_store().list("index/nord/1.2/")
    assert spilled.size_bytes > 1 << 20


def test_a_crash_after_the_transaction_is_a_duplicate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost after the commit: the caller fails, redelivery finds everything there."""
    writer = wiring.index_writer()
    client = writer._client
    commit = client.transact_write_items

    def commit_and_die(**parameters: object) -> None:
        commit(**parameters)
        raise SystemExit

    monkeypatch.setattr(client, "transact_write_items", commit_and_die)
    with pytest.raises(SystemExit):
        writer.add_instances([make(1), make(2)])
    monkeypatch.undo()
    assert writer.add_instances([make(1), make(2)]) == [DUPLICATE, DUPLICATE]
    assert counts() == (1, 2, 0, 200)


def test_missing_table_is_unavailable(cloud: Cloud) -> None:
    from chalicelib.aws.dynamodb_index_writer import DynamoDBIndexWriter

    writer = DynamoDBIndexWriter(cloud.client("dynamodb"), "no-such-table", wiring.object_store())
    with pytest.raises(errors.Unavailable):
        writer.add_instances([make(1)])


def test_more_than_one_series_is_refused() -> None:
    with pytest.raises(ValueError, match="series"):
        wiring.index_writer().add_instances([make(1), make(2, series="1.2.2")])


def test_searches_are_ordered_and_paged() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    for number in range(230):
        day = {"00080020": {"vr": "DA", "Value": [f"2024{1 + number % 12:02d}{1 + number // 12:02d}"]}}
        writer.add_instances([make(1, study=f"1.3.{number}", **day)])
    every = [study.value("00080020") for study in reader.studies_by_date("nord", "", "")]
    assert len(every) == 230
    assert every == sorted(every, reverse=True)
    february = [study.value("00080020") for study in reader.studies_by_date("nord", "20240201", "20240229")]
    assert february == [f"202402{day:02d}" for day in range(20, 0, -1)][-len(february) :]
    assert all(date.startswith("202402") for date in february)
    for found in (
        reader.studies_by_patient_id("nord", "P1"),
        reader.studies_by_accession_number("nord", "A1"),
        reader.studies("nord", listed("WLEFE")),
    ):
        dates = [study.value("00080020") for study in found]
        assert dates == every
    assert not list(reader.studies_by_patient_id("nord", "P"))
    assert not list(reader.studies_by_patient_id("sud", "P1"))
    assert not listed("WLEX")
    assert sorted(listed("WMAR")) == sorted(f"1.3.{number}" for number in range(230))
    assert listed("PLEFEVR") == listed("MCT") == listed("FLEFEVR") == listed("TVRE")


def test_ready_only_while_nothing_newer_came() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    writer.add_instances([make(1, received_at_ms=1000)])
    assert not writer.set_study_ready("nord", "1.2", 999)
    assert writer.set_study_ready("nord", "1.2", 1000)
    study = reader.study("nord", "1.2")
    assert study
    assert study.state == "ready"
    writer.add_instances([make(1)])
    writer.set_series_metadata("nord", "1.2", "1.2.1", "metadata/x", 1, "https://x", "1.2.1.1")
    series = reader.series("nord", "1.2", "1.2.1")
    assert series
    assert (series.metadata_key, series.metadata_instance_count, series.metadata_public_url) == (
        "metadata/x",
        1,
        "https://x",
    )
    study = reader.study("nord", "1.2")
    assert study
    assert study.state == "ready"
    writer.add_instances([make(2, received_at_ms=500)])
    study = reader.study("nord", "1.2")
    assert study
    assert (study.state, study.first_received_at_ms, study.last_received_at_ms) == ("receiving", 500, 1000)
    assert not writer.set_study_ready("nord", "9.9", 1000)
    writer.set_series_metadata("nord", "9.9", "9.9", "metadata/x", 1, "https://x", "")
    assert reader.series("nord", "9.9", "9.9") is None


def test_remove_study_leaves_nothing() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    writer.add_instances([make(number) for number in range(40)])
    writer.add_instances([make(1, digest="a" * 64)])
    writer.add_instances([make(1, study="1.4")])
    writer.remove_study("nord", "1.2")
    assert reader.study("nord", "1.2") is None
    assert not list(reader.instances_of_series("nord", "1.2", "1.2.1"))
    assert not list(reader.conflicts("nord"))
    assert listed("FLEF") == listed("MCT") == ["1.4"]
    assert writer.add_instances([make(1)]) == [CREATED]


def test_over_long_patient_id_is_found() -> None:
    patient = "é" * 3000
    wiring.index_writer().add_instances([make(1, patient=patient)])
    (study,) = wiring.index_reader().studies_by_patient_id("nord", patient)
    assert study.value("00100020") == patient


def test_frames_of_many_equal_lengths_are_small() -> None:
    frames = tuple(((1000 + 524288 * number, 524288),) for number in range(5000))
    record = replace(make(1), frame_table=FrameTable(frames))
    wiring.index_writer().add_instances([record])
    found = wiring.index_reader().instance("nord", "1.2", "1.2.1", "1.2.9.1")
    assert found == record
    assert not list(wiring.object_store().list("index/"))


def test_series_of_5000_instances() -> None:
    writer = wiring.index_writer()
    records = [make(number) for number in range(5000)]
    batches = [records[start : start + 100] for start in range(0, 5000, 100)]
    with ThreadPoolExecutor(4) as threads:
        outcomes = [outcome for group in threads.map(writer.add_instances, batches) for outcome in group]
    assert outcomes == [CREATED] * 5000
    assert counts() == (1, 5000, 0, 500_000)
    assert len(list(wiring.index_reader().instances_of_series("nord", "1.2", "1.2.1"))) == 5000
