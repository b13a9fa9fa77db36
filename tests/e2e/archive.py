"""An archive with one instance of each kind that DICOMweb treats in its own way, on the whole platform."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
import requests
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests.dicom_files import data_set, part10, real_files
from tests.platform import RunningPlatform
from tests.scp.stow import multipart, related

HOSPITAL = "hopital-nord"
ROWS, COLUMNS = 64, 48
REAL = {
    "image/jpeg": "JPGExtended.dcm",
    "image/dicom-rle": "SC_rgb_rle.dcm",
    "image/jls": "MR_small_jpeg_ls_lossless.dcm",
    "image/jp2": "JPEG2000.dcm",
}
"""A real file whose frames are of that media type."""


@dataclass(frozen=True)
class Stored:
    """An instance by its UIDs."""

    study: str
    series: str
    instance: str

    def path(self, template: str, **more: str) -> str:
        """A path of the table of operations, filled in."""
        values = {**vars(self), "frames": "1", "path": "7FE00010", **more}
        return template.format(**values)


@cache
def image(study: str) -> bytes:
    """Two uncompressed frames."""
    frames = np.arange(2 * ROWS * COLUMNS, dtype=np.uint16)
    return part10(
        data_set(
            study=study, series=f"{study}.1", sop=f"{study}.1.1", Rows=ROWS, Columns=COLUMNS, NumberOfFrames=2,
            PixelData=frames.tobytes(),
        )
    )  # fmt: skip


@cache
def document(study: str) -> bytes:
    """An encapsulated PDF."""
    return part10(
        data_set(
            study=study, series=f"{study}.2", sop=f"{study}.2.1", PixelData=None, Modality="DOC",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", MIMETypeOfEncapsulatedDocument="application/pdf",
            EncapsulatedDocument=b"%PDF-1.7\n" + b"%" * 2000 + b"\n",
        )
    )  # fmt: skip


def report(study: str) -> bytes:
    """A structured report of one finding."""
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", "Rien"
    return part10(
        data_set(
            study=study, series=f"{study}.3", sop=f"{study}.3.1", PixelData=None, Rows=None, Modality="SR",
            SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", ValueType="CONTAINER", ContentSequence=[item],
        )
    )  # fmt: skip


def compressed(media_type: str) -> bytes:
    """A real file."""
    path = next(path for path in real_files() if path.name == REAL[media_type])
    return path.read_bytes()


def identified(body: bytes) -> Stored:
    """UIDs of an instance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset: Dataset = dcmread(BytesIO(body), stop_before_pixels=True)
    return Stored(str(dataset.StudyInstanceUID), str(dataset.SeriesInstanceUID), str(dataset.SOPInstanceUID))


def store(platform: RunningPlatform, bodies: list[bytes]) -> list[Stored]:
    """Store instances and wait until they can be found."""
    headers = {"Authorization": f"Bearer {platform.token('gateway', HOSPITAL)}"}
    answer = requests.post(
        f"{platform.dicomweb_url}/studies", data=multipart(bodies), headers={**headers, "Content-Type": related()},
        timeout=60,
    )  # fmt: skip
    assert answer.status_code in (200, 202), answer.text
    stored = [identified(body) for body in bodies]
    deadline = time.monotonic() + 60
    template = "/studies/{study}/series/{series}/instances?SOPInstanceUID={instance}"
    for each in stored:
        url = platform.dicomweb_url + each.path(template)
        while (found := requests.get(url, headers=headers, timeout=30)).status_code != 200:
            assert time.monotonic() < deadline, found.text
            time.sleep(0.2)
    return stored


def new_study() -> str:
    """A Study Instance UID short enough to have others below it."""
    return str(generate_uid())[:50].rstrip(".")
