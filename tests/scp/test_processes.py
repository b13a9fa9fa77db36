"""Several ingest processes on one port: counted together, evenly used, restarted (issue: fair and without error)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from pynetdicom import build_context
from pynetdicom.sop_class import Verification

from tests.scp.conftest import Ingest
from tests.scp.scu import associate, associated, c_store, data_set, rejection, send


def children(process_id: int) -> list[int]:
    """Processes that a process started."""
    found = []
    for task in Path(f"/proc/{process_id}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


@pytest.fixture
def two(start_ingest: Callable[..., Ingest]) -> Ingest:
    """An ingest service of two processes that serve associations."""
    return start_ingest(SANSFILM_INGEST_PROCESSES="2")


def test_counts_are_those_of_all_processes(two: Ingest) -> None:
    assert two.process is not None
    assert two.health()["processes"] == len(children(two.process.pid)) == 2
    for number in range(4):
        assert send(two.port, data_set(sop=f"1.2.5.{number}"), sop=f"1.2.5.{number}") == 0
    health = two.health()
    assert (health["stored"], health["associations_accepted"], health["status"]) == (4, 4, "ok")


def test_associations_are_spread_evenly_and_counted_together(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest(SANSFILM_INGEST_PROCESSES="2", SANSFILM_MAXIMUM_ASSOCIATIONS="4")
    assert ingest.process is not None
    opened = [associate(ingest.port, "NORD_CT1", [build_context(Verification)]) for _ in range(4)]
    assert all(association.is_established for association in opened)
    connections = [sockets(process) for process in children(ingest.process.pid)]
    assert connections[0] == connections[1]
    refused = associate(ingest.port, "NORD_CT1", [build_context(Verification)])
    assert rejection(refused) == (2, 3, 2)
    opened[0].release()
    wait_for(lambda: ingest.health()["associations"] == 3)
    opened[0] = associate(ingest.port, "NORD_CT1", [build_context(Verification)])
    assert opened[0].is_established
    for association in opened:
        association.release()
    wait_for(lambda: ingest.health()["associations"] == 0)


def test_fifty_associations_at_once(two: Ingest) -> None:
    barrier = Barrier(50)

    def run(number: int) -> tuple[list[int], float]:
        with associated(two.port) as association:
            barrier.wait(60)
            uids = [f"1.2.6.{number}.{index}" for index in range(4)]
            statuses = [int(c_store(association, data_set(sop=sop), sop=sop).Status) for sop in uids]
            return statuses, time.monotonic()

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(run, range(50)))
    assert [status for statuses, _ in results for status in statuses] == [0] * 200
    assert two.health()["stored"] == 200


def test_a_process_that_dies_is_replaced(two: Ingest) -> None:
    assert two.process is not None
    assert send(two.port, data_set()) == 0
    two.health()
    os.kill(children(two.process.pid)[0], signal.SIGKILL)
    wait_for(lambda: two.health()["processes"] == 1)
    assert send(two.port, data_set(sop="1.2.3.4"), sop="1.2.3.4") == 0
    wait_for(lambda: two.health()["processes"] == 2)
    assert two.health()["stored"] == 2


def test_processes_end_with_the_first_one(two: Ingest) -> None:
    assert two.process is not None
    processes = children(two.process.pid)
    two.signal(signal.SIGKILL)
    two.wait()
    wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))


def test_sigterm_lets_associations_finish(two: Ingest) -> None:
    with associated(two.port) as association:
        assert c_store(association, data_set()).Status == 0
        two.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert c_store(association, data_set(sop="1.2.3.4"), sop="1.2.3.4").Status == 0
    assert two.wait() == 0
    assert len(two.objects("archive/")) == 2
    assert '"stored":[' in two.log()


def sockets(process_id: int) -> int:
    """Sockets that a process has open."""
    links = [str(entry.readlink()) for entry in Path(f"/proc/{process_id}/fd").iterdir()]
    return sum(link.startswith("socket:") for link in links)


def wait_for(condition: Callable[[], bool]) -> None:
    """Fail when a condition does not come true within a minute: processes start slowly on a busy machine."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_end_in_order(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest(SANSFILM_INGEST_PROCESSES="2")
    with associated(ingest.port) as association:
        assert c_store(association, data_set()).Status == 0
    ingest.stop()
    assert "Traceback" not in ingest.log()
    assert '"message":"stopped"' in ingest.log()
