"""Counts of what goes out: recorded once whatever fails, never more than what was counted."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing import read_meter
from chalicelib.billing.facts import BYTES_OUT, REQUESTS_OUT, MeterFact
from chalicelib.billing.read_meter import ReadMeter
from chalicelib.errors import Unavailable
from tests.unit.billing.memory_facts import MemoryFacts


class Failing(MemoryFacts):
    """Fails at some of its calls, before or after it has recorded."""

    def __init__(self, failures: set[int]) -> None:
        super().__init__()
        self.failures, self.calls = failures, 0

    def record(self, fact: MeterFact) -> bool:
        self.calls += 1
        if self.calls in self.failures and self.calls % 2:
            raise Unavailable("It does not answer.")
        outcome = super().record(fact)
        if self.calls in self.failures:
            raise Unavailable("It does not answer.")
        return outcome


def total(store: MemoryFacts, meter: str) -> int:
    return sum(event["data"]["quantity"] for event in store.facts.values() if event["data"]["meter"] == meter)


@given(st.lists(st.integers(0, 5), max_size=15), st.sets(st.integers(1, 20), max_size=12))
def test_every_count_is_recorded_once(sizes: list[int], failures: set[int]) -> None:
    store = Failing(failures)
    meter = ReadMeter(lambda: store)
    for size in sizes:
        meter.add("nord", "viewer", {REQUESTS_OUT: 1, BYTES_OUT: size})
        meter.flush()
    while not meter.flush():
        pass
    assert (total(store, REQUESTS_OUT), total(store, BYTES_OUT)) == (len(sizes), sum(sizes))


def test_processes_add_up_and_a_flush_begins_beside_the_answer() -> None:
    store = MemoryFacts()
    first, second = ReadMeter(lambda: store), ReadMeter(lambda: store)
    for meter in (first, second):
        meter.add("nord", "patient", {BYTES_OUT: 7})
        meter.flush()
    assert total(store, BYTES_OUT) == 14
    assert {event["data"]["variant"] for event in store.facts.values()} == {"patient"}
    flushed = threading.Event()
    first._next_flush = 0.0
    first.flush = lambda: flushed.set() or True  # type: ignore[method-assign, func-returns-value]
    first.add("nord", "viewer", {BYTES_OUT: 1})
    assert flushed.wait(30)
    assert read_meter.FLUSH_S > 1
