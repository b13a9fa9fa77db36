"""What is done with patients' codes, in the audit trail (docs/adr/0024)."""

from __future__ import annotations

import time

from chalice.app import Request

from chalicelib import errors, wiring
from chalicelib.access.audit import Action, AuditEvent, Outcome, Who, event_now, who_of
from chalicelib.access.model import Session
from chalicelib.archive.scope import PatientRef
from chalicelib.web.auditing import WINDOW_MS, record_once
from chalicelib.web.http import client_address


def record_about_patient(
    request: Request, session: Session, action: Action, patient: PatientRef, **detail: str | int | bool
) -> None:
    """Record what somebody did about a patient. Raises `errors.Unavailable` as `AuditTrail.record`."""
    event = event_now(
        action, who_of(session, client_address(request)), hospital=patient.hospital, patient=patient, detail=detail
    )
    wiring.audit_trail().record(event)


def record_patient_sign_in(request: Request, session: Session) -> None:
    """Record that a patient signed in with the code. Raises as `AuditTrail.record`."""
    record_about_patient(request, session, Action.SIGN_IN, session.scope.patients[0], means="patient-code")


def record_refused_code(request: Request, error: errors.ArchiveError, session: Session | None = None) -> None:
    """Record that a code or one-time password was refused; whose it is stays unknown. Raises as `AuditTrail.record`.

    Once in a quarter of an hour for those who have to wait.
    """
    address = client_address(request)
    who = who_of(session, address) if session else Who("", address=address)
    now_ms = int(time.time() * 1000)
    slot_ms = now_ms // WINDOW_MS * WINDOW_MS if isinstance(error, errors.TooManyAttempts) else 0
    occasion = f"{who.subject}|{address}|{slot_ms}" if slot_ms else ""
    detail: dict[str, str | int | bool] = {"reason": type(error).__name__}
    record_once(
        AuditEvent(now_ms, Action.CODE_REFUSED, who, Outcome.REFUSED, detail=detail, occasion=occasion, slot_ms=slot_ms)
    )
