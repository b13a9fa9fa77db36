"""Metered facts in the emulator: recorded once, sealed once, summed up."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import wiring, wiring_meters
from chalicelib.access.model import Hospital
from chalicelib.aws.dynamodb_facts import SHARDS, shard_of
from chalicelib.billing.fact_blocks import FactBlock, seal
from chalicelib.billing.facts import BYTES_IN, RESTORES, SHARES, SMS_SEGMENTS, MeterFact, leaf_of
from chalicelib.billing.ledger import Usage
from chalicelib.billing.restores import COMPLETED
from chalicelib.billing.verify_facts import problems
from chalicelib.functions import index_instance, seal_facts
from tests.contract.index_support import store
from tests.emulator import Cloud

NOW_MS = 1_795_600_000_000


def fact(number: int, meter: str = SHARES, quantity: int = 1, hospital: str = "nord") -> MeterFact:
    return MeterFact(hospital, meter, str(number), quantity, NOW_MS, subject="1.2.3")


@pytest.mark.usefixtures("cloud")
def test_a_fact_is_recorded_once_by_whoever_comes_first() -> None:
    store = wiring_meters.facts()
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda n: store.record(fact(n % 4, quantity=n + 1)), range(24)))
    assert outcomes.count(True) == 4
    block = seal(store, "nord", NOW_MS)
    assert block is not None
    assert block.count == 4
    assert not store.record(fact(1))
    assert seal(store, "nord", NOW_MS) is None


@pytest.mark.usefixtures("cloud")
def test_blocks_follow_each_other_and_months_add_up() -> None:
    store = wiring_meters.facts()
    for number in range(7):
        store.record(fact(number, quantity=number))
        store.record(fact(number, BYTES_IN, 10**12))
    while seal(store, "nord", NOW_MS, most_events=SHARDS):
        pass
    blocks = list(store.blocks("nord"))
    assert sum(block.count for block in blocks) == 14
    assert blocks[-1].running == {BYTES_IN: 7 * 10**12, SHARES: 21}
    assert [block.previous_hash for block in blocks[1:]] == [block.hash for block in blocks[:-1]]
    assert store.head("nord").hash == blocks[-1].hash
    assert store.block("nord", 1) == blocks[0]
    assert sum(len(store.events(block)) for block in blocks) == 14
    assert store.usage("nord", "2026-11") == [Usage(BYTES_IN, (), 7 * 10**12), Usage(SHARES, (), 21)]
    store.close("nord", "2026-11")
    store.record(fact(99))
    assert seal(store, "nord", NOW_MS) is None
    later = seal(store, "nord", NOW_MS + 7 * 86_400_000)
    assert later is not None
    assert store.usage("nord", later.period) == [Usage(SHARES, (), 1)]
    assert store.usage("sud", "2026-11") == []


@pytest.mark.usefixtures("cloud")
def test_sealers_at_the_same_time_and_one_that_died_put_no_fact_in_two_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    store = wiring_meters.facts()
    for number in range(30):
        store.record(fact(number))
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "clear", lambda *_: None)
        first = seal(store, "nord", NOW_MS)
    assert first is not None
    for number in range(30, 60):
        store.record(fact(number))

    def run(_: int) -> FactBlock | None:
        return seal(store, "nord", NOW_MS + 5)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    while seal(store, "nord", NOW_MS + 6):
        pass
    ids = [event["id"] for block in store.blocks("nord") for event in store.events(block)]
    assert (len(ids), len(set(ids))) == (60, 60)
    assert all(leaf_of(event) for block in store.blocks("nord") for event in store.events(block))


@pytest.mark.usefixtures("cloud")
def test_every_hospital_is_sealed_by_the_function() -> None:
    for hospital in ("nord", "sud"):
        wiring.registry().put_hospital(Hospital(hospital, hospital))
        wiring_meters.facts().record(fact(1, SMS_SEGMENTS, hospital=hospital))
    assert seal_facts.handler({}, None) == {"blocks": 2, "facts": 2}
    assert seal_facts.handler({}, None) == {"blocks": 0, "facts": 0}


def test_markers_spread_evenly_over_their_shards(cloud: Cloud) -> None:
    assert cloud
    counts = [0] * SHARDS
    for number in itertools.islice(itertools.count(), 20_000):
        counts[shard_of(fact(number).fact_id)] += 1
    assert max(counts) < 1.25 * 20_000 / SHARDS


def test_an_instance_that_s3_brings_back_is_a_restore_once(cloud: Cloud) -> None:
    key, bucket, queue = store(), cloud.settings["archive_bucket"], cloud.settings["index_queue_url"]
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    source = {"Bucket": bucket, "Key": key}
    s3.copy_object(Bucket=bucket, Key=key, CopySource=source, StorageClass="GLACIER", MetadataDirective="COPY")
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    told = {"QueueArn": arn, "Events": [f"s3:{COMPLETED}"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]})
    s3.restore_object(Bucket=bucket, Key=key, RestoreRequest={"Days": 1})
    bodies: list[str] = []
    for _ in range(10):
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
        bodies = [each["Body"] for each in messages if COMPLETED in each["Body"]]
        if bodies:
            break
    batch = {"Records": [{"messageId": str(number), "body": bodies[0]} for number in range(2)]}
    for _ in range(2):
        assert index_instance.handler(batch, None) == {"batchItemFailures": []}
    assert seal(wiring_meters.facts(), "nord", NOW_MS)
    assert wiring_meters.facts().usage("nord", "2026-11") == [Usage(RESTORES, (), 1)]
    assert list(problems(wiring_meters.facts(), wiring_meters.fact_exports(), "nord")) == []


@pytest.mark.usefixtures("cloud")
def test_a_restore_of_what_is_no_instance_is_delivered_again() -> None:
    record = {"eventName": COMPLETED, "eventTime": "2026-11-26T08:00:00.000Z", "s3": {"object": {"key": "packs/x.dcm"}}}
    batch = {"Records": [{"messageId": "1", "body": json.dumps({"Records": [record]})}]}
    assert index_instance.handler(batch, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
