"""DICOMweb against Orthanc in one run: CPU a request in the handler, time at the edge, calls to AWS and their price.

    python -m bench.dicomweb [--studies 2000] [--slices 1000] [--requests 100]

Starts a platform of its own (free ports, temporary state) and an Orthanc, both with the same instances.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from bench import prices, report_dicomweb
from bench.counting import Meter
from bench.handler import FRAMES, INSTANCE, JSON, SERIES, STUDIES, Call, invoke, quiet_logs, render_here, signing_secret
from bench.servers import DICOMWEB_PLUGIN, cpu_seconds, missing, orthanc
from bench.studies import (
    HOSPITAL,
    CtSeries,
    index_alone,
    index_series,
    load_orthanc,
    load_sans_film,
    study_date,
    worklist,
)
from tests.emulator import create_cloud, running_emulator
from tests.platform import RunningPlatform, temporary_platform

WARM_UP = 3
NOTHING = prices.Counted()
DEADLINE_S = 900


@dataclass(frozen=True)
class Case:
    """A kind of request and how often it is measured, as a share of `--requests`."""

    name: str
    call: Call
    target: float
    """Largest ratio of CPU to Orthanc's that was promised."""
    share: float = 1.0


@dataclass(frozen=True)
class Measured:
    """One case at one server."""

    cpu_ms: float
    p50_ms: float
    p99_ms: float
    status: int
    size_bytes: int
    counted: prices.Counted = NOTHING
    in_process_p50_ms: float = 0.0


