"""What DIMSE sends is recorded once, whoever dies at whatever moment."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing.facts import BYTES_OUT, REQUESTS_OUT, TRANSCODES
from scp_fargate.sent_meter import SentMeter, facts_of
from tests.unit.billing.memory_facts import Killed, MemoryFacts
from tests.unit.billing.test_read_meter import Failing, total

LOGGER: Any = logging.getLogger("test")

KILLED = """
import os, signal, sys
from pathlib import Path
from scp_fargate.sent_meter import SentMeter
meter = SentMeter(None, Path(sys.argv[1]), None)
for _ in range(3):
    meter.delivered("nord", 1000, True)
meter.answered("nord")
os.kill(os.getpid(), signal.SIGKILL)
"""


def meter_of(store: MemoryFacts, folder: Path) -> SentMeter:
    return SentMeter(lambda: store, folder, LOGGER)


def totals(store: MemoryFacts) -> tuple[int, int, int]:
    return total(store, REQUESTS_OUT), total(store, BYTES_OUT), total(store, TRANSCODES)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=15), st.sets(st.integers(1, 20), max_size=12))
def test_every_count_is_recorded_once_whatever_fails(sent: list[tuple[int, bool]], failures: set[int]) -> None:
    store = Failing(failures)
    with tempfile.TemporaryDirectory() as folder:
        meter = meter_of(store, Path(folder))
        for size, is_converted in sent:
            meter.delivered("nord", size, is_converted)
            meter.answered("nord")
            meter.flush()
        while not meter.flush():
            pass
        assert list(Path(folder).iterdir()) == []
    assert totals(store) == (len(sent), sum(size for size, _ in sent), sum(is_converted for _, is_converted in sent))


@given(st.integers(0, 12))
def test_who_dies_while_recording_is_finished_by_the_next_process(death: int) -> None:
    store = MemoryFacts()
    ticks = iter(range(100))

    def tick() -> None:
        if next(ticks) == death:
            raise Killed

    with tempfile.TemporaryDirectory() as folder:
        dying = meter_of(store, Path(folder))
        dying.delivered("nord", 70, True)
        dying.delivered("sud", 7, False)
        dying.answered("sud")
        store.tick = tick
        with suppress(Killed):
            dying.flush()
        store.tick = lambda: None
        assert meter_of(store, Path(folder)).flush()
        assert totals(store) == (1, 77, 1)


def test_a_process_that_was_killed_between_sending_and_recording_loses_nothing(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert died.returncode == -9
    store = MemoryFacts()
    assert meter_of(store, tmp_path).flush()
    assert meter_of(store, tmp_path).flush()
    assert totals(store) == (1, 3000, 3)
    assert {event["data"]["variant"] for event in store.facts.values()} == {"DIMSE"}


def test_nobody_takes_the_file_of_a_process_that_lives(tmp_path: Path) -> None:
    store = MemoryFacts()
    living, other = meter_of(store, tmp_path), meter_of(store, tmp_path)
    living.answered("nord")
    assert other.flush()
    assert store.facts == {}
    living.answered("nord")
    living.close()
    assert totals(store) == (2, 0, 0)


def test_an_unfinished_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "0123.counts"
    path.write_text('[1795600000000,"nord",{"bytes out":5}]\n[1795600000000,"nord",{"byt')
    assert [(fact.quantity, fact.subject) for fact in facts_of(path)] == [(5, "2026-11-25")]


def test_sending_goes_on_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    meter = meter_of(MemoryFacts(), tmp_path / "file" / "folder")
    meter.answered("nord")
    meter.close()
