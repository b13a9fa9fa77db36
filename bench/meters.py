"""Metered facts into the emulator: `python -m bench.meters [--facts N] [--threads T]`.

Prints facts a second, the share of the busiest shard of markers and what sealing, exporting and verifying take. The
emulator is one process: its rate says what a fact costs the writer, not what DynamoDB takes.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from chalicelib.aws.dynamodb_facts import SHARDS, shard_of
from chalicelib.billing.facts import BYTES_IN, MeterFact
from tests.emulator import create_cloud, running_emulator

NOW_MS = 1_795_600_000_000


def main() -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.meters", description=__doc__)
    parser.add_argument("--facts", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=16)
    options = parser.parse_args()
    facts = [
        MeterFact("nord", BYTES_IN, f"1.2.{n}|from 0", 1000, NOW_MS, "", f"1.2.{n}", "CT") for n in range(options.facts)
    ]
    busiest = max(Counter(shard_of(fact.fact_id) for fact in facts).values()) / len(facts)
    print(f"busiest of {SHARDS} shards: {busiest:.1%} of {len(facts)} facts of one hospital (even: {1 / SHARDS:.1%})")
    with running_emulator() as emulator:
        os.environ.update(create_cloud(emulator).environment())
        _measure(facts, options.threads)
    return 0


def _measure(facts: list[MeterFact], threads: int) -> None:
    from chalicelib import wiring_meters
    from chalicelib.billing.fact_blocks import seal
    from chalicelib.billing.fact_export import export_days
    from chalicelib.billing.verify_facts import problems

    store, exports = wiring_meters.facts(), wiring_meters.fact_exports()
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        recorded = sum(pool.map(store.record, facts))
        print(f"recorded {recorded} in {_since(started)}, {recorded / (time.perf_counter() - started):.0f} a second")
        again = sum(pool.map(store.record, facts[:200]))
        print(f"delivered again: 200, recorded {again}")
    started, blocks = time.perf_counter(), 0
    while seal(store, "nord", NOW_MS):
        blocks += 1
    print(f"sealed in {blocks} blocks, {_since(started)}")
    started = time.perf_counter()
    files = export_days(store, exports, "nord", "2027-01-01")
    print(
        f"exported in {len(files)} files, {_since(started)}: {sum(len(exports.read(each)[0]) for each in files)} bytes"
    )
    started = time.perf_counter()
    print(f"verified: {list(problems(store, exports, 'nord')) or 'intact'}, {_since(started)}")
    print(f"load average {os.getloadavg()[0]:.0f}, {os.cpu_count()} cores")


def _since(started: float) -> str:
    return f"{time.perf_counter() - started:.1f} s"


if __name__ == "__main__":
    raise SystemExit(main())
