"""The one authorizer (D9): every route but the public ones names it.

API Gateway hands over the Authorization header, this answers with a policy and the session as context. A blueprint's
authorizer is its own Lambda whose handler is this module, so it must not import the routes.
"""

from __future__ import annotations

from chalice.app import AuthRequest, AuthResponse, Blueprint

from chalicelib import errors

routes = Blueprint(__name__)

CACHE_TTL_S = 30
"""API Gateway remembers an answer per token this long: an ended session is refused everywhere after at most this time
(docs/adr/0003)."""


@routes.authorizer(name="sessions", ttl_seconds=CACHE_TTL_S)
def sessions_authorizer(request: AuthRequest) -> AuthResponse:
    """Admit a valid session to every route; permissions and scope are checked by each route.

    Raises
    ------
    errors.NotAuthenticated
        With exactly `Unauthorized` as its text, which API Gateway turns into 401; any other failure becomes 500,
        so nothing is admitted by accident.
    """
    from chalicelib import wiring
    from chalicelib.access.sessions import session_to_context, verify_session
    from chalicelib.access.shared_scope import with_shares

    kind, _, token = request.token.partition(" ")
    try:
        if kind.lower() != "bearer":
            raise errors.NotAuthenticated("Send a bearer token.")
        session = verify_session(
            wiring.registry(), wiring.session_signer(), token.strip(), issuer=wiring.settings().public_url
        )
        session = with_shares(wiring.shares(), session)
    except errors.NotAuthenticated:
        wiring.logger("authorizer").info("session refused")
        raise errors.NotAuthenticated("Unauthorized") from None
    wiring.logger("authorizer").info(
        "session admitted", extra={"session_id": session.session_id, "role": session.role.value}
    )
    return AuthResponse(routes=["*"], principal_id=session.subject, context=session_to_context(session))
