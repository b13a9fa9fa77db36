"""Second factors of those who sign in with a code: `/api/second-factors` at the desk, `/api/my/second-factors`."""

from __future__ import annotations

import base64
import time
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring, wiring_patients
from chalicelib.access import second_factors as use_cases
from chalicelib.access.audit import Action
from chalicelib.access.holders import Holder
from chalicelib.access.model import Permission, Session
from chalicelib.access.patient_codes import patient_of
from chalicelib.access.proxies import found
from chalicelib.errors import NotFound
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, query_value, respond, respond_json
from chalicelib.web.patient_auditing import record_about_patient
from chalicelib.web.patient_codes import NOT_STORED, day_in_paris, hospital_name
from chalicelib.web.proxies import only_patient, proxy_of
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

_DESK = "/api/second-factors/{patient}"
_OWN = "/api/my/second-factors"


@routes.route(_DESK, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_second_factors(patient: str) -> Response:
    """What a patient, or somebody who acts for one, can sign in with besides the code."""
    _, holder = _at_desk(routes.current_request, patient)
    return _state(holder)


@routes.route(f"{_DESK}/totp", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def begin_totp_at_desk(patient: str) -> Response:
    """Begin to add an authenticator application: its secret is shown as a QR code, once."""
    _, holder = _at_desk(routes.current_request, patient)
    return _begin(holder)


@routes.route(f"{_DESK}/totp", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def confirm_totp_at_desk(patient: str) -> Response:
    """Add the application that shows the right password."""
    return _confirm(routes.current_request, *_at_desk(routes.current_request, patient))


@routes.route(f"{_DESK}/totp", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def remove_totp_at_desk(patient: str) -> Response:
    """Forget an application, of a telephone that was lost for instance."""
    return _remove(routes.current_request, *_at_desk(routes.current_request, patient))


@routes.route(f"{_DESK}/printed-codes", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def print_codes_at_desk(patient: str) -> Response:
    """Hand over a list of one-time codes on proof of identity, in place of the one before; it is kept nowhere."""
    request = routes.current_request
    session, holder = _at_desk(request, patient)
    body = json_body(request, "PrintedCodesRequest")
    codes, kept = use_cases.print_codes(wiring.code_key(), holder)
    sheet = wiring.patient_sheet().draw(
        {
            "codes": " ".join(codes),
            "holder_name": body.get("holder_name", ""),
            "hospital_name": hospital_name(session),
            "portal_url": wiring.settings().public_url,
            "handed_over_on": day_in_paris(int(time.time())).strftime("%d/%m/%Y"),
        }
    )
    _record(request, session, holder, "printed-codes", "issued")
    wiring_patients.second_factors().put_printed(holder, kept)
    answer = {"sheet_pdf": base64.b64encode(sheet).decode("ascii"), "count": len(codes)}
    return respond_json(answer, 201, NOT_STORED)


@routes.route(_OWN, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_my_second_factors() -> Response:
    """What the signed-in patient, or the one who acts for a patient, can sign in with."""
    _, holder = _own(routes.current_request)
    return _state(holder)


@routes.route(f"{_OWN}/totp", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def begin_my_totp() -> Response:
    """Begin to add an authenticator application of one's own."""
    _, holder = _own(routes.current_request)
    return _begin(holder)


@routes.route(f"{_OWN}/totp", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def confirm_my_totp() -> Response:
    """Add the application that shows the right password."""
    return _confirm(routes.current_request, *_own(routes.current_request))


@routes.route(f"{_OWN}/totp", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def remove_my_totp() -> Response:
    """Forget one's own application."""
    return _remove(routes.current_request, *_own(routes.current_request))


def _at_desk(request: Request, patient: str) -> tuple[Session, Holder]:
    session = current_session(request, Permission.HAND_OVER_CODES)
    named = patient_of(session.hospital, path_value(patient), query_value(request, "issuer"))
    proxy_id = query_value(request, "proxy")
    return session, found(wiring_patients.proxies(), named, proxy_id).holder if proxy_id else Holder(named)


def _own(request: Request) -> tuple[Session, Holder]:
    session = current_session(request, Permission.MANAGE_SECOND_FACTORS)
    proxy = proxy_of(session)
    return session, proxy.holder if proxy else Holder(only_patient(session))


def _state(holder: Holder) -> Response:
    factors = wiring_patients.second_factors()
    answer: dict[str, Any] = {
        "phone_number_ends_in": _number(holder)[-2:],
        "totp": bool(factors.totp(holder).nonce),
        "printed_codes_left": len(printed.codes) if (printed := factors.printed(holder)).printed_at else None,
    }
    return respond_json(answer, 200, NOT_STORED)


def _number(holder: Holder) -> str:
    if holder.proxy_id:
        proxy = wiring_patients.proxies().of_holder(holder)
        return proxy.phone_number if proxy else ""
    contact = wiring.registry().contact(holder.patient.hospital, holder.patient.patient_id, holder.patient.issuer)
    return contact.phone_number if contact else ""


def _begin(holder: Holder) -> Response:
    # The name that an application shows: no name of a person, no number of a patient.
    account = f"procuration {holder.proxy_id[:4]}" if holder.proxy_id else "mes images"
    secret, uri = use_cases.begin_totp(wiring.code_key(), wiring_patients.second_factors(), holder, account)
    return respond_json({"secret": secret, "uri": uri}, 201, NOT_STORED)


def _confirm(request: Request, session: Session, holder: Holder) -> Response:
    offered = json_body(request, "TotpConfirmation")["one_time_password"]
    factors = wiring_patients.second_factors()
    use_cases.confirm_totp(wiring.registry(), wiring.code_key(), factors, holder, offered)
    _record(request, session, holder, "totp", "added")
    wiring.patient_messenger().application_added(holder)
    return _state(holder)


def _remove(request: Request, session: Session, holder: Holder) -> Response:
    if not wiring_patients.second_factors().forget_totp(holder):
        raise NotFound("There is no application.")
    _record(request, session, holder, "totp", "removed")
    return respond(b"", "application/json", 204, NOT_STORED)


def _record(request: Request, session: Session, holder: Holder, factor: str, change: str) -> None:
    detail = {"factor": factor, "change": change} | ({"of": "proxy"} if holder.proxy_id else {})
    record_about_patient(request, session, Action.SECOND_FACTOR_CHANGED, holder.patient, **detail)
