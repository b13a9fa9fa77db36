"""Orthanc and pynetdicom's applications query and retrieve."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity
from tests.emulator import free_port
from tests.scp.query_retrieve.conftest import QUERY_RETRIEVE, Archive
from tests.scp.query_retrieve.destinations import destination


@pytest.fixture
def orthanc(archive: Archive, tmp_path: Path) -> Iterator[str]:
    """Address of a running Orthanc that knows the archive as `sansfilm`."""
    if shutil.which("Orthanc") is None:
        pytest.skip("Orthanc is not installed")
    http_port, dicom_port = free_port(), free_port()
    configuration = tmp_path / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(tmp_path / "storage"),
                "IndexDirectory": str(tmp_path / "storage"),
                "DicomAet": "NORD_ORTHANC",
                "DicomPort": dicom_port,
                "HttpPort": http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowStore": True,
                "DicomModalities": {"sansfilm": ["SANSFILM", "127.0.0.1", archive.port]},
            }
        )
    )
    wiring.registry().put_application_entity(
        ApplicationEntity("NORD_ORTHANC", "nord", QUERY_RETRIEVE, "127.0.0.1", dicom_port)
    )
    with (tmp_path / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(["Orthanc", str(configuration)], env=dict(os.environ), stdout=log, stderr=log)
    url = f"http://127.0.0.1:{http_port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"{url}/system", timeout=5)
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline, (tmp_path / "orthanc.log").read_text()
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_orthanc_finds_and_moves_to_itself(archive: Archive, orthanc: str) -> None:
    query = {"Level": "Study", "Query": {"PatientName": "DUPONT*", "StudyDate": "20240103-20240104"}}
    made = requests.post(f"{orthanc}/modalities/sansfilm/query", json=query, timeout=30).json()
    answers = requests.get(f"{orthanc}{made['Path']}/answers?expand", timeout=30).json()
    assert {answer["0020,000d"]["Value"] for answer in answers} == {"1.2.77.3", "1.2.77.4"}
    moved = requests.post(f"{orthanc}{made['Path']}/retrieve", json={"TargetAet": "NORD_ORTHANC"}, timeout=60)
    assert moved.ok, moved.text
    assert requests.get(f"{orthanc}/statistics", timeout=30).json()["CountInstances"] == 8


def test_pynetdicom_applications(archive: Archive, tmp_path: Path) -> None:
    def run(application: str, *arguments: str) -> str:
        command = [sys.executable, "-W", "ignore", "-m", "pynetdicom", application, "127.0.0.1", str(archive.port),
                   "-aet", "NORD_PACS", "-aec", "SANSFILM", "-S", "-k", "QueryRetrieveLevel=STUDY",
                   "-k", "StudyInstanceUID=1.2.77.1", *arguments]  # fmt: skip
        done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True, cwd=tmp_path)
        return done.stdout + done.stderr

    assert "1.2.77.1" in run("findscu", "-k", "PatientID=")
    with destination() as received:
        run("movescu", "-aem", received.ae_title)
    assert len(received.uids) == 4
    run("getscu", "-od", "got")
    assert len(list((tmp_path / "got").iterdir())) == 4
