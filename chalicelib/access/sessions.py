"""Sessions: signed tokens (JWT, RFC 7519, ES256) that are also registered, so that one can be ended at once."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from chalicelib import errors
from chalicelib.access.model import SEES, Role, Session, SessionOrigin
from chalicelib.access.ports import Registry, SessionSigner
from chalicelib.archive.scope import Scope

ALGORITHM = "ES256"
MAX_TOKEN_CHARACTERS = 3_800
"""Browsers drop cookies of more than 4,096 bytes, name and attributes included."""


@dataclass(frozen=True)
class Identity:
    """On whose behalf a session acts; what every way of signing in ends with."""

    subject: str
    display_name: str
    role: Role
    hospital: str
    scope: Scope
    professional_id: str = ""
    organization: str = ""
    services: tuple[str, ...] | None = None


def issue_session(
    registry: Registry,
    signer: SessionSigner,
    identity: Identity,
    *,
    issuer: str,
    lifetime_s: int,
    renewable_s: int = 0,
    origin: SessionOrigin | None = None,
) -> tuple[str, Session]:
    """Register and sign a session; return the token and the session.

    Parameters
    ----------
    issuer
        Public URL of the archive: a token of one archive is worth nothing at another.
    renewable_s
        How long use may prolong it, from now; 0 for not at all.

    Raises
    ------
    errors.TooMuch
        If the scope does not fit into a cookie.
    """
    now = int(time.time())
    session = Session(
        session_id=secrets.token_urlsafe(16),
        subject=identity.subject,
        display_name=identity.display_name,
        role=identity.role,
        hospital=identity.hospital,
        scope=identity.scope,
        expires_at=now + lifetime_s,
        renewable_until=now + renewable_s if renewable_s else 0,
        professional_id=identity.professional_id,
        organization=identity.organization,
        services=identity.services,
    )
    token = sign_session(signer, session, issuer=issuer, now=now)
    registry.put_session(session, origin or SessionOrigin())
    return token, session


def sign_session(signer: SessionSigner, session: Session, *, issuer: str, now: int) -> str:
    """The token of a session.

    Raises
    ------
    errors.TooMuch
        If the scope does not fit into a cookie.
    """
    claims = {**_to_claims(session), "iss": issuer, "iat": now}
    signing_input = _encoded({"alg": ALGORITHM, "typ": "JWT"}) + b"." + _encoded(claims)
    if len(signing_input) + 87 > MAX_TOKEN_CHARACTERS:
        raise errors.TooMuch("The scope names too many patients or studies for one session.")
    return (signing_input + b"." + _base64url(signer.sign(signing_input))).decode("ascii")


def verify_session(registry: Registry, signer: SessionSigner, token: str, *, issuer: str) -> Session:
    """The session of a token whose signature, time, issuer and registration hold.

    Raises
    ------
    errors.NotAuthenticated
        For every other token; the reason stays here.
    """
    import jwt

    try:
        claims = jwt.decode(
            token,
            signer.public_key_pem(),
            algorithms=[ALGORITHM],
            issuer=issuer,
            options={"require": ["exp", "iat", "iss", "sid", "sub"]},
        )
        session = _from_claims(claims)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise errors.NotAuthenticated("The session is not valid.") from error
    if not registry.session_is_active(session.subject, session.session_id):
        raise errors.NotAuthenticated("The session has ended.")
    return session


def end_session(registry: Registry, session: Session) -> None:
    """End a session before its time; safe to repeat."""
    registry.end_session(session.subject, session.session_id)


def session_to_context(session: Session) -> dict[str, str]:
    """What the authorizer hands to the routes: API Gateway passes flat strings only."""
    return {"session": json.dumps(_to_claims(session), ensure_ascii=True, separators=(",", ":"))}


def session_from_context(context: Mapping[str, Any]) -> Session:
    """The session that the authorizer admitted.

    Raises
    ------
    errors.NotAuthenticated
        If there is none, or if it expired while API Gateway still remembered it.
    """
    text = context.get("session")
    if not isinstance(text, str):
        raise errors.NotAuthenticated("Sign in first.")
    session = _from_text(text)
    if session.expires_at <= time.time():
        raise errors.NotAuthenticated("The session has expired.")
    return session


@lru_cache(maxsize=64)
def _from_text(text: str) -> Session:
    """A request asks for its session several times, and a viewer makes hundreds of requests."""
    return _from_claims(json.loads(text))


def _to_claims(session: Session) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "sid": session.session_id,
        "sub": session.subject,
        "name": session.display_name,
        "role": session.role.value,
        "hospital": session.hospital,
        "scope": session.scope.to_claims(),
        "exp": session.expires_at,
    }
    few = {"renew": session.renewable_until, "rpps": session.professional_id, "org": session.organization}
    claims |= {name: value for name, value in few.items() if value}
    if session.services is not None:
        claims["services"] = list(session.services)
    return claims


def _from_claims(claims: Mapping[str, Any]) -> Session:
    role = Role(claims["role"])
    return Session(
        session_id=str(claims["sid"]),
        subject=str(claims["sub"]),
        display_name=str(claims["name"]),
        role=role,
        hospital=str(claims["hospital"]),
        scope=replace(Scope.from_claims(claims["scope"]), sees=SEES.get(role, frozenset())),
        expires_at=int(claims["exp"]),
        renewable_until=int(claims.get("renew", 0)),
        professional_id=str(claims.get("rpps", "")),
        organization=str(claims.get("org", "")),
        services=tuple(claims["services"]) if "services" in claims else None,
    )


def _encoded(value: Mapping[str, Any]) -> bytes:
    return _base64url(json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode())


def _base64url(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
