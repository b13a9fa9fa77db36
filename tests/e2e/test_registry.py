"""The registry on the whole platform: a change reaches associations within seconds; C-ECHO to registered addresses."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from pynetdicom import AE
from pynetdicom.sop_class import PatientRootQueryRetrieveInformationModelFind, Verification

from tests.emulator import free_port
from tests.platform import RunningPlatform

pytestmark = pytest.mark.skipif(shutil.which("storescp") is None, reason="DCMTK is not installed")
WITHIN_S = 8.0
"""The SCP remembers for 5 s what the registry says."""
NORD = "/api/hospitals/hopital-nord/application-entities"


class Operator:
    """An operator at the edge."""

    def __init__(self, platform: RunningPlatform) -> None:
        self._url = platform.url
        self._headers = {"Authorization": f"Bearer {platform.token('operator')}"}

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        return requests.request(
            method, self._url + path, json=body, headers=self._headers | headers, timeout=60, allow_redirects=False
        )

    def register(self, title: str, *services: str, port: int = 0, host: str = "127.0.0.1", **more: Any) -> str:
        """Register or replace; return the ETag."""
        body = {"services": services, **more, **({"destination": {"host": host, "port": port}} if port else {})}
        answer = self.send("PUT", f"{NORD}/{title}", body)
        if answer.status_code == 428:
            answer = self.send("PUT", f"{NORD}/{title}", body, **{"If-Match": "*"})
        assert answer.status_code in (200, 201), answer.text
        return answer.headers["ETag"]

    def echo(self, title: str) -> tuple[bool, str]:
        answer = self.send("POST", f"{NORD}/{title}/echo")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.json()
        assert body["duration_ms"] < 12_000
        return body["answered"], body["detail"]


@pytest.fixture(scope="module")
def operator(platform: RunningPlatform) -> Operator:
    return Operator(platform)


def associates(platform: RunningPlatform, title: str, sop_class: str) -> bool:
    """Whether an association of that calling title with that context is accepted."""
    ae = AE(ae_title=title)
    ae.add_requested_context(sop_class)
    association = ae.associate("127.0.0.1", platform.dicom_port, ae_title="SANSFILM")
    if not association.is_established:
        return False
    association.release()
    return True


def seconds_until(platform: RunningPlatform, wanted: bool, title: str, sop_class: str = Verification) -> float:
    """How long it takes until associations are accepted, or refused."""
    started = time.monotonic()
    while associates(platform, title, sop_class) != wanted:
        assert time.monotonic() - started < WITHIN_S, f"{title} {wanted}"
        time.sleep(0.1)
    return time.monotonic() - started


def test_changes_reach_associations_within_seconds(platform: RunningPlatform, operator: Operator) -> None:
    find = PatientRootQueryRetrieveInformationModelFind
    # Asked for before it is there, so that the refusal is remembered.
    assert not associates(platform, "NEW_CT", Verification)
    operator.register("NEW_CT", "store")
    took = {"registered": seconds_until(platform, True, "NEW_CT")}
    assert not associates(platform, "NEW_CT", find)
    operator.register("NEW_CT", "store", "query")
    took["query granted"] = seconds_until(platform, True, "NEW_CT", find)
    operator.register("NEW_CT", "store")
    took["query taken back"] = seconds_until(platform, False, "NEW_CT", find)
    operator.register("NEW_CT", "store", enabled=False)
    took["disabled"] = seconds_until(platform, False, "NEW_CT")
    etag = operator.register("NEW_CT", "store")
    took["enabled"] = seconds_until(platform, True, "NEW_CT")
    assert operator.send("DELETE", f"{NORD}/NEW_CT", **{"If-Match": etag}).status_code == 204
    took["removed"] = seconds_until(platform, False, "NEW_CT")
    print({what: round(seconds, 1) for what, seconds in took.items()})


@contextmanager
def storescp(port: int, folder: Path, *options: str) -> Iterator[None]:
    process = subprocess.Popen(
        ["storescp", *options, "-od", str(folder), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_a_destination_that_answers(operator: Operator, tmp_path: Path) -> None:
    port = free_port()
    operator.register("ECHO_PACS", "store", port=port, enabled=False)
    with storescp(port, tmp_path):
        assert operator.echo("ECHO_PACS") == (True, f"ECHO_PACS at 127.0.0.1:{port} answered C-ECHO.")
        operator.register("ECHO_PACS", "store", port=port, host="localhost")
        assert operator.echo("ECHO_PACS") == (True, f"ECHO_PACS at localhost:{port} answered C-ECHO.")
    with storescp(port, tmp_path, "--refuse"):
        answered, detail = operator.echo("ECHO_PACS")
        assert not answered
        assert "rejected the association" in detail


def test_destinations_that_do_not(operator: Operator, tmp_path: Path) -> None:
    port = free_port()
    operator.register("DEAD_PACS", "store", port=port)
    answered, detail = operator.echo("DEAD_PACS")
    assert not answered
    assert detail == f"The machine answers, but nothing listens at 127.0.0.1:{port} (connection refused)."
    operator.register("DEAD_PACS", "store", port=port, host="no-such-host.invalid")
    assert operator.echo("DEAD_PACS") == (False, "The host name no-such-host.invalid does not resolve to an address.")
    operator.register("DEAD_PACS", "store", port=port, host="192.0.2.1")  # nobody's (RFC 5737)
    assert not operator.echo("DEAD_PACS")[0]
    with socket.create_server(("127.0.0.1", port)):  # takes connections, says nothing
        operator.register("DEAD_PACS", "store", port=port)
        answered, detail = operator.echo("DEAD_PACS")
        assert not answered
        assert "does not answer as a DICOM application entity" in detail


def test_only_what_is_registered_is_called_and_not_too_often(platform: RunningPlatform, operator: Operator) -> None:
    operator.register("QUIET_CT", "store")
    assert operator.send("POST", f"{NORD}/QUIET_CT/echo").status_code == 409
    assert operator.send("POST", f"{NORD}/NOWHERE/echo").status_code == 404
    elsewhere = "/api/hospitals/hopital-sud/application-entities/QUIET_CT/echo"
    assert operator.send("POST", elsewhere).status_code == 404
    target = f"{platform.url}{NORD}/QUIET_CT/echo"
    assert requests.post(target, timeout=30).status_code == 401
    radiologist = {"Authorization": f"Bearer {platform.token('radiologist', 'hopital-nord')}"}
    assert requests.post(target, headers=radiologist, timeout=30).status_code == 403
    answers = [operator.send("POST", f"{NORD}/QUIET_CT/echo") for _ in range(14)]
    assert {answer.status_code for answer in answers} == {409, 429}
    assert int(next(answer for answer in answers if answer.status_code == 429).headers["Retry-After"]) <= 60


def test_a_restart_keeps_what_operators_changed(platform: RunningPlatform, operator: Operator) -> None:
    operator.register("NORD_MR1", "store", "query")
    platform.command("seed")
    assert operator.send("GET", f"{NORD}/NORD_MR1").json()["services"] == ["query", "store"]
    operator.register("NORD_MR1", "store")
