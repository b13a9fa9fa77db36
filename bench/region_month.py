"""Rates and allocates a region's month: 100 hospitals, 420,000 exams, 90 million instances.

    python -m bench.region_month [--exams N]

Facts are made by DuckDB, written as Parquet (one row an exam, with its instances and bytes), counted by DuckDB by
hospital, day and kind, and then rated and allocated by the product's own code. Proves on a sample of hospitals that the
counted facts give the same invoice as facts one by one, to the cent, and that a bill is allocated whole.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
from tqdm import tqdm

from chalicelib.billing.cost.allocation import allocate
from chalicelib.billing.cost.model import CostLine
from chalicelib.billing.cost.usage import BYTE_DAYS, BYTES_IN, EXAMS, INSTANCES, Cell, UsageTable, Used, days_of
from chalicelib.billing.ledger import EXAM_ARCHIVED, Usage
from chalicelib.billing.price_list import in_force
from chalicelib.billing.rating import rate

HOSPITALS, EXAM_COUNT, PERIOD = 100, 420_000, "2026-10"
SAMPLE = 5
MEMORY = "512MB"
RESULT = Path(__file__).parent / "results/region_month.md"
_EXAMS = """COPY (
    SELECT 'h' || lpad(CAST(least(99, CAST(floor(100 * pow(random(), 1.6)) AS INT)) AS VARCHAR), 3, '0') AS hospital,
        DATE '2026-10-01' + CAST(floor(31 * random()) AS INT) AS day,
        list_extract(['CT', 'CT', 'MR', 'DX', 'DX', 'DX', 'US', 'MG'], 1 + CAST(floor(8 * random()) AS INT)) AS modality
    FROM range($exams)
) TO '$file' (FORMAT parquet, ROW_GROUP_SIZE 50000)"""
_INSTANCES = """CASE modality WHEN 'CT' THEN 600 WHEN 'MR' THEN 480 WHEN 'US' THEN 12 WHEN 'MG' THEN 4 ELSE 2 END"""
_COUNTED = """SELECT hospital, CAST(day AS VARCHAR), modality, count(*)
    FROM read_parquet($file) GROUP BY ALL ORDER BY ALL"""
_COUNTED_INSTANCES = f"""SELECT hospital, CAST(day AS VARCHAR), modality, count(*), sum(size_bytes) FROM (
        SELECT hospital, day, modality, unnest(range({_INSTANCES})) AS instance,
            CASE modality WHEN 'DX' THEN 12000000 WHEN 'MG' THEN 25000000 ELSE 526000 END AS size_bytes
        FROM read_parquet($file))
    GROUP BY ALL ORDER BY ALL"""
Counted = list[tuple[str, str, str, int, int, int]]
"""Hospital, day, modality; exams, instances, bytes."""


class Peak:
    """Peak of the process's resident memory while it is open, MiB."""

    def __init__(self) -> None:
        self.mib, self._stop = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        pages = os.sysconf("SC_PAGE_SIZE")
        while not self._stop.wait(0.05):
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * pages / 2**20
            self.mib = max(self.mib, resident)


