"""C-GET: instances on the association that asked for them."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from tests.scp.query_retrieve.conftest import CT_SERIES, Archive
from tests.scp.query_retrieve.scu import GET, identifier
from tests.scp.query_retrieve.test_c_move import counts
from tests.scp.scu import CT, EXPLICIT, associate, c_store, data_set

STUDY = identifier(StudyInstanceUID="1.2.77.1")
MANY = identifier(StudyInstanceUID="1.2.78")


def open_get(archive: Archive, on_store: Any, ae_title: str, storage: list[tuple[str, str]]) -> Association:
    """An association of a requestor that receives storage classes in transfer syntaxes."""
    ae = AE(ae_title)
    contexts = [build_context(GET), *(build_context(*pair) for pair in storage)]
    roles = [build_role(uid, scp_role=True) for uid in {uid for uid, _ in storage}]
    handlers = [(evt.EVT_C_STORE, on_store)]
    association = ae.associate(
        "127.0.0.1", archive.port, contexts=contexts, ae_title="SANSFILM", ext_neg=roles, evt_handlers=handlers
    )
    assert association.is_established
    return association


def get(
    archive: Archive,
    keys: Dataset,
    ae_title: str = "NORD_PACS",
    storage: tuple[tuple[str, str], ...] = ((CT, EXPLICIT),),
) -> tuple[dict[str, Dataset], Dataset, Dataset | None]:
    """Received instances, the final status, its identifier."""
    received: dict[str, Dataset] = {}

    def on_store(event: Event) -> int:
        received[str(event.request.AffectedSOPInstanceUID)] = event.dataset
        return 0

    association = open_get(archive, on_store, ae_title, list(storage))
    final, failures = list(association.send_c_get(keys, GET))[-1]
    association.release()
    return received, final, failures


def test_study_comes_back(archive: Archive) -> None:
    for title in ("NORD_PACS", "NORD_GET"):
        received, final, _ = get(archive, STUDY, title)
        assert (final.Status, *counts(final)) == (0, 4, 0, 0)
        assert sorted(received) == ["1.2.77.1.1.1", "1.2.77.1.1.2", "1.2.77.1.2.1", "1.2.77.1.2.2"]
        assert received["1.2.77.1.1.1"].PatientName == "Dupont^Jean"


def test_hospitals_get_their_own(archive: Archive) -> None:
    received, _, _ = get(archive, STUDY, "SUD_PACS")
    assert {str(dataset.PatientName) for dataset in received.values()} == {"Dupont^Au-Sud"}
    assert get(archive, MANY, "SUD_PACS")[0] == {}


def test_compressed_instances_come_as_stored_or_transcoded(archive: Archive) -> None:
    classes = {str(sent.SOPClassUID) for sent in archive.compressed}
    stored = {(str(sent.SOPClassUID), str(sent.file_meta.TransferSyntaxUID)) for sent in archive.compressed}
    received, final, _ = get(archive, identifier(StudyInstanceUID="1.2.79"), storage=tuple(stored))
    assert counts(final) == (4, 0, 0)
    assert all(received[sent.SOPInstanceUID].PixelData == sent.PixelData for sent in archive.compressed)
    explicit = tuple((uid, EXPLICIT) for uid in classes)
    received, final, _ = get(archive, identifier(StudyInstanceUID="1.2.79"), storage=explicit)
    assert counts(final) == (4, 0, 0)
    for sent in archive.compressed:
        dataset = received[sent.SOPInstanceUID]
        dataset.file_meta = Dataset()
        dataset.file_meta.TransferSyntaxUID = EXPLICIT
        assert (dataset.pixel_array == sent.pixel_array).all()


def test_classes_that_were_not_proposed_fail(archive: Archive) -> None:
    _, final, failures = get(archive, identifier(StudyInstanceUID="1.2.79"))
    assert (final.Status, *counts(final)) == (0xA702, 0, 4, 0)
    assert failures is not None
    assert len(failures.FailedSOPInstanceUIDList) == 4


@pytest.mark.parametrize("level", ["PATIENT", None])
def test_bad_identifiers(archive: Archive, level: str | None) -> None:
    assert get(archive, identifier(level, PatientID="P1"))[1].Status == 0xA900


def test_receiving_is_no_right_to_store(archive: Archive) -> None:
    association = open_get(archive, lambda event: 0, "NORD_GET", [(CT, EXPLICIT)])
    (context,) = (cx for cx in association.accepted_contexts if cx.abstract_syntax == CT)
    response = c_store(association, data_set(), context_id=context.context_id)
    assert response.Status == 0x0122
    association.release()
    association = associate(archive.port, "NORD_GET", [build_context(GET), build_context(CT)])
    assert [cx.abstract_syntax for cx in association.accepted_contexts] == [GET]
    association.release()


def test_cancel(archive: Archive) -> None:
    received = []

    def slow(event: Event) -> int:
        received.append(event.request.AffectedSOPInstanceUID)
        time.sleep(0.1)
        return 0

    association = open_get(archive, slow, "NORD_PACS", [(CT, EXPLICIT)])
    responses = association.send_c_get(MANY, GET, msg_id=5)
    next(responses)
    association.send_c_cancel(5, query_model=GET)
    final = [status for status, _ in responses][-1]
    association.release()
    assert final.Status == 0xFE00
    assert final.NumberOfCompletedSuboperations == len(received) < CT_SERIES
    assert final.NumberOfRemainingSuboperations == CT_SERIES - len(received)


def test_getscu(archive: Archive, tmp_path: Path) -> None:
    command = ["getscu", "-S", "-aet", "NORD_GET", "-aec", "SANSFILM", "127.0.0.1", str(archive.port),
               "-od", str(tmp_path), "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.78"]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    assert len({dcmread(path).SOPInstanceUID for path in tmp_path.iterdir()}) == CT_SERIES


def test_an_instance_of_many_windows_comes_whole(archive: Archive) -> None:
    received, final, _ = get(archive, identifier(StudyInstanceUID="1.2.81"))
    assert counts(final) == (1, 0, 0)
    assert received["1.2.81.1.1"].PixelData == bytes(range(256)) * 125_000


def test_a_peer_that_stops_reading_is_dropped(archive: Archive) -> None:
    abandoned = archive.ingest.log().count("C-GET abandoned")
    done = threading.Event()

    def stop_reading(nr_bytes: int) -> bytearray:
        done.wait(30)
        raise OSError

    association = open_get(archive, lambda event: 0, "NORD_PACS", [(CT, EXPLICIT)])
    association.dul.socket.recv = stop_reading
    association.send_c_get(identifier(StudyInstanceUID="1.2.81"), GET)
    deadline = time.monotonic() + 20
    while archive.ingest.log().count("C-GET abandoned") == abandoned:
        assert time.monotonic() < deadline, archive.ingest.log()[-3000:]
        time.sleep(0.1)
    done.set()
    association.abort()
