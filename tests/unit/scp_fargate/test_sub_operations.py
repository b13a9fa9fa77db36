"""Counters and lists of sub-operations beyond what their VR can say."""

from __future__ import annotations

from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset

from chalicelib.archive.search_results import element
from chalicelib.dicom.data_set_writer import encode_data_set
from scp_fargate import dimse_status
from scp_fargate.sub_operations import FAILED_SOP_INSTANCE_UID_LIST, Outcome, SubOperations, outcome_of


def test_more_than_65535_sub_operations() -> None:
    sub_operations = SubOperations(200_000)
    for _ in range(70_000):
        sub_operations.add(Outcome.COMPLETED, "1.2")
    counters = sub_operations.counters(with_remaining=True)
    assert counters["NumberOfRemainingSuboperations"] == counters["NumberOfCompletedSuboperations"] == 65_535
    assert sub_operations.remaining == 130_000


def test_instances_that_came_meanwhile_do_not_make_the_rest_negative() -> None:
    sub_operations = SubOperations(1)
    sub_operations.add(Outcome.COMPLETED, "1.2")
    sub_operations.add(Outcome.COMPLETED, "1.3")
    assert sub_operations.remaining == 0


def test_final_status() -> None:
    assert SubOperations(0).final_status(cancelled=False).code == dimse_status.SUCCESS
    assert SubOperations(2, failed=2).final_status(cancelled=False).code == 0xA702
    assert SubOperations(2, completed=1, failed=1).final_status(cancelled=False).code == 0xB000
    assert SubOperations(2, warning=2).final_status(cancelled=False).code == 0xB000
    assert SubOperations(2, completed=1).final_status(cancelled=True).code == 0xFE00
    assert [outcome_of(status) for status in (0, 0xB000, 0xA700)] == list(Outcome)


def test_a_list_of_uids_beyond_64_kib_can_be_read_in_both_syntaxes() -> None:
    uids = [f"1.2.840.99999.{number}" for number in range(10_000)]
    for implicit_vr in (True, False):
        encoded = encode_data_set({FAILED_SOP_INSTANCE_UID_LIST: element("UI", *uids)}, implicit_vr)
        read = read_dataset(DicomBytesIO(encoded), implicit_vr, True)
        value = read[FAILED_SOP_INSTANCE_UID_LIST].value
        found = value if not isinstance(value, bytes) else value.rstrip(b"\0").decode().split("\\")
        assert list(found) == uids
