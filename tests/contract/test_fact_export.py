"""Exports of metered facts: Parquet under lock, read back and compared with the blocks that were sealed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from chalicelib import wiring, wiring_meters
from chalicelib.access.model import Hospital
from chalicelib.aws.dynamodb_items import to_item
from chalicelib.billing import fact_export, verify, verify_facts
from chalicelib.billing import ledger as billing
from chalicelib.billing.fact_blocks import FactHead, seal
from chalicelib.billing.fact_export import export_days, facts_to_parquet, headers_to_parquet
from chalicelib.billing.facts import BYTE_DAYS, BYTES_IN, INSTANCES_IN, STANDARD, MeterFact
from chalicelib.billing.stored_bytes import record_byte_days
from chalicelib.functions import export_facts
from tests.emulator import Cloud

NOW_MS = 1_795_600_000_000
DAY_MS = 86_400_000
TODAY = "2026-12-01"


def record(number: int, sealed_at_ms: int, size: int = 1000) -> None:
    """One study that came, in a block of its own."""
    store = wiring_meters.facts()
    for meter, quantity in ((INSTANCES_IN, 2), (BYTES_IN, size)):
        fact = MeterFact(
            "nord", meter, f"1.2.{number}|from 0", quantity, NOW_MS, "", f"1.2.{number}", "CT\\SR", f"É{number}"
        )
        assert store.record(fact)
    assert seal(store, "nord", sealed_at_ms)


def problems(known: FactHead | None = None) -> list[str]:
    return list(verify_facts.problems(wiring_meters.facts(), wiring_meters.fact_exports(), "nord", known))


@pytest.mark.usefixtures("cloud")
def test_days_are_exported_once_and_read_by_another_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, exports = wiring_meters.facts(), wiring_meters.fact_exports()
    monkeypatch.setattr(fact_export, "MOST_FACTS", 5)
    for number, day in enumerate([0, 0, 0, 1]):
        record(number, NOW_MS + day * DAY_MS)
    assert export_days(store, exports, "nord", "2026-11-25") == []
    made = export_days(store, exports, "nord", "2026-11-26")
    assert [(export.day, export.first, export.last) for export in made] == [("2026-11-25", 1, 2), ("2026-11-25", 3, 3)]
    assert len(export_days(store, exports, "nord", TODAY)) == 1
    assert export_days(store, exports, "nord", TODAY) == []
    assert [export.last for export in exports.exported("nord")] == [2, 3, 4]
    (tmp_path / "facts.parquet").write_bytes(exports.read(made[0])[0])
    sums = duckdb.sql(
        f"SELECT meter, modalities, sum(quantity), min(time) FROM '{tmp_path}/facts.parquet' GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    time = datetime.fromtimestamp(NOW_MS / 1000, UTC).replace(tzinfo=None)
    assert sums == [("bytes in", "CT\\SR", 2000, time), ("instances in", "CT\\SR", 4, time)]
    assert problems() == []


@pytest.mark.usefixtures("cloud")
def test_what_was_changed_is_found(cloud: Cloud) -> None:
    store, exports = wiring_meters.facts(), wiring_meters.fact_exports()
    record(1, NOW_MS)
    record(2, NOW_MS)
    head = store.head("nord")
    assert problems(head) == []
    assert problems(FactHead(1, "f" * 64)) == ["block 1 is not the one that was known"]
    assert problems(FactHead(9, "f" * 64)) == ["block 9 was known and is gone"]
    first, second = store.blocks("nord")
    events = store.events(first)
    # An export that says less, and another hospital's value, than what was sealed.
    events[0] = {**events[0], "data": {**events[0]["data"], "quantity": 1}}
    export = fact_export.Export("nord", first.day, 1, 2)
    exports.put(export, facts_to_parquet([(first, events[0]), (first, events[1])]), headers_to_parquet([second]))
    assert problems() == [
        "export 2026-11-25 of blocks 1 to 2: the facts of block 1 are not those that were sealed",
        "export 2026-11-25 of blocks 1 to 2: the facts of block 2 are not those that were sealed",
    ]
    key = to_item({"pk": "HEAD#nord", "sk": "PERIOD#2026-11"})
    cloud.client("dynamodb").update_item(
        TableName=cloud.settings["meters_table"],
        Key=key,
        UpdateExpression="ADD #used :one",
        ExpressionAttributeNames={"#used": "USED#bytes in#"},
        ExpressionAttributeValues=to_item({":one": -1}),
    )
    assert "the sums of 2026-11 are not those of its blocks" in problems()
    header = to_item({"pk": "B#nord", "sk": f"{1:012d}"})
    cloud.client("dynamodb").delete_item(TableName=cloud.settings["meters_table"], Key=header)
    assert problems()[:2] == ["block 1 is missing", "block 2 does not follow the block before it"]


@pytest.mark.usefixtures("cloud")
def test_what_is_stored_at_the_end_of_each_day_is_a_fact_once() -> None:
    store = wiring_meters.facts()
    record(1, NOW_MS, 1000)
    record(2, NOW_MS + 2 * DAY_MS, 500)
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC) + timedelta(days=4)
    assert record_byte_days(store, store, "nord", now) == 4
    assert record_byte_days(store, store, "nord", now) == 0
    days = ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"]
    found = [store.event(MeterFact("nord", BYTE_DAYS, day, 0, 0, STANDARD).fact_id) for day in days]
    assert [event and event["data"]["quantity"] for event in found] == [None, 1000, 1000, 1500, 1500, None]


@pytest.mark.usefixtures("cloud")
def test_the_nightly_function_and_the_commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.registry().put_hospital(Hospital("nord", "Nord"))
    wiring.registry().put_hospital(Hospital("sud", "Sud"))
    yesterday_ms = int((datetime.now(UTC) - timedelta(days=1)).timestamp() * 1000)
    record(1, yesterday_ms - DAY_MS)
    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.billing.ledger.time.time", lambda: yesterday_ms / 1000)
        billing.append(wiring.ledger(), billing.Fact("sud", billing.EXAM_ARCHIVED, "1.2.3", "A1", 0, "CT"))
    assert export_facts.handler({}, None) == {"byte_days": 2, "files": 2}
    assert export_facts.handler({}, None) == {"byte_days": 0, "files": 0}
    assert verify_facts.main([]) == 0
    head = wiring_meters.facts().head("nord")
    assert f"nord: intact, 1 exports, head 1:{head.hash}" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["verify", "--hospital", "sud"])
    assert verify.main() == 0
    assert "sud: intact, 1 exports, head 1:" in capsys.readouterr().out
    assert verify_facts.main(["--hospital", "nord", "--known-head", f"1:{'0' * 64}"]) == 1
