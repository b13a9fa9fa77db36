"""What is done with shares, in the audit trail of each study that they give (docs/adr/0024)."""

from __future__ import annotations

import time
from collections.abc import Iterable

from chalice.app import Request

from chalicelib import errors, wiring
from chalicelib.access.audit import Action, AuditEvent, Outcome, Who, event_now, who_of
from chalicelib.access.model import Session
from chalicelib.access.share_model import Share
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.scope import PatientRef
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID
from chalicelib.web.auditing import WINDOW_MS
from chalicelib.web.http import client_address


def record_share(
    request: Request, session: Session, action: Action, share: Share, studies: Iterable[StudyRecord], **more: str
) -> None:
    """Record what somebody did with a share, once for each of its studies. Raises as `AuditTrail.record`."""
    who = who_of(session, client_address(request))
    detail: dict[str, str | int | bool] = {"share": share.share_id, "kind": share.kind.value, **more}
    if share.recipient:
        detail["recipient"] = share.recipient
    for study in studies:
        patient = PatientRef(study.hospital, study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID))
        event = event_now(
            action,
            who,
            hospital=study.hospital,
            patient=patient if patient.patient_id else None,
            study_instance_uid=study.study_instance_uid,
            detail=detail,
        )
        wiring.audit_trail().record(event)


def record_refused_share(request: Request, error: errors.ArchiveError) -> None:
    """Record that a link was not opened; whose it is stays unknown. Raises as `AuditTrail.record`.

    Once in a quarter of an hour and address for each reason.
    """
    who = Who("", address=client_address(request))
    now_ms = int(time.time() * 1000)
    slot_ms = now_ms // WINDOW_MS * WINDOW_MS
    reason = type(error).__name__
    wiring.audit_trail().record(
        AuditEvent(
            now_ms,
            Action.SHARE_REFUSED,
            who,
            Outcome.REFUSED,
            detail={"reason": reason},
            occasion=f"{who.address}|{reason}|{slot_ms}",
            slot_ms=slot_ms,
        )
    )
