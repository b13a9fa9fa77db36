"""Requests to OpenID providers, answered by a server that says what it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.access.oidc_model import IdentityProvider
from chalicelib.aws import https_provider_client
from chalicelib.aws.https_provider_client import HttpsProviderClient
from chalicelib.errors import NotAuthenticated, Unavailable
from tests.contract.answering_server import Server


def answer(content: object, status: str = "200 OK", headers: str = "") -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def discovery(url: str) -> dict[str, str]:
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    return {"issuer": url, **{name: f"{url}/{name}" for name in names}}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(https_provider_client, "time", made)
    return made


@pytest.fixture
def answers() -> list[bytes]:
    return []


@pytest.fixture
def server(answers: list[bytes]) -> Iterator[Server]:
    made = Server(answers)
    url = made.endpoint_url
    answers.append(answer(discovery(url)))
    yield made
    made.close()


def provider_at(server: Server, **more: str) -> IdentityProvider:
    return IdentityProvider("x", "", server.endpoint_url, "sansfilm", "secret", **more)  # type: ignore[arg-type]


def client(**secret: str) -> HttpsProviderClient:
    return HttpsProviderClient(lambda name: {"client_secret": "s:ecret", **secret})


def test_keys_are_remembered_and_asked_for_again_when_they_change(
    server: Server, answers: list[bytes], clock: Clock
) -> None:
    known, provider = client(), provider_at(server)
    answers += [answer({"keys": [{"kid": "old"}]}), answer({"keys": [{"kid": "new"}]})]
    assert [key["kid"] for key in known.keys(provider, key_id="old")] == ["old"]
    for _ in range(3):  # a stranger's tokens do not make us ask
        assert known.keys(provider, key_id="made-up") == [{"kid": "old"}]
    clock.now += 61
    assert known.keys(provider, key_id="new") == [{"kid": "new"}]
    clock.now += 3600
    answers += [answer(discovery(server.endpoint_url)), answer({"keys": []})]
    assert known.keys(provider, key_id="new") == []
    assert not answers


def test_a_document_of_another_issuer_is_none(server: Server, answers: list[bytes]) -> None:
    answers[0] = answer({**discovery(server.endpoint_url), "issuer": "https://other.example"})
    with pytest.raises(Unavailable):
        client().metadata(provider_at(server))


@pytest.mark.parametrize("address", ["http://169.254.169.254/", "file:///etc/passwd", "http://id.example/", None, 1])
def test_addresses_that_are_not_https_are_not_asked(server: Server, answers: list[bytes], address: object) -> None:
    answers[0] = answer({**discovery(server.endpoint_url), "token_endpoint": address})
    with pytest.raises(Unavailable):
        client().metadata(provider_at(server))


def test_redirects_long_answers_and_nonsense_are_failures(server: Server, answers: list[bytes]) -> None:
    known, provider = client(), provider_at(server)
    known.metadata(provider)
    for bad in (
        answer(b"", "302 Found", f"Location: {server.endpoint_url}/other\r\n"),
        answer(b"[]" + b" " * 300_000),
        answer(b"not json"),
        answer(b"[" * 5000),
        b"",
    ):
        answers.append(bad)
        with pytest.raises(Unavailable):
            known.exchange(provider, "code", "verifier", "uri")
    assert not answers


def test_a_refused_code_is_no_failure_of_the_provider(server: Server, answers: list[bytes]) -> None:
    known, provider = client(), provider_at(server, authentication="client_secret_post")
    answers += [answer({"error": "invalid_grant"}, "400 Bad Request"), answer({"error": "invalid_client"}, "401 No")]
    with pytest.raises(NotAuthenticated):
        known.exchange(provider, "code", "verifier", "uri")
    form = parse_qs(server.bodies[-1].decode())
    assert (form["client_secret"], form["code_verifier"]) == (["s:ecret"], ["verifier"])
    with pytest.raises(Unavailable):
        known.exchange(provider, "code", "verifier", "uri")


def test_private_key_jwt(server: Server, answers: list[bytes]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    answers.append(answer({"id_token": "i", "access_token": "a"}))
    provider = provider_at(server, authentication="private_key_jwt")
    tokens = client(private_key=pem.decode(), key_id="k1").exchange(provider, "code", "verifier", "uri")
    assert (tokens.id_token, tokens.access_token) == ("i", "a")
    assertion = parse_qs(server.bodies[-1].decode())["client_assertion"][0]
    endpoint = f"{server.endpoint_url}/token_endpoint"
    claims = jwt.decode(assertion, key.public_key(), algorithms=["ES256"], audience=endpoint, issuer="sansfilm")
    assert claims["sub"] == "sansfilm"
    assert claims["exp"] - claims["iat"] == 60
    assert jwt.get_unverified_header(assertion)["kid"] == "k1"
    with pytest.raises(Unavailable):
        client(private_key="nonsense").exchange(provider, "code", "verifier", "uri")
