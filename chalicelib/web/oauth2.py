"""Tokens for machines: `POST /api/oauth2/token` (RFC 6749 4.4, 5)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access.audit import Action, Outcome, Who, event_now
from chalicelib.access.code_attempts import digest
from chalicelib.access.machines import NotGranted, token_for_machine
from chalicelib.web.auditing import record_sign_in
from chalicelib.web.http import client_address, handles_errors, respond
from chalicelib.web.sessions import NOT_STORED, origin_of

routes = Blueprint(__name__)

FORM = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 4096


class Refused(Exception):
    """What the answer says (RFC 6749 5.2)."""


@dataclass(frozen=True)
class Asked:
    """A request for a token."""

    client_id: str
    secret: str
    scopes: tuple[str, ...]


@routes.route("/api/oauth2/token", methods=["POST"], content_types=[FORM])
@handles_errors
def create_machine_token() -> Response:
    """A short-lived bearer token for a client's id and secret."""
    request = routes.current_request
    settings = wiring.settings()
    try:
        asked = _asked(request)
        token, session = token_for_machine(
            wiring_accounts.machine_access(),
            asked.client_id,
            asked.secret,
            asked.scopes,
            origin_of(request, "machine"),
            issuer=settings.public_url,
            lifetime_s=settings.machine_token_s,
        )
    except Refused as error:
        return _problem(str(error))
    except NotGranted:
        return _problem("invalid_scope")
    except errors.NotAuthenticated as error:
        _record_refusal(request, asked.client_id, error)
        return _problem("invalid_client", 401)
    record_sign_in(request, session, way="client-credentials")
    answer = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": settings.machine_token_s,
        "scope": " ".join(session.services or ()),
    }
    return _answer(answer, 200)


def _asked(request: Request) -> Asked:
    body = request.raw_body if isinstance(request.raw_body, bytes) else request.raw_body.encode()
    if len(body) > MAX_BODY_BYTES:
        raise Refused("invalid_request")
    try:
        values = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except (ValueError, UnicodeDecodeError):
        raise Refused("invalid_request") from None
    form = {name: found[0] for name, found in values.items() if len(found) == 1}
    if len(form) != len(values) or "grant_type" not in form:
        raise Refused("invalid_request")
    if form["grant_type"] != "client_credentials":
        raise Refused("unsupported_grant_type")
    client_id, secret = _credentials(request, form)
    return Asked(client_id, secret, tuple(form.get("scope", "").split()))


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Client and secret by exactly one of the two ways (RFC 6749 2.3.1)."""
    kind, _, encoded = str(request.headers.get("authorization", "")).partition(" ")
    if not kind:
        if not form.get("client_id") or not form.get("client_secret"):
            raise Refused("invalid_request")
        return form["client_id"], form["client_secret"]
    if kind.lower() != "basic" or "client_secret" in form:
        raise Refused("invalid_request")
    try:
        name, separator, secret = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Refused("invalid_request") from None
    name, secret = unquote_plus(name), unquote_plus(secret)
    if not separator or not name or form.get("client_id", name) != name:
        raise Refused("invalid_request")
    return name, secret


def _record_refusal(request: Request, client_id: str, error: errors.ArchiveError) -> None:
    """By a digest: whoever types a secret in place of a name does not find it in the trail."""
    detail = {"reason": type(error).__name__, "name_digest": digest(client_id)[:16], "way": "client-credentials"}
    who = Who("", address=client_address(request))
    wiring.audit_trail().record(event_now(Action.SIGN_IN_REFUSED, who, outcome=Outcome.REFUSED, detail=detail))


def _problem(error: str, status: int = 400) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="sansfilm", charset="UTF-8"'} if status == 401 else {}
    return _answer({"error": error}, status, headers)


def _answer(value: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    sent = {**NOT_STORED, "Pragma": "no-cache", **(headers or {})}
    return respond(json.dumps(value).encode(), "application/json", status, sent)
