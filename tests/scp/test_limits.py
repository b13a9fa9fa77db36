"""Limits of associations: of a hospital, from an address, how many are new."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from chalicelib import wiring
from chalicelib.settings import Settings
from scp_fargate.callers import FRESH_S
from scp_fargate.limits import Connections, HospitalAssociations, Limits, Rates, Verdict
from scp_fargate.unnamed_file import unnamed_file
from tests.scp.conftest import ROOT, Ingest
from tests.scp.scu import associate, rejection
from tests.scp.test_processes import children, wait_for

LOCAL_LIMIT_EXCEEDED = (2, 3, 2)


def call(ingest: Ingest, ae_title: str = "NORD_CT1") -> Association:
    """Ask for an association."""
    return associate(ingest.port, ae_title, [build_context(Verification)])


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_hospital_at_its_limit_leaves_room_for_others(start_ingest: Callable[..., Ingest], processes: str) -> None:
    settings = {"SANSFILM_MAXIMUM_HOSPITAL_ASSOCIATIONS": "3", "SANSFILM_INGEST_PROCESSES": processes}
    ingest = start_ingest(**settings)
    opened = [call(ingest) for _ in range(3)]
    assert all(association.is_established for association in opened)
    assert rejection(call(ingest)) == LOCAL_LIMIT_EXCEEDED
    assert rejection(call(ingest, "NORD_CONSOLE")) == LOCAL_LIMIT_EXCEEDED
    other = call(ingest, "SUD_CT1")
    assert other.is_established
    opened.pop().release()
    wait_for(lambda: ingest.health()["associations"] == 3)
    opened.append(call(ingest))
    # One that ends by accident makes room, too.
    opened.pop().abort()
    wait_for(lambda: ingest.health()["associations"] == 3)
    opened.append(call(ingest))
    for association in (*opened, other):
        assert association.is_established
        association.release()


def test_the_registry_may_say_otherwise(start_ingest: Callable[..., Ingest]) -> None:
    registry = wiring.registry()
    nord = registry.hospital("nord")
    assert nord is not None
    registry.put_hospital(replace(nord, maximum_associations=1))
    ingest = start_ingest()
    first = call(ingest)
    assert rejection(call(ingest)) == LOCAL_LIMIT_EXCEEDED
    registry.put_hospital(replace(nord, maximum_associations=2))
    time.sleep(FRESH_S + 0.5)
    second = call(ingest)
    assert second.is_established
    for association in (first, second):
        association.release()


def test_associations_of_a_process_that_dies_count_no_more(start_ingest: Callable[..., Ingest]) -> None:
    settings = {"SANSFILM_MAXIMUM_HOSPITAL_ASSOCIATIONS": "2", "SANSFILM_INGEST_PROCESSES": "2"}
    ingest = start_ingest(**settings, SANSFILM_MAXIMUM_ADDRESS_ASSOCIATIONS="2")
    assert ingest.process is not None
    opened = [call(ingest) for _ in range(2)]
    assert rejection(call(ingest)) == LOCAL_LIMIT_EXCEEDED
    for process in children(ingest.process.pid):
        os.kill(process, signal.SIGKILL)
    wait_for(lambda: ingest.health()["processes"] == 0)
    wait_for(lambda: ingest.health()["processes"] == 2)
    again = [call(ingest) for _ in range(2)]
    for association in again:
        assert association.is_established
        association.release()
    for association in opened:
        association.abort()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_address_at_its_limit(start_ingest: Callable[..., Ingest], processes: str) -> None:
    settings = {"SANSFILM_MAXIMUM_ADDRESS_ASSOCIATIONS": "2", "SANSFILM_INGEST_PROCESSES": processes}
    ingest = start_ingest(**settings)
    opened = [call(ingest) for _ in range(2)]
    assert rejection(call(ingest, "SUD_CT1")) == LOCAL_LIMIT_EXCEEDED
    # All of 127/8 is this machine.
    with socket.create_connection(("127.0.0.1", ingest.port), timeout=10, source_address=("127.0.0.2", 0)) as other:
        wait_for(lambda: ingest.health()["associations"] == 3)
        other.shutdown(socket.SHUT_RDWR)
    for association in opened:
        association.release()
    wait_for(lambda: ingest.health()["associations"] == 0)
    association = call(ingest)
    assert association.is_established
    association.release()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_who_calls_too_often_is_put_off(start_ingest: Callable[..., Ingest], processes: str) -> None:
    settings = {"SANSFILM_ADDRESS_ASSOCIATIONS_PER_MINUTE": "6", "SANSFILM_INGEST_PROCESSES": processes}
    ingest = start_ingest(**settings)
    for _ in range(6):
        association = call(ingest)
        assert association.is_established
        association.release()
    assert rejection(call(ingest)) == LOCAL_LIMIT_EXCEEDED
    # Those who do not wait for the answer are not many at once.
    crowd = [socket.create_connection(("127.0.0.1", ingest.port), timeout=10) for _ in range(20)]
    wait_for(lambda: ingest.health().get("connections_dropped", 0) >= 10)
    for connection in crowd:
        connection.close()
    time.sleep(10)
    association = call(ingest)
    assert association.is_established
    association.release()


def test_rates() -> None:
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    assert [rates.take("a") for _ in range(61)] == [True] * 60 + [False]
    assert rates.take("b")
    now[0] = 1.5
    assert (rates.take("a"), rates.take("a")) == (True, False)
    now[0] = 1e6
    assert sum(rates.take("a") for _ in range(100)) == 60


def test_verdicts() -> None:
    limits = Limits(
        Settings(maximum_associations=3, maximum_address_associations=2, address_associations_per_minute=99)
    )
    first, second = Connections(), Connections()
    first.begin("a", True)
    assert limits.judge("a", [first, second]) is Verdict.ADMIT
    second.begin("a", True)
    assert limits.judge("a", [first, second]) is Verdict.REFUSE
    assert limits.judge("b", [first, second]) is Verdict.ADMIT
    second.begin("b", True)
    assert limits.judge("c", [first, second]) is Verdict.REFUSE
    first.end("a", True)
    assert limits.judge("c", [first, second]) is Verdict.ADMIT
    for _ in range(3):
        first.begin("d", False)
    second.begin("c", True)
    assert limits.judge("c", [first, second]) is Verdict.DROP


def test_slots_are_shared_with_other_processes() -> None:
    file = unnamed_file()
    hospitals = HospitalAssociations(file, lambda hospital: 2)
    end = hospitals.begin("nord")
    assert end is not None
    code = (
        "import os, sys; from scp_fargate.limits import HospitalAssociations;"
        "hospitals = HospitalAssociations(os.fdopen(int(sys.argv[1]), 'r+b'), lambda hospital: 2);"
        "print(*(bool(hospitals.begin(name)) for name in ('nord', 'nord', 'sud')), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file.fileno())],
        cwd=ROOT, pass_fds=[file.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == b"True False True\n"
        assert hospitals.begin("nord") is None
        other.kill()
    assert hospitals.begin("nord") is not None
    assert hospitals.begin("nord") is None
    end()
    assert hospitals.begin("nord") is not None