def main(exams: int) -> str:
    """Measure; return the table."""
    steps: list[tuple[str, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect() as connection,
        Peak() as peak,
        tqdm(total=7, unit="step") as bar,
    ):
        connection.execute(f"SET memory_limit = '{MEMORY}'; SET threads = 2; SELECT setseed(0.42)")
        file = Path(folder) / "facts.parquet"

        def step(name: str, began: float) -> None:
            steps.append((name, time.perf_counter() - began))
            bar.set_description(name)
            bar.update()

        began = time.perf_counter()
        connection.execute(_EXAMS.replace("$exams", str(exams)).replace("$file", str(file)))
        step("facts written as Parquet", began)
        began = time.perf_counter()
        exams_of = connection.execute(_COUNTED, {"file": str(file)}).fetchall()
        step("exams counted by hospital, day and modality", began)
        began = time.perf_counter()
        instances_of = connection.execute(_COUNTED_INSTANCES, {"file": str(file)}).fetchall()
        counted = [(*one, *other[3:]) for one, other in zip(exams_of, instances_of, strict=True)]
        step("instances counted, a row each", began)
        began = time.perf_counter()
        totals = {
            hospital: rate(own, in_force(PERIOD, hospital)).total_without_vat for hospital, own in _usages(counted)
        }
        step(f"{len(totals)} hospitals rated", began)
        began = time.perf_counter()
        _check_sample(connection, file, totals)
        step(f"{SAMPLE} hospitals rated fact by fact: the same to the cent", began)
        began = time.perf_counter()
        usage = UsageTable.of(_used(counted))
        lines = list(_bill())
        allocation = allocate(lines, usage, totals)
        step(f"{len(lines)} lines of a bill allocated", began)
        began = time.perf_counter()
        by_hospital = allocation.by_hospital()
        assert sum(by_hospital.values(), Decimal(0)) == sum((line.cost for line in lines), Decimal(0)).quantize(
            Decimal("0.01")
        )
        step("brought to the cent, the sum is the bill's", began)
    instances = sum(row[4] for row in counted)
    count = sum(row[3] for row in counted)
    return _table(count, instances, len(totals), steps, peak.mib, sum(totals.values(), Decimal(0)))


def _usages(counted: Counted) -> Iterator[tuple[str, list[Usage]]]:
    own: dict[str, list[Usage]] = {}
    for hospital, _, modality, exams, _, _ in counted:
        own.setdefault(hospital, []).append(Usage(EXAM_ARCHIVED, (modality,), exams))
    yield from own.items()


def _used(counted: Counted) -> Iterator[Used]:
    for hospital, day, modality, exams, instances, size_bytes in counted:
        cell = Cell(hospital, modality)
        yield Used(cell, day, EXAMS, exams)
        yield Used(cell, day, INSTANCES, instances)
        yield Used(cell, day, BYTES_IN, size_bytes)
        yield Used(cell, day, BYTE_DAYS, size_bytes * 30)


def _check_sample(connection: duckdb.DuckDBPyConnection, file: Path, totals: dict[str, Decimal]) -> None:
    """Rate facts one by one, as they come, without any counting before."""
    for hospital in sorted(totals)[:: max(1, len(totals) // SAMPLE)][:SAMPLE]:
        rows = connection.execute("SELECT modality FROM read_parquet($1) WHERE hospital = $2", [str(file), hospital])
        facts = (Usage(EXAM_ARCHIVED, (modality,)) for (modality,) in rows.fetchall())
        assert rate(facts, in_force(PERIOD, hospital)).total_without_vat == totals[hospital], hospital


def _bill() -> Iterator[CostLine]:
    kinds = [
        ("AmazonS3", "EUW3-TimedStorage-ByteHrs", "61.234567890123"),
        ("AmazonS3", "EUW3-Requests-Tier1", "15.400000000001"),
        ("AmazonS3", "EUW3-Requests-Tier2", "1.260000000003"),
        ("AWSLambda", "EUW3-Lambda-GB-Second", "9.111111111111"),
        ("AmazonDynamoDB", "EUW3-WriteRequestUnits", "14.222222222222"),
        ("AmazonECS", "EUW3-Fargate-vCPU-Hours:perCPU", "5.333333333333"),
        ("AmazonSNS", "EUW3-OutboundSMS-FR", "33.700000000007"),
        ("AmazonCloudWatch", "EUW3-DataProcessing-Bytes", "2.900000000009"),
    ]
    for day in days_of(PERIOD):
        for service, usage_type, cost in kinds:
            yield CostLine(
                PERIOD, day, service, usage_type, "", "", "", "", "Usage", "USD", Decimal(cost), Decimal(0), "", 1
            )


def _table(
    exams: int, instances: int, hospitals: int, steps: list[tuple[str, float]], peak_mib: float, total: Decimal
) -> str:
    whole = sum(seconds for _, seconds in steps)
    lines = [
        f"# A region's month: {hospitals} hospitals, {exams:,} exams, {instances / 1e6:.1f} million instances",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m bench.region_month`; {os.cpu_count()} cores, {platform.system()}, "
        f"Python {platform.python_version()}, DuckDB {duckdb.__version__} with at most {MEMORY}; load average "
        f"{os.getloadavg()[0]:.1f}. Instances are rows that DuckDB makes and counts one by one, never kept. All "
        f"invoices together: {total} euros without VAT.",
        "",
        "| step | s |",
        "|---|---|",
        *(f"| {name} | {seconds:.1f} |" for name, seconds in steps),
        f"| **together** | **{whole:.1f}** |",
        "",
        f"Peak resident memory {peak_mib:.0f} MiB (the process's own "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB).",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.region_month", description=__doc__)
    parser.add_argument("--exams", type=int, default=EXAM_COUNT)
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    options = parser.parse_args()
    report = main(options.exams)
    print(report)
    if options.write:
        RESULT.write_text(report)
