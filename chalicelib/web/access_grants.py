"""Access of professionals to a patient by the patient's code: `/api/access-grants`."""

from __future__ import annotations

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.access.access_grants import AccessGrant, Presented, grant_of, present_code, shorten_grant
from chalicelib.access.audit import Action
from chalicelib.access.model import Permission, Session
from chalicelib.access.proxies import today_in_paris
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import NotAllowed, NotFound, TooManyAttempts, Unavailable
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    client_address,
    current_session,
    handles_errors,
    path_value,
    respond,
    respond_json,
    signed_in,
)
from chalicelib.web.patient_auditing import record_about_patient, record_refused_code
from chalicelib.web.patient_codes import NOT_STORED, day_in_paris, shown_time
from chalicelib.web.schemas import json_body
from chalicelib.web.share_ending import end_accesses, end_shares_beyond

routes = Blueprint(__name__)


@routes.route("/api/access-grants", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def create_access_grant() -> Response:
    """A professional presents a patient's code and has access for some days; the patient is told by SMS."""
    request = routes.current_request
    session = current_session(request, Permission.PRESENT_CODES)
    body = json_body(request, "PatientCredentials")
    try:
        grant = present_code(
            wiring.registry(),
            wiring.patient_codes(),
            wiring.access_grants(),
            wiring.code_key(),
            session,
            Presented(body["code"], body["birth_date"], client_address(request)),
            valid_days=wiring.settings().access_grant_days,
        )
    except (NotFound, TooManyAttempts) as error:
        record_refused_code(request, error, session)
        raise
    try:
        record_about_patient(request, session, Action.GRANT_CREATED, grant.patient, until=shown_time(grant.expires_at))
    except Unavailable:
        wiring.access_grants().delete(grant)
        raise
    wiring.patient_messenger().access_given(grant, day_in_paris(grant.expires_at))
    return respond_json(_shown(grant), 201, NOT_STORED)


@routes.route("/api/access-grants", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_access_grants() -> Response:
    """To a patient: who has access. To a professional: to whom."""
    session = signed_in(routes.current_request)
    if session.may(Permission.MANAGE_GRANTS):
        found = [grant for patient in session.scope.patients for grant in wiring.access_grants().of_patient(patient)]
    elif session.has_grants:
        found = wiring.access_grants().of_professional(session.subject)
    else:
        raise NotAllowed("Your role does not permit this.")
    found.sort(key=lambda grant: grant.granted_at, reverse=True)
    return respond_json({"access_grants": [_shown(grant) for grant in found]}, 200, NOT_STORED)


@routes.route("/api/access-grants/{grant}", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def change_access_grant(grant: str) -> Response:
    """A patient has an access end earlier."""
    request = routes.current_request
    session, patient = _patient_of(request)
    until = json_body(request, "AccessGrantChange")["until"]
    changed = shorten_grant(wiring.access_grants(), patient, path_value(grant), until, today_in_paris())
    detail = {"professional": changed.professional, "until": shown_time(changed.expires_at)}
    # Before it is said to be done: what was shared until later ends now, and can be shared again.
    end_shares_beyond(request, session, changed)
    record_about_patient(request, session, Action.GRANT_CHANGED, patient, **detail)
    return respond_json(_shown(changed), 200, NOT_STORED)


@routes.route("/api/access-grants/{grant}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def delete_access_grant(grant: str) -> Response:
    """A patient ends an access: the professional's next request is refused."""
    request = routes.current_request
    session, patient = _patient_of(request)
    ended = grant_of(wiring.access_grants(), patient, path_value(grant))
    end_accesses(request, session, [ended])
    record_about_patient(request, session, Action.GRANT_REVOKED, patient, professional=ended.professional)
    return respond(b"", "application/json", 204, NOT_STORED)


def _patient_of(request: Request) -> tuple[Session, PatientRef]:
    session = current_session(request, Permission.MANAGE_GRANTS)
    if len(session.scope.patients) != 1:
        raise NotAllowed("The session is not that of one patient.")
    return session, session.scope.patients[0]


def _shown(grant: AccessGrant) -> dict[str, str]:
    return {
        "id": grant.grant_id,
        "basis": grant.basis,
        "professional": grant.professional,
        "hospital": grant.patient.hospital,
        "patient_id": grant.patient.patient_id,
        "granted_at": shown_time(grant.granted_at),
        "expires_at": shown_time(grant.expires_at),
    }
