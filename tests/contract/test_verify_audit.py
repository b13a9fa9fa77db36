"""Verification finds each way to bend the trail; receipts stand on their own."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access import audit_blocks, verify_audit
from chalicelib.access.audit import Action, AuditEvent, Who
from chalicelib.access.audit_blocks import FIRST_PREVIOUS_HASH, Block, Leaf, anchor_of
from chalicelib.access.audit_receipt import problems_of_receipt, receipt
from chalicelib.access.audit_search import DAY_MS, key_of
from chalicelib.access.audit_verification import verify
from chalicelib.access.model import Hospital
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_audit_trail import day_of, partition, shard_of
from chalicelib.aws.dynamodb_items import to_item
from chalicelib.errors import NotReady, Unavailable
from chalicelib.functions import seal_audit_trail
from tests.emulator import Cloud

NOW_MS = int(time.time() * 1000) - 60_000
READER = Who("dr.martin", "radiologist", "Dr Martin", "nord", "s1", "192.0.2.7")


def event(number: int) -> AuditEvent:
    patient = PatientRef("nord", "P1", "")
    return AuditEvent(NOW_MS + number, Action.RETRIEVE, READER, patient=patient, study_instance_uid="1.2.3")


def seal() -> Block:
    block = audit_blocks.seal(wiring.audit_blocks(), "nord", NOW_MS)
    assert block is not None
    return block


@pytest.fixture
def chain(cloud: Cloud) -> Cloud:
    """Two blocks, of five events and of one, of which the second is anchored."""
    for number in range(5):
        wiring.audit_trail().record(event(number))
    seal()
    wiring.audit_trail().record(event(5))
    seal()
    store = wiring.audit_blocks()
    day = day_of(NOW_MS)
    store.put_anchor(day, anchor_of(store, ["nord"], day, NOW_MS))
    return cloud


def found() -> list[str]:
    return list(verify_audit.problems(wiring.audit_blocks(), "nord"))


def key(number: int) -> dict[str, Any]:
    one = event(number)
    return to_item({"pk": partition("nord", day_of(NOW_MS), shard_of(one.event_id)), "sk": key_of(one)})


def change_event(cloud: Cloud, number: int) -> None:
    dynamodb, table = cloud.client("dynamodb"), cloud.settings["audit_table"]
    item = dynamodb.get_item(TableName=table, Key=key(number))["Item"]
    item["event"]["S"] = item["event"]["S"].replace("dr.martin", "dr.durand")
    dynamodb.put_item(TableName=table, Item=item)


def remove_event(cloud: Cloud, number: int) -> None:
    cloud.client("dynamodb").delete_item(TableName=cloud.settings["audit_table"], Key=key(number))


def insert_event(cloud: Cloud, number: int) -> None:
    dynamodb, table = cloud.client("dynamodb"), cloud.settings["audit_table"]
    item = dynamodb.get_item(TableName=table, Key=key(0))["Item"]
    dynamodb.put_item(TableName=table, Item={**item, **key(number)})


def rewrite_leaves(cloud: Cloud, change: Callable[[list[Any]], list[Any]]) -> None:
    s3, bucket = cloud.client("s3"), cloud.settings["audit_bucket"]
    name = s3.list_objects_v2(Bucket=bucket, Prefix="blocks/nord/000000000001")["Contents"][0]["Key"]
    content = json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=name)["Body"].read()))
    content["leaves"] = change(content["leaves"])
    s3.put_object(Bucket=bucket, Key=name, Body=gzip.compress(json.dumps(content).encode()))


def test_an_honest_trail_is_intact_while_events_wait(chain: Cloud) -> None:
    assert found() == []
    wiring.audit_trail().record(event(6))
    assert found() == []


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (lambda cloud: change_event(cloud, 2), "of block 1 was changed"),
        (lambda cloud: remove_event(cloud, 5), "of block 2 was removed"),
        (lambda cloud: insert_event(cloud, 99), "was inserted"),
        (lambda cloud: rewrite_leaves(cloud, lambda leaves: leaves[::-1]), "the leaves of block 1 were changed"),
        (lambda cloud: rewrite_leaves(cloud, lambda leaves: leaves[1:]), "the leaves of block 1 were changed"),
        (lambda cloud: rewrite_leaves(cloud, lambda leaves: [*leaves, leaves[0]]), "the leaves of block 1"),
    ],
)
def test_tampering_is_found(chain: Cloud, tamper: Callable[[Cloud], None], problem: str) -> None:
    tamper(chain)
    assert any(problem in text for text in found()), found()


def test_a_chain_that_was_rewritten_whole_is_not_the_one_that_was_anchored(chain: Cloud) -> None:
    """Whoever may write everything but anchors drops event 5 and makes a consistent chain without it."""
    dynamodb, table = chain.client("dynamodb"), chain.settings["audit_table"]
    remove_event(chain, 5)
    first = wiring.audit_blocks().block("nord", 1)
    assert first is not None
    dynamodb.delete_item(TableName=table, Key=to_item({"pk": "B#nord", "sk": "000000000002"}))
    head = {"seq": 1, "hash": first.hash, "sealed_at_ms": NOW_MS, "cleared": True}
    dynamodb.put_item(TableName=table, Item=to_item({"pk": "HEAD#nord", "sk": "HEAD", **head}))
    assert found() == ["block 2 was anchored and is gone"]
    wiring.audit_trail().record(event(7))
    seal()
    assert found() == ["block 2 is not the one that was anchored"]


def test_a_receipt_is_checked_without_the_archive(chain: Cloud) -> None:
    made = json.loads(json.dumps(receipt(wiring.audit_blocks(), event(2))))
    anchor = wiring.audit_blocks().anchor(day_of(NOW_MS))
    assert made["anchor"]["seq"] == 2
    assert list(problems_of_receipt(made, anchor)) == []
    assert "192.0.2.7" not in json.dumps(made)
    forged = json.loads(json.dumps(made))
    forged["event"]["who"]["subject"] = "dr.durand"
    assert list(problems_of_receipt(forged)) == ["the event is not the one that was recorded"]
    forged = json.loads(json.dumps(made))
    forged["blocks"][1]["count"] = 7
    assert list(problems_of_receipt(forged, anchor)) == [
        "the blocks do not lead to the anchor",
        "the anchor names another block",
    ]
    assert list(problems_of_receipt({"event": {}})) == ["this is no receipt"]
    wiring.audit_trail().record(event(8))
    with pytest.raises(NotReady):
        receipt(wiring.audit_blocks(), event(8))


def test_the_command_online_and_offline(
    chain: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wiring.registry().put_hospital(Hospital("nord", "Nord"))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["verify_audit", *arguments])
        return verify_audit.main(), capsys.readouterr().out

    assert run() == (0, "nord, head 2: intact\n_region, head 0: intact\n")
    status, exported = run("--hospital", "nord", "--export")
    (tmp_path / "export").write_text(exported)
    (tmp_path / "anchor").write_bytes(wiring.audit_blocks().anchor(day_of(NOW_MS)) or b"")
    offline = ("--file", str(tmp_path / "export"), "--anchor", str(tmp_path / "anchor"))
    assert run(*offline) == (0, "nord: intact\n")
    (tmp_path / "export").write_text(exported.replace("dr.martin", "dr.durand"))
    status, text = run(*offline)
    assert (status, text.count("was changed")) == (1, 6)
    (tmp_path / "export").write_text(exported.splitlines()[0])
    assert run(*offline) == (1, "nord: WRONG\n  block 2 was anchored and is gone\n")
    (tmp_path / "receipt").write_text(json.dumps(receipt(wiring.audit_blocks(), event(5))))
    assert run("--receipt", str(tmp_path / "receipt"), "--anchor", str(tmp_path / "anchor"))[0] == 0
    change_event(chain, 1)
    assert run("--hospital", "nord")[0] == 1


def test_a_block_says_what_its_hash_is_of() -> None:
    block = Block("nord", 1, FIRST_PREVIOUS_HASH, "0" * 64, 1, 5)
    assert Block(**block.to_json()).hash == block.hash
    assert Leaf("0000000000007#ab", "").filed_ms == 7


def test_verification_goes_on_from_the_last_verified_anchor(chain: Cloud) -> None:
    """Of four days it reads the last ones; what happens to older ones is found by reading everything."""
    store, known = wiring.audit_blocks(), wiring.audit_verifications()
    later_ms = NOW_MS + 3 * DAY_MS
    first = verify(store, known, "nord", NOW_MS + 1, 0, is_full=False)
    assert (first.from_block, first.blocks, first.problems, first.anchor_day) == (1, 2, (), day_of(NOW_MS))
    assert known.last("nord") == first
    wiring.audit_trail().record(replace(event(0), when_ms=later_ms))
    audit_blocks.seal(store, "nord", later_ms)
    store.put_anchor(day_of(later_ms), anchor_of(store, ["nord"], day_of(later_ms), later_ms))
    second = verify(store, known, "nord", later_ms, 0, is_full=False)
    assert (second.from_block, second.blocks, second.problems, second.anchor_day) == (1, 3, (), day_of(later_ms))
    third = verify(store, known, "nord", later_ms, 0, is_full=False)
    assert (third.from_block, third.problems) == (3, ())

    change_event(chain, 2)
    assert verify(store, known, "nord", later_ms, 0, is_full=False).problems == ()
    full = verify(store, known, "nord", later_ms, 0, is_full=True)
    assert "of block 1 was changed" in full.problems[0]
    assert full.anchor_day == day_of(later_ms)


def test_what_happens_behind_the_anchor_is_found_and_found_again(chain: Cloud) -> None:
    store, known = wiring.audit_blocks(), wiring.audit_verifications()
    verify(store, known, "nord", NOW_MS + 1, 0, is_full=False)
    wiring.audit_trail().record(event(7))
    seal()
    remove_event(chain, 7)
    for _ in range(2):
        found = verify(store, known, "nord", NOW_MS + 2, 0, is_full=False)
        assert ["of block 3 was removed" in text for text in found.problems] == [True]
    wiring.registry().put_hospital(Hospital("nord", "Nord"))
    with pytest.raises(Unavailable):
        seal_audit_trail.handler({"verify": "new"}, None)
