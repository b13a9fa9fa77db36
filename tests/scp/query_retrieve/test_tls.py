"""Query and retrieve over TLS: DCMTK calls, and the archive calls destinations (PS3.15 B.12)."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.events import Event

from chalicelib import wiring
from tests.scp.certificates import Authority
from tests.scp.query_retrieve.conftest import CT_SERIES, Archive
from tests.scp.query_retrieve.destinations import Received, destination, storescp
from tests.scp.query_retrieve.scu import GET, identifier
from tests.scp.query_retrieve.test_c_move import counts, move
from tests.scp.scu import CT, EXPLICIT

STUDY = identifier(StudyInstanceUID="1.2.77.1")
INSTANCES = ["1.2.77.1.1.1", "1.2.77.1.1.2", "1.2.77.1.2.1", "1.2.77.1.2.2"]


def test_findscu(archive: Archive, tmp_path: Path) -> None:
    command = ["findscu", *archive.tls.dcmtk(archive.pacs), "-S", "-aet", "NORD_PACS", "-aec", "SANSFILM", "127.0.0.1",
               str(archive.tls.port), "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=DUPONT*",
               "-k", "StudyInstanceUID=1.2.77.3", "-X", "-od", str(tmp_path)]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    assert [dcmread(path, force=True).StudyInstanceUID for path in tmp_path.iterdir()] == ["1.2.77.3"]


def test_c_get(archive: Archive) -> None:
    """By pynetdicom: DCMTK's getscu speaks no TLS."""
    received: list[str] = []

    def on_store(event: Event) -> int:
        received.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    association = AE("NORD_PACS").associate(
        "127.0.0.1",
        archive.tls.port,
        contexts=[build_context(GET), build_context(CT, EXPLICIT)],
        ae_title="SANSFILM",
        ext_neg=[build_role(CT, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, on_store)],
        tls_args=(archive.tls.calling(archive.pacs), "localhost"),
    )
    final = [status for status, _ in association.send_c_get(identifier(StudyInstanceUID="1.2.78"), GET)][-1]
    association.release()
    assert (final.Status, len(set(received))) == (0, CT_SERIES)


def test_movescu_to_storescp_over_tls(archive: Archive, tmp_path: Path) -> None:
    """DCMTK's movescu itself speaks no TLS."""
    pacs = archive.tls.authority.issue("pacs")
    options = ["+xa", *archive.tls.dcmtk(pacs)]
    with storescp("DCMTK_TLS", tmp_path, *options, certificates=(pacs,)) as folder:
        command = ["movescu", "-S", "-aet", "NORD_PACS", "-aec", "SANSFILM", "-aem", "DCMTK_TLS", "--no-port",
                   "127.0.0.1", str(archive.port), "-k", "QueryRetrieveLevel=STUDY",
                   "-k", "StudyInstanceUID=1.2.79"]  # fmt: skip
        subprocess.run(command, check=True, timeout=60)
        got = {dcmread(path).SOPInstanceUID for path in folder.iterdir()}
    assert got == {sent.SOPInstanceUID for sent in archive.compressed}


def outcome(archive: Archive, received: Received) -> tuple[int, int, int]:
    """Completed, failed and warning sub-operations of a C-MOVE."""
    final: Dataset = move(archive, STUDY, received.ae_title)[-1][0]
    return counts(final)


def test_a_destination_shows_a_registered_certificate_or_that_of_its_name(archive: Archive) -> None:
    pacs, other = archive.tls.authority.issue("pacs"), archive.tls.authority.issue("other")
    with destination(tls=archive.tls.called(pacs), certificates=(pacs, other)) as received:
        assert outcome(archive, received) == (4, 0, 0)
        assert received.uids == INSTANCES
    # The certificates of tests are of 127.0.0.1.
    with destination(tls=archive.tls.called(pacs)) as received:
        assert outcome(archive, received) == (4, 0, 0)


@pytest.mark.parametrize("why", ["another certificate", "another name", "another authority", "no TLS"])
def test_nothing_is_sent_to_who_cannot_show_it(archive: Archive, tmp_path: Path, why: str) -> None:
    pacs, other = archive.tls.authority.issue("pacs"), archive.tls.authority.issue("other")
    called = archive.tls.called(pacs)
    if why == "another authority":
        pacs = Authority(tmp_path, "stranger").issue("pacs")
        called.load_cert_chain(pacs.certificate_file, pacs.key_file)
    certificates = {"another certificate": (other,), "another name": ()}.get(why, (pacs,))
    with destination(tls=None if why == "no TLS" else called, certificates=certificates) as received:
        registry = wiring.registry()
        known = registry.application_entity(received.ae_title)
        assert known
        # By another name the same machine is not what its certificate says.
        host = "ip6-localhost.localdomain" if why == "another name" else "127.0.0.1"
        registry.put_application_entity(replace(known, tls=True, host=host))
        assert outcome(archive, received) == (0, 4, 0)
        assert not received.requests
