"""Requests to OpenID providers: HTTPS alone, no redirects, small answers, short waits.

A provider's addresses come from its discovery document, whose issuer has to be the one that an operator registered.
Over plain HTTP only a provider on this machine is asked: the local platform's.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.access.oidc_model import IdentityProvider, Metadata, Tokens, is_on_this_machine
from chalicelib.errors import NotAuthenticated, Unavailable

REMEMBERED_S = 3600
KEYS_ASKED_EVERY_S = 60
TIMEOUT_S = 4.0
LONGEST_ANSWER_BYTES = 262_144
ASSERTION_S = 60
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class HttpsProviderClient:
    """Implements `access.oidc_model.ProviderClient`.

    Parameters
    ----------
    secret
        Value of a secret by ARN or name (`wiring.secret`).
    """

    def __init__(self, secret: Callable[[str], dict[str, str]]) -> None:
        import urllib3

        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(TIMEOUT_S), maxsize=4)
        self._secret = secret
        self._metadata: dict[str, tuple[float, Metadata]] = {}
        self._keys: dict[str, tuple[float, list[Mapping[str, Any]]]] = {}

    def metadata(self, provider: IdentityProvider) -> Metadata:
        """Its discovery document (OpenID Connect Discovery 1.0, 4)."""
        known = self._metadata.get(provider.issuer)
        if known and time.monotonic() - known[0] < REMEMBERED_S:
            return known[1]
        answer = self._json("GET", provider, provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if answer.get("issuer") != provider.issuer:
            raise Unavailable("The identity provider says that it is another one.")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        addresses = [_checked(provider, answer.get(name)) for name in names]
        userinfo = answer.get("userinfo_endpoint")
        found = Metadata(
            authorization_endpoint=addresses[0],
            token_endpoint=addresses[1],
            userinfo_endpoint=_checked(provider, userinfo) if userinfo else "",
            jwks_uri=addresses[2],
            names_issuer=answer.get("authorization_response_iss_parameter_supported") is True,
        )
        self._metadata[provider.issuer] = time.monotonic(), found
        return found

    def keys(self, provider: IdentityProvider, *, key_id: str | None) -> list[Mapping[str, Any]]:
        """Its public keys."""
        asked_at, known = self._keys.get(provider.issuer, (0.0, []))
        age = time.monotonic() - asked_at
        is_missing = key_id is not None and all(key.get("kid") != key_id for key in known)
        if known and age < (KEYS_ASKED_EVERY_S if is_missing else REMEMBERED_S):
            return known
        answer = self._json("GET", provider, self.metadata(provider).jwks_uri)
        keys: list[Mapping[str, Any]] = [key for key in answer.get("keys") or () if isinstance(key, dict)]
        self._keys[provider.issuer] = time.monotonic(), keys
        return keys

    def exchange(self, provider: IdentityProvider, code: str, code_verifier: str, redirect_uri: str) -> Tokens:
        """Tokens for a code."""
        address = self.metadata(provider).token_endpoint
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        headers, more = _authentication(provider, self._secret(provider.secret), address)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        status, answer = self._ask("POST", provider, address, headers, urlencode({**form, **more}))
        if status == 400:
            raise NotAuthenticated("The identity provider did not accept the sign-in.")
        tokens = answer.get("id_token"), answer.get("access_token")
        if status != 200 or not all(isinstance(token, str) for token in tokens):
            raise Unavailable("The identity provider gave no token.")
        return Tokens(str(tokens[0]), str(tokens[1]))

    def userinfo(self, provider: IdentityProvider, access_token: str) -> Mapping[str, Any]:
        """Claims of the UserInfo endpoint."""
        address = self.metadata(provider).userinfo_endpoint
        return self._json("GET", provider, address, {"Authorization": f"Bearer {access_token}"}) if address else {}

    def _json(
        self, method: str, provider: IdentityProvider, address: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        status, answer = self._ask(method, provider, address, headers or {})
        if status != 200:
            raise Unavailable("The identity provider does not answer.")
        return answer

    def _ask(
        self, method: str, provider: IdentityProvider, address: str, headers: Mapping[str, str], body: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer, {} where it is none."""
        import urllib3

        _checked(provider, address)
        sent = {"Accept": "application/json", **headers}
        try:
            answer = self._http.request(
                method, address, headers=sent, body=body or None, redirect=False, preload_content=False
            )
            try:
                content = answer.read(LONGEST_ANSWER_BYTES + 1, decode_content=True)
            finally:
                answer.close()
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable("The identity provider does not answer.") from error
        if len(content) > LONGEST_ANSWER_BYTES:
            raise Unavailable("The identity provider's answer is too long.")
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            value = None
        return answer.status, value if isinstance(value, dict) else {}


def _checked(provider: IdentityProvider, address: Any) -> str:
    """An address that may be asked.

    Raises
    ------
    errors.Unavailable
        If it is not HTTPS, unless the provider and it are on this machine.
    """
    is_local = is_on_this_machine(provider.issuer)
    if isinstance(address, str) and (address.startswith("https://") or (is_local and is_on_this_machine(address))):
        return address
    raise Unavailable("The identity provider names an address that is not HTTPS.")


def _authentication(
    provider: IdentityProvider, secret: Mapping[str, str], address: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and form parameters by which this client shows who it is (OpenID Connect Core 9)."""
    try:
        if provider.authentication == "private_key_jwt":
            form = {"client_id": provider.client_id, "client_assertion_type": CLIENT_ASSERTION}
            return {}, {**form, "client_assertion": _assertion(provider, secret, address)}
        if provider.authentication == "client_secret_post":
            return {}, {"client_id": provider.client_id, "client_secret": secret["client_secret"]}
        pair = f"{quote(provider.client_id, safe='')}:{quote(secret['client_secret'], safe='')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}, {}
    except KeyError as error:
        raise Unavailable("The secret of the identity provider is not complete.") from error


def _assertion(provider: IdentityProvider, secret: Mapping[str, str], address: str) -> str:
    """A JWT that only the holder of the private key can make (RFC 7523 2.2)."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    now = int(time.time())
    claims = {
        "iss": provider.client_id,
        "sub": provider.client_id,
        "aud": address,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + ASSERTION_S,
    }
    try:
        key: Any = load_pem_private_key(secret["private_key"].encode(), None)
        algorithm = "ES256" if isinstance(key, EllipticCurvePrivateKey) else "RS256"
        headers = {"kid": secret["key_id"]} if "key_id" in secret else None
        return jwt.encode(claims, key, algorithm=algorithm, headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Unavailable("The secret of the identity provider holds no key that fits.") from error
