"""Requests of Query/Retrieve by pynetdicom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.association import Association

from tests.scp.scu import associate

PATIENT_ROOT, STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.1", "1.2.840.10008.5.1.4.1.2.2"
FIND, MOVE, GET = f"{STUDY_ROOT}.1", f"{STUDY_ROOT}.2", f"{STUDY_ROOT}.3"


def identifier(level: str | None = "STUDY", **keys: Any) -> Dataset:
    """An identifier; keys by keyword."""
    made = Dataset()
    if level is not None:
        made.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        tag = tag_for_keyword(keyword)
        # Keys are no values: ranges and wildcards, and what is wrong on purpose.
        made.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE))
    return made


@contextmanager
def open_association(port: int, ae_title: str, *sop_classes: str) -> Iterator[Association]:
    """An association for SOP classes in both uncompressed little endian syntaxes."""
    association = associate(port, ae_title, [build_context(uid) for uid in sop_classes])
    assert association.is_established
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def find(
    port: int, keys: Dataset, model: str = STUDY_ROOT, ae_title: str = "NORD_PACS"
) -> tuple[list[Dataset], list[int], Dataset]:
    """Matches, their statuses, and the final response."""
    with open_association(port, ae_title, f"{model}.1") as association:
        responses = [(s, d) for s, d in association.send_c_find(keys, f"{model}.1")]
    final = responses[-1][0]
    pending = responses[:-1]
    return [match for _, match in pending], [status.Status for status, _ in pending], final
