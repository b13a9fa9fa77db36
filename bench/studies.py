"""What DICOMweb is measured on: a worklist of small studies, and one CT series; the same bytes for every archive."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests
from pydicom import dcmread

from bench.data import write_ct_series
from chalicelib import wiring
from chalicelib.archive import series_metadata
from chalicelib.archive.index_instance import read_object
from chalicelib.archive.model import InstanceKeys, ObjectHead
from chalicelib.archive.store import ReceivedInstance, instance_object_key, store_instance
from chalicelib.dicom.elements import BytesSource
from chalicelib.dicom.part10 import identify, open_data_set
from tests.dicom_files import data_set, part10

HOSPITAL = "hopital-nord"
ROOT = "1.2.826.0.1.3680043.10.1558"
SURNAMES = ("DUPONT", "DUPOND", "MARTIN", "BERNARD", "LEFEVRE", "MOREAU", "GARCIA", "ROUX", "FOURNIER", "GIRARD")
FIRST_NAMES = ("Marie", "Paul", "Anne", "Louis", "Zoe", "Hugo", "Lea")
STUDIES_A_DAY = 4
LOADERS = 6
FIRST_DATE = date(2024, 1, 1)


def study_date(number: int) -> str:
    """Study Date of a worklist study."""
    return f"{FIRST_DATE + timedelta(days=number // STUDIES_A_DAY):%Y%m%d}"


def worklist(count: int) -> Iterator[bytes]:
    """Studies of one small image; two studies a patient, four studies a day."""
    for number in range(count):
        uid = f"{ROOT}.{number + 1}"
        yield part10(
            data_set(
                uid,
                f"{uid}.1",
                f"{uid}.1.1",
                PatientID=f"P{number // 2:06d}",
                AccessionNumber=f"A{number:06d}",
                PatientName=f"{SURNAMES[number // 2 % len(SURNAMES)]}^{FIRST_NAMES[number // 2 % len(FIRST_NAMES)]}",
                PatientBirthDate="19600102",
                PatientSex="F",
                StudyDate=study_date(number),
                StudyID=str(number),
                StudyDescription="Scanner thoracique",
                ReferringPhysicianName="DURAND^Luc",
            )
        )


class CtSeries:
    """Images of 526 KB of one series."""

    def __init__(self, folder: Path, count: int) -> None:
        self.size_bytes = write_ct_series(folder, count, 1)
        self.paths = sorted(folder.rglob("*.dcm"))
        first = dcmread(self.paths[0], stop_before_pixels=True)
        self.study, self.series = str(first.StudyInstanceUID), str(first.SeriesInstanceUID)
        self.instance = str(first.SOPInstanceUID)

    def bodies(self) -> Iterator[bytes]:
        """Each file's content."""
        return (path.read_bytes() for path in self.paths)


def load_sans_film(bodies: Iterator[bytes]) -> list[str]:
    """Store in the archive bucket, whose events tell the index; return the keys."""
    objects = wiring.ingest_object_store()
    return [store_instance(objects, ReceivedInstance(HOSPITAL, body, "bench")).object_key for body in bodies]


def index_series(object_keys: list[str]) -> None:
    """What the Lambdas do with a series: index it, and make its metadata once its study is quiet."""
    objects, reader, writer = wiring.object_store(), wiring.index_reader(), wiring.index_writer()
    records = [record for key in object_keys if (record := read_object(objects, key).record)]
    writer.add_instances(records)
    study = reader.study(HOSPITAL, records[0].keys.study_instance_uid)
    assert study is not None
    series_metadata.build(reader, writer, objects, study, wiring.settings().public_url)


class _InMemory:
    """As much of an object store as the indexer reads an instance from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read_with_head(self, key: str, offset: int, length: int) -> tuple[ObjectHead, bytes]:
        return ObjectHead(key, len(self._body), 0), self._body[offset : offset + length]


def index_alone(bodies: Iterator[bytes]) -> None:
    """Write the index of instances that are not stored: enough for searches, and quick."""
    writer = wiring.index_writer()

    def index(body: bytes) -> None:
        found = identify(open_data_set(BytesSource(body)))
        keys = InstanceKeys(HOSPITAL, found.study_instance_uid, found.series_instance_uid, found.sop_instance_uid)
        key = instance_object_key(keys, hashlib.sha256(body).hexdigest())
        record = read_object(_InMemory(body), key).record  # type: ignore[arg-type]
        assert record is not None
        writer.add_instances([record])

    with ThreadPoolExecutor(LOADERS) as loaders:
        for _ in loaders.map(index, bodies):
            pass


def load_orthanc(http_port: int, bodies: Iterator[bytes]) -> None:
    """Upload."""
    session = requests.Session()

    def upload(body: bytes) -> Any:
        session.post(f"http://127.0.0.1:{http_port}/instances", data=body, timeout=60).raise_for_status()

    with ThreadPoolExecutor(LOADERS) as uploads:
        for _ in uploads.map(upload, bodies):
            pass
