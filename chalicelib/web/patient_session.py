"""A patient signs in with the code that was handed over: `/api/patient-session`."""

from __future__ import annotations

import time

from chalice.app import Blueprint, Response

from chalicelib import wiring, wiring_patients
from chalicelib.access.patient_sign_in import CHALLENGE_S, begin_sign_in, finish_sign_in
from chalicelib.access.second_factors import Means
from chalicelib.errors import NotAuthenticated, TooManyAttempts
from chalicelib.web.http import client_address, handles_errors, respond_json
from chalicelib.web.patient_auditing import record_patient_sign_in, record_refused_code
from chalicelib.web.schemas import json_body
from chalicelib.web.sessions import NOT_STORED, session_cookie, shown_session

routes = Blueprint(__name__)


@routes.route("/api/patient-session", methods=["POST"])
@handles_errors
def begin_patient_session() -> Response:
    """First step: the same answer after the same work, whether code and birth date belong together or not.

    How the second is going to be taken is the caller's choice; whether the holder has it shows nowhere.
    """
    request = routes.current_request
    body = json_body(request, "PatientSignIn")
    try:
        access, means = wiring_patients.patient_access(), Means(body.get("means", Means.SMS.value))
        challenge = begin_sign_in(access, body["code"], body["birth_date"], client_address(request), means)
    except TooManyAttempts as error:
        record_refused_code(request, error)
        raise
    return respond_json({"challenge": challenge, "expires_in_s": CHALLENGE_S}, 202, NOT_STORED)


@routes.route("/api/patient-session/one-time-password", methods=["POST"])
@handles_errors
def create_patient_session() -> Response:
    """Second step: the one-time password of an SMS, an application or a printed list opens a session."""
    request = routes.current_request
    body = json_body(request, "OneTimePassword")
    settings = wiring.settings()
    try:
        token, session = finish_sign_in(
            wiring_patients.patient_access(),
            wiring.session_signer(),
            body["challenge"],
            body["one_time_password"],
            client_address(request),
            issuer=settings.public_url,
            lifetime_s=settings.patient_session_s,
        )
    except (NotAuthenticated, TooManyAttempts) as error:
        record_refused_code(request, error)
        raise
    record_patient_sign_in(request, session)
    cookie = session_cookie(token, session.expires_at - int(time.time()))
    return respond_json(shown_session(session), 200, {"Set-Cookie": cookie, **NOT_STORED})
