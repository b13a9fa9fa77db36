"""Real DICOM files that packages ship, and small generated ones."""

from __future__ import annotations

import io
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_PACKAGES = {"pydicom": "data", "data_store": "", "pynetdicom": "tests"}


@cache
def real_files() -> tuple[Path, ...]:
    """Files of pydicom, pydicom-data and pynetdicom that begin like a DICOM file or carry its suffix."""
    found = []
    for package, folder in _PACKAGES.items():
        spec = find_spec(package)
        assert spec, package
        roots = [Path(root) for root in spec.submodule_search_locations or []]
        found += [path for root in roots for path in (root / folder).rglob("*") if path.is_file() and _is_dicom(path)]
    return tuple(sorted(found))


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".dcm" or file.read(132)[128:] == b"DICM"


def data_set(study: str = "1.2.3", series: str = "1.2.3.4", sop: str = "1.2.3.4.5", **attributes: Any) -> Dataset:
    """A small CT instance; keywords replace or add attributes, None leaves one out."""
    instance = Dataset()
    values = {
        "SpecificCharacterSet": "ISO_IR 100",
        "SOPClassUID": CT_IMAGE_STORAGE,
        "SOPInstanceUID": sop,
        "StudyDate": "20240131",
        "StudyTime": "101500",
        "AccessionNumber": "A1",
        "Modality": "CT",
        "PatientName": "Lefèvre^Anne-Marie",
        "PatientID": "P1",
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "InstanceNumber": 1,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 4,
        "Columns": 4,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": bytes(range(32)),
    }
    for keyword, value in {**values, **attributes}.items():
        if value is not None:
            setattr(instance, keyword, value)
    return instance


def part10(instance: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> bytes:
    """A data set as a DICOM file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax_uid
    meta.MediaStorageSOPClassUID = instance.get("SOPClassUID", CT_IMAGE_STORAGE)
    meta.MediaStorageSOPInstanceUID = instance.get("SOPInstanceUID", "1.2.3")
    instance.file_meta = meta
    buffer = io.BytesIO()
    instance.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
