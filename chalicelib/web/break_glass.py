"""Break-glass and its review: `/api/break-glass` (docs/adr/0028)."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring, wiring_care
from chalicelib.access import break_glass
from chalicelib.access.audit import Action, Outcome, event_now, who_of
from chalicelib.access.break_glass import BrokenGlass, Reason
from chalicelib.access.model import Permission, Session
from chalicelib.errors import ArchiveError, Conflict, NotFound, TooManyAttempts, Unavailable
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import client_address, current_session, handles_errors, path_value, respond_json
from chalicelib.web.patient_auditing import record_about_patient
from chalicelib.web.patient_codes import NOT_STORED, day_in_paris, shown_time
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)


@routes.route("/api/break-glass", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def break_the_glass() -> Response:
    """In an emergency: one patient's unmasked exams for a day. The patient is told, a review follows."""
    request = routes.current_request
    session = current_session(request, Permission.BREAK_GLASS)
    body = json_body(request, "BreakGlassRequest")
    fields = ("patient_id", "issuer", "family_name", "given_name", "birth_date")
    named = {name: body[name].strip() for name in fields if name in body}
    if wiring.registry().hospital(body["hospital"]) is None:
        raise NotFound("No hospital is registered by that id.")
    wanted = break_glass.Wanted(body["hospital"], Reason(body["reason"]), body["explanation"], **named)
    try:
        break_glass.attempt(wiring.registry(), session)
        broken = break_glass.prepare(wiring.index_reader(), session, wanted)
    except (NotFound, Conflict, TooManyAttempts) as error:
        _record_refused(request, session, wanted, error)
        raise
    record_about_patient(
        request,
        session,
        Action.BREAK_GLASS,
        broken.patient,
        break_glass=broken.event_id,
        reason=broken.reason.value,
        explanation=broken.explanation,
        until=shown_time(broken.expires_at),
    )
    grant = break_glass.break_glass(wiring_care.broken_glasses(), wiring.access_grants(), broken)
    try:
        wiring.patient_messenger().emergency_access(grant, day_in_paris(broken.broken_at))
    except Unavailable:
        # An emergency does not wait for an SMS: the review sees that nobody was told.
        wiring.logger("api").error("emergency access not announced", extra={"break_glass": broken.event_id})
    answer = {
        "id": broken.event_id,
        "hospital": broken.patient.hospital,
        "patient_id": broken.patient.patient_id,
        "expires_at": shown_time(broken.expires_at),
    }
    return respond_json(answer, 201, NOT_STORED)


@routes.route("/api/break-glass", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_broken_glasses() -> Response:
    """The review queue of the session's hospital, newest first."""
    session = current_session(routes.current_request, Permission.REVIEW_BREAK_GLASS)
    found = wiring_care.broken_glasses().of_hospital(session.hospital)
    return respond_json({"uses": [_shown(one) for one in found]}, 200, NOT_STORED)


@routes.route("/api/break-glass/{use}/review", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def review_broken_glass(use: str) -> Response:
    """The privacy officer's finding; what was not justified ends at once."""
    request = routes.current_request
    session = current_session(request, Permission.REVIEW_BREAK_GLASS)
    body = json_body(request, "BreakGlassReview")
    reviewed = break_glass.review(
        wiring_care.broken_glasses(),
        wiring.access_grants(),
        session,
        path_value(use),
        justified=body["justified"],
        comment=body.get("comment", ""),
    )
    record_about_patient(
        request,
        session,
        Action.BREAK_GLASS_REVIEWED,
        reviewed.patient,
        break_glass=reviewed.event_id,
        justified=body["justified"],
        comment=reviewed.comment,
    )
    return respond_json(_shown(reviewed), 200, NOT_STORED)


def _record_refused(request: Request, session: Session, wanted: break_glass.Wanted, error: ArchiveError) -> None:
    """Whom somebody looked for without finding is not kept: it may be anybody."""
    event = event_now(
        Action.BREAK_GLASS,
        who_of(session, client_address(request)),
        outcome=Outcome.REFUSED,
        hospital=wanted.hospital,
        detail={"reason": wanted.reason.value, "refused": type(error).__name__},
    )
    wiring.audit_trail().record(event)


def _shown(broken: BrokenGlass) -> dict[str, Any]:
    hospital = wiring.registry().hospital(broken.professional_hospital) if broken.professional_hospital else None
    return {
        "id": broken.event_id,
        "patient_id": broken.patient.patient_id,
        "issuer": broken.patient.issuer,
        "professional": broken.professional,
        "professional_hospital": hospital.name if hospital else broken.professional_hospital,
        "reason": broken.reason.value,
        "explanation": broken.explanation,
        "at": shown_time(broken.broken_at),
        "expires_at": shown_time(broken.expires_at),
        "review": broken.review.value,
        "reviewed_by": broken.reviewed_by_name,
        "reviewed_at": shown_time(broken.reviewed_at) if broken.reviewed_at else None,
        "comment": broken.comment,
    }
