"""The ledger: a line per fact whatever is repeated, and a chain that shows every change."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access.model import Hospital
from chalicelib.aws.dynamodb_items import to_item
from chalicelib.billing import ledger as billing
from chalicelib.billing import verify
from chalicelib.billing.ledger import Fact, Head, Usage, next_line
from tests.emulator import Cloud


def fact(study: str, hospital: str = "nord") -> Fact:
    return Fact(hospital, billing.EXAM_ARCHIVED, study, f"ACC{study}", 1_750_000_000_123)


def append(study: str, hospital: str = "nord") -> bool:
    return billing.append(wiring.ledger(), fact(study, hospital))[1]


def change(cloud: Cloud, sk: str, **values: Any) -> None:
    """What no code of the product does."""
    dynamodb, table = cloud.client("dynamodb"), cloud.settings["ledger_table"]
    key = to_item({"pk": "H#nord", "sk": sk})
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item={**item, **to_item(values)})


def test_a_fact_has_one_line(cloud: Cloud) -> None:
    line, is_new = billing.append(wiring.ledger(), fact("1.2.3"))
    assert is_new
    assert (line.seq, line.event_time) == (1, "2025-06-15T15:06:40.123Z")
    assert billing.append(wiring.ledger(), fact("1.2.3")) == (line, False)
    assert list(wiring.ledger().lines("nord")) == [line]
    assert append("1.2.3", "sud")
    assert wiring.ledger().head("sud").seq == 1


def test_usage_is_counted_with_each_line(cloud: Cloud) -> None:
    for number, modalities in enumerate(["CT", "CT\\SR", "CT", "", "A#B"]):
        exam = Fact("nord", billing.EXAM_ARCHIVED, f"1.2.{number}", "", 0, modalities)
        for _ in range(2):
            billing.append(wiring.ledger(), exam)
    period = next(wiring.ledger().lines("nord")).period
    exams = billing.EXAM_ARCHIVED
    assert sorted(wiring.ledger().usage("nord", period), key=lambda usage: usage.modalities) == [
        Usage(exams, (), 1),
        Usage(exams, ("A#B",), 1),
        Usage(exams, ("CT",), 2),
        Usage(exams, ("CT", "SR"), 1),
    ]
    assert wiring.ledger().usage("sud", period) == []
    assert list(verify.problems(wiring.ledger(), "nord")) == []
    change(cloud, f"PERIOD#{period}", **{f"USED#{exams}#CT": 3})
    assert list(verify.problems(wiring.ledger(), "nord")) == [f"the counts of {period} are not those of its lines"]


def test_concurrent_facts_form_one_chain_without_gaps(cloud: Cloud) -> None:
    studies = [f"1.2.{n}" for n in range(12)] * 2
    with ThreadPoolExecutor(6) as pool:
        new = list(pool.map(append, studies))
    assert sum(new) == 12
    lines = list(wiring.ledger().lines("nord"))
    assert [line.seq for line in lines] == list(range(1, 13))
    assert {line.study_instance_uid for line in lines} == set(studies)
    assert list(verify.problems(wiring.ledger(), "nord")) == []


def test_a_crash_after_the_write_leaves_one_line(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = wiring.ledger()
    written = ledger.append

    def dies(line: billing.Line) -> bool:
        written(line)
        raise ConnectionError

    monkeypatch.setattr(ledger, "append", dies)
    with pytest.raises(ConnectionError):
        append("1.2.3")
    monkeypatch.undo()
    assert not append("1.2.3")
    assert len(list(ledger.lines("nord"))) == 1


def test_a_stale_head_is_refused(cloud: Cloud) -> None:
    ledger = wiring.ledger()
    append("1.2.3")
    assert not ledger.append(next_line(Head(), fact("1.2.4"), 0))
    assert not ledger.append(next_line(Head(1, "f" * 64, ""), fact("1.2.4"), 0))
    assert ledger.line_of_fact("nord", "1.2.4", billing.EXAM_ARCHIVED) is None


def test_a_period_is_the_month_of_recording_in_paris(cloud: Cloud) -> None:
    ledger = wiring.ledger()
    new_year_in_paris_ms = 1_767_222_000_000
    for n, now_ms in enumerate([new_year_in_paris_ms - 1, new_year_in_paris_ms, new_year_in_paris_ms + 1]):
        assert ledger.append(next_line(ledger.head("nord"), fact(f"1.2.{n}"), now_ms))
    assert ledger.period("nord", "2025-12") == (1, 1)
    assert ledger.period("nord", "2026-01") == (2, 3)
    assert ledger.period("nord", "2026-02") is None


def test_a_clock_that_goes_back_does_not_reopen_a_month(cloud: Cloud) -> None:
    ledger = wiring.ledger()
    first = next_line(ledger.head("nord"), fact("1.2.1"), 1_767_222_000_000)
    ledger.append(first)
    assert next_line(ledger.head("nord"), fact("1.2.2"), 0).recorded_at == first.recorded_at


@pytest.mark.parametrize(
    ("sk", "values", "problem"),
    [
        ("LINE#000000000002", {"accession_number": "OTHER"}, "line 2 was changed"),
        ("LINE#000000000002", {"seq": 7}, "line 2 is missing"),
        ("LINE#000000000003", {"hash": "0" * 64}, "line 3 was changed"),
        ("HEAD", {"seq": 2}, "the head names line 2"),
        ("HEAD", {"seq": 2}, "line 3 is beyond the head"),
        ("HEAD", {"seq": 9}, "the head names line 9"),
    ],
)
def test_verification_finds_changes(cloud: Cloud, sk: str, values: dict[str, Any], problem: str) -> None:
    for n in range(3):
        append(f"1.2.{n}")
    change(cloud, sk, **values)
    assert any(found.startswith(problem) for found in verify.problems(wiring.ledger(), "nord"))


def test_verification_finds_removed_and_rewritten_lines(cloud: Cloud) -> None:
    ledger = wiring.ledger()
    for n in range(3):
        append(f"1.2.{n}")
    known = ledger.head("nord")
    dynamodb, table = cloud.client("dynamodb"), cloud.settings["ledger_table"]
    dynamodb.delete_item(TableName=table, Key=to_item({"pk": "H#nord", "sk": "LINE#000000000003"}))
    assert list(verify.problems(ledger, "nord"))
    # Whoever rewrites the end of the chain and its head is found out by a head that was kept elsewhere.
    second = list(ledger.lines("nord"))[1]
    change(cloud, "HEAD", seq=2, hash=second.hash, recorded_at=second.recorded_at)
    assert list(verify.problems(ledger, "nord")) == [f"the counts of {second.period} are not those of its lines"]
    change(cloud, f"PERIOD#{second.period}", **{f"USED#{billing.EXAM_ARCHIVED}#": 2})
    assert list(verify.problems(ledger, "nord")) == []
    assert list(verify.problems(ledger, "nord", known)) == ["line 3 was known and is gone"]
    append("1.2.99")
    assert list(verify.problems(ledger, "nord", known)) == ["line 3 is not the one that was known"]


def test_the_command(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    wiring.registry().put_hospital(Hospital("nord", "Nord"))
    append("1.2.3")
    monkeypatch.setattr(sys, "argv", ["verify"])
    assert verify.main() == 0
    assert capsys.readouterr().out.startswith("nord: intact, 0 exports, head 1:")
    change(cloud, "LINE#000000000001", accession_number="OTHER")
    assert verify.main() == 1
    assert "line 1 was changed" in capsys.readouterr().out
