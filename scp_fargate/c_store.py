"""Storage SCP (PS3.4 B; C-STORE, PS3.7 9.1.1): success is answered once the bytes are durable (D2)."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContext

from chalicelib import errors
from chalicelib.archive.store import ReceivedInstance, StoredInstance, store_instance
from chalicelib.dicom import uid
from scp_fargate import dimse_status
from scp_fargate.dimse_status import Status
from scp_fargate.presentation_contexts import may_store
from scp_fargate.trail import caller_of

if TYPE_CHECKING:
    from scp_fargate.association import IncomingAssociation


class NotStorage(errors.NotAllowed):
    """The presentation context is not one of storage."""


class DoesNotFit(errors.TooMuch):
    """The process has no memory left for the data set."""


def serve(association: IncomingAssociation, request: C_STORE, context: PresentationContext) -> None:
    """Store one instance that pynetdicom received, then send the C-STORE response."""
    began = time.perf_counter()
    size_bytes = len(request.DataSet.getbuffer()) if request.DataSet else 0
    status = _store(association, request, context)
    _respond(association, request, context, status)
    count(association, size_bytes, status)
    association.counts.observe_latency_ms((time.perf_counter() - began) * 1000)


def _store(association: IncomingAssociation, request: C_STORE, context: PresentationContext) -> Status:
    """Hand the instance to the archive; whatever happens becomes a status."""
    try:
        if not may_store(context):
            raise NotStorage("Presentation context is not one of storage.")
        association.archive.quotas.admit(association.hospital)
        if association.dimse.is_discarded(request.DataSet):
            raise DoesNotFit("No memory left.")
        stored = store_instance(association.objects, _received_instance(association, request, context))
    except Exception as error:
        return refuse(association, error)
    account_for(association, stored)
    return Status(dimse_status.SUCCESS)


def refuse(association: IncomingAssociation, error: Exception) -> Status:
    """Status of a response for what went wrong, which is logged."""
    status = dimse_status.status_of(error)
    if isinstance(error, errors.ArchiveError):
        reason = getattr(error, "reason", type(error).__name__)
        association.log("C-STORE refused", status=f"{status.code:04X}", reason=reason, level="warning")
    else:
        # Its text may quote the data set: only its kind and place are told.
        association.log_unforeseen("C-STORE failed", error)
    return status


def account_for(association: IncomingAssociation, stored: StoredInstance) -> None:
    """Note that an instance is durable."""
    association.counts.add("stored" if stored.newly_stored else "duplicates")
    association.archive.trail.stored(caller_of(association), stored.keys.hospital, stored.keys.study_instance_uid)
    association.log("C-STORE", object_key=stored.object_key, newly_stored=stored.newly_stored, level="debug")


def count(association: IncomingAssociation, size_bytes: int, status: Status) -> None:
    """Count a request that was answered."""
    counts = association.counts
    counts.add("received")
    counts.add("bytes_received", size_bytes)
    if status.code == dimse_status.SUCCESS:
        association.archive.quotas.add(association.hospital, size_bytes)
    else:
        counts.add("refused_unavailable" if status.code == dimse_status.OUT_OF_RESOURCES else "rejected")


def _received_instance(
    association: IncomingAssociation, request: C_STORE, context: PresentationContext
) -> ReceivedInstance:
    sop_class_uid = str(request.AffectedSOPClassUID or "")
    sop_instance_uid = str(request.AffectedSOPInstanceUID or "")
    data_set = request.DataSet.getvalue() if request.DataSet else b""
    # Only one copy of a large data set stays in memory while it travels.
    request.DataSet = None
    file_meta = encode_file_meta(
        sop_class_uid, sop_instance_uid, str(context.transfer_syntax[0]), association.calling_ae_title
    )
    return ReceivedInstance(
        hospital=association.hospital,
        body=b"".join((file_meta, data_set)) if data_set else b"",
        correlation_id=association.correlation_id,
        calling_ae_title=association.calling_ae_title,
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
    )


def _respond(association: IncomingAssociation, request: C_STORE, context: PresentationContext, status: Status) -> None:
    response = C_STORE()
    response.MessageIDBeingRespondedTo = request.MessageID
    for name in ("AffectedSOPClassUID", "AffectedSOPInstanceUID"):
        value = getattr(request, name)
        # A response repeats UIDs, not whatever came in their place.
        if value and uid.is_valid(value):
            setattr(response, name, value)
    response.Status = status.code
    if status.error_comment:
        response.ErrorComment = status.error_comment
    association.dimse.send_msg(response, context.context_id)


def encode_file_meta(
    sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, calling_ae_title: str
) -> bytes:
    """Preamble and File Meta Information (PS3.10 7.1) in front of a data set that came by C-STORE.

    >>> encode_file_meta("1.2", "1.3", "1.2.840.10008.1.2", "CT1")[128:132]
    b'DICM'
    """
    elements = b"".join(
        (
            b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",
            _element(0x0002, "UI", sop_class_uid),
            _element(0x0003, "UI", sop_instance_uid),
            _element(0x0010, "UI", transfer_syntax_uid),
            _element(0x0012, "UI", PYNETDICOM_IMPLEMENTATION_UID),
            _element(0x0013, "SH", PYNETDICOM_IMPLEMENTATION_VERSION),
            _element(0x0016, "AE", calling_ae_title),
        )
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(elements)) + elements


def _element(element: int, vr: str, text: str) -> bytes:
    """An element of group 0002, Explicit VR Little Endian, short form; text is cut where its length would overflow."""
    value = text.encode("ascii", "replace")[:65534]
    if len(value) % 2:
        value += b"\x00" if vr == "UI" else b" "
    return struct.pack("<HH2sH", 2, element, vr.encode(), len(value)) + value
