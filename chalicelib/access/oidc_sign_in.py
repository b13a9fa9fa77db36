"""Signing in by OpenID Connect: authorization code with PKCE, for a confidential client (ADR 0026).

The browser carries a code and a state, never a token. The state is good once, for ten minutes, and for the browser
that was sent away with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from chalicelib.access.accounts import Accounts
from chalicelib.access.address_throttle import AddressThrottle
from chalicelib.access.model import Session, SessionOrigin, User
from chalicelib.access.oidc_claims import identity_of, person_of
from chalicelib.access.oidc_model import (
    IdentityProvider,
    IdentityProviders,
    PendingSignIn,
    PendingSignIns,
    ProviderClient,
)
from chalicelib.access.oidc_tokens import verified_claims
from chalicelib.access.ports import Registry, SessionSigner
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.errors import NotAllowed, NotAuthenticated, NotFound

PENDING_S = 600
LONGEST_RETURN_PATH = 1000
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
"""Of a browser or a state: 256 random bits."""
MOST_BEGUN = 300
"""Sign-ins of one address in a quarter of an hour that were begun and came to nothing: a hospital shares one."""
MOST_REFUSED = 100
"""Answers of providers that were none, likewise: each leaves an event in the trail."""


@dataclass(frozen=True)
class OidcAccess:
    """What signing in with a provider needs."""

    registry: Registry
    accounts: Accounts
    providers: IdentityProviders
    pending: PendingSignIns
    client: ProviderClient
    signer: SessionSigner
    public_url: str
    begun: AddressThrottle
    refused: AddressThrottle


@dataclass(frozen=True)
class Departure:
    """Where a browser is sent, and what it has to bring back."""

    location: str
    browser: str
    """For a cookie of ten minutes."""


@dataclass(frozen=True)
class Arrival:
    """Parameters with which a browser came back (RFC 6749 4.1.2, RFC 9207)."""

    state: str
    code: str
    browser: str
    """Its cookie."""
    error: str = ""
    issuer: str = ""


@dataclass(frozen=True)
class SignedIn:
    """A session, and the page that was asked for."""

    token: str
    session: Session
    return_path: str
    acr: str


def known_provider(providers: IdentityProviders, provider_id: str) -> IdentityProvider:
    """A provider that may be used.

    Raises
    ------
    errors.NotFound
        If there is none by that id.
    """
    provider = providers.provider(provider_id)
    if provider is None or not provider.enabled:
        raise NotFound("No identity provider is registered by that id.")
    return provider


def begin(access: OidcAccess, provider_id: str, return_path: str, browser: str, address: str) -> Departure:
    """Send a browser to a provider; one that has a cookie of an earlier attempt keeps it.

    Raises
    ------
    errors.NotFound
        If there is no such provider.
    errors.TooManyAttempts
        If too many were begun at this address.
    """
    provider = known_provider(access.providers, provider_id)
    metadata = access.client.metadata(provider)
    access.begun.count(address)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    browser = browser if TOKEN.fullmatch(browser) else secrets.token_urlsafe(32)
    access.pending.put(
        state,
        PendingSignIn(
            provider_id, nonce, verifier, safe_return_path(return_path), _digest(browser), int(time.time()) + PENDING_S
        ),
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri(access.public_url, provider_id),
        "scope": provider.scopes,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"acr_values": provider.acr_values} if provider.acr_values else {}),
    }
    separator = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
    return Departure(metadata.authorization_endpoint + separator + urlencode(parameters), browser)


def finish(
    access: OidcAccess, provider_id: str, arrival: Arrival, origin: SessionOrigin, *, lifetime_s: int, renewable_s: int
) -> SignedIn:
    """Sign in whoever came back.

    Raises
    ------
    errors.NotAuthenticated
        If state, browser, provider, code or token do not belong together, or the person changed his or her mind.
    errors.NotAllowed
        If the person is who he or she is, and has no access.
    errors.Unavailable
        If the provider does not answer.
    errors.TooManyAttempts
        If too many came to this address with something else than a provider's answer.
    """
    access.refused.count(origin.address)
    pending = _taken(access, provider_id, arrival)
    provider = known_provider(access.providers, provider_id)
    _check_issuer(access, provider, arrival)
    tokens = access.client.exchange(
        provider, arrival.code, pending.code_verifier, redirect_uri(access.public_url, provider_id)
    )
    claims = verified_claims(access.client, provider, tokens, pending.nonce)
    person = person_of(provider, {**_userinfo(access, provider, tokens.access_token, claims), **claims})
    identity = identity_of(provider, person)
    _record_account(access.accounts, identity)
    token, session = issue_session(
        access.registry,
        access.signer,
        identity,
        issuer=access.public_url,
        lifetime_s=lifetime_s,
        renewable_s=renewable_s,
        origin=origin,
    )
    for throttle in (access.refused, access.begun):
        throttle.take_back(origin.address)
    return SignedIn(token, session, pending.return_path, str(claims.get("acr", "")))


def redirect_uri(public_url: str, provider_id: str) -> str:
    """One per provider: an answer of one is never taken for another's (RFC 9700 4.4)."""
    return f"{public_url}/api/oidc/{provider_id}/callback"


