"""The audit trail: an event is recorded once, whatever is repeated."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access import audit_blocks
from chalicelib.access.audit import REGION, Action, AuditEvent, Who, from_json, to_json
from chalicelib.access.audit_blocks import Block
from chalicelib.access.model import Hospital
from chalicelib.archive.scope import PatientRef
from chalicelib.functions import seal_audit_trail
from tests.emulator import Cloud

READER = Who("dr.martin", "radiologist", "Dr Martin", "nord", "s1", "192.0.2.7")


def event(number: int, hospital: str = "nord") -> AuditEvent:
    patient = PatientRef(hospital, "P1", "")
    return AuditEvent(1_750_000_000_000 + number, Action.RETRIEVE, READER, patient=patient, study_instance_uid="1.2.3")


def test_an_event_is_recorded_once(cloud: Cloud) -> None:
    trail = wiring.audit_trail()
    assert trail.record(event(1))
    assert not trail.record(event(1))
    assert trail.record(event(2))
    first = AuditEvent(1, Action.SEARCH, READER, occasion="morning", slot_ms=5)
    again = AuditEvent(2, Action.SEARCH, READER, occasion="morning", slot_ms=5)
    assert [trail.record(first), trail.record(again)] == [True, False]


def test_many_record_at_once(cloud: Cloud) -> None:
    trail = wiring.audit_trail()
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(trail.record, [event(number % 40) for number in range(80)]))
    assert sum(new) == 40


def test_an_event_survives_being_written_down() -> None:
    written = AuditEvent(1, Action.MOVE, READER, patient=PatientRef("sud", "É1", "X"), detail={"to": "CT1", "n": 3})
    assert from_json(to_json(written)) == written
    assert written.chain == "sud"


def seal(chain: str = "nord", most: int = 10_000) -> Block | None:
    return audit_blocks.seal(wiring.audit_blocks(), chain, 1_750_000_000_000, most)


def sealed_keys(chain: str = "nord") -> list[str]:
    store = wiring.audit_blocks()
    return [leaf.key for block in store.blocks(chain) for leaf in store.leaves(block)]


def test_blocks_follow_one_another_and_hold_every_event_once(cloud: Cloud) -> None:
    trail = wiring.audit_trail()
    for number in range(5):
        trail.record(event(number))
    trail.record(event(1, "sud"))
    first = seal()
    assert first is not None
    assert (first.seq, first.count) == (1, 5)
    assert seal() is None
    trail.record(event(3))  # repeated after its block was sealed: known
    trail.record(event(-7_000_000))  # of an hour that was sealed long ago
    second = seal()
    assert second is not None
    assert (second.seq, second.count, second.previous_hash) == (2, 1, first.hash)
    assert wiring.audit_blocks().head("nord").hash == second.hash
    assert len(set(sealed_keys())) == len(sealed_keys()) == 6
    assert wiring.audit_blocks().head("sud").seq == 0


def test_events_recorded_while_blocks_are_sealed_are_in_one_block_each(cloud: Cloud) -> None:
    trail = wiring.audit_trail()
    with ThreadPoolExecutor(8) as pool:
        recording = [pool.submit(trail.record, event(number)) for number in range(90)]
        sealing = [pool.submit(seal, "nord", 48) for _ in range(6)]
        assert all(each.result() for each in recording)
        for each in sealing:
            each.result()
    while seal(most=48):
        pass
    assert len(set(sealed_keys())) == len(sealed_keys()) == 90
    store = wiring.audit_blocks()
    hashes = [block.hash for block in store.blocks("nord")]
    assert [block.previous_hash for block in store.blocks("nord")] == [audit_blocks.FIRST_PREVIOUS_HASH, *hashes[:-1]]


@pytest.mark.parametrize("step", ["put_if_absent", "transact_write_items", "batch_write_item"])
def test_a_sealer_that_is_killed_loses_and_repeats_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    trail, store = wiring.audit_trail(), wiring.audit_blocks()
    for number in range(30):
        trail.record(event(number))
    owner = store._objects if step == "put_if_absent" else store._dynamodb
    real, calls = getattr(owner, step), []

    def dies(*arguments: Any, **named: Any) -> Any:
        """The first call is carried out, and the caller is gone before it hears of it."""
        calls.append(step)
        real(*arguments, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, step, dies)
    with pytest.raises(KeyboardInterrupt):
        seal()
    monkeypatch.undo()
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    trail.record(event(30))
    while seal():
        pass
    assert calls
    assert sorted(set(sealed_keys())) == sorted(sealed_keys())
    assert len(sealed_keys()) == 31


def test_the_function_seals_every_chain_and_anchors_the_day_before(cloud: Cloud) -> None:
    wiring.registry().put_hospital(Hospital("nord", "Nord"))
    trail = wiring.audit_trail()
    trail.record(event(1))
    trail.record(AuditEvent(1, Action.SIGN_IN_REFUSED, Who("")))
    assert seal_audit_trail.handler({}, None) == {"blocks": 2, "events": 2}
    assert seal_audit_trail.handler({}, None) == {"blocks": 0, "events": 0}
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    anchor = json.loads(wiring.audit_blocks().anchor(yesterday) or b"{}")
    assert {chain: head["seq"] for chain, head in anchor["chains"].items()} == {"nord": 1, REGION: 1}
