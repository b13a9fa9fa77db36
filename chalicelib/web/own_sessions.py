"""One's own sessions: `/api/sessions`, listed and ended (docs/adr/0026)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import wiring, wiring_accounts
from chalicelib.access.accounts import SessionRecord, own_session, own_sessions
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import handles_errors, path_value, respond, respond_json, signed_in
from chalicelib.web.sessions import NOT_STORED, session_cookie

routes = Blueprint(__name__)


@routes.route("/api/sessions", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_own_sessions() -> Response:
    """Where the caller is signed in, the last used first."""
    session = signed_in(routes.current_request)
    found = own_sessions(wiring_accounts.accounts(), session)
    shown = [_shown(record, is_current=record.session_id == session.session_id) for record in found]
    return respond_json({"sessions": shown}, 200, NOT_STORED)


@routes.route("/api/sessions", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_other_sessions() -> Response:
    """End every session of the caller but the one that asks."""
    session = signed_in(routes.current_request)
    for record in own_sessions(wiring_accounts.accounts(), session):
        if record.session_id != session.session_id:
            wiring.registry().end_session(session.subject, record.session_id)
    return respond(b"", "application/json", 204, NOT_STORED)


@routes.route("/api/sessions/{session}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_own_session(session: str) -> Response:
    """End one of the caller's sessions; it is refused from its next request on."""
    caller = signed_in(routes.current_request)
    record = own_session(wiring_accounts.accounts(), caller, path_value(session))
    wiring.registry().end_session(caller.subject, record.session_id)
    is_current = record.session_id == caller.session_id
    cookie = {"Set-Cookie": session_cookie("", 0)} if is_current else {}
    return respond(b"", "application/json", 204, {**NOT_STORED, **cookie})


def _shown(record: SessionRecord, *, is_current: bool) -> dict[str, Any]:
    return {
        "id": record.session_id,
        "way": record.origin.way,
        "address": record.origin.address,
        "agent": record.origin.agent,
        "created_at": _time(record.created_at),
        "last_seen_at": _time(record.last_seen_at),
        "expires_at": _time(record.expires_at),
        "is_current": is_current,
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