def cases(studies: int, ct: CtSeries) -> list[Case]:
    """What is asked; the worklist study in the middle stands for all."""
    middle = studies // 2
    uid = f"1.2.826.0.1.3680043.10.1558.{middle + 1}"
    week = f"{study_date(middle)}-{study_date(middle + 27)}"

    def search(**query: str) -> Call:
        return Call(STUDIES, JSON, tuple(query.items()))

    series = (("study", ct.study), ("series", ct.series))
    instance = (*series, ("instance", ct.instance))
    octets = 'multipart/related; type="application/octet-stream"'
    part10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    return [
        Case("QIDO StudyInstanceUID", search(StudyInstanceUID=uid), 1.0),
        Case("QIDO AccessionNumber", search(AccessionNumber=f"A{middle:06d}"), 1.0),
        Case("QIDO PatientID", search(PatientID=f"P{middle // 2:06d}"), 1.0),
        Case("QIDO StudyDate, 7 days", search(StudyDate=week), 1.0),
        Case("QIDO PatientName=DUPO*, limit 25", search(PatientName="DUPO*", limit="25"), 1.0, 0.5),
        Case("QIDO page of 50 by date", search(limit="50"), 0.15, 0.5),
        Case("series metadata", Call(SERIES + "/metadata", JSON, (), series), 0.05, 0.1),
        Case("one frame, 525 KB", Call(FRAMES, octets, (), (*instance, ("frames", "1"))), 1.0),
        Case("rendered JPEG", Call(INSTANCE + "/rendered", "image/jpeg", (), instance), 1.0, 0.5),
        Case("whole series", Call(SERIES, part10, (), series), 0.05, 0.03),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run; print and write the tables; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.dicomweb", description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--slices", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--only", default="", help="cases whose names contain this")
    parser.add_argument("--handler-only", action="store_true", help="the handlers over an emulator, without an edge")
    options = parser.parse_args(arguments)
    if missing("Orthanc") or not DICOMWEB_PLUGIN.exists():
        print("Orthanc or its DICOMweb plugin (packages orthanc, orthanc-dicomweb) is not installed.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sansfilm-bench-") as scratch:
        folder = Path(scratch)
        ct = CtSeries(folder / "ct", options.slices)
        with _archive(options.handler_only) as platform, orthanc(folder, dicomweb=True) as peer:
            _say("loading Orthanc")
            load_orthanc(peer.http_port, worklist(options.studies))
            load_orthanc(peer.http_port, ct.bodies())
            _say("loading Sans Film")
            index_alone(worklist(options.studies))
            _say("loading the series")
            keys = load_sans_film(ct.bodies())
            if platform:
                _wait_until_indexed(options.studies, ct, options.slices)
            else:
                index_series(keys)
            render_here()
            quiet_logs()
            results = []
            for case in (case for case in cases(options.studies, ct) if options.only in case.name):
                count = max(3, round(options.requests * case.share))
                _check_results(case, peer.http_port)
                theirs = _measure_peer(case, peer.http_port, peer.process_ids, count)
                mine = _measure_here(case, count)
                if platform:
                    mine = _measure_edge(case, mine, platform, count)
                results.append((case, mine, theirs))
                _say(
                    f"{case.name}: {mine.cpu_ms:.1f} ms, Orthanc {theirs.cpu_ms:.1f} ms, {mine.status}/{theirs.status}"
                )
            report = report_dicomweb.table(results, options.studies, options.slices)
            print(report, flush=True)
            if not options.only:
                (Path(__file__).parent / "results/dicomweb.md").write_text(report)
    return 0


@contextmanager
def _archive(handler_only: bool) -> Iterator[RunningPlatform | None]:
    """A platform, or only an emulator with what the handlers need; this process's settings lead there."""
    if handler_only:
        with running_emulator() as emulator:
            os.environ.update(create_cloud(emulator).environment())
            os.environ["SANSFILM_OBJECT_SIGNING_SECRET"] = signing_secret(emulator)
            yield None
    else:
        with temporary_platform(SANSFILM_STUDY_QUIET_S="5") as platform:
            os.environ.update(platform.environment())
            yield platform


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def _wait_until_indexed(studies: int, ct: CtSeries, slices: int) -> None:
    """Until the platform's own Lambdas have indexed everything and the series is ready."""
    from chalicelib import wiring

    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = sum(1 for _ in wiring.index_reader().studies_by_date(HOSPITAL, "", ""))
        series = wiring.index_reader().series(HOSPITAL, ct.study, ct.series)
        ready = series is not None and series.metadata_instance_count == slices
        _say(
            f"{found} of {studies + 1} studies indexed, {series.instance_count if series else 0} slices, ready: {ready}"
        )
        if found > studies and ready:
            return
        time.sleep(5)
    raise RuntimeError("The platform did not index everything in time.")


def _percentiles(times_s: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(times_s)
    return statistics.median(ordered) * 1000, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000


def _results(answer: bytes | str) -> int:
    """How many matches a search found."""
    return len(json.loads(answer or "[]"))


def _check_results(case: Case, port: int) -> None:
    """That both servers find the same: an empty answer is fast."""
    if case.call.resource != STUDIES:
        return
    url = f"http://127.0.0.1:{port}/dicom-web{case.call.path}"
    theirs = _results(requests.get(url, headers={"Accept": JSON}, timeout=300).content)
    body = base64.b64decode(invoke(case.call.event())["body"])
    mine = _results(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    if mine != theirs or not mine:
        raise RuntimeError(f"{case.name}: {mine} results, {theirs} at Orthanc.")


def _get(session: requests.Session, url: str, case: Case) -> tuple[int, int]:
    """Status and bytes as they came over the wire, compressed or not."""
    with session.get(url, headers=case.call.headers, stream=True, timeout=300) as answer:
        size = sum(len(chunk) for chunk in iter(lambda: answer.raw.read(1 << 20), b""))
        return answer.status_code, size


def _measure_peer(case: Case, port: int, process_ids: tuple[int, ...], count: int) -> Measured:
    session, url = requests.Session(), f"http://127.0.0.1:{port}/dicom-web{case.call.path}"
    for _ in range(WARM_UP):
        status, size = _get(session, url, case)
    times, cpu = [], cpu_seconds(process_ids)
    for _ in range(count):
        began = time.perf_counter()
        _get(session, url, case)
        times.append(time.perf_counter() - began)
    cpu_ms = (cpu_seconds(process_ids) - cpu) / count * 1000
    return Measured(cpu_ms, *_percentiles(times), status, size)


def _measure_here(case: Case, count: int) -> Measured:
    """CPU of this process: API handler, and the renderer where it takes part; then what it asks of AWS."""
    event = case.call.event()
    for _ in range(WARM_UP):
        answer = invoke(event)
    times, cpu = [], time.process_time()
    for _ in range(count):
        began = time.perf_counter()
        invoke(event)
        times.append(time.perf_counter() - began)
    cpu_s = (time.process_time() - cpu) / count
    meter = Meter()
    invoke(event)
    meter.close()
    counted = prices.Counted(
        cpu_s,
        meter.of_service("dynamodb"),
        meter.counts["read units"],
        meter.counts["write units"],
        meter.total("s3.GetObject", "s3.HeadObject"),
        meter.total("s3.PutObject", "s3.CopyObject", "s3.ListObjectsV2"),
        meter.of_service("sqs"),
    )
    p50, _ = _percentiles(times)
    size = len(base64.b64decode(answer["body"])) if answer.get("isBase64Encoded") else len(answer["body"])
    return Measured(cpu_s * 1000, 0, 0, answer["statusCode"], size, counted, p50)


def _measure_edge(case: Case, mine: Measured, platform: RunningPlatform, count: int) -> Measured:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {platform.token('radiologist', HOSPITAL)}"
    url = platform.dicomweb_url + case.call.path
    for _ in range(WARM_UP):
        _, size = _get(session, url, case)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        _get(session, url, case)
        times.append(time.perf_counter() - began)
    p50, p99 = _percentiles(times)
    return replace(mine, p50_ms=p50, p99_ms=p99, size_bytes=size)


if __name__ == "__main__":
    sys.exit(main())
