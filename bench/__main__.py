"""`python -m bench`: benchmarks against peers on this machine; prints tables and writes them to bench/results/.

C-STORE, header to DICOM JSON, the cost of an exam, DICOMweb; each is a module of its own that runs alone as well.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import c_store, dicomweb, exam_cost, header_json, stow_rs
from bench.c_store import Result

RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--instances", type=int, default=400, help="CT images of 526 KB (400)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--c-store-only", action="store_true", help="leave the other benchmarks out")
    options = parser.parse_args(arguments)
    results, notes = c_store.run(options.instances, options.repeats)
    report = _report(results, notes, options.instances, options.repeats)
    print(report)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "c_store.md").write_text(report)
    if options.c_store_only:
        return 0 if results else 1
    header_json.main(options.repeats)
    exam_cost.main(exam_cost.INSTANCES)
    stow_rs.main(options.instances)
    return dicomweb.main([]) or (0 if results else 1)


def _report(results: list[Result], notes: list[str], instances: int, repeats: int) -> str:
    peers = {result.associations: result for result in results if result.server == "Orthanc"}
    lines = [
        "# C-STORE of a CT series",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()}, Python "
        f"{platform.python_version()}; {instances} CT images of 526 KB by dcmsend, best of {repeats}, TCP_NODELAY=1 "
        f"for peers and sender. Load average at the end {os.getloadavg()[1]:.0f}: where it is above the number of "
        "cores, other work ran meanwhile and only the ratios say something.",
        "",
        "Sans Film answers once S3 (the emulator, over HTTP, CPU in its own column) has the bytes; Orthanc indexes and "
        "writes to disk with fsync; storescp writes files.",
        "",
        "First/last: when the first sender was done, as a share of the time of the last one; each sends as much.",
        "",
        "| server | associations | MB/s | to Orthanc | CPU s/GB | to Orthanc | S3 stand-in CPU s/GB | peak MiB "
        "| first/last | errors |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        peer = peers.get(result.associations)
        wall_ratio = f"{result.megabytes_per_s / peer.megabytes_per_s:.2f}x" if peer else "-"
        cpu_ratio = f"{result.cpu_s_per_gb / peer.cpu_s_per_gb:.2f}x" if peer else "-"
        helper = f"{result.helper_cpu_s_per_gb:.2f}" if result.helper_cpu_s_per_gb else "-"
        lines.append(
            f"| {result.server} | {result.associations} | {result.megabytes_per_s:.0f} | {wall_ratio} "
            f"| {result.cpu_s_per_gb:.2f} | {cpu_ratio} | {helper} | {result.peak_mib} | {result.fairness:.2f} "
            f"| {result.errors} |"
        )
    return "\n".join([*lines, "", *notes]).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
