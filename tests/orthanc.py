"""Orthanc as a peer of the archive."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.emulator import free_port

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
needs_orthanc = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not PLUGIN.exists(), reason="Orthanc and its DICOMweb plugin are not installed"
)


@dataclass
class Orthanc:
    """A running Orthanc."""

    url: str
    dicom_port: int

    def post(self, path: str, **arguments: Any) -> Any:
        answer = requests.post(f"{self.url}/{path}", timeout=60, **arguments)
        assert answer.ok, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return requests.get(f"{self.url}/{path}", timeout=60).json()

    def upload(self, body: bytes) -> str:
        return str(self.post("instances", data=body)["ID"])


@contextmanager
def running_orthanc(
    folder: Path, *, dicomweb_url: str, token: str, modalities: dict[str, Any] | None = None, **more: Any
) -> Iterator[Orthanc]:
    """An Orthanc that knows the archive as the DICOMweb server `sansfilm`; `more` are options of its configuration."""
    http_port, dicom_port = free_port(), free_port()
    server = {"Url": dicomweb_url, "HttpHeaders": {"Authorization": f"Bearer {token}"}}
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "orthanc"),
                "IndexDirectory": str(folder / "orthanc"),
                "DicomAet": "NORD_CT1",
                "DicomPort": dicom_port,
                "HttpPort": http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomModalities": modalities or {},
                "Plugins": [str(PLUGIN)],
                "DicomWeb": {"Enable": True, "Servers": {"sansfilm": server}},
                **more,
            }
        )
    )
    log_file = folder / "orthanc.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            ["Orthanc", str(configuration)], env={**os.environ, "TCP_NODELAY": "1"}, stdout=log, stderr=log
        )
    running = Orthanc(f"http://127.0.0.1:{http_port}", dicom_port)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                running.get("system")
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline, log_file.read_text()
                time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(20)
