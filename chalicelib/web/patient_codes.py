"""The code that a hospital's desk hands over to a patient: `/api/patient-codes`."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring, wiring_patients
from chalicelib.access.audit import Action
from chalicelib.access.holders import Holder
from chalicelib.access.model import Permission, Session
from chalicelib.access.patient_codes import PatientCode, hand_over, patient_of, prepare_code, revoke
from chalicelib.access.shares import revoke_shares_of
from chalicelib.archive.scope import PatientRef
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, query_value, respond, respond_json
from chalicelib.web.patient_auditing import record_about_patient
from chalicelib.web.schemas import json_body
from chalicelib.web.share_ending import end_accesses

routes = Blueprint(__name__)

NOT_STORED = {"Cache-Control": "no-store"}


@routes.route("/api/patient-codes", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def create_patient_code() -> Response:
    """Hand over a code, in place of the one before: the code and its sheet are answered once and kept nowhere."""
    request = routes.current_request
    session = _desk(request)
    body = json_body(request, "PatientCodeRequest")
    settings = wiring.settings()
    patient = patient_of(session.hospital, body["patient_id"], body.get("issuer", ""))
    code, kept = prepare_code(wiring.code_key(), patient, body["birth_date"], settings.patient_code_days)
    # Drawn first: a code that nobody can read must not replace one that somebody has in hand.
    sheet = wiring.patient_sheet().draw(
        {
            "code": code,
            "patient_name": body.get("patient_name", ""),
            "hospital_name": hospital_name(session),
            "portal_url": settings.public_url,
            "handed_over_on": day_in_paris(kept.handed_over_at).strftime("%d/%m/%Y"),
            "valid_until": day_in_paris(kept.expires_at).strftime("%d/%m/%Y"),
        }
    )
    action = Action.CODE_ROTATED if wiring.patient_codes().of_patient(patient) else Action.CODE_ISSUED
    record_about_patient(request, session, action, patient)
    hand_over(wiring.registry(), wiring.patient_codes(), kept)
    answer = {"code": code, "sheet_pdf": base64.b64encode(sheet).decode("ascii"), **_shown(patient, kept)}
    return respond_json(answer, 201, NOT_STORED)


@routes.route("/api/patient-codes/{patient}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_patient_code(patient: str) -> Response:
    """Whether a patient of the session's hospital has a code, and a number for one-time passwords."""
    request = routes.current_request
    session = _desk(request)
    named = patient_of(session.hospital, path_value(patient), query_value(request, "issuer"))
    code = wiring.patient_codes().of_patient(named)
    contact = wiring.registry().contact(named.hospital, named.patient_id, named.issuer)
    answer = {
        "has_code": code is not None,
        **(_shown(named, code) if code else {"patient_id": named.patient_id, "issuer": named.issuer}),
        "phone_number_ends_in": contact.phone_number[-2:] if contact else "",
    }
    return respond_json(answer, 200, NOT_STORED)


@routes.route("/api/patient-codes/{patient}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def delete_patient_code(patient: str) -> Response:
    """Revoke a patient's code: its sessions, second factors, accesses that were given with it and shares end."""
    request = routes.current_request
    session = _desk(request)
    named = patient_of(session.hospital, path_value(patient), query_value(request, "issuer"))
    # First, and whether or not there is a code: one that has expired leaves accesses behind.
    end_accesses(request, session, wiring.access_grants().of_patient(named))
    wiring_patients.second_factors().forget(Holder(named))
    for share in revoke_shares_of(wiring.shares(), wiring.registry(), Holder(named).subject):
        record_about_patient(request, session, Action.SHARE_REVOKED, named, share=share.share_id)
    revoke(wiring.registry(), wiring.patient_codes(), named)
    record_about_patient(request, session, Action.CODE_REVOKED, named)
    return respond(b"", "application/json", 204, NOT_STORED)


def _desk(request: Request) -> Session:
    return current_session(request, Permission.HAND_OVER_CODES)


def hospital_name(session: Session) -> str:
    """Name of the hospital that a session acts for."""
    hospital = wiring.registry().hospital(session.hospital)
    return hospital.name if hospital else session.hospital


def _shown(patient: PatientRef, code: PatientCode) -> dict[str, str]:
    return {
        "patient_id": patient.patient_id,
        "issuer": patient.issuer,
        "handed_over_at": shown_time(code.handed_over_at),
        "expires_at": shown_time(code.expires_at),
    }


def shown_time(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def day_in_paris(seconds: int) -> date:
    """The day in Paris of seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo("Europe/Paris")).date()
