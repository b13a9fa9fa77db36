"""DICOM files (`dicom.part10`): found, identified, inflated within bounds."""

from __future__ import annotations

from chalicelib.dicom import part10
from chalicelib.dicom.elements import BytesSource, Malformed
from tests.fuzz.data_sets import DEFLATED_FILE, FILES

SEEDS = [*(file[116:] for file in FILES), DEFLATED_FILE[116:], b"\0" * 12 + FILES[0][132:]]
PREAMBLE = b"\0" * 116


def fuzz(data: bytes) -> None:
    """A file, its preamble mostly left out: mutating it finds nothing."""
    source = BytesSource(PREAMBLE + data)
    found = part10.identify_as_far_as_possible(source)
    assert all(len(value) <= 1024 for value in vars(found).values())
    try:
        part10.media_storage_identifiers(source)
        data_set = part10.open_data_set(source)
        identified = part10.identify(data_set)
    except Malformed:
        return
    assert part10.data_set_offset(source) == data_set.start
    assert identified.sop_instance_uid == found.sop_instance_uid or found.sop_instance_uid == ""
