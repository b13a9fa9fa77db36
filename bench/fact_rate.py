"""5,000 metered facts a second for a minute through the product's own code, every write unit counted by partition key.

    python -m bench.fact_rate [--rate N] [--seconds N] [--write]

The client of DynamoDB is one that counts: what a write costs follows from the item by DynamoDB's published rules (1 KB
a unit, twice in a transaction). Each second its facts are recorded and those of the second before are sealed, markers
removed, as at a rate that lasts. Facts are of a hundred hospitals whose shares fall by a power of their rank, 4.3 % for
the busiest. Shown: CPU of our own code, and of each kind of partition key the busiest of any second beside the 1,000
units that DynamoDB gives a partition.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.aws.dynamodb_facts import DynamoDBFacts
from chalicelib.aws.dynamodb_items import from_item
from chalicelib.billing.fact_blocks import MOST_EVENTS as BLOCK
from chalicelib.billing.fact_blocks import FactBlock, FactHead, block_of
from chalicelib.billing.facts import (
    BYTES_IN,
    BYTES_OUT,
    INSTANCES_IN,
    REQUESTS_OUT,
    SMS_SEGMENTS,
    Event,
    MeterFact,
    to_event,
)

HOSPITALS, BUSIEST = 100, 0.043
PARTITION_LIMIT = 1_000
"""Write units a second of a partition, hence of a partition key (Amazon DynamoDB developer guide)."""
NOW_MS = 1_795_600_000_000
RESULT = Path(__file__).parent / "results/fact_rate.md"
KINDS = ((BYTES_IN, ""), (INSTANCES_IN, ""), (BYTES_OUT, "viewer"), (REQUESTS_OUT, "viewer"), (SMS_SEGMENTS, ""))
"""As common as each other."""


NAMES = {"F#": "fact", "NEW#": "marker (32 a hospital)", "HEAD#": "head and sums of a hospital", "B#": "header"}


@dataclass
class CountingClient:
    """Takes every write and remembers nothing but what it costs."""

    second: int = 0
    units: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By second and partition key."""
    largest_item_bytes: int = 0

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - as in boto3
        """Twice the units of each item."""
        for member in TransactItems:
            ((kind, write),) = member.items()
            item = write["Item"] if kind == "Put" else {**write["Key"], **write["ExpressionAttributeValues"]}
            self._count(item, 2)
        return {}

    def batch_write_item(self, RequestItems: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:  # noqa: N803
        """Removals cost as the item did, less than 1 KB each."""
        for requests in RequestItems.values():
            for request in requests:
                self._count(request["DeleteRequest"]["Key"], 1)
        return {}

    def update_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        """A head."""
        self._count(Key, 1)
        return {}

    def _count(self, item: dict[str, Any], factor: int) -> None:
        values = from_item(item)
        size = sum(len(name) + len(str(value)) for name, value in values.items())
        self.largest_item_bytes = max(self.largest_item_bytes, size)
        self.units[self.second, str(values["pk"])] += factor * math.ceil(size / 1024)


class NoObjects:
    """The bucket of blocks: S3's part is not measured here."""

    def put_if_absent(self, *_: Any) -> bool:
        """Written."""
        return True


def shares() -> list[float]:
    """Of the hospitals, the busiest first: rank to the power that gives the busiest its share."""
    low, high = 0.0, 3.0
    for _ in range(60):
        power = (low + high) / 2
        whole = sum(rank**-power for rank in range(1, HOSPITALS + 1))
        low, high = (power, high) if 1 / whole < BUSIEST else (low, power)
    return [rank**-power / whole for rank in range(1, HOSPITALS + 1)]


def facts(count: int, second: int, weights: list[float], chance: random.Random) -> Iterator[MeterFact]:
    """What happens in a second."""
    for number, hospital in enumerate(chance.choices(range(len(weights)), weights, k=count)):
        meter, variant = KINDS[number % len(KINDS)]
        study = f"1.2.826.0.1.3680043.8.498.{second:06d}.{number:08d}"
        is_out = bool(variant)
        yield MeterFact(
            f"hopital-{hospital:03d}",
            meter,
            f"{study}|from 0",
            1000 + number,
            NOW_MS + second * 1000,
            variant,
            "2026-11-25" if is_out else study,
            "" if is_out else "CT\\SR",
            "" if is_out else f"ACC{number:012d}",
        )


def main(rate: int, seconds: int, weights: list[float]) -> str:
    """Measure; return the table."""
    chance, client = random.Random(1), CountingClient()
    store = DynamoDBFacts(client, "meters", NoObjects())  # type: ignore[arg-type]
    spent = {"recorded": 0.0, "sealed": 0.0}
    heads: dict[str, FactBlock] = {}
    blocks, hospitals = 0, Counter[str]()
    before: dict[str, list[Event]] = {}
    for second in range(seconds):
        client.second = second
        made = list(facts(rate, second, weights, chance))
        hospitals.update(fact.hospital for fact in made)
        began = time.process_time()
        for fact in made:
            store.record(fact)
        spent["recorded"] += time.process_time() - began
        began = time.process_time()
        for hospital, events in before.items():
            for start in range(0, len(events), BLOCK):
                heads[hospital] = _seal(store, hospital, heads.get(hospital), events[start : start + BLOCK], second)
                blocks += 1
        spent["sealed"] += time.process_time() - began
        before = _events(made)
    return _report(client, rate, seconds, spent, blocks, hospitals)


def _events(made: list[MeterFact]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for fact in made:
        found.setdefault(fact.hospital, []).append(to_event(fact, fact.time_ms + 500))
    return found


def _seal(store: DynamoDBFacts, hospital: str, last: FactBlock | None, events: list[Event], second: int) -> FactBlock:
    """What `fact_blocks.seal` does once it has read the markers."""
    head = FactHead(last.seq, last.hash, last.sealed_at_ms) if last else FactHead()
    block = block_of(hospital, head, last.running if last else {}, events, NOW_MS + second * 1000)
    store.append(block, events)
    store.clear(block, events)
    return block


def _report(
    client: CountingClient, rate: int, seconds: int, spent: dict[str, float], blocks: int, hospitals: Counter[str]
) -> str:
    count = rate * seconds
    busiest_share = max(hospitals.values()) / count
    of_second: Counter[int] = Counter()
    for (second, _), units in client.units.items():
        of_second[second] += units
    record_us, seal_us = (spent[name] / count * 1e6 for name in ("recorded", "sealed"))
    lines = [
        f"{count:,} facts of {len(hospitals)} hospitals in {seconds} s, the busiest has {busiest_share:.1%}; "
        f"{blocks:,} blocks; largest item {client.largest_item_bytes} bytes.",
        "",
        "| partition keys | how many | units a second, all | most of one key in a second | below the limit by |",
        "|---|---|---|---|---|",
        *(_row(client, prefix, name, seconds) for prefix, name in NAMES.items()),
        "",
        f"Together {max(of_second.values()):,} write units in the busiest second. CPU of our own code: "
        f"{record_us:.0f} µs to record a fact ({1e6 / record_us:,.0f} a second and core), {seal_us:.0f} µs to seal it "
        f"({spent['sealed'] / max(1, blocks) * 1e3:.1f} ms a block).",
    ]
    return "\n".join(lines) + "\n"


def _row(client: CountingClient, prefix: str, name: str, seconds: int) -> str:
    own = {key: units for key, units in client.units.items() if key[1].startswith(prefix)}
    (_, busiest), most = max(own.items(), key=lambda each: each[1])
    keys = len({key for _, key in own})
    shown = "any" if prefix == "F#" else busiest
    return (
        f"| {name} | {keys:,} | {sum(own.values()) / seconds:,.0f} | {most} ({shown}) | {PARTITION_LIMIT / most:.1f}x |"
    )


def report_of(rate: int, seconds: int) -> str:
    """Both runs as a document."""
    introduction = (
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m bench.fact_rate`; {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, load average {os.getloadavg()[0]:.1f}. The product's code with a client "
        "that counts write units: DynamoDB itself is not in it, nor are requests (signing, TLS). Facts are recorded "
        "and, a second later, sealed and their markers removed. The limit is "
        f"{PARTITION_LIMIT:,} write units a second of a partition."
    )
    return "\n".join(
        [
            f"# {rate:,} facts a second, by partition key",
            "",
            introduction,
            "",
            "## A hundred hospitals",
            "",
            main(rate, seconds, shares()),
            "## All in one hospital (a migration)",
            "",
            main(rate, max(1, seconds // 6), [1.0]),
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.fact_rate", description=__doc__)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    options = parser.parse_args()
    report = report_of(options.rate, options.seconds)
    print(report)
    if options.write:
        RESULT.write_text(report)
