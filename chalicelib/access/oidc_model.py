"""OpenID Connect for professionals: providers by configuration, and what a sign-in needs of the outside (ADR 0026)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from chalicelib.access.model import Role

ALGORITHMS = ("RS256", "PS256", "ES256")
"""Signatures of ID tokens that a provider may be registered with: never `none`, never a MAC, whose key would be what
everybody can read (RFC 8725 3.1, 3.2)."""
AUTHENTICATIONS = ("client_secret_basic", "client_secret_post", "private_key_jwt")
PRO_SANTE_CONNECT, GROUPS = "pro-sante-connect", "groups"
CLAIMS = (PRO_SANTE_CONNECT, GROUPS)
ROLES = frozenset(
    {Role.RADIOLOGIST, Role.GP, Role.PACS_MANAGER, Role.FINANCE, Role.DESK, Role.PRIVACY_OFFICER},
)
"""What a provider can make of somebody; the region's operator is nobody's to make."""


def is_on_this_machine(address: str) -> bool:
    """Whether an address is plain HTTP to this machine.

    >>> is_on_this_machine("http://127.0.0.1:8090/x"), is_on_this_machine("http://127.0.0.1.example.org")
    (True, False)
    """
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname == "127.0.0.1"


@dataclass(frozen=True)
class RoleRule:
    """Whoever has all of these facts gets a role; see `oidc_claims` for what is a fact."""

    facts: frozenset[str]
    role: Role
    hospital: str = ""
    """"" for the general practitioner's role alone, which acts for no hospital."""


@dataclass(frozen=True)
class IdentityProvider:
    """A registered provider."""

    provider_id: str
    """Lower case letters, digits and hyphens; part of the redirect URI."""
    name: str
    """Shown on its button."""
    issuer: str
    """Exactly as its ID tokens name it."""
    client_id: str
    secret: str
    """ARN or name of a secret: {"client_secret"} or {"private_key": PEM, "key_id"}."""
    claims: str = GROUPS
    rules: tuple[RoleRule, ...] = ()
    """The first that fits decides; whom none fits is refused."""
    authentication: str = "client_secret_basic"
    scopes: str = "openid"
    acr_values: str = ""
    """Asked for, and required of the ID token; "" for any."""
    algorithms: tuple[str, ...] = ("RS256",)
    subject_claim: str = "sub"
    name_claim: str = "name"
    groups_claim: str = "groups"
    """Dots lead into objects: `realm_access.roles`."""
    enabled: bool = True
    revision: str = field(default="", compare=False)
    """Changes with every change."""

    @property
    def hospitals(self) -> frozenset[str]:
        """Hospitals on whose behalf its users may act."""
        return frozenset(rule.hospital for rule in self.rules if rule.hospital)


@dataclass(frozen=True)
class PendingSignIn:
    """Somebody was sent to a provider and has not come back; kept where no browser can read it."""

    provider_id: str
    nonce: str
    code_verifier: str
    return_path: str
    browser: str
    """Digest of what the browser's cookie holds: who comes back must be who was sent."""
    expires_at: int
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Metadata:
    """Of a provider's discovery document (OpenID Connect Discovery 1.0, 3)."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    """"" if it has none."""
    jwks_uri: str
    names_issuer: bool = False
    """Its answers say who answers (RFC 9207)."""


@dataclass(frozen=True)
class Tokens:
    """Answer of the token endpoint; it never leaves the server."""

    id_token: str
    access_token: str


class IdentityProviders(Protocol):
    """The registered providers. `errors.Unavailable` when the registry does not answer."""

    def provider(self, provider_id: str) -> IdentityProvider | None:
        """One of them."""

    def providers(self) -> list[IdentityProvider]:
        """All by id."""

    def put(self, provider: IdentityProvider, if_revision: str | None = None) -> str:
        """Register or replace; the new revision. `errors.PreconditionFailed` as in `ports.Registry`."""

    def delete(self, provider_id: str, if_revision: str) -> None:
        """Remove. `errors.PreconditionFailed` if it has another revision or is not there."""


class PendingSignIns(Protocol):
    """Sign-ins under way. `errors.Unavailable` when the service does not answer."""

    def put(self, state: str, pending: PendingSignIn) -> None:
        """Keep one under its state (of which a digest is kept)."""

    def take(self, state: str) -> PendingSignIn | None:
        """Remove and return one, to one caller only; None if there is none."""


class ProviderClient(Protocol):
    """Talks to providers. `errors.Unavailable` when one does not answer or makes no sense."""

    def metadata(self, provider: IdentityProvider) -> Metadata:
        """Its discovery document, remembered for an hour; the issuer in it has to be the registered one."""

    def keys(self, provider: IdentityProvider, *, key_id: str | None) -> list[Mapping[str, Any]]:
        """Its public keys (RFC 7517), remembered for an hour; asked for again when `key_id` is not among them, at
        most once a minute: providers change their keys, and strangers make key ids up."""

    def exchange(self, provider: IdentityProvider, code: str, code_verifier: str, redirect_uri: str) -> Tokens:
        """Tokens for a code (RFC 6749 4.1.3, RFC 7636 4.5). `errors.NotAuthenticated` if the provider refuses it."""

    def userinfo(self, provider: IdentityProvider, access_token: str) -> Mapping[str, Any]:
        """Claims of the UserInfo endpoint, {} if it has none."""
