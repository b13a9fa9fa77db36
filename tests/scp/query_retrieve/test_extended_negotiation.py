"""Asynchronous operations, relational retrieval, role selection: what is answered, and that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_GET
from pynetdicom.dsutils import encode
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation, SOPClassExtendedNegotiation

from scp_fargate.association import LARGEST_BACKLOG, LARGEST_WINDOW
from tests.scp.query_retrieve.conftest import CT_SERIES, Archive
from tests.scp.query_retrieve.destinations import destination
from tests.scp.query_retrieve.scu import FIND, GET, MOVE, PATIENT_ROOT, identifier
from tests.scp.query_retrieve.test_c_move import counts
from tests.scp.scu import CT, EXPLICIT

VERIFICATION = "1.2.840.10008.1.1"


def window(invoked: int, performed: int) -> AsynchronousOperationsWindowNegotiation:
    """An item of A-ASSOCIATE-RQ."""
    item = AsynchronousOperationsWindowNegotiation()
    item.maximum_number_operations_invoked, item.maximum_number_operations_performed = invoked, performed
    return item


def relational(*uids: str) -> list[SOPClassExtendedNegotiation]:
    """Items of A-ASSOCIATE-RQ."""
    items = []
    for uid in uids:
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = uid, b"\x01\x01"
        items.append(item)
    return items


@contextmanager
def associated(archive: Archive, uids: tuple[str, ...], *items: Any, on_store: Any = None) -> Iterator[Association]:
    """An association with negotiation items, over which instances may come back."""
    contexts = [build_context(uid) for uid in uids] + [build_context(CT, EXPLICIT)]
    association = AE("NORD_PACS").associate(
        "127.0.0.1",
        archive.port,
        contexts=contexts,
        ae_title="SANSFILM",
        ext_neg=[*items, build_role(CT, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, on_store or (lambda event: 0))],
    )
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ((0, 0), (LARGEST_BACKLOG, LARGEST_WINDOW)),
        ((2, 3), (2, 3)),
        ((1, 1), (1, 1)),
        ((100, 100), (LARGEST_BACKLOG, LARGEST_WINDOW)),
    ],
)
def test_the_window_that_is_granted(archive: Archive, asked: tuple[int, int], granted: tuple[int, int]) -> None:
    with associated(archive, (FIND,), window(*asked)) as association:
        assert association.acceptor.asynchronous_operations == granted


def test_who_asks_for_no_window_gets_none(archive: Archive) -> None:
    with associated(archive, (FIND,)) as association:
        assert association.acceptor.asynchronous_operations == (1, 1)


def test_requests_sent_ahead_are_answered_in_order(archive: Archive) -> None:
    """As many as granted, of different services, a C-GET first: the others wait for its end."""
    with associated(archive, (GET, FIND, VERIFICATION), window(0, 0)) as association:
        ids = {cx.abstract_syntax: cx.context_id for cx in association.accepted_contexts}
        syntax = {cx.abstract_syntax: cx.transfer_syntax[0] for cx in association.accepted_contexts}

        def encoded(uid: str, keys: Dataset) -> Any:
            return BytesIO(encode(keys, syntax[uid].is_implicit_VR, True) or b"")

        get: Any = C_GET()
        get.MessageID, get.AffectedSOPClassUID, get.Priority = 1, GET, 2
        get.Identifier = encoded(GET, identifier(StudyInstanceUID="1.2.78"))
        find: Any = C_FIND()
        find.MessageID, find.AffectedSOPClassUID, find.Priority = 2, FIND, 2
        find.Identifier = encoded(FIND, identifier(StudyInstanceUID="1.2.77.1"))
        echo: Any = C_ECHO()
        echo.MessageID, echo.AffectedSOPClassUID = 3, VERIFICATION
        association._reactor_checkpoint.clear()
        for request, uid in ((get, GET), (find, FIND), (echo, VERIFICATION)):
            association.dimse.send_msg(request, ids[uid])
        ended, stored = [], 0
        while len(ended) < 3:
            context_id, message = association.dimse.get_msg(block=True)
            assert message is not None
            if message.__class__.__name__ == "C_STORE":
                stored += 1
                message.MessageIDBeingRespondedTo, message.MessageID, message.Status = message.MessageID, None, 0
                message.DataSet = None
                association.dimse.send_msg(message, context_id)
            elif message.Status not in (0xFF00, 0xFF01):
                ended.append(message.MessageIDBeingRespondedTo)
        association._reactor_checkpoint.set()
    assert (ended, stored) == ([1, 2, 3], CT_SERIES)


@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        ("", identifier("IMAGE", SOPInstanceUID=["1.2.77.1.2.1", "1.2.77.2.1.2", "1.2.99"]), 2),
        ("", identifier("IMAGE", StudyInstanceUID="1.2.77.1", SOPInstanceUID=["1.2.77.1.2.1", "1.2.77.2.1.2"]), 1),
        ("", identifier("SERIES", SeriesInstanceUID=["1.2.77.1.2", "1.2.77.3.1"]), 4),
        ("", identifier("SERIES", SeriesInstanceUID="1.2.99"), 0),
        ("", identifier("IMAGE", SOPInstanceUID="1.2.77.20.1.1"), 0),  # another hospital's
        (PATIENT_ROOT, identifier("IMAGE", PatientID="P1", SOPInstanceUID=["1.2.77.1.2.1", "1.2.77.2.1.2"]), 1),
        (PATIENT_ROOT, identifier("STUDY", StudyInstanceUID="1.2.77.1"), 4),
    ],
)  # fmt: skip
def test_relational_retrieval(archive: Archive, model: str, keys: Dataset, expected: int) -> None:
    move, get = (f"{model}.2", f"{model}.3") if model else (MOVE, GET)
    received: list[str] = []

    def on_store(event: Event) -> int:
        received.append(str(event.request.AffectedSOPInstanceUID))
        return 0

    with (
        destination() as to,
        associated(archive, (move, get), *relational(move, get), on_store=on_store) as association,
    ):
        assert association.acceptor.sop_class_extended == {move: b"\x01\x00", get: b"\x01\x00"}
        final = [status for status, _ in association.send_c_move(keys, to.ae_title, move)][-1]
        assert (final.Status, *counts(final)) == (0, expected, 0, 0)
        assert len(to.uids) == expected
        final = [status for status, _ in association.send_c_get(keys, get)][-1]
        assert (final.Status, *counts(final)) == (0, expected, 0, 0)
    assert sorted(received) == to.uids


def test_without_it_every_level_is_named(archive: Archive) -> None:
    with associated(archive, (GET,)) as association:
        keys = identifier("IMAGE", SOPInstanceUID="1.2.77.1.2.1")
        assert [status.Status for status, _ in association.send_c_get(keys, GET)] == [0xA900]


def test_the_level_of_storage_support_is_told(archive: Archive) -> None:
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid, item.service_class_application_information = CT, b"\x02\x00\x00\x00\x00\x00"
    with associated(archive, (FIND,), item) as association:
        assert association.acceptor.sop_class_extended[CT] == b"\x02\x00\x03\x00\x00\x00"
