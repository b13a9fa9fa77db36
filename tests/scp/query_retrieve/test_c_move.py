"""C-MOVE to destinations that take everything, little, or nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.emulator import free_port
from tests.scp.query_retrieve.conftest import CT_SERIES, Archive
from tests.scp.query_retrieve.destinations import UNCOMPRESSED, destination, register, storescp
from tests.scp.query_retrieve.scu import MOVE, PATIENT_ROOT, identifier, open_association

STUDY = identifier(StudyInstanceUID="1.2.77.1")
MANY = identifier(StudyInstanceUID="1.2.78")


def move(
    archive: Archive, keys: Dataset, to: str, ae_title: str = "NORD_PACS", model: str = MOVE, priority: int = 2
) -> list[tuple[Dataset, Dataset | None]]:
    """Every response."""
    with open_association(archive.port, ae_title, model) as association:
        association.dimse_timeout = 60
        return list(association.send_c_move(keys, to, model, priority=priority))


def counts(response: Dataset) -> tuple[int, int, int]:
    """Completed, failed, warning."""
    return (
        response.NumberOfCompletedSuboperations,
        response.NumberOfFailedSuboperations,
        response.NumberOfWarningSuboperations,
    )


def test_study_goes_to_a_registered_destination(archive: Archive) -> None:
    with destination() as received:
        responses = move(archive, STUDY, received.ae_title, priority=1)
    assert received.uids == ["1.2.77.1.1.1", "1.2.77.1.1.2", "1.2.77.1.2.1", "1.2.77.1.2.2"]
    final = responses[-1][0]
    assert (final.Status, *counts(final)) == (0, 4, 0, 0)
    assert [status.Status for status, _ in responses[:-1]] == [0xFF00] * (len(responses) - 1)
    assert responses[0][0].NumberOfRemainingSuboperations <= 4
    (request, *_) = received.requests
    assert (request.Priority, request.MoveOriginatorApplicationEntityTitle.strip()) == (1, "NORD_PACS")
    assert request.MoveOriginatorMessageID == 1
    assert str(received.datasets[0].PatientName) == "Dupont^Jean"


@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        (MOVE, identifier("SERIES", StudyInstanceUID="1.2.77.1", SeriesInstanceUID="1.2.77.1.2"), 2),
        (MOVE, identifier("IMAGE", StudyInstanceUID="1.2.77.1", SeriesInstanceUID="1.2.77.1.2",
                          SOPInstanceUID=["1.2.77.1.2.1", "1.2.77.1.2.2"]), 2),
        (MOVE, identifier("STUDY", StudyInstanceUID=["1.2.77.1", "1.2.77.2"]), 8),
        (f"{PATIENT_ROOT}.2", identifier("PATIENT", PatientID="P1"), 12),
        (f"{PATIENT_ROOT}.2", identifier("STUDY", PatientID="P1", StudyInstanceUID="1.2.77.1"), 4),
        (f"{PATIENT_ROOT}.2", identifier("STUDY", PatientID="P2", StudyInstanceUID="1.2.77.1"), 0),
        (MOVE, identifier("STUDY", StudyInstanceUID="1.2.99"), 0),
        (MOVE, identifier("STUDY", StudyInstanceUID="1.2.77.20"), 0),
    ],
)  # fmt: skip
def test_levels(archive: Archive, model: str, keys: Dataset, expected: int) -> None:
    with destination() as received:
        final = move(archive, keys, received.ae_title, model=model)[-1][0]
    assert (final.Status, *counts(final)) == (0, expected, 0, 0)
    assert len(received.uids) == expected


@pytest.mark.parametrize(
    "keys",
    [
        identifier(None, StudyInstanceUID="1.2.77.1"),
        identifier("PATIENT", PatientID="P1"),
        identifier("STUDY", StudyInstanceUID=""),
        identifier("STUDY", StudyInstanceUID="1.2.*"),
        identifier("SERIES", SeriesInstanceUID="1.2.77.1.2"),
        identifier("SERIES", StudyInstanceUID=["1.2.77.1", "1.2.77.2"], SeriesInstanceUID="1.2.77.1.2"),
    ],
)
def test_bad_identifiers(archive: Archive, keys: Dataset) -> None:
    register("NORD_DST", 9)
    responses = move(archive, keys, "NORD_DST")
    assert [status.Status for status, _ in responses] == [0xA900]


def test_destinations_are_those_of_the_hospital(archive: Archive) -> None:
    with destination("sud") as received:
        for to in (received.ae_title, "UNKNOWN", "NORD_CT1"):
            assert [status.Status for status, _ in move(archive, STUDY, to)] == [0xA801]
        final = move(archive, STUDY, received.ae_title, "SUD_PACS")[-1][0]
    assert counts(final) == (4, 0, 0)
    assert {str(dataset.PatientName) for dataset in received.datasets} == {"Dupont^Au-Sud"}


def test_stored_syntaxes_are_kept_where_they_are_accepted(archive: Archive) -> None:
    with destination() as received:
        final = move(archive, identifier(StudyInstanceUID="1.2.79"), received.ae_title)[-1][0]
    assert counts(final) == (len(archive.compressed), 0, 0)
    expected = {str(sent.SOPInstanceUID): str(sent.file_meta.TransferSyntaxUID) for sent in archive.compressed}
    assert received.syntaxes == expected
    assert {d.SOPInstanceUID: d.PixelData for d in received.datasets} == {
        sent.SOPInstanceUID: sent.PixelData for sent in archive.compressed
    }


@pytest.mark.parametrize("syntaxes", [UNCOMPRESSED, ("1.2.840.10008.1.2",)])
def test_transcoding_where_the_destination_refuses_the_stored_syntax(
    archive: Archive, syntaxes: tuple[str, ...]
) -> None:
    with destination(syntaxes=syntaxes) as received:
        final = move(archive, identifier(StudyInstanceUID="1.2.79"), received.ae_title)[-1][0]
    assert counts(final) == (len(archive.compressed), 0, 0)
    assert set(received.syntaxes.values()) == {syntaxes[0]}
    for sent in archive.compressed:
        (dataset,) = (d for d in received.datasets if d.SOPInstanceUID == sent.SOPInstanceUID)
        dataset.file_meta = Dataset()
        dataset.file_meta.TransferSyntaxUID = received.syntaxes[sent.SOPInstanceUID]
        assert (dataset.pixel_array == sent.pixel_array).all()


def test_what_no_context_carries_has_failed(archive: Archive) -> None:
    stored = str(archive.compressed[0].file_meta.TransferSyntaxUID)
    with destination(syntaxes=(stored,)) as received:
        ((final, failures),) = move(archive, identifier(StudyInstanceUID="1.2.79"), received.ae_title)[-1:]
    assert received.uids == ["1.2.79.1.1"]
    assert (final.Status, *counts(final)) == (0xB000, 1, 3, 0)
    assert failures is not None
    assert sorted(failures.FailedSOPInstanceUIDList) == ["1.2.79.2.1", "1.2.79.3.1", "1.2.79.4.1"]


def test_failures_and_warnings_are_counted(archive: Archive) -> None:
    answers = {"1.2.77.1.1.1": 0xA700, "1.2.77.1.2.2": 0xB000}
    with destination(status=lambda uid: answers.get(uid, 0)) as received:
        ((final, failures),) = move(archive, STUDY, received.ae_title)[-1:]
    assert (final.Status, *counts(final)) == (0xB000, 2, 1, 1)
    assert failures is not None
    assert failures.FailedSOPInstanceUIDList == "1.2.77.1.1.1"


def test_destination_that_is_down(archive: Archive) -> None:
    register("NORD_DOWN", free_port())
    ((final, failures),) = move(archive, STUDY, "NORD_DOWN")[-1:]
    assert (final.Status, *counts(final)) == (0xA702, 0, 4, 0)
    assert failures is not None
    assert len(failures.FailedSOPInstanceUIDList) == 4


def test_several_sub_operations_are_in_flight(archive: Archive) -> None:
    def slow(uid: str) -> int:
        time.sleep(0.05)
        return 0

    with destination(status=slow) as received:
        began = time.monotonic()
        final = move(archive, MANY, received.ae_title)[-1][0]
        took_s = time.monotonic() - began
    assert counts(final) == (CT_SERIES, 0, 0)
    assert (len(received.uids), received.associations) == (CT_SERIES, 2)
    assert took_s < CT_SERIES * 0.06
    with destination(most_associations=1) as received:
        assert counts(move(archive, MANY, received.ae_title)[-1][0]) == (CT_SERIES, 0, 0)
    assert received.associations == 1


def test_cancel(archive: Archive) -> None:
    def slow(uid: str) -> int:
        time.sleep(0.1)
        return 0

    with (
        destination(status=slow) as received,
        open_association(archive.port, "NORD_PACS", MOVE) as association,
    ):
        responses = association.send_c_move(MANY, received.ae_title, MOVE, msg_id=3)
        assert next(responses)[0].Status == 0xFF00
        association.send_c_cancel(3, query_model=MOVE)
        final = [status for status, _ in responses][-1]
        sent = len(received.uids)
    assert final.Status == 0xFE00
    assert final.NumberOfCompletedSuboperations == sent < CT_SERIES
    assert final.NumberOfRemainingSuboperations == CT_SERIES - sent


def test_movescu_and_storescp(archive: Archive, tmp_path: Path) -> None:
    with storescp("DCMTK_DST", tmp_path, "+xa") as folder:
        command = ["movescu", "-S", "-aet", "NORD_PACS", "-aec", "SANSFILM", "-aem", "DCMTK_DST", "--no-port",
                   "127.0.0.1", str(archive.port), "-k", "QueryRetrieveLevel=STUDY",
                   "-k", "StudyInstanceUID=1.2.79"]  # fmt: skip
        subprocess.run(command, check=True, timeout=60)
        got = {dcmread(path).SOPInstanceUID for path in folder.iterdir()}
    assert got == {sent.SOPInstanceUID for sent in archive.compressed}
