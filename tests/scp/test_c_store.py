"""What C-STORE answers, and what is kept (PS3.4 B.2.3)."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.scp.conftest import Ingest
from tests.scp.scu import CT, PATIENT, associated, c_store, data_set, element, send

# Wrong on purpose; pydicom says so while it encodes the requests.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NOT_DICOM = b"GIF89a" + bytes(range(200))


def test_stored_bytes_are_those_sent(ingest: Ingest) -> None:
    data = data_set()
    assert send(ingest.port, data) == 0
    ((key, body),) = ingest.objects("archive/").items()
    assert key == f"archive/nord/1.2.3.1/1.2.3.2/1.2.3.3/{hashlib.sha256(data).hexdigest()}.dcm"
    assert body[128:132] == b"DICM"
    assert body.endswith(data)
    metadata = ingest.metadata(key)
    assert metadata["hospital"] == "nord"
    assert metadata["calling-ae-title"] == "NORD_CT1"
    assert metadata["correlation-id"] in ingest.log()


def test_file_meta_information_is_readable(ingest: Ingest, tmp_path: Path) -> None:
    send(ingest.port, data_set())
    ((_, body),) = ingest.objects("archive/").items()
    path = tmp_path / "stored.dcm"
    path.write_bytes(body)
    instance = dcmread(path)
    assert instance.file_meta.MediaStorageSOPInstanceUID == "1.2.3.3"
    assert instance.file_meta.SourceApplicationEntityTitle == "NORD_CT1"
    assert str(instance.PatientName) == PATIENT
    checked = subprocess.run(["dcmftest", str(path)], capture_output=True, text=True, timeout=30, check=False)
    assert checked.stdout.startswith("yes")


@pytest.mark.parametrize(
    ("data", "sop", "status", "reason"),
    [
        (NOT_DICOM, "1.2.3.3", 0xC001, "not-dicom"),
        (b"", "1.2.3.3", 0xC002, "empty"),
        (data_set()[:-17], "1.2.3.3", 0xC003, "truncated"),
        (data_set(study=""), "1.2.3.3", 0xC004, "missing-uid"),
        (data_set(series=""), "1.2.3.3", 0xC004, "missing-uid"),
        (data_set(sop=""), "1.2.3.3", 0xC004, "missing-uid"),
        (data_set(sop_class=""), "1.2.3.3", 0xC004, "missing-uid"),
        (data_set(study="1." + "2" * 63), "1.2.3.3", 0xC005, "invalid-uid"),
        (data_set(study="../../archive/sud/1"), "1.2.3.3", 0xC005, "invalid-uid"),
        (data_set(sop="1.2/../3"), "1.2/../3", 0xC005, "invalid-uid"),
        (data_set(sop="1." + "3" * 70), "1." + "3" * 70, 0xC005, "invalid-uid"),
        (data_set(), "1.2.3.99", 0xA900, "uid-mismatch"),
        (data_set(sop_class="1.2.840.10008.5.1.4.1.1.4"), "1.2.3.3", 0xA900, "uid-mismatch"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_kept(ingest: Ingest, data: bytes, sop: str, status: int, reason: str) -> None:
    with associated(ingest.port) as association:
        response = c_store(association, data, sop=sop)
        assert response.Status == status
        assert 0 < len(response.ErrorComment) <= 64
        assert "DUBOIS" not in response.ErrorComment
        # The association goes on.
        assert c_store(association, data_set(sop="1.2.3.77"), sop="1.2.3.77").Status == 0
    assert [key.split("/")[4] for key in ingest.objects("archive/")] == ["1.2.3.77"]
    ((key, body),) = ingest.objects("rejected/").items()
    assert key.startswith("rejected/nord/")
    assert body.endswith(data)
    assert ingest.metadata(key)["reason"] == reason
    assert ingest.health()["rejected"] == 1


def test_request_without_uids_is_judged_by_its_data_set(ingest: Ingest) -> None:
    with associated(ingest.port) as association:
        assert c_store(association, data_set(), sop_class=None, sop=None).Status == 0
    assert len(ingest.objects("archive/")) == 1


def test_header_of_20_mb(ingest: Ingest) -> None:
    private = element(0x0009, 0x0010, "LO", "SANSFILM TEST") + element(0x0009, 0x1001, "OB", bytes(20 << 20))
    data = data_set(extra=private)
    assert send(ingest.port, data) == 0
    ((_, body),) = ingest.objects("archive/").items()
    assert body.endswith(data)


def test_same_instance_twice_is_one_object_and_two_successes(ingest: Ingest) -> None:
    assert [send(ingest.port, data_set()) for _ in range(2)] == [0, 0]
    assert len(ingest.objects("archive/")) == 1
    health = ingest.health()
    assert (health["stored"], health["duplicates"]) == (1, 1)


def test_other_bytes_under_a_known_uid_are_kept_beside(ingest: Ingest) -> None:
    first, second = data_set(), data_set(pixels=b"\x02\x00" * 64)
    assert [send(ingest.port, data) for data in (first, second)] == [0, 0]
    bodies = list(ingest.objects("archive/nord/1.2.3.1/1.2.3.2/1.2.3.3/").values())
    assert sorted(body[-128:] for body in bodies) == sorted([first[-128:], second[-128:]])


def test_hospitals_are_separate(ingest: Ingest) -> None:
    data = data_set()
    assert send(ingest.port, data, "NORD_CT1") == 0
    assert send(ingest.port, data, "SUD_CT1") == 0
    assert len(ingest.objects("archive/nord/")) == len(ingest.objects("archive/sud/")) == 1


def test_four_associations_at_once_lose_nothing(ingest: Ingest) -> None:
    def run(number: int) -> list[int]:
        with associated(ingest.port) as association:
            uids = [f"1.2.3.4.{number}.{index}" for index in range(20)]
            return [int(c_store(association, data_set(sop=sop), sop=sop).Status) for sop in uids]

    with ThreadPoolExecutor(4) as pool:
        assert [status for statuses in pool.map(run, range(4)) for status in statuses] == [0] * 80
    assert len(ingest.objects("archive/")) == 80


def test_what_does_not_fit_into_memory_is_refused_for_now(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest(SANSFILM_RECEIVE_LIMIT_BYTES=str(1 << 20))
    with associated(ingest.port) as association:
        assert c_store(association, data_set(pixels=bytes(5 << 20))).Status == 0xA700
        for _ in range(3):
            assert c_store(association, data_set(pixels=bytes(700 << 10))).Status == 0
    assert len(ingest.objects("archive/")) == 1


def test_nothing_about_patients_is_logged(ingest: Ingest) -> None:
    send(ingest.port, data_set())
    send(ingest.port, data_set(study="LEFÈVRE^DUBOIS"))
    send(ingest.port, data_set()[:-17])
    ingest.stop()
    lines = ingest.log().splitlines()
    assert not [line for line in lines if "DUBOIS" in line or "LEF" in line]
    records = [json.loads(line) for line in lines]
    assert [record for record in records if record.get("stored") == [1.0]], "no EMF line"
    assert any(record.get("reason") == "truncated" and record.get("correlation_id") for record in records)


def test_storescu(ingest: Ingest) -> None:
    path = str(get_testdata_file("CT_small.dcm"))
    command = ["storescu", "-R", "-aet", "NORD_CT1", "-aec", "SANSFILM", "127.0.0.1", str(ingest.port), path]
    subprocess.run(command, check=True, timeout=60)
    ((key, body),) = ingest.objects("archive/").items()
    sent = dcmread(path)
    assert key.split("/")[2:5] == [sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID]
    assert sent.SOPClassUID == CT
    assert sent.PixelData in body
