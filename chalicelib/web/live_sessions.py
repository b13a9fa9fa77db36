"""Around every request of a session: it has to be live now, and use prolongs it (docs/adr/0026).

The authorizer's answer may be half a minute old; here one consistent read says whether the session was ended, its
account disabled, or something taken back that was shared with it, meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from chalice.app import Request, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access.accounts import SessionRecord, admitted_now, used
from chalicelib.access.model import Session
from chalicelib.access.sessions import session_from_context, session_to_context, sign_session
from chalicelib.access.shared_scope import watched_of, with_shares
from chalicelib.web.http import GRANTED_UNTIL, problem
from chalicelib.web.sessions import session_cookie

REMEMBERED_S = 60
"""Longer than an authorizer's answer is: what was found to be shared before may hold what was taken back since."""


def admit_and_prolong(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """Refuse what ended; give a browser whose session goes on its next cookie."""
    context = request.context.get("authorizer") or {}
    if not isinstance(context.get("session"), str):
        return next_handler(request)
    try:
        session = session_from_context(context)
        record, state = admitted_now(wiring_accounts.accounts(), session, watched_of(session))
        request.context[GRANTED_UNTIL] = state.granted_until
        if state.shares_ended_at > time.time() - REMEMBERED_S:
            session = _with_what_is_shared_now(request, session)
    except errors.NotAuthenticated as error:
        return problem(401, str(error))
    except errors.Unavailable as error:
        return problem(503, str(error))
    response = next_handler(request)
    if "Set-Cookie" not in response.headers:
        cookie = _next_cookie(session, record)
        if cookie:
            response.headers["Set-Cookie"] = cookie
    return response


def _with_what_is_shared_now(request: Request, session: Session) -> Session:
    """Forget what the authorizer found to be shared; `errors.NotAuthenticated` for a guest whose share ended."""
    own = replace(session, scope=replace(session.scope, shared=()))
    session = with_shares(wiring.shares(), own)
    request.context["authorizer"] = session_to_context(session)
    return session


def _next_cookie(session: Session, record: SessionRecord) -> str:
    """Cookie of the prolonged session, "" where it is not time."""
    settings = wiring.settings()
    try:
        prolonged = used(wiring_accounts.accounts(), session, record, lifetime_s=settings.session_lifetime_s)
        if prolonged is None:
            return ""
        # What is shared is looked up at each request; it does not belong into the token.
        own = replace(prolonged, scope=replace(prolonged.scope, shared=()))
        now = int(time.time())
        token = sign_session(wiring.session_signer(), own, issuer=settings.public_url, now=now)
    except errors.ArchiveError as error:
        wiring.logger("api").warning("session not prolonged", extra={"error": type(error).__name__})
        return ""
    return session_cookie(token, own.expires_at - now)
