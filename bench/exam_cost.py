"""What it costs to archive one CT exam, from counted calls and bytes, beside managed DICOM stores.

    python -m bench.exam_cost [instances]

Starts an emulator of its own. Instances are CT images of 526 KB, stored as the ingest service does, indexed in batches
as SQS delivers them, and finished once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import prices
from bench.counting import Meter
from bench.studies import HOSPITAL, CtSeries
from chalicelib import wiring
from chalicelib.archive import series_metadata
from chalicelib.archive.index_instance import index_objects
from chalicelib.archive.store import ReceivedInstance, store_instance
from chalicelib.billing.cost.exam_cost import COUNTED
from tests.emulator import create_cloud, running_emulator

INSTANCES = 210
"""Of an average exam of the region."""
BATCH = 50
"""infra/cdk/archive_stack.py."""
INDEX_MEMORY_MB, STUDY_READY_MEMORY_MB = 2048, 3008
INGEST_VCPU, INGEST_GB, INGEST_CPU_S_PER_GB, INGEST_BUSY = 1, 4, 3.0, 0.2
"""Fargate task; CPU as bench/results/c_store.md has it; share of the day's capacity that is used: assumed."""
YEAR_MONTHS = 12


def _counted(meter: Meter, action: Callable[[], Any]) -> tuple[Any, prices.Counted]:
    meter.counts.clear()
    began = time.process_time()
    result = action()
    gets = meter.total("s3.GetObject", "s3.HeadObject")
    return result, prices.Counted(
        time.process_time() - began,
        meter.of_service("dynamodb"),
        meter.counts["read units"],
        meter.counts["write units"],
        gets,
        meter.of_service("s3") - gets,
        meter.of_service("sqs"),
    )


def main(count: int) -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch, running_emulator() as emulator:
        os.environ.update(create_cloud(emulator).environment())
        ct = CtSeries(Path(scratch), count)
        objects = wiring.object_store()
        received = [ReceivedInstance(HOSPITAL, body, "bench") for body in ct.bodies()]
        keys = [store_instance(objects, item).object_key for item in received]
        meter, index = Meter(), wiring.index()
        batches = [keys[start : start + BATCH] for start in range(0, count, BATCH)]
        _, indexing = _counted(meter, lambda: [index_objects(index, batch) for batch in batches])
        study = index.reader.study(HOSPITAL, ct.study)
        assert study is not None
        assert study.instance_count == count
        url = wiring.settings().public_url
        _, finishing = _counted(meter, lambda: series_metadata.build(index.reader, index.writer, objects, study, url))
        report = _table(count, ct.size_bytes, len(batches), indexing, finishing)
    print(report)
    (Path(__file__).parent / "results/exam_cost.md").write_text(report)
    COUNTED.write_text(json.dumps(_counts(count, len(batches), indexing, finishing), indent=2) + "\n")


