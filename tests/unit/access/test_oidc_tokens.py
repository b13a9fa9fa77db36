"""ID tokens that are not what they seem (OpenID Connect Core 3.1.3.7, RFC 8725)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chalicelib.access.oidc_model import IdentityProvider, Metadata, Tokens
from chalicelib.access.oidc_tokens import verified_claims
from chalicelib.errors import NotAuthenticated

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PROVIDER = IdentityProvider("psc", "", "https://id.example", "sansfilm", "", acr_values="eidas1")
NONCE = "n" * 43


def public(key: Any, key_id: str, **more: str) -> dict[str, Any]:
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": key_id, **more}


class Keys:
    """A provider's keys, which is all that is asked of it here."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self._keys = list(keys)

    def metadata(self, provider: IdentityProvider) -> Metadata:
        raise NotImplementedError

    def keys(self, provider: IdentityProvider, *, key_id: str | None) -> list[Mapping[str, Any]]:
        return self._keys

    def exchange(self, provider: IdentityProvider, code: str, code_verifier: str, redirect_uri: str) -> Tokens:
        raise NotImplementedError

    def userinfo(self, provider: IdentityProvider, access_token: str) -> Mapping[str, Any]:
        raise NotImplementedError


OWN = Keys(public(KEY, "a"))


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {
        "iss": PROVIDER.issuer,
        "aud": PROVIDER.client_id,
        "sub": "someone",
        "nonce": NONCE,
        "acr": "eidas1",
        "iat": now,
        "exp": now + 300,
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def signed(content: Mapping[str, Any], key: Any = KEY, algorithm: str = "RS256", key_id: str = "a") -> str:
    return jwt.encode(dict(content), key, algorithm=algorithm, headers={"kid": key_id})


def verify(token: str, keys: Keys = OWN, provider: IdentityProvider = PROVIDER) -> Mapping[str, Any]:
    return verified_claims(keys, provider, Tokens(token, "access"), NONCE)


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_for_this_sign_in_is_believed() -> None:
    half = base64.urlsafe_b64encode(hashlib.sha256(b"access").digest()[:16]).rstrip(b"=").decode()
    assert verify(signed(claims(at_hash=half)))["sub"] == "someone"
    assert verify(signed(claims(aud=["sansfilm", "other"], azp="sansfilm")))["sub"] == "someone"


@pytest.mark.parametrize(
    "changed",
    [{"nonce": "m" * 43}, {"nonce": None}, {"nonce": 1}, {"iss": "https://other.example"}, {"iss": None},
     {"aud": "another-client"}, {"aud": None}, {"aud": ["sansfilm", "other"]}, {"azp": "another-client"},
     {"exp": 1}, {"exp": None}, {"exp": "soon"}, {"iat": None}, {"iat": 2**40}, {"nbf": 2**40},
     {"sub": None}, {"sub": ""}, {"acr": "eidas0"}, {"acr": None}, {"at_hash": "x"}],
)  # fmt: skip
def test_a_token_of_something_else_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        verify(signed(claims(**changed)))


def test_no_signature_is_no_signature() -> None:
    content = segment(claims())
    for algorithm in ("none", "None", "NONE", ""):
        for signature in ("", "AAAA"):
            with pytest.raises(NotAuthenticated):
                verify(f"{segment({'alg': algorithm, 'kid': 'a'})}.{content}.{signature}")
    with pytest.raises(NotAuthenticated):
        verify(f"{segment({'kid': 'a'})}.{content}.")


def test_the_public_key_is_no_secret() -> None:
    """HS256 with the public key, which everybody can read, as the secret."""
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{segment({'alg': 'HS256', 'kid': 'a'})}.{segment(claims())}"
    for secret in (pem, json.dumps(public(KEY, "a")).encode(), b""):
        mac = base64.urlsafe_b64encode(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())
        with pytest.raises(NotAuthenticated):
            verify(f"{signing_input}.{mac.rstrip(b'=').decode()}")
    # Nor where the provider's key set holds a secret, or one is forced into the list.
    symmetric = Keys({"kty": "oct", "k": segment("x"), "kid": "a", "alg": "HS256"})
    with pytest.raises(NotAuthenticated):
        verify(signed(claims(), "x" * 32, "HS256"), symmetric)
    with pytest.raises(NotAuthenticated):
        verify(
            signed(claims(), "x" * 32, "HS256"),
            symmetric,
            replace(PROVIDER, algorithms=("HS256",)),
        )


@pytest.mark.parametrize(
    "token",
    [
        signed(claims(), OTHER_KEY),
        signed(claims(), OTHER_KEY, key_id="b"),
        signed(claims(), KEY, "PS256"),
        signed(claims(), EC_KEY, "ES256"),
        jwt.encode(claims(), OTHER_KEY, "RS256", headers={"kid": "a", "jwk": public(OTHER_KEY, "a")}),
        jwt.encode(claims(), OTHER_KEY, "RS256", headers={"kid": "a", "jku": "https://attacker.example/jwks"}),
        signed(claims())[:-4] + "AAAA",
        signed(claims()).rpartition(".")[0],
        "",
        "a.b.c",
        "é",
    ],
)
def test_another_key_or_algorithm_is_refused(token: str) -> None:
    with pytest.raises(NotAuthenticated):
        verify(token)


def test_a_key_is_used_for_what_it_is_for() -> None:
    token = signed(claims())
    for keys in (
        Keys(),
        Keys(public(KEY, "b")),
        Keys(public(KEY, "a", use="enc")),
        Keys(public(KEY, "a", alg="PS256")),
        Keys(public(KEY, "a"), public(OTHER_KEY, "a")),
        Keys({"kid": "a", "kty": "RSA"}),
    ):
        with pytest.raises(NotAuthenticated):
            verify(token, keys)
    provider = replace(PROVIDER, algorithms=("ES256", "PS256"))
    keys = Keys(public(KEY, "a"), public(EC_KEY, "c"))
    assert verify(signed(claims(), EC_KEY, "ES256", "c"), keys, provider)
    assert verify(signed(claims(), KEY, "PS256"), keys, provider)
    with pytest.raises(NotAuthenticated):
        verify(signed(claims()), keys, provider)
