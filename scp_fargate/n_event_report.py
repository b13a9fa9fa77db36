"""Storage Commitment Push Model SCP, reports (N-EVENT-REPORT; PS3.4 J.3.3)."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.presentation import PresentationContext

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.storage_commitment import CommitmentRequest, Outcomes
from scp_fargate.n_action import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from scp_fargate.outgoing import Outgoing
from scp_fargate.reactor_checkpoint import keep_responses

ALL_COMMITTED, FAILURES_EXIST = 1, 2
"""Event Type ID (PS3.4 table J.3-3)."""
CONNECT_TIMEOUT_S = 10
RESPONSE_TIMEOUT_S = 30


def event_information(request: CommitmentRequest, outcomes: Outcomes, retrieve_ae_title: str) -> tuple[int, Dataset]:
    """Event Type ID and Event Information of a report."""
    information = Dataset()
    information.TransactionUID = request.transaction_uid
    committed = [_item(reference) for reference, reason in outcomes.items() if not reason]
    failed = [_item(reference, reason) for reference, reason in outcomes.items() if reason]
    if committed:
        information.RetrieveAETitle = retrieve_ae_title
        information.ReferencedSOPSequence = committed
    if failed:
        information.FailedSOPSequence = failed
    return (FAILURES_EXIST if failed else ALL_COMMITTED), information


def _item(reference: Any, reason: int = 0) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    if reason:
        item.FailureReason = reason
    return item


def primitive(event_type: int, information: Dataset, context: PresentationContext, message_id: int) -> N_EVENT_REPORT:
    """A request for an association on which the archive is the acceptor."""
    request: Any = N_EVENT_REPORT()
    request.MessageID = message_id
    request.AffectedSOPClassUID = STORAGE_COMMITMENT
    request.AffectedSOPInstanceUID = STORAGE_COMMITMENT_INSTANCE
    request.EventTypeID = event_type
    syntax = context.transfer_syntax[0]
    request.EventInformation = BytesIO(encode(information, syntax.is_implicit_VR, syntax.is_little_endian) or b"")
    return request


def send(outgoing: Outgoing, destination: ApplicationEntity, event_type: int, information: Dataset) -> bool:
    """Report on an association of its own, in the SCP role (PS3.7 D.3.3.4); return whether the report was taken."""
    try:
        route = outgoing.route(destination)
    except (OSError, UnicodeError, errors.Conflict):
        return False
    ae = AE(ae_title=outgoing.ae_title)
    ae.connection_timeout = CONNECT_TIMEOUT_S
    ae.acse_timeout = ae.dimse_timeout = RESPONSE_TIMEOUT_S
    ae.network_timeout = 2 * RESPONSE_TIMEOUT_S
    association = ae.associate(
        route.address,
        route.port,
        contexts=[build_context(STORAGE_COMMITMENT, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])],
        ae_title=destination.ae_title,
        tls_args=route.tls_args,
        ext_neg=[build_role(STORAGE_COMMITMENT, scp_role=True)],
        evt_handlers=[(evt.EVT_CONN_OPEN, keep_responses)],
    )
    if not association.is_established:
        return False
    try:
        status, _ = association.send_n_event_report(
            information, event_type, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
        )
        return bool(status) and is_taken(status.Status)
    except (RuntimeError, ValueError):
        return False
    finally:
        if association.is_established:
            association.release()


def is_taken(status: int) -> bool:
    """Whether the status of a response says that the report arrived: success or warning (PS3.7 C)."""
    return status == 0 or status in (0x0001, 0x0107, 0x0116) or 0xB000 <= status <= 0xBFFF
