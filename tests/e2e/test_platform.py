"""The platform as a whole: starts, survives its parts being killed, stops without a trace."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.platform import ROOT, RunningPlatform, start_platform


def _get(url: str, token: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def test_every_part_is_healthy_and_the_credentials_are_private(platform: RunningPlatform) -> None:
    status, body = _get(f"{platform.url}/healthz")
    assert status == 200, body
    assert {part["status"] for part in json.loads(body)["parts"].values()} == {"ok"}
    for name in ("credentials.json", "settings.json", "object-signing.pem"):
        assert stat.S_IMODE((platform.state_dir / name).stat().st_mode) == 0o600
    for username, password in platform.credentials().items():
        assert f"{username} " in platform.output
        assert password in platform.output


def test_hospitals_have_certificates_for_the_tls_port(platform: RunningPlatform) -> None:
    folder = platform.state_dir / "dicom-tls"
    assert {file.name for file in folder.iterdir() if file.stat().st_mode & 0o077} == set()

    def echo(hospital: str, ae_title: str) -> int:
        command = ["echoscu", "+tls", folder / f"{hospital}.key", folder / f"{hospital}.pem", "+cf", folder / "ca.pem"]
        command += ["-aet", ae_title, "-aec", "SANSFILM", "127.0.0.1", str(platform.dicom_tls_port)]
        return subprocess.run(command, timeout=60, capture_output=True, check=False).returncode

    assert echo("hopital-nord", "NORD_CT1") == echo("clinique-ouest", "OUEST_PACS") == 0
    assert echo("hopital-sud", "NORD_CT1") != 0


def test_everything_listens_on_the_loopback_interface_only(platform: RunningPlatform) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own_address = probe.getsockname()[0]
    for port in (platform.http_port, platform.aws_port, platform.dicom_port):
        with socket.socket() as client:
            client.settimeout(2)
            assert client.connect_ex(("127.0.0.1", port)) == 0
        with socket.socket() as client:
            client.settimeout(2)
            assert client.connect_ex((own_address, port)) != 0


@pytest.mark.parametrize(("role", "hospital"), [("radiologist", "hopital-nord"), ("gp", ""), ("operator", "")])
def test_make_token_prints_a_token_that_the_api_admits(platform: RunningPlatform, role: str, hospital: str) -> None:
    command = ["make", "-s", "token", f"ROLE={role}", f"HOSPITAL={hospital}"]
    environment = {**os.environ, **platform.own_environment()}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    status, body = _get(f"{platform.url}/api/session", done.stdout.strip())
    assert status == 200, body
    assert json.loads(body)["role"] == role


def test_a_token_that_cannot_be_is_refused_in_one_sentence(platform: RunningPlatform) -> None:
    environment = {**os.environ, **platform.own_environment()}
    for arguments in (["--role", "surgeon"], ["--role", "radiologist", "--hospital", "nowhere"]):
        command = [sys.executable, "-m", "localstack", "token", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1


def _end(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "localstack", "run", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


def test_a_port_in_use_is_one_sentence(platform: RunningPlatform, tmp_path: Path) -> None:
    done = _end(**platform.own_environment() | {"SANSFILM_STATE_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {platform.http_port} is in use: stop what uses it or set SANSFILM_HTTP_PORT to another.\n"
    )


def test_a_second_platform_on_the_same_state_is_refused(platform: RunningPlatform) -> None:
    done = _end(**platform.own_environment())
    assert done.returncode == 1
    assert done.stderr == f"A platform already runs on {platform.state_dir}; stop it first.\n"


def test_a_missing_tool_is_one_sentence(tmp_path: Path) -> None:
    done = _end(PATH=str(tmp_path), SANSFILM_STATE_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "node is missing: install Node.js 20 or newer.\n"


def test_a_state_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _end(SANSFILM_STATE_DIR=str(tmp_path / "file/state"))
    assert done.returncode == 1
    assert done.stderr.startswith("The state directory ")
    assert done.stderr.count("\n") == 1


def test_a_killed_part_is_started_again(platform: RunningPlatform) -> None:
    for name in ("edge", "ingest service", "emulator"):
        before = platform.pid(name)
        platform.kill(name)
        deadline = time.monotonic() + 30
        while platform.pid(name) == before and time.monotonic() < deadline:
            time.sleep(0.1)
        assert platform.pid(name) != before
        platform.wait_until_healthy()


def test_a_second_start_deploys_nothing_and_stopping_leaves_nothing(tmp_path: Path) -> None:
    first = start_platform(tmp_path)
    try:
        table = first.environment()["SANSFILM_REGISTRY_TABLE"]
        first.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "TEST"}, "sk": {"S": "kept"}})
        credentials = first.credentials()
    finally:
        assert first.stop() == 0
    assert _processes_of(tmp_path) == []
    assert not list((tmp_path / "emulator").glob("tmp*"))
    for port in (first.http_port, first.dicom_port, first.aws_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    # The same ports, hence nothing to deploy, which is what makes a second start quick.
    command = [sys.executable, "-m", "localstack", "run"]
    environment = {**os.environ, **first.own_environment(), "SANSFILM_DEMO": "0"}
    deployments = first.log("deploy")
    with (tmp_path / "output.log").open("wb") as output:
        first.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        while "\nready\n" not in first.output:
            assert first.process.poll() is None, first.output
            time.sleep(0.05)
        assert first.log("deploy") == deployments
        kept = first.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": "TEST"}, "sk": {"S": "kept"}})
        assert "Item" in kept
        assert first.credentials() == credentials
    finally:
        assert first.stop() == 0
    assert _processes_of(tmp_path) == []


def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux ends children with their parent")
    running = start_platform(tmp_path)
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + 40
    while _processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _processes_of(tmp_path) == []


def _processes_of(state_dir: Path) -> list[str]:
    """Command lines of processes that name the state directory in their arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(state_dir).encode() in text and int(process.name) != os.getpid():
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
