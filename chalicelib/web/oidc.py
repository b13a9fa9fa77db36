"""Signing in with an identity provider: `/api/oidc` (OpenID Connect Core 3.1, ADR 0026).

Browsers navigate here, so failures lead back to the portal's sign-in page, which says what happened.
"""

from __future__ import annotations

import time
from urllib.parse import urlencode

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access.audit import Action, AuditEvent, Outcome, Who
from chalicelib.access.oidc_sign_in import PENDING_S, Arrival, begin, finish, safe_return_path
from chalicelib.web.auditing import WINDOW_MS, record_once, record_sign_in
from chalicelib.web.http import client_address, handles_errors, path_value, query_value, respond, respond_json
from chalicelib.web.sessions import NOT_STORED, origin_of, session_cookie

routes = Blueprint(__name__)

COOKIE = "__Host-sansfilm-sign-in"
REASONS: dict[type[errors.ArchiveError], str] = {
    errors.NotAllowed: "not-allowed",
    errors.NotAuthenticated: "provider-refused",
    errors.TooManyAttempts: "too-many-attempts",
}
"""What the sign-in page is told; anything else is `provider-unavailable`."""


@routes.route("/api/identity-providers", methods=["GET"])
@handles_errors
def list_identity_providers() -> Response:
    """What the sign-in page offers."""
    found = wiring_accounts.identity_providers().providers()
    shown = [
        {"id": provider.provider_id, "name": provider.name, "claims": provider.claims}
        for provider in found
        if provider.enabled
    ]
    return respond_json({"identity_providers": shown}, 200, NOT_STORED)


@routes.route("/api/oidc/{provider}/sign-in", methods=["GET"])
@handles_errors
def begin_oidc_sign_in(provider: str) -> Response:
    """Send the browser to a provider, with a cookie by which it is known again."""
    request = routes.current_request
    _refuse_embedded(request)
    asked = query_value(request, "return") or "/"
    try:
        departure = begin(
            wiring_accounts.oidc_access(), path_value(provider), asked, _browser(request), client_address(request)
        )
    except errors.ArchiveError as error:
        wiring.logger("api").warning("sign-in not begun", extra={"reason": str(error), "error": type(error).__name__})
        return _back(error, asked)
    # Lax: the browser comes back by a link of another site, which Strict would leave without it.
    cookie = f"{COOKIE}={departure.browser}; HttpOnly; Secure; SameSite=Lax; Path=/; Max-Age={PENDING_S}"
    return _redirect(departure.location, {"Set-Cookie": cookie})


@routes.route("/api/oidc/{provider}/callback", methods=["GET"])
@handles_errors
def finish_oidc_sign_in(provider: str) -> Response:
    """Sign in whoever comes back from a provider."""
    request = routes.current_request
    _refuse_embedded(request)
    settings = wiring.settings()
    provider_id = path_value(provider)
    try:
        signed_in = finish(
            wiring_accounts.oidc_access(),
            provider_id,
            _arrival(request),
            origin_of(request, provider_id),
            lifetime_s=settings.session_lifetime_s,
            renewable_s=settings.session_renewable_s,
        )
    except errors.ArchiveError as error:
        wiring.logger("api").warning("sign-in refused", extra={"reason": str(error), "error": type(error).__name__})
        _record_refusal(request, error)
        return _back(error, "/")
    record_sign_in(request, signed_in.session, provider=provider_id, acr=signed_in.acr[:40])
    cookie = session_cookie(signed_in.token, signed_in.session.expires_at - int(time.time()))
    return _redirect(signed_in.return_path, {"Set-Cookie": cookie})


def _arrival(request: Request) -> Arrival:
    values = {name: query_value(request, name) for name in ("state", "code", "error", "iss")}
    if any(len(value) > 4096 for value in values.values()):
        raise errors.NotAuthenticated("The identity provider's answer is too long.")
    return Arrival(values["state"], values["code"], _browser(request), values["error"], values["iss"])


def _browser(request: Request) -> str:
    """Value of the cookie by which a browser is known again, "" without one."""
    for pair in str(request.headers.get("cookie", "")).split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _record_refusal(request: Request, error: errors.ArchiveError) -> None:
    """Once in a quarter of an hour for those who have to wait."""
    address, now_ms = client_address(request), int(time.time() * 1000)
    slot_ms = now_ms // WINDOW_MS * WINDOW_MS if isinstance(error, errors.TooManyAttempts) else 0
    # Not the provider's id: strangers choose it, and so it may be anything.
    detail: dict[str, str | int | bool] = {"reason": type(error).__name__, "way": "openid-connect"}
    occasion = f"openid-connect|{address}|{slot_ms}" if slot_ms else ""
    record_once(
        AuditEvent(
            now_ms,
            Action.SIGN_IN_REFUSED,
            Who("", address=address),
            Outcome.REFUSED,
            detail=detail,
            occasion=occasion,
            slot_ms=slot_ms,
        )
    )


def _refuse_embedded(request: Request) -> None:
    """Pictures and frames of other sites do not sign in, nor use up what an address may ask for (Fetch Metadata)."""
    if request.headers.get("sec-fetch-dest", "document") != "document":
        raise errors.NotAllowed("Signing in is a page of its own.")


def _back(error: errors.ArchiveError, return_path: str) -> Response:
    reason = next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), "provider-unavailable")
    path = safe_return_path(return_path)
    return _redirect("/sign-in?" + urlencode({"reason": reason, **({"return": path} if path != "/" else {})}))


def _redirect(location: str, headers: dict[str, str] | None = None) -> Response:
    return respond(b"", "text/plain", 303, {"Location": location, **NOT_STORED, **(headers or {})})