def safe_return_path(path: str) -> str:
    """A path of this host, `/` for everything else.

    >>> safe_return_path("/studies/1.2?x=1")
    '/studies/1.2?x=1'
    >>> safe_return_path("//example.org/"), safe_return_path("/\\\\example.org"), safe_return_path("https://example.org")
    ('/', '/', '/')
    """
    is_plain = path.isascii() and path.isprintable() and "\\" not in path and " " not in path
    if (
        not is_plain
        or not path.startswith("/")
        or path.startswith(("//", "/api/", "/sign-in", "/dicomweb", "/objects"))
    ):
        return "/"
    return path if len(path) <= LONGEST_RETURN_PATH else "/"


def _taken(access: OidcAccess, provider_id: str, arrival: Arrival) -> PendingSignIn:
    """The sign-in that an answer belongs to, which it can do once."""
    pending = access.pending.take(arrival.state) if TOKEN.fullmatch(arrival.state) else None
    if pending is None or pending.expires_at <= time.time() or pending.provider_id != provider_id:
        raise NotAuthenticated("The sign-in took too long, or was used already.")
    if not hmac.compare_digest(pending.browser, _digest(arrival.browser)):
        raise NotAuthenticated("The sign-in was begun in another browser.")
    if arrival.error or not arrival.code:
        raise NotAuthenticated("The identity provider did not sign you in.")
    return pending


def _check_issuer(access: OidcAccess, provider: IdentityProvider, arrival: Arrival) -> None:
    """Who answers is who was asked, where the provider says so (RFC 9207)."""
    names_issuer = access.client.metadata(provider).names_issuer
    if (arrival.issuer or names_issuer) and arrival.issuer != provider.issuer:
        raise NotAuthenticated("Another identity provider answered.")


def _userinfo(
    access: OidcAccess, provider: IdentityProvider, access_token: str, claims: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What UserInfo adds; it has to be about the same person (OpenID Connect Core 5.3.2)."""
    found = access.client.userinfo(provider, access_token)
    if found and found.get("sub") != claims["sub"]:
        raise NotAuthenticated("The identity provider's answers are about two people.")
    return found


def _record_account(accounts: Accounts, identity: Identity) -> None:
    """The person as a user without a password, so that an account can be disabled here too."""
    account = accounts.record_user(
        User(identity.subject, identity.display_name, identity.role, identity.hospital, identity.scope, "")
    )
    if account.disabled:
        raise NotAllowed("This account is disabled.")


def _digest(browser: str) -> str:
    return hashlib.sha256(browser.encode("utf-8", "replace")).hexdigest()
