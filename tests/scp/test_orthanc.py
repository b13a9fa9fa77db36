"""Orthanc as a peer modality: C-STORE, storage commitment, and STOW-RS by its DICOMweb plugin."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.index_instance import Index, index_objects
from tests.dicom_files import data_set, part10
from tests.emulator import free_port
from tests.scp.conftest import STORE, Ingest
from tests.scp.stow import token

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
pytestmark = pytest.mark.skipif(
    shutil.which("Orthanc") is None or not PLUGIN.exists(), reason="Orthanc and its DICOMweb plugin are not installed"
)


@dataclass
class Orthanc:
    """A running Orthanc that knows the archive as `sansfilm`."""

    url: str
    dicom_port: int

    def post(self, path: str, **arguments: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/{path}", timeout=60, **arguments)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/{path}", timeout=60).json()
        return found

    def upload(self, body: bytes) -> str:
        return str(self.post("instances", data=body)["ID"])


@pytest.fixture
def archive(start_ingest: Callable[..., Ingest]) -> Ingest:
    return start_ingest(SANSFILM_COMMITMENT_WAIT_S="2", SANSFILM_COMMITMENT_RETRY_S="1")


@pytest.fixture
def orthanc(archive: Ingest, tmp_path: Path) -> Iterator[Orthanc]:
    http_port, dicom_port = free_port(), free_port()
    server = {
        "Url": f"http://127.0.0.1:{archive.http_port}/dicomweb",
        "HttpHeaders": {"Authorization": f"Bearer {token()}"},
    }
    configuration = tmp_path / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "StorageDirectory": str(tmp_path / "orthanc"),
                "IndexDirectory": str(tmp_path / "orthanc"),
                "DicomAet": "NORD_CT1",
                "DicomPort": dicom_port,
                "HttpPort": http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomModalities": {"sansfilm": ["SANSFILM", "127.0.0.1", archive.port]},
                "Plugins": [str(PLUGIN)],
                "DicomWeb": {"Enable": True, "Servers": {"sansfilm": server}},
            }
        )
    )
    wiring.registry().put_application_entity(ApplicationEntity("NORD_CT1", "nord", STORE, "127.0.0.1", dicom_port))
    with (tmp_path / "orthanc.log").open("wb") as log:
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
                assert time.monotonic() < deadline, (tmp_path / "orthanc.log").read_text()
                time.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def put_in_index(ingest: Ingest) -> None:
    index = Index(
        wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), study_quiet_s=0
    )
    index_objects(index, list(ingest.objects("archive/")))


def test_c_store_and_storage_commitment(archive: Ingest, orthanc: Orthanc) -> None:
    ids = [orthanc.upload(part10(data_set(sop=f"1.2.3.4.{number}"))) for number in range(3)]
    orthanc.post("modalities/sansfilm/store", json={"Resources": ids[:2], "Synchronous": True})
    assert len(archive.objects("archive/")) == 2
    put_in_index(archive)

    def outcome(resources: list[str]) -> dict[str, Any]:
        transaction = orthanc.post("modalities/sansfilm/storage-commitment", json={"Resources": resources})
        deadline = time.monotonic() + 30
        while (report := orthanc.get(transaction["Path"].lstrip("/")))["Status"] == "Pending":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return report

    stored = outcome(ids[:2])
    assert (stored["Status"], len(stored["Success"])) == ("Success", 2)
    with_missing = outcome(ids)
    assert with_missing["Status"] == "Failure"
    assert [failure["SOPInstanceUID"] for failure in with_missing["Failures"]] == ["1.2.3.4.2"]


def test_stow_rs_by_the_dicomweb_plugin(archive: Ingest, orthanc: Orthanc) -> None:
    ids = [orthanc.upload(part10(data_set(sop=f"1.2.3.4.{number}", PixelData=bytes(300_000)))) for number in range(25)]
    orthanc.post("dicom-web/servers/sansfilm/stow", json={"Resources": ids, "Synchronous": True})
    assert len(archive.objects("archive/nord/1.2.3/1.2.3.4/")) == 25
    assert not archive.objects("rejected/")
