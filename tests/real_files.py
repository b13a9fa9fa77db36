"""Every DICOM instance that the packages pydicom, pydicom-data and pynetdicom bring along."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from chalicelib import errors
from chalicelib.dicom.elements import BytesSource, Malformed
from chalicelib.dicom.part10 import (
    DEFLATED,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    identify,
    open_data_set,
)
from chalicelib.dicom.uid import is_valid

FOLDERS = (
    ("pydicom", "data/test_files"),
    ("pydicom", "data/charset_files"),
    ("data_store", "data"),
    ("pynetdicom", "tests/dicom_files"),
)


@dataclass(frozen=True)
class RealFile:
    """A file that is an instance: all its UIDs are there and valid."""

    path: Path
    body: bytes
    data_set: bytes
    """Bytes after the File Meta Information."""
    transfer_syntax_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str

    def under_new_uids(self, number: int) -> RealFile:
        """The same file with study, series and SOP Instance UIDs of the same length that no other file has.

        Several of the files share UIDs, which the archive would hold to be conflicts. A deflated data set stays as it
        is: its bytes cannot be edited in place.
        """
        if self.transfer_syntax_uid in DEFLATED:
            return self
        body = bytearray(self.body)
        opened = open_data_set(BytesSource(self.body))
        for element in opened.elements():
            if element.tag in (SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID):
                value = slice(element.value_offset, element.value_offset + element.length)
                body[value] = _numbered(self.body[value].decode(), number).encode()
        numbered = _instance_of(self.path, bytes(body))
        assert numbered is not None
        return numbered

    def read(self) -> Dataset:
        """The data set decoded by pydicom."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dcmread(BytesIO(self.body), force=True, stop_before_pixels=True)


def real_files() -> list[RealFile]:
    """All of them, by path."""
    found = []
    for package, folder in FOLDERS:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        root = Path(next(iter(spec.submodule_search_locations))) / folder
        found += [instance for path in sorted(root.rglob("*")) if path.is_file() for instance in _instance(path)]
    return found


def _instance(path: Path) -> list[RealFile]:
    found = _instance_of(path, path.read_bytes())
    return [found] if found else []


def _instance_of(path: Path, body: bytes) -> RealFile | None:
    try:
        opened = open_data_set(BytesSource(body))
        identifiers = identify(opened)
    except (Malformed, errors.InvalidInstance):
        return None
    uids = (
        identifiers.sop_class_uid,
        identifiers.study_instance_uid,
        identifiers.series_instance_uid,
        identifiers.sop_instance_uid,
    )
    if not all(map(is_valid, uids)):
        return None
    return RealFile(path, body, body[opened.start :], opened.transfer_syntax_uid, *uids)


def _numbered(uid: str, number: int) -> str:
    """Write a number of four digits over the last digits of a UID that do not begin a component.

    >>> _numbered("1.2.345.678901", 42)
    '1.2.345.670042'
    """
    text = list(uid)
    places = [place for place in range(1, len(text)) if text[place].isdigit() and text[place - 1] != "."][-4:]
    assert len(places) == 4, uid
    for place, digit in zip(places, f"{number:04d}", strict=True):
        text[place] = digit
    return "".join(text)
