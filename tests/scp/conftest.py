"""The ingest service as a process, over the local cloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity, Hospital
from tests.emulator import Cloud, free_port

ROOT = Path(__file__).parent.parent.parent
STORE = frozenset({"store"})
APPLICATION_ENTITIES = (
    ApplicationEntity("NORD_CT1", "nord", STORE),
    ApplicationEntity("SUD_CT1", "sud", STORE),
    ApplicationEntity("NORD_CONSOLE", "nord", frozenset({"query"})),
)


PATIENTS = ("dubois", "hélène", "h\\u00e9l\\u00e8ne", "dupont", "ailleurs", "anne-marie", "^images", "yamada")
"""Names of the patients of these tests, as lower case letters."""


def assert_names_no_patient(log: str) -> None:
    """Whatever a service went through, its log tells of nobody."""
    lines = log.lower().splitlines()
    assert [line for line in lines if any(name in line for name in PATIENTS)] == []


@dataclass
class Ingest:
    """A running ingest service."""

    cloud: Cloud
    log_path: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    http_port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it on free ports and wait until it answers."""
        self.port, self.http_port = free_port(), free_port()
        environment = {
            **os.environ,
            **self.cloud.environment(),
            "SANSFILM_DICOM_PORT": str(self.port),
            "SANSFILM_INGEST_HTTP_PORT": str(self.http_port),
            "SANSFILM_SHUTDOWN_GRACE_S": "3",
            "SANSFILM_INGEST_PROCESSES": "1",
            **self.settings,
        }
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scp_fargate"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 120
        while True:
            try:
                self.health()
                return
            except requests.ConnectionError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(self.log()) from None
                time.sleep(0.05)

    def health(self) -> dict[str, Any]:
        """What /healthz says."""
        answer: dict[str, Any] = requests.get(f"http://127.0.0.1:{self.http_port}/healthz", timeout=5).json()
        return answer

    def log(self) -> str:
        """Everything on stdout and stderr."""
        return self.log_path.read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 20) -> int:
        """Exit status."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def stop(self) -> None:
        """Make sure that it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Objects of the archive bucket below a prefix."""
        s3 = self.cloud.client("s3")
        bucket = self.cloud.settings["archive_bucket"]
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
        return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}

    def metadata(self, key: str) -> dict[str, str]:
        """Metadata of an object."""
        head = self.cloud.client("s3").head_object(Bucket=self.cloud.settings["archive_bucket"], Key=key)
        metadata: dict[str, str] = head["Metadata"]
        return metadata


def register_region() -> None:
    """Two hospitals and their application entities."""
    registry = wiring.registry()
    for hospital in ("nord", "sud"):
        registry.put_hospital(Hospital(hospital, f"Hôpital {hospital}"))
    for application_entity in APPLICATION_ENTITIES:
        registry.put_application_entity(application_entity)


@pytest.fixture
def start_ingest(cloud: Cloud, tmp_path: Path) -> Iterator[Callable[..., Ingest]]:
    """`start_ingest(SANSFILM_X="1")`: an ingest service with settings of its own."""
    register_region()
    started: list[Ingest] = []

    def start(**settings: str) -> Ingest:
        ingest = Ingest(cloud, tmp_path / f"ingest-{len(started)}.log", settings)
        started.append(ingest)
        ingest.start()
        return ingest

    yield start
    for ingest in started:
        ingest.stop()
    for ingest in started:
        assert_names_no_patient(ingest.log())


@pytest.fixture
def ingest(start_ingest: Callable[..., Ingest]) -> Ingest:
    """An ingest service with default settings."""
    return start_ingest()
