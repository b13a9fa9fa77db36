"""Orthanc as a peer modality: C-STORE, storage commitment, and STOW-RS by its DICOMweb plugin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.index_instance import Index, index_objects
from tests.dicom_files import data_set, part10
from tests.emulator import free_port
from tests.orthanc import Orthanc, needs_orthanc, running_orthanc
from tests.scp.certificates import TlsEndpoint
from tests.scp.conftest import STORE, Ingest
from tests.scp.stow import token

pytestmark = needs_orthanc


@pytest.fixture
def archive(start_ingest: Callable[..., Ingest]) -> Ingest:
    return start_ingest(SANSFILM_COMMITMENT_WAIT_S="2", SANSFILM_COMMITMENT_RETRY_S="1")


@pytest.fixture
def orthanc(archive: Ingest, tmp_path: Path) -> Iterator[Orthanc]:
    with running_orthanc(
        tmp_path,
        dicomweb_url=f"http://127.0.0.1:{archive.http_port}/dicomweb",
        token=token(),
        modalities={"sansfilm": ["SANSFILM", "127.0.0.1", archive.port]},
    ) as running:
        entity = ApplicationEntity("NORD_CT1", "nord", STORE, "127.0.0.1", running.dicom_port)
        wiring.registry().put_application_entity(entity)
        yield running


def put_in_index(ingest: Ingest) -> None:
    index = Index(
        wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), study_quiet_s=0
    )
    index_objects(index, list(ingest.objects("archive/")))


def test_c_store_and_storage_commitment(archive: Ingest, orthanc: Orthanc) -> None:
    check_c_store_and_storage_commitment(archive, orthanc)


def test_c_store_and_storage_commitment_over_tls(start_ingest: Callable[..., Ingest], tmp_path: Path) -> None:
    """Both ways: Orthanc calls the TLS port, and is called over TLS where its association is gone."""
    endpoint = TlsEndpoint.make(tmp_path, free_port())
    issued = endpoint.authority.issue("orthanc")
    archive = start_ingest(SANSFILM_COMMITMENT_WAIT_S="2", SANSFILM_COMMITMENT_RETRY_S="1", **endpoint.settings)
    modality = {"AET": "SANSFILM", "Host": "127.0.0.1", "Port": endpoint.port, "UseDicomTls": True}
    with running_orthanc(
        tmp_path,
        dicomweb_url=f"http://127.0.0.1:{archive.http_port}/dicomweb",
        token=token(),
        modalities={"sansfilm": modality},
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(issued.certificate_file),
        DicomTlsPrivateKey=str(issued.key_file),
        DicomTlsTrustedCertificates=str(endpoint.authority.own.certificate_file),
        DicomTlsRemoteCertificateRequired=True,
    ) as running:
        certificates = frozenset({issued.fingerprint})
        wiring.registry().put_application_entity(
            ApplicationEntity("NORD_CT1", "nord", STORE, "127.0.0.1", running.dicom_port, True, certificates, True)
        )
        check_c_store_and_storage_commitment(archive, running)
    health = archive.health()
    assert health["tls_associations_accepted"] == health["associations_accepted"] == 3


def check_c_store_and_storage_commitment(archive: Ingest, orthanc: Orthanc) -> None:
    """Orthanc stores two of three instances, asks about them, then about all."""
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
