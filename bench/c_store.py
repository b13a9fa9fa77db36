"""C-STORE of a CT series by dcmsend: wall time, CPU of the server, memory, for 1, 4 and 50 associations."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.data import write_ct_series
from bench.servers import ENVIRONMENT, SERVERS, Server, cpu_seconds, missing, peak_memory_mib

PARTS = 50
ASSOCIATIONS = (1, 4, 50)


@dataclass(frozen=True)
class Result:
    """One run, or the best of several: what other work on the machine adds is not the server's."""

    server: str
    associations: int
    instances_per_s: float
    megabytes_per_s: float
    cpu_s_per_gb: float
    helper_cpu_s_per_gb: float
    peak_mib: int
    fairness: float
    """Time of the first sender to finish, as a share of the last one's; each sends as much."""
    errors: int


def run(count: int, repeats: int) -> tuple[list[Result], list[str]]:
    """Measure every server that is installed; return results and sentences about those that are not."""
    notes = [f"{executable} is not installed: left out." for _, _, executable in SERVERS if missing(executable)]
    if missing("dcmsend"):
        return [], ["dcmsend (package dcmtk) is not installed: nothing was measured."]
    runs: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="sansfilm-bench-") as folder:
        source = Path(folder) / "source"
        size = write_ct_series(source, count, PARTS)
        for repeat in range(repeats):
            # Server after server at each number of associations: they share what else the machine does meanwhile.
            for associations in ASSOCIATIONS:
                for name, server, executable in SERVERS:
                    if missing(executable):
                        continue
                    # A fresh server each time: no instance is a duplicate.
                    working = Path(folder) / f"{name}-{repeat}-{associations}"
                    working.mkdir()
                    with server(working) as running:
                        runs.append(_measure(running, source, count, size, associations))
                        print(runs[-1], flush=True)
    return _best(runs), notes


def _measure(server: Server, source: Path, count: int, size: int, associations: int) -> Result:
    folders = [[source / str(part) for part in range(first, PARTS, associations)] for first in range(associations)]
    cpu, helper_cpu, began = cpu_seconds(server.process_ids), cpu_seconds(server.helper_process_ids), time.monotonic()
    senders = [
        subprocess.Popen(
            ["dcmsend", "-q", "+sd", "-aet", "NORD_CT1", "-aec", server.called_ae_title, "127.0.0.1", str(server.port)]
            + [str(path) for path in paths],
            env=ENVIRONMENT,
        )
        for paths in folders
    ]
    with ThreadPoolExecutor(associations) as waiting:
        ends = list(waiting.map(_ends, senders))
    wall = max(end for end, _ in ends) - began
    time.sleep(0.5)
    gigabytes = size / 1e9
    return Result(
        server.name,
        associations,
        count / wall,
        size / 1e6 / wall,
        (cpu_seconds(server.process_ids) - cpu) / gigabytes,
        (cpu_seconds(server.helper_process_ids) - helper_cpu) / gigabytes,
        peak_memory_mib(server.process_ids),
        (min(end for end, _ in ends) - began) / wall,
        sum(status != 0 for _, status in ends),
    )


def _ends(sender: subprocess.Popen[bytes]) -> tuple[float, int]:
    status = sender.wait(600)
    return time.monotonic(), status


def _best(runs: list[Result]) -> list[Result]:
    keys = dict.fromkeys((result.server, result.associations) for result in runs)
    best = []
    for key in keys:
        same = [result for result in runs if (result.server, result.associations) == key]
        best.append(
            Result(
                *key,
                instances_per_s=max(r.instances_per_s for r in same),
                megabytes_per_s=max(r.megabytes_per_s for r in same),
                cpu_s_per_gb=min(r.cpu_s_per_gb for r in same),
                helper_cpu_s_per_gb=min(r.helper_cpu_s_per_gb for r in same),
                peak_mib=max(r.peak_mib for r in same),
                fairness=statistics.median(r.fairness for r in same),
                errors=sum(r.errors for r in same),
            )
        )
    return best
