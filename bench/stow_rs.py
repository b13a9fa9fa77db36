"""STOW-RS of a CT series in requests of 1, 10 and 100 instances: wall time and CPU of the server.

python -m bench.stow_rs [instances]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import requests

from bench.servers import DICOMWEB_PLUGIN, Server, cpu_seconds, missing, orthanc, sans_film
from bench.studies import CtSeries

BATCHES = (1, 10, 100)
BOUNDARY = "a-boundary-of-the-bench"
CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
SERVERS: tuple[Callable[[Path], AbstractContextManager[Server]], ...] = (
    sans_film,
    partial(orthanc, dicomweb=True),
    partial(orthanc, dicomweb=True, fsync=False),
)


def _body(paths: list[Path]) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + path.read_bytes() + b"\r\n" for path in paths) + f"--{BOUNDARY}--\r\n".encode()


def _measure(server: Server, ct: CtSeries, batch: int) -> tuple[float, float, float]:
    """MB/s, CPU s/GB of the server and of what stands for the cloud."""
    session = requests.Session()
    headers = {"Content-Type": CONTENT_TYPE, "Accept": "application/dicom+json", **dict(server.http_headers)}
    bodies = [_body(ct.paths[start : start + batch]) for start in range(0, len(ct.paths), batch)]
    cpu, helper = cpu_seconds(server.process_ids), cpu_seconds(server.helper_process_ids)
    began = time.monotonic()
    for body in bodies:
        session.post(server.stow_rs_url, data=body, headers=headers, timeout=300).raise_for_status()
    wall = time.monotonic() - began
    gigabytes = ct.size_bytes / 1e9
    used = (cpu_seconds(server.process_ids) - cpu) / gigabytes
    return ct.size_bytes / 1e6 / wall, used, (cpu_seconds(server.helper_process_ids) - helper) / gigabytes


def main(count: int) -> int:
    """Measure, print and write the table; return the exit status."""
    if missing("Orthanc") or not DICOMWEB_PLUGIN.exists():
        print("Orthanc or its DICOMweb plugin is not installed: nothing was measured.", file=sys.stderr)
        return 1
    lines = [
        "# STOW-RS of a CT series",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores shared with other work (load {os.getloadavg()[1]:.0f}); "
        f"{count} images of 526 KB, one request after the other. Sans Film answers once S3 (the emulator, CPU in its "
        "own column) has the bytes; Orthanc indexes.",
        "",
        "| server | instances a request | MB/s | CPU s/GB | to Orthanc | S3 stand-in CPU s/GB |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory(prefix="sansfilm-bench-") as scratch:
        ct = CtSeries(Path(scratch) / "ct", count)
        rows = []
        for number, server in enumerate(SERVERS):
            for batch in BATCHES:
                folder = Path(scratch) / f"{number}-{batch}"
                folder.mkdir()
                with server(folder) as running:
                    rows.append((running.name, batch, *_measure(running, ct, batch)))
                    print(rows[-1], file=sys.stderr, flush=True)
    peers = {batch: cpu for name, batch, _, cpu, _ in rows if name == "Orthanc"}
    for name, batch, speed, cpu, helper in rows:
        lines.append(f"| {name} | {batch} | {speed:.0f} | {cpu:.2f} | {cpu / peers[batch]:.2f}x | {helper:.2f} |")
    report = "\n".join(lines) + "\n"
    print(report)
    (Path(__file__).parent / "results/stow_rs.md").write_text(report)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
