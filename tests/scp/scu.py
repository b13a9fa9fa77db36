"""A service class user for tests: sends what no well-behaved modality would."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import EVT_PDU_RECV, Event
from pynetdicom.pdu import A_ASSOCIATE_RJ

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
LONG = {"OB", "OW", "SQ", "UN", "UT"}
PATIENT = "LEFÈVRE-DUBOIS^Hélène"


def element(group: int, number: int, vr: str, value: str | bytes) -> bytes:
    """A data element, Explicit VR Little Endian."""
    data = value.encode("latin-1") if isinstance(value, str) else value
    if len(data) % 2:
        data += b"\x00" if vr in ("UI", "OB") else b" "
    head = struct.pack("<HH2s", group, number, vr.encode())
    return head + (struct.pack("<xxI", len(data)) if vr in LONG else struct.pack("<H", len(data))) + data


def data_set(
    study: str = "1.2.3.1", series: str = "1.2.3.2", sop: str = "1.2.3.3", sop_class: str = CT,
    extra: bytes = b"", pixels: bytes = b"\x01\x00" * 64,
) -> bytes:  # fmt: skip
    """A small image; an empty UID leaves its element out."""
    parts = [
        element(0x0008, 0x0005, "CS", "ISO_IR 100"),
        element(0x0008, 0x0016, "UI", sop_class) if sop_class else b"",
        element(0x0008, 0x0018, "UI", sop) if sop else b"",
        element(0x0008, 0x0060, "CS", "CT"),
        extra,
        element(0x0010, 0x0010, "PN", PATIENT),
        element(0x0010, 0x0020, "LO", "P1"),
        element(0x0020, 0x000D, "UI", study) if study else b"",
        element(0x0020, 0x000E, "UI", series) if series else b"",
        element(0x0028, 0x0010, "US", struct.pack("<H", 8)),
        element(0x0028, 0x0011, "US", struct.pack("<H", 8)),
        element(0x7FE0, 0x0010, "OW", pixels),
    ]
    return b"".join(parts)


@contextmanager
def associated(
    port: int, ae_title: str = "NORD_CT1", sop_class: str = CT, transfer_syntax: str = EXPLICIT, **options: Any
) -> Iterator[Association]:
    """An association with one presentation context, released at the end."""
    association = associate(port, ae_title, [build_context(sop_class, transfer_syntax)], **options)
    assert association.is_established
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def associate(port: int, ae_title: str, contexts: list[Any], called: str = "SANSFILM") -> Association:
    """Ask for an association; see its `is_established`, or its `rejection`."""
    ae = AE(ae_title=ae_title)
    ae.acse_timeout = ae.dimse_timeout = 60
    ae.network_timeout = 120
    return ae.associate("127.0.0.1", port, contexts=contexts, ae_title=called, evt_handlers=KEEP_REJECTION)


def _keep_rejection(event: Event) -> None:
    if isinstance(event.pdu, A_ASSOCIATE_RJ):
        pdu = event.pdu
        vars(event.assoc)["rejection"] = (pdu.result, pdu.source, pdu.reason_diagnostic)


KEEP_REJECTION = [(EVT_PDU_RECV, _keep_rejection)]
"""pynetdicom's `is_rejected` misses a rejection that comes before its own thread looks at the socket."""


def rejection(association: Association) -> tuple[int, int, int]:
    """Result, source and reason of a rejection (PS3.8 9.3.4)."""
    kept: tuple[int, int, int] = vars(association)["rejection"]
    return kept


def c_store(
    association: Association,
    data: bytes,
    sop_class: str | None = CT,
    sop: str | None = "1.2.3.3",
    message_id: int = 1,
    context_id: int = 0,
) -> C_STORE:
    """Send bytes as a data set, whatever they are; return the response."""
    request = C_STORE()
    request.MessageID = message_id
    request.Priority = 2
    # Around the checks of pynetdicom: what is wrong here is wrong on purpose.
    request._affected_sop_class_uid = sop_class
    request._affected_sop_instance_uid = sop
    if data:
        request.DataSet = BytesIO(data)
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.001)
    association.dimse.send_msg(request, context_id or association.accepted_contexts[0].context_id)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    assert isinstance(response, C_STORE), response
    return response


def send(port: int, data: bytes, ae_title: str = "NORD_CT1", **more: Any) -> int:
    """Send one data set in an association of its own; return the status."""
    with associated(port, ae_title) as association:
        return int(c_store(association, data, **more).Status)
