"""Real files through the whole platform: sent by DIMSE, found by QIDO-RS, retrieved by WADO-RS as they were sent."""

from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pynetdicom import build_context

from chalicelib.dicom.elements import BytesSource
from chalicelib.dicom.part10 import identify, open_data_set
from tests.real_files import RealFile, real_files
from tests.scp.scu import associate, c_store

if TYPE_CHECKING:
    from tests.platform import RunningPlatform

HOSPITAL = "hopital-nord"
SYNTAX_OPTIONS = {
    "1.2.840.10008.1.2": "-xi", "1.2.840.10008.1.2.1": "-xe", "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.1.99": "-xd", "1.2.840.10008.1.2.5": "-xr", "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx", "1.2.840.10008.1.2.4.70": "-xs", "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu", "1.2.840.10008.1.2.4.90": "-xv", "1.2.840.10008.1.2.4.91": "-xw",
}  # fmt: skip
"""Options of storescu by transfer syntax."""


class DicomWeb:
    """A DICOMweb client that hides nothing."""

    def __init__(self, platform: RunningPlatform) -> None:
        self.base = f"{platform.url}/dicomweb"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {platform.token('radiologist', HOSPITAL)}"

    def search(self, path: str, **query: str) -> list[dict[str, Any]]:
        """QIDO-RS."""
        answer = self.session.get(
            f"{self.base}{path}", params=query, headers={"Accept": "application/dicom+json"}, timeout=60
        )
        if answer.status_code == 204:
            return []
        assert answer.status_code == 200, (answer.status_code, answer.text[:300])
        found: list[dict[str, Any]] = answer.json()
        return found

    def retrieve(self, file: RealFile) -> bytes:
        """WADO-RS of one instance in its stored transfer syntax: the Part 10 file."""
        path = f"/studies/{file.study_instance_uid}/series/{file.series_instance_uid}/instances/{file.sop_instance_uid}"
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        answer = self.session.get(self.base + path, headers={"Accept": accept}, timeout=60)
        assert answer.status_code == 200, (file.path.name, answer.status_code, answer.text[:300])
        boundary = answer.headers["Content-Type"].split("boundary=")[1].split(";")[0].strip('"').encode()
        part = answer.content.split(b"--" + boundary, 1)[1]
        body = part.split(b"\r\n\r\n", 1)[1]
        return body[: body.rindex(b"\r\n--" + boundary)]

    def wait_until_indexed(self, files: Iterable[RealFile], timeout_s: float = 120) -> None:
        """Wait until every file is found by its UIDs."""
        deadline = time.monotonic() + timeout_s
        waiting = list(files)
        while waiting:
            waiting = [file for file in waiting if not self._finds(file)]
            assert time.monotonic() < deadline, f"{len(waiting)} never found, e.g. {waiting[0].path.name}"
            time.sleep(0.3 if waiting else 0)

    def _finds(self, file: RealFile) -> bool:
        path = f"/studies/{file.study_instance_uid}/series/{file.series_instance_uid}/instances"
        return bool(self.search(path, SOPInstanceUID=file.sop_instance_uid))


@pytest.fixture(scope="module")
def dicomweb(platform: RunningPlatform) -> DicomWeb:
    """DICOMweb as a radiologist of the hospital that sends."""
    return DicomWeb(platform)


@pytest.fixture(scope="module")
def files() -> list[RealFile]:
    """Every real instance."""
    return real_files()


def send_with_pynetdicom(port: int, files: list[RealFile]) -> None:
    """One association with a presentation context for each pair of SOP class and transfer syntax."""
    pairs = sorted({(file.sop_class_uid, file.transfer_syntax_uid) for file in files})
    contexts = [build_context(*pair) for pair in pairs]
    association = associate(port, "NORD_PACS", contexts)
    assert len(association.accepted_contexts) == len(pairs)
    context_ids = {(cx.abstract_syntax, cx.transfer_syntax[0]): cx.context_id for cx in association.accepted_contexts}
    for number, file in enumerate(files, start=1):
        response = c_store(
            association, file.data_set, file.sop_class_uid, file.sop_instance_uid, number,
            context_ids[file.sop_class_uid, file.transfer_syntax_uid],
        )  # fmt: skip
        assert response.Status == 0, (file.path.name, hex(response.Status), response.ErrorComment)
    association.release()


