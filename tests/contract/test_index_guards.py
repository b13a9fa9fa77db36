"""A SOP Instance UID belongs to one series of one study of a hospital (D3), whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import wiring
from chalicelib.archive.ports import IndexOutcome
from tests.contract.index_support import check_against_items, counts, guard_of, listed, make

pytestmark = pytest.mark.usefixtures("cloud")
CREATED, DUPLICATE, CONFLICT = IndexOutcome.CREATED, IndexOutcome.DUPLICATE, IndexOutcome.CONFLICT


def test_same_sop_instance_uid_in_another_study() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    first = make(1, sop="9.1")
    other_study = make(1, study="1.4", series="1.4.1", sop="9.1", digest="a" * 64)
    other_series = make(1, series="1.2.2", sop="9.1", digest="b" * 64)
    other_bytes = make(1, sop="9.1", digest="c" * 64)
    assert writer.add_instances([first]) == [CREATED]
    for _ in range(3):
        for record in (other_study, other_series, other_bytes):
            assert writer.add_instances([record]) == [CONFLICT]
        assert writer.add_instances([first]) == [DUPLICATE]
    assert counts("1.2") == (1, 1, 2, 100)
    assert counts("1.4") == (0, 0, 1, 0)
    assert {(item["reason"], item["study_instance_uid"], item["object_key"]) for item in reader.conflicts("nord")} == {
        ("other-study", "1.4", other_study.object_key),
        ("other-series", "1.2", other_series.object_key),
        ("other-bytes", "1.2", other_bytes.object_key),
    }
    assert guard_of(other_study) == (first.keys, first.digest)
    assert reader.instance("nord", "1.2", "1.2.1", "9.1") == first


def test_study_of_which_nothing_is_served_is_not_found() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    writer.add_instances([make(1, sop="9.1")])
    writer.add_instances([make(1, study="1.4", series="1.4.1", sop="9.1")])
    assert reader.study("nord", "1.4") is None
    assert not list(reader.series_of_study("nord", "1.4"))
    assert not writer.set_study_ready("nord", "1.4", 1 << 60)
    for found in (
        reader.studies_by_date("nord", "", ""),
        reader.studies_by_patient_id("nord", "P1"),
        reader.studies_by_accession_number("nord", "A1"),
        reader.studies("nord", listed("WLEFE")),
    ):
        assert [study.study_instance_uid for study in found] == ["1.2"]
    # A patient is known by what is served alone.
    assert writer.add_instances([make(2, study="1.4", series="1.4.1", patient="P2", received_at_ms=7)]) == [CREATED]
    study = reader.study("nord", "1.4")
    assert study
    assert (study.value("00100020"), study.first_received_at_ms, study.state) == ("P2", 7, "receiving")
    assert [study.study_instance_uid for study in reader.studies_by_patient_id("nord", "P2")] == ["1.4"]
    assert counts("1.4") == (1, 1, 1, 100)
    check_against_items("1.4")


def test_a_batch_in_part_of_another_study() -> None:
    writer = wiring.index_writer()
    writer.add_instances([make(number, sop=f"9.{number}") for number in range(0, 100, 2)])
    others = [make(number, study="1.4", series="1.4.1", sop=f"9.{number}") for number in range(100)]
    expected = [CONFLICT if number % 2 == 0 else CREATED for number in range(100)]
    assert writer.add_instances(others) == expected
    assert writer.add_instances(others) == [DUPLICATE if outcome is CREATED else CONFLICT for outcome in expected]
    assert counts("1.4") == (1, 50, 50, 5000)
    for study in ("1.2", "1.4"):
        check_against_items(study)


@pytest.mark.parametrize("attempt", range(3))
def test_studies_racing_with_the_same_uids_have_one_winner_each(attempt: int) -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    studies = [f"1.{attempt}.{number}" for number in range(4)]
    batches = [
        [make(number, study=study, series=f"{study}.1", sop=f"9.{number}") for number in range(start, start + 40)]
        for start in (0, 20, 40)
        for study in studies
        for _ in range(2)
    ]
    with ThreadPoolExecutor(8) as threads:
        outcomes = [outcome for group in threads.map(writer.add_instances, batches) for outcome in group]
    assert outcomes.count(CREATED) == 80
    totals = [counts(study) for study in studies]
    assert sum(instances for _, instances, _, _ in totals) == 80
    assert [instances + conflicts for _, instances, conflicts, _ in totals] == [80] * 4
    assert len(list(reader.conflicts("nord"))) == 240
    for study in studies:
        check_against_items(study)


def test_hospitals_never_meet() -> None:
    writer = wiring.index_writer()
    records = [make(1, study=study, hospital=hospital, sop="9.1") for hospital in ("nord", "sud") for study in ("1.2",)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda record: writer.add_instances([record]), records)) == [[CREATED], [CREATED]]
    assert writer.add_instances([make(1, study="1.4", hospital="sud", sop="9.1")]) == [CONFLICT]
    assert [len(list(wiring.index_reader().conflicts(hospital))) for hospital in ("nord", "sud")] == [0, 1]
    writer.remove_study("sud", "1.2")
    assert guard_of(records[1]) is None
    assert guard_of(records[0]) == (records[0].keys, records[0].digest)


def test_remove_study_takes_its_own_guards_alone() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    mine = [make(number, sop=f"9.{number}") for number in range(60)]
    theirs = [make(number, study="1.4", series="1.4.1", sop=f"9.{number}") for number in range(50, 120)]
    writer.add_instances(mine)
    assert writer.add_instances(theirs).count(CONFLICT) == 10
    writer.remove_study("nord", "1.4")
    assert {guard_of(record) for record in mine} == {(record.keys, record.digest) for record in mine}
    assert {guard_of(record) for record in theirs[10:]} == {None}
    assert counts("1.4") == (0, 0, 0, 0)
    assert not list(reader.conflicts("nord"))
    assert writer.add_instances(mine) == [DUPLICATE] * 60
    assert writer.add_instances(theirs) == [CONFLICT] * 10 + [CREATED] * 60
    check_against_items("1.4")


def test_a_conflict_whose_counterpart_is_gone_is_served_when_it_comes_again() -> None:
    writer, reader = wiring.index_writer(), wiring.index_reader()
    writer.add_instances([make(number, sop=f"9.{number}") for number in range(60)])
    theirs = [make(number, study="1.4", series="1.4.1", sop=f"9.{number}") for number in range(60)]
    assert writer.add_instances(theirs) == [CONFLICT] * 60
    writer.remove_study("nord", "1.2")
    with ThreadPoolExecutor(4) as threads:
        outcomes = [outcome for group in threads.map(writer.add_instances, [theirs] * 4) for outcome in group]
    assert (outcomes.count(CREATED), outcomes.count(DUPLICATE)) == (60, 180)
    assert not list(reader.conflicts("nord"))
    assert counts("1.4") == (1, 60, 0, 6000)
    check_against_items("1.4")
