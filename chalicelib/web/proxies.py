"""Those who act for a patient: `/api/proxies` for the desk, `/api/my/proxies` for the patient (docs/adr/0035)."""

from __future__ import annotations

import base64
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring, wiring_patients
from chalicelib.access import proxies as use_cases
from chalicelib.access.access_grants import grants_by
from chalicelib.access.audit import Action
from chalicelib.access.model import Permission, Role, Session
from chalicelib.access.patient_codes import PatientCode, hand_over, patient_of, prepare_code
from chalicelib.access.proxies import Proxy, Relation
from chalicelib.access.share_model import State
from chalicelib.access.shares import revoke_share
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import NotAllowed, NotAuthenticated
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, query_value, respond, respond_json
from chalicelib.web.patient_auditing import record_about_patient
from chalicelib.web.patient_codes import NOT_STORED, day_in_paris, hospital_name, shown_time
from chalicelib.web.schemas import json_body
from chalicelib.web.share_ending import end_accesses

routes = Blueprint(__name__)


@routes.route("/api/proxies/{patient}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_proxies(patient: str) -> Response:
    """Who acts for a patient of the session's hospital."""
    request = routes.current_request
    _, named = _named(request, patient)
    found = wiring_patients.proxies().of_patient(named)
    return respond_json({"proxies": [_shown(proxy) for proxy in found]}, 200, NOT_STORED)


@routes.route("/api/proxies/{patient}", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def register_proxy(patient: str) -> Response:
    """Register somebody who acts for a patient, and hand over a code with its sheet, answered once."""
    request = routes.current_request
    session, named = _named(request, patient)
    body = json_body(request, "ProxyRequest")
    wanted = use_cases.Wanted(
        body["name"],
        Relation(body["relation"]),
        body["basis"],
        body["birth_date"],
        body.get("phone_number", ""),
        body.get("until", ""),
    )
    proxy = use_cases.register(wiring_patients.proxies(), session, named, wanted)
    code, kept, sheet = _drawn(session, proxy, body)
    # Recorded first: nobody acts for a patient of whom the trail does not tell.
    until = shown_time(proxy.ends_at)
    detail = {"proxy": proxy.name, "relation": proxy.relation.value, "until": until}
    record_about_patient(request, session, Action.PROXY_REGISTERED, named, **detail)
    wiring_patients.proxies().put(proxy)
    hand_over(wiring.registry(), wiring.patient_codes(), kept)
    return respond_json(_with_code(proxy, code, kept, sheet), 201, NOT_STORED)


@routes.route("/api/proxies/{patient}/{proxy}/codes", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def renew_proxy_code(patient: str, proxy: str) -> Response:
    """Hand over another code to somebody who acts for a patient, in place of the one before."""
    request = routes.current_request
    session, named = _named(request, patient)
    found = use_cases.found(wiring_patients.proxies(), named, path_value(proxy))
    code, kept, sheet = _drawn(session, found, json_body(request, "ProxyCodeRequest"))
    record_about_patient(request, session, Action.CODE_ROTATED, named, proxy=found.name)
    hand_over(wiring.registry(), wiring.patient_codes(), kept)
    return respond_json(_with_code(found, code, kept, sheet), 201, NOT_STORED)


@routes.route("/api/proxies/{patient}/{proxy}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_proxy(patient: str, proxy: str) -> Response:
    """End at the desk that somebody acts for a patient: the next request is refused."""
    request = routes.current_request
    session, named = _named(request, patient)
    return _end(request, session, use_cases.found(wiring_patients.proxies(), named, path_value(proxy)))


@routes.route("/api/my/proxies", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_my_proxies() -> Response:
    """Who acts for the signed-in patient."""
    session = current_session(routes.current_request, Permission.DECIDE_FOR_ONESELF)
    found = wiring_patients.proxies().of_patient(only_patient(session))
    return respond_json({"proxies": [_shown(proxy) for proxy in found]}, 200, NOT_STORED)


@routes.route("/api/my/proxies/{proxy}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_my_proxy(proxy: str) -> Response:
    """The signed-in patient takes back a mandate."""
    request = routes.current_request
    session = current_session(request, Permission.DECIDE_FOR_ONESELF)
    found = use_cases.found(wiring_patients.proxies(), only_patient(session), path_value(proxy))
    use_cases.check_may_end(found)
    return _end(request, session, found)


def only_patient(session: Session) -> PatientRef:
    """The one patient whose session it is, or that it acts for. Raises `errors.NotAllowed` for any other session."""
    if len(session.scope.patients) != 1:
        raise NotAllowed("The session is not that of one patient.")
    return session.scope.patients[0]


def proxy_of(session: Session) -> Proxy | None:
    """The one who acts for a patient and whose session it is; None for every other session.

    Raises
    ------
    errors.NotAuthenticated
        If that one acts for the patient no more.
    """
    if session.role is not Role.PROXY:
        return None
    for proxy in wiring_patients.proxies().of_patient(only_patient(session)):
        if proxy.holder.subject == session.subject:
            return proxy
    raise NotAuthenticated("The session has ended.")


def _named(request: Request, patient: str) -> tuple[Session, PatientRef]:
    session = current_session(request, Permission.HAND_OVER_CODES)
    return session, patient_of(session.hospital, path_value(patient), query_value(request, "issuer"))


def _end(request: Request, session: Session, proxy: Proxy) -> Response:
    use_cases.shut_out(wiring.registry(), wiring.patient_codes(), wiring_patients.second_factors(), proxy)
    end_accesses(request, session, grants_by(wiring.access_grants(), proxy.patient, proxy.proxy_id))
    for share in list(wiring.shares().made_by(proxy.holder.subject)):
        if share.state is State.LIVE:
            revoke_share(wiring.shares(), wiring.registry(), share)
    wiring_patients.proxies().delete(proxy)
    record_about_patient(request, session, Action.PROXY_ENDED, proxy.patient, proxy=proxy.name)
    return respond(b"", "application/json", 204, NOT_STORED)


def _drawn(session: Session, proxy: Proxy, body: dict[str, Any]) -> tuple[str, PatientCode, bytes]:
    """A code that is not in force yet, and its sheet: one that nobody can read must not replace one in hand."""
    settings = wiring.settings()
    code, kept = prepare_code(
        wiring.code_key(),
        proxy.patient,
        body["birth_date"],
        settings.patient_code_days,
        proxy_id=proxy.proxy_id,
        ends_at=proxy.ends_at,
    )
    sheet = {
        "code": code,
        "patient_name": body.get("patient_name", ""),
        "hospital_name": hospital_name(session),
        "portal_url": settings.public_url,
        "handed_over_on": _day(kept.handed_over_at),
        "valid_until": _day(kept.expires_at - 1),
        "proxy_name": proxy.name,
        "relation": proxy.relation.value,
        "ends_on": _day(proxy.ends_at - 1),
    }
    return code, kept, wiring.patient_sheet().draw(sheet)


def _day(seconds: int) -> str:
    return day_in_paris(seconds).strftime("%d/%m/%Y")


def _with_code(proxy: Proxy, code: str, kept: PatientCode, sheet: bytes) -> dict[str, Any]:
    return {
        "code": code,
        "sheet_pdf": base64.b64encode(sheet).decode("ascii"),
        "expires_at": shown_time(kept.expires_at),
        "proxy": _shown(proxy),
    }


def _shown(proxy: Proxy) -> dict[str, Any]:
    return {
        "id": proxy.proxy_id,
        "name": proxy.name,
        "relation": proxy.relation.value,
        "basis": proxy.basis,
        "phone_number_ends_in": proxy.phone_number[-2:],
        "registered_at": shown_time(proxy.registered_at),
        "registered_by": proxy.registered_by,
        "ends_at": shown_time(proxy.ends_at),
        "may_be_ended_by_patient": proxy.relation is Relation.TRUSTED,
    }