def dcmtk_reads(file: RealFile, folder: Path) -> bool:
    """Whether storescu could send a file: it parses and encodes data sets itself, and cannot with every one."""
    path = folder / "read.dcm"
    path.write_bytes(file.body)
    command = ["dcmdump", "-q", "+P", "SOPClassUID", "+P", "SOPInstanceUID", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode == 0 and file.sop_class_uid != "" and file.sop_instance_uid in done.stdout


def send_with_storescu(port: int, files: list[RealFile], folder: Path) -> None:
    """One association for each transfer syntax, as storescu's options want it."""
    by_syntax: dict[str, list[str]] = defaultdict(list)
    for number, file in enumerate(files):
        path = folder / f"{number:04d}.dcm"
        path.write_bytes(file.body)
        by_syntax[file.transfer_syntax_uid].append(str(path))
    for syntax, paths in by_syntax.items():
        command = ["storescu", SYNTAX_OPTIONS[syntax], "-R", "-aet", "NORD_PACS", "-aec", "SANSFILM"]
        sent = subprocess.run(
            [*command, "127.0.0.1", str(port), *paths], capture_output=True, text=True, timeout=300, check=False
        )
        assert sent.returncode == 0, (syntax, sent.stdout[-500:], sent.stderr[-500:])


def check_found_and_identical(dicomweb: DicomWeb, files: list[RealFile], identical: bool) -> None:
    """Each file by patient name and UID, then its data set byte for byte (storescu encodes lengths in its own way)."""
    dicomweb.wait_until_indexed(files)
    for file in files:
        sent = file.read()
        name = sent.get("PatientName")
        family = str(name.alphabetic if name else "").strip()
        query = {"StudyInstanceUID": file.study_instance_uid} | ({"PatientName": family} if family else {})
        (study,) = dicomweb.search("/studies", **query)
        if family:
            shown = study["00100010"]["Value"][0]
            assert shown["Alphabetic"] == str(name.alphabetic).rstrip(), file.path.name
            assert shown.get("Ideographic", "") == str(name.ideographic).rstrip(), file.path.name
        retrieved = dicomweb.retrieve(file)
        opened = open_data_set(BytesSource(retrieved))
        if identical:
            assert retrieved[opened.start :] == file.data_set, file.path.name
        else:
            assert identify(opened).sop_instance_uid == file.sop_instance_uid


@pytest.mark.parametrize(("number", "associations"), [(0, 1), (1, 4)])
def test_pynetdicom(
    platform: RunningPlatform, dicomweb: DicomWeb, files: list[RealFile], number: int, associations: int
) -> None:
    renamed = [file.under_new_uids(number * 1000 + index) for index, file in enumerate(files)]
    with ThreadPoolExecutor(associations) as pool:
        list(
            pool.map(
                lambda part: send_with_pynetdicom(platform.dicom_port, renamed[part::associations]),
                range(associations),
            )
        )
    check_found_and_identical(dicomweb, renamed, identical=True)


@pytest.mark.parametrize(("number", "associations"), [(2, 1), (3, 4)])
def test_storescu(
    platform: RunningPlatform,
    dicomweb: DicomWeb,
    files: list[RealFile],
    tmp_path: Path,
    number: int,
    associations: int,
) -> None:
    renamed = [file.under_new_uids(number * 1000 + index) for index, file in enumerate(files)]
    renamed = [file for file in renamed if dcmtk_reads(file, tmp_path)]
    assert len(renamed) > 220
    folders = [tmp_path / str(part) for part in range(associations)]
    with ThreadPoolExecutor(associations) as pool:
        for folder in folders:
            folder.mkdir()
        list(
            pool.map(
                lambda part: send_with_storescu(platform.dicom_port, renamed[part::associations], folders[part]),
                range(associations),
            )
        )
    check_found_and_identical(dicomweb, renamed, identical=False)


def test_ct_of_300_slices(platform: RunningPlatform, dicomweb: DicomWeb) -> None:
    from localstack.demo import ct_phantom, modules
    from localstack.demo.region_exams import NORD, Exam, Patient

    patient = Patient("HÉLIÈS-GARÇON^Zoé Anaïs", "F", "19801224", {NORD: f"E2E{time.time_ns()}"})
    exam = Exam(f"e2e {time.time_ns()}", patient, NORD, "NORD_CT1", 0, "120000", "Scanner thoracique", "", "CHEST")
    association = associate(platform.dicom_port, "NORD_CT1", [build_context("1.2.840.10008.5.1.4.1.1.2")])
    for number, instance in enumerate(ct_phantom.slices(exam, ct_phantom.Series(300, 512, 4.5, "B", 3)), start=1):
        modules.identify(instance, exam, date.today(), 1, number)
        assert association.send_c_store(instance).Status == 0
    association.release()
    sent = time.monotonic()
    study = str(instance.StudyInstanceUID)
    while True:
        found = dicomweb.search("/studies", StudyInstanceUID=study, includefield="00201208")
        if found and found[0]["00201208"]["Value"] == [300]:
            break
        assert time.monotonic() - sent < 30
        time.sleep(0.2)
    assert time.monotonic() - sent < 15
    for query in ("HÉLIÈS*", "helies*", "heli*garcon*"):
        names = dicomweb.search("/studies", PatientName=query, StudyInstanceUID=study)
        assert [item["00100010"]["Value"][0]["Alphabetic"] for item in names] == [patient.name], query
    metadata = dicomweb.session.get(
        f"{dicomweb.base}/studies/{study}/series/{instance.SeriesInstanceUID}/metadata",
        headers={"Accept": "application/dicom+json"},
        timeout=60,
    )
    assert len({item["00080018"]["Value"][0] for item in metadata.json()}) == 300
