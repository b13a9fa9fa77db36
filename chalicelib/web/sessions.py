"""Signing in and out: `/api/session`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.access.model import PERMISSIONS, Session, SessionOrigin
from chalicelib.access.sessions import end_session
from chalicelib.access.sign_in import sign_in
from chalicelib.errors import NotAuthenticated, TooManyAttempts
from chalicelib.web.auditing import record_refused_sign_in, record_sign_in, record_sign_out
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import client_address, handles_errors, respond, respond_json, signed_in
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

COOKIE = "__Host-sansfilm"
NOT_STORED = {"Cache-Control": "no-store"}
LONGEST_AGENT = 200


@routes.route("/api/session", methods=["POST"])
@handles_errors
def create_session() -> Response:
    """Sign in with a name and a password; the token travels in a cookie that scripts cannot read."""
    request = routes.current_request
    credentials = json_body(request, "Credentials")
    settings = wiring.settings()
    try:
        token, session = sign_in(
            wiring.registry(),
            wiring.session_signer(),
            credentials["username"],
            credentials["password"],
            client_address(request),
            issuer=settings.public_url,
            lifetime_s=settings.session_lifetime_s,
            renewable_s=settings.session_renewable_s,
            origin=origin_of(request, "password"),
        )
    except (NotAuthenticated, TooManyAttempts) as error:
        record_refused_sign_in(request, credentials["username"], error)
        raise
    record_sign_in(request, session)
    cookie = session_cookie(token, session.expires_at - int(time.time()))
    return respond_json(shown_session(session), 200, {"Set-Cookie": cookie, **NOT_STORED})


@routes.route("/api/session", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_session() -> Response:
    """Who is signed in."""
    return respond_json(shown_session(signed_in(routes.current_request)), 200, NOT_STORED)


@routes.route("/api/session", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def delete_session() -> Response:
    """Sign out."""
    request = routes.current_request
    session = signed_in(request)
    end_session(wiring.registry(), session)
    record_sign_out(request, session)
    return respond(b"", "application/json", 204, {"Set-Cookie": session_cookie("", 0), **NOT_STORED})


def origin_of(request: Request, way: str) -> SessionOrigin:
    """Where a session begins, as its owner will be shown it."""
    agent = "".join(filter(str.isprintable, str(request.headers.get("user-agent", ""))))
    return SessionOrigin(way, client_address(request), agent[:LONGEST_AGENT])


def session_cookie(token: str, max_age_s: int) -> str:
    """The cookie that carries a token, for the edge alone to read."""
    return f"{COOKIE}={token}; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age={max_age_s}"


def shown_session(session: Session) -> dict[str, Any]:
    """A session as JSON."""
    hospital = wiring.registry().hospital(session.hospital) if session.hospital else None
    of_profession = {"professional_id": session.professional_id, "organization": session.organization}
    return {
        **{name: value for name, value in of_profession.items() if value},
        "display_name": session.display_name,
        "role": session.role.value,
        "hospital": {"id": hospital.hospital_id, "name": hospital.name} if hospital else None,
        "permissions": sorted(permission.value for permission in PERMISSIONS[session.role]),
        "expires_at": datetime.fromtimestamp(session.expires_at, UTC).isoformat().replace("+00:00", "Z"),
    }
