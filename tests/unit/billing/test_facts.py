"""Metered facts: any order, duplication and crash of them gives the same totals."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing import facts
from chalicelib.billing.fact_blocks import FIRST_PREVIOUS_HASH, last_block_until, seal
from chalicelib.billing.facts import (
    BYTE_DAYS,
    BYTES_IN,
    BYTES_OUT,
    KINDS,
    METERS,
    STANDARD,
    MeterFact,
    correction,
    from_event,
    record_growth,
    to_event,
    used_as,
)
from chalicelib.billing.ledger import EXAM_ARCHIVED, Fact, Head, Usage, next_line
from chalicelib.billing.metered import MeteredLedger
from chalicelib.billing.price_list import in_force, parse
from chalicelib.billing.rating import rate
from tests.unit.billing.memory_facts import Killed, MemoryFacts

SCHEMAS = Path(facts.__file__).with_name("schemas")
NOW_MS = 1_795_600_000_000
OUT = {facts.REQUESTS_OUT, BYTES_OUT, facts.RENDERINGS, facts.TRANSCODES}
OF_STUDIES = {facts.INSTANCES_IN, BYTES_IN, facts.REPORTS}


def validate(event: dict[str, object]) -> None:
    name = str(event["type"]).removeprefix("fr.sansfilm.")
    fastjsonschema.compile(json.loads((SCHEMAS / f"{name}.json").read_text()))(event)


def fact_of(meter: str, number: int = 1, quantity: int = 5) -> MeterFact:
    variant = "viewer" if meter in OUT else STANDARD if meter == BYTE_DAYS else ""
    subject = "2026-11-25" if meter in OUT or meter == BYTE_DAYS else "1.2.3"
    modalities, accession_number = ("CT\\SR", "ACC1") if meter in OF_STUDIES else ("", "")
    return MeterFact(
        "nord", meter, f"occurrence {number}", quantity, NOW_MS + 1, variant, subject, modalities, accession_number
    )


@pytest.mark.parametrize("meter", METERS)
def test_a_fact_is_a_cloud_event_of_its_schema_and_comes_back(meter: str) -> None:
    fact = fact_of(meter)
    event = to_event(fact, NOW_MS + 2)
    validate(event)
    assert from_event(event) == fact
    assert (event["time"], event["ingesttime"]) == ("2026-11-25T09:46:40.001Z", "2026-11-25T09:46:40.002Z")
    validate(to_event(correction(event, -2, 1, NOW_MS), NOW_MS))
    with pytest.raises(fastjsonschema.JsonSchemaException):
        validate(event | {"patient": "DUPONT"})


def test_an_exam_archived_is_a_cloud_event_of_its_schema() -> None:
    line = next_line(Head(), Fact("nord", EXAM_ARCHIVED, "1.2.3", "ACC1", NOW_MS, "CT"), NOW_MS)
    event = facts.event_of_line(line)
    validate(event)
    assert (event["subject"], event["ingesttime"]) == ("1.2.3", line.recorded_at)


def test_there_is_a_schema_for_each_type_and_no_other() -> None:
    names = {facts.type_of(meter).removeprefix("fr.sansfilm.") for meter in (*METERS, EXAM_ARCHIVED)}
    assert {path.stem for path in SCHEMAS.glob("*.json")} == names


@given(st.lists(st.integers(0, 60), max_size=12))
def test_a_total_that_grows_is_counted_once_in_whatever_order_it_is_seen(totals: list[int]) -> None:
    store = MemoryFacts()
    grown = [record_growth(store, fact_of(BYTES_IN, quantity=total)) for total in totals]
    assert sum(grown) == max([0, *totals])
    assert sum(event["data"]["quantity"] for event in store.facts.values()) == max([0, *totals])
    assert len({event["id"] for event in store.facts.values()}) == len(store.facts)


meter_facts = st.builds(
    MeterFact,
    st.sampled_from(["nord", "sud"]),
    st.just(BYTES_OUT),
    st.integers(0, 12).map(str),
    st.just(0),
    st.just(NOW_MS),
    st.sampled_from(KINDS[:2]),
)
deliveries = st.lists(st.one_of(meter_facts, st.just("seal")), max_size=40)


@given(deliveries, st.randoms(use_true_random=False), st.sets(st.integers(0, 120), max_size=10))
def test_any_order_duplication_and_crash_gives_the_same_totals(
    steps: list[MeterFact | str], random: object, deaths: set[int]
) -> None:
    steps = [step if isinstance(step, str) else replace(step, quantity=int(step.occurrence) + 1) for step in steps]
    expected = Counter[tuple[str, str]]()
    for fact in {step.key: step for step in steps if isinstance(step, MeterFact)}.values():
        expected[fact.hospital, used_as(fact.meter, fact.variant)] += fact.quantity
    store, writes = MemoryFacts(), iter(range(10_000))

    def tick() -> None:
        if next(writes) in deaths:
            raise Killed

    store.tick = tick
    twice = [*steps, *steps]
    random.shuffle(twice)  # type: ignore[attr-defined]
    pending = [*twice, "seal", "seal"]
    while pending:
        step = pending[0]
        try:
            if isinstance(step, MeterFact):
                store.record(step)
            else:
                for hospital in ("nord", "sud"):
                    seal(store, hospital, NOW_MS, most_events=4)
        except Killed:
            continue  # delivered again
        pending.pop(0)
    store.tick = lambda: None
    for hospital in ("nord", "sud"):
        while seal(store, hospital, NOW_MS):
            pass
    found = {(h, use.event): use.quantity for h in ("nord", "sud") for use in store.usage(h, "2026-11")}
    assert found == expected
    assert not store.markers
    for hospital in ("nord", "sud"):
        previous = FIRST_PREVIOUS_HASH
        for seq, block in enumerate(store.blocks(hospital), 1):
            assert (block.seq, block.previous_hash) == (seq, previous)
            previous = block.hash
        running = block.running if store.head(hospital).seq else {}
        assert running == {event: quantity for (h, event), quantity in expected.items() if h == hospital}


def test_a_closed_month_takes_no_block_and_the_next_one_does() -> None:
    store = MemoryFacts()
    store.record(fact_of(BYTES_IN))
    store.close("nord", "2026-11")
    assert seal(store, "nord", NOW_MS) is None
    december_ms = NOW_MS + 7 * 86_400_000
    block = seal(store, "nord", december_ms)
    assert block is not None
    assert (block.period, store.usage("nord", "2026-11")) == ("2026-12", [])
    assert store.usage("nord", "2026-12") == [Usage(BYTES_IN, ("CT", "SR"), 5)]


def test_a_correction_is_a_new_fact_and_counts_once() -> None:
    store = MemoryFacts()
    store.record(fact_of(facts.SHARES))
    (original,) = store.facts.values()
    fix = correction(original, -2, 1, NOW_MS)
    assert [store.record(fix), store.record(fix)] == [True, False]
    seal(store, "nord", NOW_MS)
    assert store.usage("nord", "2026-11") == [Usage(facts.SHARES, (), 3)]
    assert store.facts[original["id"]] == original


def test_the_block_of_a_time_is_found() -> None:
    store = MemoryFacts()
    assert last_block_until(store, "nord", NOW_MS) is None
    for number in range(1, 8):
        store.record(fact_of(BYTES_IN, number))
        seal(store, "nord", NOW_MS + number * 10)
    assert last_block_until(store, "nord", NOW_MS) is None
    for number in range(1, 8):
        block = last_block_until(store, "nord", NOW_MS + number * 10 + 9)
        assert block is not None
        assert (block.seq, block.running[BYTES_IN]) == (number, 5 * number)


def test_a_meter_costs_nothing_until_a_price_list_names_it() -> None:
    used = [Usage(EXAM_ARCHIVED, ("CT",), 2), Usage("bytes out, viewer", (), 3_000_000_000)]
    exams_alone = rate(used[:1], in_force("2026-11", "nord"))
    assert rate(used, in_force("2026-11", "nord")) == exams_alone
    price = {
        "item": "octets-visionneuse",
        "event": "bytes out, viewer",
        "label": {"fr": "Go consultés", "en": "GB viewed"},
        "per": 1_000_000_000,
        "tiers": [{"unit_price": "0.05"}],
        "vat_rate": "20",
    }
    exam = price | {"item": "examen", "event": EXAM_ARCHIVED, "per": 1}
    prices = parse({"version": "2", "valid_from": "2026-01-01", "currency": "EUR", "prices": [exam, price]})
    assert [(line.item, str(line.amount)) for line in rate(used, prices).lines] == [
        ("examen", "0.10"),
        ("octets-visionneuse", "0.15"),
    ]
    corrected = rate([Usage("bytes out, viewer", (), -2_000_000_000)], prices).lines[0]
    assert str(corrected.amount) == "-0.10"


def test_rating_sees_exams_and_meters_and_a_month_is_closed_in_both() -> None:
    class Ledger:
        closed: tuple[str, str] | None = None
        head = line_of_fact = append = lines = period = None

        def close(self, hospital: str, period: str) -> None:
            self.closed = (hospital, period)

        def usage(self, hospital: str, period: str) -> list[Usage]:
            return [Usage(EXAM_ARCHIVED, ("CT",), 1)]

    store, ledger = MemoryFacts(), Ledger()
    store.record(fact_of(facts.SHARES))
    seal(store, "nord", NOW_MS)
    metered = MeteredLedger(ledger, store)  # type: ignore[arg-type]
    assert [use.event for use in metered.usage("nord", "2026-11")] == [EXAM_ARCHIVED, facts.SHARES]
    metered.close("nord", "2026-11")
    assert ledger.closed in store.closed
