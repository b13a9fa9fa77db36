"""The whole platform for tests: `python -m localstack run` on free ports, with a state directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest

from tests.emulator import REGION, free_port

ROOT = Path(__file__).parent.parent
START_TIMEOUT_S = 900
STOP_TIMEOUT_S = 90


@dataclass
class RunningPlatform:
    """A running platform: its addresses, its settings, and ways to hurt it."""

    process: subprocess.Popen[bytes]
    state_dir: Path
    http_port: int
    dicom_port: int
    dicom_tls_port: int
    aws_port: int

    @property
    def url(self) -> str:
        """Origin of the edge, without a trailing slash."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def dicomweb_url(self) -> str:
        """Base URL of DICOMweb."""
        return f"{self.url}/dicomweb"

    @property
    def output(self) -> str:
        """What `run` has printed."""
        return (self.state_dir / "output.log").read_text(errors="replace")

    def own_environment(self) -> dict[str, str]:
        """Environment that made this platform what it is; `make` and `python -m localstack` find it by it."""
        return {
            "SANSFILM_HTTP_PORT": str(self.http_port),
            "SANSFILM_DICOM_PORT": str(self.dicom_port),
            "SANSFILM_DICOM_TLS_PORT": str(self.dicom_tls_port),
            "SANSFILM_AWS_PORT": str(self.aws_port),
            "SANSFILM_STATE_DIR": str(self.state_dir),
        }

    def environment(self) -> dict[str, str]:
        """Settings of the deployed resources, as the platform's processes have them."""
        values: dict[str, str] = json.loads((self.state_dir / "settings.json").read_text())
        return values

    def credentials(self) -> dict[str, str]:
        """Passwords of the demonstration users by username."""
        values: dict[str, str] = json.loads((self.state_dir / "credentials.json").read_text())
        return values

    def command(self, *arguments: str) -> str:
        """What `python -m localstack ...` prints."""
        environment = {**os.environ, **self.own_environment()}
        command = [sys.executable, "-m", "localstack", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout.strip()

    def token(self, role: str, hospital: str = "") -> str:
        """A bearer token."""
        return self.command("token", "--role", role, "--hospital", hospital)

    def log(self, name: str) -> str:
        """A child's log: `edge`, `ingest`, `emulator`, ..."""
        return (self.state_dir / f"logs/{name}.log").read_text(errors="replace")

    def client(self, service: str) -> Any:
        """A boto3 client of the local cloud."""
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.aws_port}",
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def sms_messages(self) -> list[dict[str, Any]]:
        """SMS that were sent."""
        with urlopen(f"http://127.0.0.1:{self.aws_port}/_ministack/sns/sms-messages", timeout=10) as answer:
            by_phone: dict[str, list[dict[str, Any]]] = json.load(answer)["sms_messages"]
        return [message for messages in by_phone.values() for message in messages]

    def pid(self, name: str) -> int:
        """Process id of a child: `emulator`, `ingest service`, `edge`."""
        return int(json.loads((self.state_dir / "children.json").read_text())[name])

    def kill(self, name: str) -> None:
        """End a child as a power cut would; the platform starts it again."""
        os.kill(self.pid(name), signal.SIGKILL)

    def wait_until_healthy(self, timeout_s: float = 60) -> None:
        """Wait until every part is up."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with urlopen(f"{self.url}/healthz", timeout=10):
                    return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> int:
        """Stop as Ctrl-C does; return the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def start_platform(state_dir: Path, *, demo: bool = False, **more: str) -> RunningPlatform:
    """Start a platform on a state directory, new or used, and wait until it is ready.

    `more` are further variables of its environment.
    """
    ports = [free_port() for _ in range(4)]
    platform = RunningPlatform(None, state_dir, *ports)  # type: ignore[arg-type]
    environment = {**os.environ, **platform.own_environment(), "SANSFILM_DEMO": "1" if demo else "0", **more}
    with (state_dir / "output.log").open("wb") as output:
        platform.process = subprocess.Popen(
            [sys.executable, "-m", "localstack", "run"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while "\nready\n" not in platform.output:
        if platform.process.poll() is not None or time.monotonic() > deadline:
            platform.stop()
            raise RuntimeError(f"The platform did not start:\n{platform.output[-4000:]}")
        time.sleep(0.1)
    return platform


@contextmanager
def temporary_platform(*, demo: bool = False, **more: str) -> Iterator[RunningPlatform]:
    """A platform whose data goes with it."""
    state_dir = Path(tempfile.mkdtemp(prefix="sansfilm-platform-"))
    platform = None
    try:
        platform = start_platform(state_dir, demo=demo, **more)
        yield platform
    finally:
        if platform is not None:
            platform.stop()
        shutil.rmtree(state_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def platform() -> Iterator[RunningPlatform]:
    """One platform for the whole run: hospitals, application entities and users, no exams but those tests send."""
    with temporary_platform(SANSFILM_STUDY_QUIET_S="2") as running:
        yield running


@pytest.fixture(scope="session")
def demo_platform() -> Iterator[RunningPlatform]:
    """One platform with the demonstration region's exams, for tests that only look."""
    with temporary_platform(demo=True) as running:
        yield running
