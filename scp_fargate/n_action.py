"""Storage Commitment Push Model SCP, requests (N-ACTION; PS3.4 J.3.2): kept before they are accepted."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.dsutils import decode
from pynetdicom.presentation import PresentationContext

from chalicelib import errors
from chalicelib.archive.storage_commitment import CommitmentRequest, Reference
from chalicelib.dicom import uid
from scp_fargate import dimse_status

if TYPE_CHECKING:
    from scp_fargate.association import IncomingAssociation

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""Well-known SOP Instance (PS3.4 J.3.5)."""
REQUEST_STORAGE_COMMITMENT = 1

NO_SUCH_OBJECT_INSTANCE = 0x0112
INVALID_ARGUMENT_VALUE = 0x0115
NO_SUCH_SOP_CLASS = 0x0118
MISSING_ATTRIBUTE = 0x0120
NO_SUCH_ACTION = 0x0123
RESOURCE_LIMITATION = 0x0213


class Refused(Exception):
    """The request cannot be accepted."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04X}")
        self.status = status


def serve(association: IncomingAssociation, message: N_ACTION, context: PresentationContext) -> None:
    """Keep a request, answer, then let the reporter judge it."""
    request = None
    try:
        request = _request(association, message, context)
        association.archive.commitments.accept(request)
        status = dimse_status.SUCCESS
    except Refused as error:
        status = error.status
    except errors.TooMuch:
        status = RESOURCE_LIMITATION
    except errors.Unavailable:
        status = dimse_status.PROCESSING_FAILURE
    except Exception as error:
        association.log_unforeseen("storage commitment failed", error)
        status = dimse_status.PROCESSING_FAILURE
    association.counts.add("commitment_requests")
    instances = len(request.references) if request else 0
    association.log("storage commitment requested", status=f"{status:04X}", instances=instances)
    _respond(association, message, context, status)
    if request is not None and status == dimse_status.SUCCESS:
        # After the response: a report must not overtake it.
        association.archive.commitments.report_on(association, context, request)


def _request(association: IncomingAssociation, message: N_ACTION, context: PresentationContext) -> CommitmentRequest:
    if context.abstract_syntax != STORAGE_COMMITMENT or message.RequestedSOPClassUID != STORAGE_COMMITMENT:
        raise Refused(NO_SUCH_SOP_CLASS)
    if message.RequestedSOPInstanceUID != STORAGE_COMMITMENT_INSTANCE:
        raise Refused(NO_SUCH_OBJECT_INSTANCE)
    if message.ActionTypeID != REQUEST_STORAGE_COMMITMENT:
        raise Refused(NO_SUCH_ACTION)
    if not message.ActionInformation:
        raise Refused(MISSING_ATTRIBUTE)
    syntax = context.transfer_syntax[0]
    try:
        information = decode(message.ActionInformation, syntax.is_implicit_VR, syntax.is_little_endian)
        transaction_uid = str(information.get("TransactionUID") or "")
        items = [(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
                 for item in information.get("ReferencedSOPSequence") or ()]  # fmt: skip
    except AttributeError:
        raise Refused(MISSING_ATTRIBUTE) from None
    except Exception as error:
        raise Refused(INVALID_ARGUMENT_VALUE) from error
    if not transaction_uid or not items:
        raise Refused(MISSING_ATTRIBUTE)
    if not uid.is_valid(transaction_uid) or not all(map(uid.is_valid, (value for item in items for value in item))):
        raise Refused(INVALID_ARGUMENT_VALUE)
    return CommitmentRequest(
        hospital=association.hospital,
        ae_title=association.calling_ae_title,
        transaction_uid=transaction_uid,
        references=tuple(dict.fromkeys(Reference(*item) for item in items)),
        requested_at_ms=time.time_ns() // 1_000_000,
        request_id=uuid.uuid4().hex,
    )


def _respond(association: IncomingAssociation, message: N_ACTION, context: PresentationContext, status: int) -> None:
    response: Any = N_ACTION()
    response.MessageIDBeingRespondedTo = message.MessageID
    response.AffectedSOPClassUID = STORAGE_COMMITMENT
    response.AffectedSOPInstanceUID = STORAGE_COMMITMENT_INSTANCE
    if message.ActionTypeID is not None:
        response.ActionTypeID = message.ActionTypeID
    response.Status = status
    association.dimse.send_msg(response, context.context_id)
