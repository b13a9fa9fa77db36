"""How many events a second the audit trail takes: `python -m bench.audit_rate --writers 8 --events 4000`.

Writers record distinct events of one hospital on one day at once, the worst case for its partitions, then some of them
again. The emulator is one process and gives a floor of the rate, not DynamoDB's; what counts is that nothing of the
design waits for something else: no conflicts between writers, events spread evenly over shards.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from chalicelib import wiring
from chalicelib.access.audit import Action, AuditEvent, Who
from chalicelib.archive.scope import PatientRef
from chalicelib.aws import dynamodb_audit_trail as trail
from chalicelib.aws.dynamodb_requests import TransactionCancelled
from tests.emulator import create_cloud, running_emulator

UNITS_OF_A_PARTITION = 1000
UNITS_OF_AN_EVENT = 2
"""Of its own partition, in a transaction (898 bytes); its marker takes as many of the marker's."""


def event(number: int, start_ms: int) -> AuditEvent:
    """The n-th event: one of 40 users opens a study."""
    who = Who(f"user{number % 40}", "radiologist", f"User {number % 40}", "nord", f"s{number % 40}", "192.0.2.7")
    patient = PatientRef("nord", f"P{number}")
    return AuditEvent(start_ms + number, Action.READ_STUDY, who, patient=patient, study_instance_uid=f"1.2.{number}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit_rate", description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--events", type=int, default=4000)
    options = parser.parse_args()
    with running_emulator() as emulator:
        os.environ.update(create_cloud(emulator).environment())
        conflicts: Counter[str] = Counter()
        original = trail.call

        def counted(operation: object, **request: object) -> object:
            try:
                return original(operation, **request)  # type: ignore[arg-type]
            except TransactionCancelled:
                conflicts["cancelled"] += 1
                raise

        trail.call = counted  # type: ignore[assignment]
        start_ms = int(time.time()) // 86400 * 86_400_000
        events = [event(number, start_ms) for number in range(options.events)]
        record = wiring.audit_trail().record
        began = time.perf_counter()
        with ThreadPoolExecutor(options.writers) as pool:
            new = sum(pool.map(record, events))
        took_s = time.perf_counter() - began
        with ThreadPoolExecutor(options.writers) as pool:
            again = sum(pool.map(record, events[:200]))
    shards = Counter(trail.shard_of(each.event_id) for each in events)
    mean = options.events / trail.SHARDS
    ceiling = trail.SHARDS * UNITS_OF_A_PARTITION // UNITS_OF_AN_EVENT
    print(f"{options.writers} writers, {new} events in {took_s:.1f} s: {new / took_s:.0f} events/s (emulator)")
    print(f"repeated: {again} of 200 were recorded twice, {conflicts['cancelled'] - 200} conflicts among new ones")
    print(f"shards: {min(shards.values())} to {max(shards.values())} events, mean {mean:.0f}")
    even = ceiling * mean / max(shards.values())
    print(f"by DynamoDB's limits: {ceiling} events/s a hospital, {even:.0f} with this spread")


if __name__ == "__main__":
    main()