def _table(count: int, size_bytes: int, batches: int, indexing: prices.Counted, finishing: prices.Counted) -> str:
    gigabytes = size_bytes / 1e9
    ingest_s = gigabytes * INGEST_CPU_S_PER_GB / INGEST_BUSY
    rows = {
        "receive: Fargate": ingest_s * (INGEST_VCPU * prices.FARGATE_VCPU_S + INGEST_GB * prices.FARGATE_GB_S),
        f"receive: {count} S3 PUT": count * prices.S3_PUT,
        "S3 events through SQS": (count + 2 * batches) * prices.SQS_REQUEST,
        "index: Lambda": batches * prices.LAMBDA_REQUEST
        + prices.lambda_gb_s(_of_parallel_reads(indexing), INDEX_MEMORY_MB) * prices.LAMBDA_GB_S,
        f"index: {indexing.write_units:.0f} write units, {indexing.read_units:.0f} read units, "
        f"{indexing.s3_gets:.0f} S3 GET, {indexing.sqs_calls:.0f} SQS": prices.calls(indexing),
        "study ready: Lambda and calls": prices.LAMBDA_REQUEST
        + prices.lambda_gb_s(finishing, STUDY_READY_MEMORY_MB) * prices.LAMBDA_GB_S
        + prices.calls(finishing),
    }
    once = sum(rows.values())
    storage = gigabytes * prices.S3_GB_MONTH * YEAR_MONTHS
    archived = (
        gigabytes * (prices.S3_GB_MONTH + (YEAR_MONTHS - 1) * prices.S3_INSTANT_ARCHIVE_GB_MONTH) + prices.S3_TRANSITION
    )
    managed = max(gigabytes, 0.005)
    imaging_read = managed * prices.HEALTHIMAGING_GB_MONTH * YEAR_MONTHS
    imaging_quiet = managed * (prices.HEALTHIMAGING_GB_MONTH + 11 * prices.HEALTHIMAGING_ARCHIVE_GB_MONTH)
    google = count * prices.GOOGLE_STANDARD_REQUEST
    lines = [
        f"# Archiving one CT exam of {count} instances, {size_bytes / 1e6:.0f} MB",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m bench.exam_cost {count}`; list prices of eu-west-3, {prices.DATED}, "
        f"see bench/prices.py. Counted: calls, bytes, request units. CPU: measured here, "
        f"{indexing.cpu_s / count * 1000:.1f} ms an instance to index. Assumed: waits for AWS; ingest tasks busy "
        f"{INGEST_BUSY:.0%} of the time. Without packing, retention copies, KMS and logs.",
        "",
        "| step | USD |",
        "|---|---|",
        *(f"| {name} | {price:.6f} |" for name, price in rows.items()),
        f"| **archiving, once** | **{once:.6f}** |",
        f"| S3 Standard, a year | {storage:.6f} |",
        f"| **first year** | **{once + storage:.6f}** |",
        f"| instead: its series as one object, S3 Glacier Instant Retrieval after a month | {archived:.6f} |",
        f"| **first year then** (the buckets have no such rule yet) | **{once + archived:.6f}** |",
        "",
        "| managed store, the same exam | USD | ours to it |",
        "|---|---|---|",
        f"| AWS HealthImaging, a year, read at least monthly | {imaging_read:.6f} "
        f"| {(once + storage) / imaging_read:.2f}x |",
        f"| AWS HealthImaging, a year, never read after 30 days | {imaging_quiet:.6f} "
        f"| {(once + storage) / imaging_quiet:.2f}x; {(once + archived) / imaging_quiet:.2f}x |",
        f"| Google Cloud Healthcare API, {count} requests to store it, without storage | {google:.6f} "
        f"| {once / google:.2f}x (archiving alone) |",
    ]
    return "\n".join(lines) + "\n"


def _counts(count: int, batches: int, indexing: prices.Counted, finishing: prices.Counted) -> dict[str, Any]:
    """What the portal computes the cost of an exam from: quantities by item of the list of AWS's prices."""

    def text(quantity: float) -> str:
        return f"{quantity:.9f}".rstrip("0").rstrip(".")

    index_gb_s = prices.lambda_gb_s(_of_parallel_reads(indexing), INDEX_MEMORY_MB)
    hours = INGEST_CPU_S_PER_GB / INGEST_BUSY / 3600
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}, python -m bench.exam_cost {count}; waits for AWS and the share of "
        "the day that ingest tasks work are assumed",
        "per_instance": {
            "s3-put": text(1 + indexing.s3_puts / count),
            "s3-get": text(indexing.s3_gets / count),
            "dynamodb-read-unit": text(indexing.read_units / count),
            "dynamodb-write-unit": text(indexing.write_units / count),
            "sqs-request": text((count + 2 * batches + indexing.sqs_calls) / count),
            "lambda-request": text(batches / count),
            "lambda-gb-second": text(index_gb_s / count),
        },
        "per_gigabyte": {
            "fargate-vcpu-hour": text(INGEST_VCPU * hours),
            "fargate-gb-hour": text(INGEST_GB * hours),
        },
        "per_exam": {
            "s3-put": text(finishing.s3_puts),
            "s3-get": text(finishing.s3_gets),
            "dynamodb-read-unit": text(finishing.read_units),
            "dynamodb-write-unit": text(finishing.write_units),
            "sqs-request": text(finishing.sqs_calls),
            "lambda-request": "1",
            "lambda-gb-second": text(prices.lambda_gb_s(finishing, STUDY_READY_MEMORY_MB)),
        },
    }


def _of_parallel_reads(counted: prices.Counted) -> prices.Counted:
    """Objects are read eight at a time, so that only an eighth of their waits is billed."""
    return replace(counted, s3_gets=counted.s3_gets / 8)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else INSTANCES)
