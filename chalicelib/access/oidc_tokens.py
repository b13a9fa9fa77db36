"""ID tokens: what is believed of them, and only after everything that can be checked was (OpenID Connect Core 3.1.3.7).

PyJWT verifies; the algorithm comes from the registered provider's list and the key from its own key set, never from
the token alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from chalicelib.access.oidc_model import ALGORITHMS, IdentityProvider, ProviderClient, Tokens
from chalicelib.errors import NotAuthenticated

LEEWAY_S = 60
KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
_NOT_VALID = "The identity provider's answer is not valid."


def verified_claims(
    client: ProviderClient, provider: IdentityProvider, tokens: Tokens, nonce: str
) -> Mapping[str, Any]:
    """Claims of an ID token that this provider made for this client and this sign-in.

    Raises
    ------
    errors.NotAuthenticated
        For every other token; the reason stays in the chain of causes.
    errors.Unavailable
        If the provider's keys cannot be had.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(tokens.id_token)
        algorithm = header.get("alg")
        if algorithm not in provider.algorithms or algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        key = _key(client, provider, header.get("kid"), algorithm)
        claims: dict[str, Any] = jwt.decode(
            tokens.id_token,
            key,
            algorithms=[algorithm],
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=LEEWAY_S,
            options={"require": ["aud", "exp", "iat", "iss", "nonce", "sub"]},
        )
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise NotAuthenticated(_NOT_VALID) from error
    _check_claims(claims, provider, tokens, nonce)
    return claims


def _key(client: ProviderClient, provider: IdentityProvider, key_id: Any, algorithm: str) -> Any:
    """The public key that a token has to be signed with."""
    import jwt

    if key_id is not None and not isinstance(key_id, str):
        raise jwt.InvalidKeyError
    fitting = [
        key
        for key in client.keys(provider, key_id=key_id)
        if key.get("kty") == KEY_TYPES[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]
    if len(fitting) != 1:
        raise jwt.InvalidKeyError
    return jwt.PyJWK(dict(fitting[0]), algorithm=algorithm).key


def _check_claims(claims: Mapping[str, Any], provider: IdentityProvider, tokens: Tokens, nonce: str) -> None:
    """What the library leaves to its caller: nonce, authorised party, authentication context, the access token."""
    given = claims["nonce"]
    is_ours = isinstance(given, str) and hmac.compare_digest(given.encode(), nonce.encode())
    audience, party = claims["aud"], claims.get("azp")
    several = isinstance(audience, list) and len(audience) > 1
    if not is_ours or (several and party is None) or party not in (None, provider.client_id):
        raise NotAuthenticated(_NOT_VALID)
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise NotAuthenticated(_NOT_VALID)
    if provider.acr_values and claims.get("acr") not in provider.acr_values.split():
        raise NotAuthenticated("The identity provider did not authenticate strongly enough.")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(tokens.access_token):
        raise NotAuthenticated(_NOT_VALID)


def _half_hash(text: str) -> str:
    """Left half of SHA-256, base64url (Core 3.1.3.6; every algorithm of ours is a ...256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).rstrip(b"=").decode()
