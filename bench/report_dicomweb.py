"""Tables of `bench.dicomweb`."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench import prices

if TYPE_CHECKING:
    from bench.dicomweb import Case, Measured

API_MEMORY_MB = 1024
"""Of the API's Lambda (.chalice/config.json)."""


def table(results: list[tuple[Case, Measured, Measured]], studies: int, slices: int) -> str:
    """Times against Orthanc, then what one request uses and costs on AWS."""
    machine = (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores shared with other work (load {os.getloadavg()[1]:.0f}), "
        f"{platform.system()}, Python {platform.python_version()}"
    )
    lines = [
        "# DICOMweb",
        "",
        f"{machine}; {studies} studies of one image, and one CT series of {slices} images of 526 KB. Orthanc: "
        "TCP_NODELAY=1, keep-alive, 50 HTTP threads, metadata cache.",
        "",
        "CPU: of our handler (for rendered: both Lambdas), called in one process as API Gateway does behind its "
        "authorizer, whose answer is cached; of Orthanc's process. Times: over HTTP on loopback, ours at the edge, so "
        "through edge, emulated API Gateway, Lambda, DynamoDB and S3. Outside: share of the edge's median that is "
        "outside of the handler's CPU, so in the emulator, the edge and waiting for a core: AWS's own times differ.",
        "",
        "| request | status | bytes | our CPU ms | Orthanc CPU ms | ratio | target | edge p50 / p99 ms "
        "| Orthanc p50 / p99 ms | outside |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, mine, theirs in results:
        ratio = f"{mine.cpu_ms / theirs.cpu_ms:.2f}x" if theirs.cpu_ms else "-"
        outside, edge = "-", "not measured"
        if mine.p50_ms:
            outside, edge = f"{max(0, 1 - mine.cpu_ms / mine.p50_ms):.0%}", f"{mine.p50_ms:.0f} / {mine.p99_ms:.0f}"
        status = f"{mine.status}" if mine.status == theirs.status else f"{mine.status} (Orthanc {theirs.status})"
        lines.append(
            f"| {case.name} | {status} | {mine.size_bytes} | {mine.cpu_ms:.2f} | {theirs.cpu_ms:.2f} | {ratio} "
            f"| {case.target:g}x | {edge} | {theirs.p50_ms:.1f} / {theirs.p99_ms:.1f} | {outside} |"
        )
    return "\n".join([*lines, "", *_costs(results)]) + "\n"


def _costs(results: list[tuple[Case, Measured, Measured]]) -> list[str]:
    lines = [
        "## What a request uses and costs on AWS",
        "",
        f"USD per million requests at list prices of eu-west-3, {prices.DATED}, see bench/prices.py. Lambda: "
        f"{API_MEMORY_MB} MB, the CPU above at the share of a core that this buys, and assumed waits of "
        f"{prices.DYNAMODB_CALL_S * 1000:.0f} ms a DynamoDB call and {prices.S3_CALL_S * 1000:.0f} ms an S3 call. "
        "Delivery: CloudFront. Google: its price of requests alone; HealthImaging: of calls alone; without delivery.",
        "",
        "| request | DynamoDB calls | read units | S3 GET | S3 PUT | Lambda GB-ms | $/M | + delivery $/M "
        "| Google $/M | HealthImaging $/M |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, mine, _ in results:
        counted = mine.counted
        price, delivery = prices.api_request(counted, API_MEMORY_MB, mine.size_bytes)
        google = prices.GOOGLE_QIDO_REQUEST if case.name.startswith("QIDO") else prices.GOOGLE_STANDARD_REQUEST
        lines.append(
            f"| {case.name} | {counted.dynamodb_calls:.1f} | {counted.read_units:.1f} | {counted.s3_gets:.1f} "
            f"| {counted.s3_puts:.1f} | {prices.lambda_gb_s(counted, API_MEMORY_MB) * 1000:.0f} | {price * 1e6:.2f} "
            f"| {delivery * 1e6:.2f} | {google * 1e6:.2f} | {prices.HEALTHIMAGING_CALL * 1e6:.2f} |"
        )
    return lines
