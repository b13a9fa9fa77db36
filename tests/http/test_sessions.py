"""Signing in, the session's routes, and what the authorizer refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from chalice.test import TestHTTPClient as HttpClient
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app import app
from chalicelib import errors, wiring
from chalicelib.access import sign_in
from chalicelib.access.model import Role, User
from chalicelib.access.passwords import hash_password
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.aws.clients import client
from chalicelib.web.authorizer import sessions_authorizer
from tests.emulator import Cloud
from tests.http.conftest import Issue

CAPABILITIES = {
    *((method, "/dicomweb") for method in ("GET", "HEAD", "OPTIONS")),
    *((method, "/dicomweb/openapi.json") for method in ("GET", "HEAD")),
    ("OPTIONS", "/dicomweb/{proxy+}"),
}
"""They describe the product, not its data (docs/adr/0016)."""
PATIENTS = {("POST", "/api/patient-session"), ("POST", "/api/patient-session/one-time-password")}
PUBLIC = {("POST", "/api/session"), ("GET", "/api/healthz"), ("GET", "/api/openapi.json")} | CAPABILITIES | PATIENTS
PUBLIC |= {("POST", f"/api/share-{step}") for step in ("preview", "session", "challenge", "session/one-time-password")}
PUBLIC |= {("POST", "/api/oauth2/token"), ("GET", "/api/identity-providers"), ("GET", "/api/oidc/{provider}/sign-in"),
           ("GET", "/api/oidc/{provider}/callback")}  # fmt: skip
JSON = {"Content-Type": "application/json"}


def post_session(http: HttpClient, username: str, password: str, address: str = "192.0.2.1") -> Any:
    headers = {**JSON, "X-Viewer-Address": address}
    body = json.dumps({"username": username, "password": password})
    return http.post("/api/session", headers=headers, body=body.encode())


@pytest.fixture
def user(http: HttpClient) -> User:
    user = User(
        "Radiologue", "Dr Nord", Role.RADIOLOGIST, "nord", Scope(hospitals=("nord",)), hash_password("bon mot de passe")
    )
    wiring.registry().put_user(user)
    return user


def test_signs_in_with_a_cookie_that_the_authorizer_admits(http: HttpClient, user: User) -> None:
    answer = post_session(http, "radiologue ", "bon mot de passe")
    assert answer.status_code == 200
    assert answer.json_body["hospital"] == {"id": "nord", "name": "Hôpital nord"}
    assert answer.json_body["permissions"] == [
        "break-glass", "declare-care", "mark-documents", "open-priors", "read-images", "share",
    ]  # fmt: skip
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sansfilm=")
    for attribute in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
        assert attribute in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    assert token not in answer.body.decode()
    own = http.get("/api/session", headers={"Authorization": f"Bearer {token}"})
    assert own.json_body == answer.json_body


def test_signing_out_ends_the_session(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    answer = http.delete("/api/session", headers=headers)
    assert (answer.status_code, answer.body) == (204, b"")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    refused(http, headers["Authorization"])


@pytest.mark.parametrize(
    ("username", "password"),
    [("radiologue", "faux"), ("inconnu", "bon mot de passe"), ("désactivé", "bon mot de passe")],
)
def test_every_failure_reads_the_same(http: HttpClient, user: User, username: str, password: str) -> None:
    wiring.registry().put_user(
        User("désactivé", "", Role.RADIOLOGIST, "nord", Scope(), user.password_hash, disabled=True)
    )
    answer = post_session(http, username, password)
    assert answer.status_code == 401
    assert answer.json_body == {"type": "about:blank", "status": 401, "detail": "Name or password is wrong."}
    assert "Set-Cookie" not in answer.headers


def test_unknown_users_cost_as_much_work_as_known_ones(
    http: HttpClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same calls to the registry and one verification by the same parameters (tests/unit/access)."""
    work: list[str] = []
    verify = sign_in.verify_password
    monkeypatch.setattr(sign_in, "verify_password", lambda *args: work.append(args[0][:30]) or verify(*args))
    events = client("dynamodb").meta.events
    events.register("before-call.dynamodb", lambda model, **_: work.append(model.name), unique_id="spy")
    elsewhere = User("rpps:10100000017", "Dr Ailleurs", Role.GP, "", Scope(), "")  # signs in with a provider
    wiring.registry().put_user(elsewhere)
    per_user = {}
    for username in ("radiologue", "inconnu", "rpps:10100000017"):
        work.clear()
        post_session(http, username, "faux")
        per_user[username] = list(work)
    assert per_user["radiologue"] == per_user["inconnu"] == per_user["rpps:10100000017"]
    assert per_user["inconnu"].count("$argon2id$v=19$m=19456,t=2,p=1") == 1


def test_guessing_is_slowed_down_and_nobody_is_locked_out(
    http: HttpClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "FAILURES_PER_USER", 12)
    monkeypatch.setattr(sign_in, "FAILURES_PER_USER_AND_ADDRESS", 4)
    now = time.time()  # no window ends in between
    monkeypatch.setattr(sign_in, "time", SimpleNamespace(time=lambda: now))
    assert post_session(http, "radiologue", "bon mot de passe", "192.0.2.7").status_code == 200
    statuses = [post_session(http, "radiologue", "faux", "203.0.113.5").status_code for _ in range(6)]
    assert statuses == [401] * 4 + [429] * 2
    for n in range(12):
        post_session(http, "radiologue", "faux", f"203.0.113.{n + 10}")
    blocked = post_session(http, "radiologue", "bon mot de passe", "203.0.113.99")
    assert blocked.status_code == 429
    assert 1 <= int(blocked.headers["Retry-After"]) <= sign_in.WINDOW_S
    # The owner comes from an address that was used before, and after the window anybody may try again.
    assert post_session(http, "radiologue", "bon mot de passe", "192.0.2.7").status_code == 200
    monkeypatch.setattr(sign_in, "time", SimpleNamespace(time=lambda: now + sign_in.WINDOW_S))
    assert post_session(http, "radiologue", "bon mot de passe", "203.0.113.99").status_code == 200


def test_unknown_names_are_throttled_like_known_ones(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()  # no window ends in between
    monkeypatch.setattr(sign_in, "time", SimpleNamespace(time=lambda: now))
    statuses = [post_session(http, "inconnu", "faux").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_one_address_makes_few_counters_and_events_whatever_names_it_tries(
    http: HttpClient, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "FAILURES_PER_ADDRESS", 2)
    now = time.time()  # no window ends in between
    monkeypatch.setattr(sign_in, "time", SimpleNamespace(time=lambda: now))
    statuses = [post_session(http, f"inconnu{number}", "faux").status_code for number in range(6)]
    assert statuses == [401] * 2 + [429] * 4
    items = cloud.client("dynamodb").scan(TableName=cloud.settings["registry_table"])["Items"]
    # One of the address, and two for each name that was looked at.
    assert len([item for item in items if item["pk"]["S"].startswith("ATTEMPTS#")]) == 1 + 2 * 2


def test_successes_do_not_use_up_the_allowance(http: HttpClient, user: User) -> None:
    for _ in range(12):
        assert post_session(http, "radiologue", "bon mot de passe").status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"username": "a"}', b'{"username": "a", "password": 1}', b'{"username": "", "password": "x"}',
     b'{"username": "a", "password": "b", "admin": true}', b"[" * 10_000, b'{"username": "' + b"a" * 20_000 + b'"}'],
)  # fmt: skip
def test_malformed_credentials_are_bad_requests(http: HttpClient, body: bytes) -> None:
    answer = http.post("/api/session", headers=JSON, body=body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def refused(http: HttpClient, authorization: str) -> None:
    """API Gateway answers 401 to a function that fails with exactly this text."""
    with pytest.raises(errors.NotAuthenticated, match=r"^Unauthorized$"):
        http.get("/api/session", headers={"Authorization": authorization})


def claims_of(authorization: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(authorization.split()[1], options={"verify_signature": False})
    return claims


def segment(value: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def test_forged_tokens_are_refused(http: HttpClient, bearer: Issue) -> None:
    authorization = bearer(Role.RADIOLOGIST, "nord")["Authorization"]
    header, claims, signature = authorization.split()[1].split(".")
    other = segment({**claims_of(authorization), "scope": {"hospitals": ["sud"]}}).decode()
    for token in (
        f"{header}.{other}.{signature}",
        f"{header}.{claims}.",
        f"{header}.{claims}.{'A' * 86}",
        f"{header}.{claims}",
        "",
        "x",
        "é.è.à",
    ):
        refused(http, f"Bearer {token}")
    refused(http, authorization.split()[1])
    refused(http, f"Basic {authorization.split()[1]}")


def test_the_algorithm_is_pinned(http: HttpClient, bearer: Issue) -> None:
    claims = claims_of(bearer(Role.RADIOLOGIST, "nord")["Authorization"])
    unsigned = segment({"alg": "none", "typ": "JWT"}) + b"." + segment(claims)
    refused(http, f"Bearer {unsigned.decode()}.")
    confused = segment({"alg": "HS256", "typ": "JWT"}) + b"." + segment(claims)
    public_key = wiring.session_signer().public_key_pem()
    mac = base64.urlsafe_b64encode(hmac.new(public_key, confused, hashlib.sha256).digest()).rstrip(b"=")
    refused(http, f"Bearer {(confused + b'.' + mac).decode()}")


def test_another_key_or_issuer_is_refused(http: HttpClient, bearer: Issue) -> None:
    claims = claims_of(bearer(Role.RADIOLOGIST, "nord")["Authorization"])
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    refused(http, f"Bearer {jwt.encode(claims, pem, 'ES256')}")
    refused(http, f"Bearer {jwt.encode(claims, pem, 'ES256', headers={'jku': 'http://127.0.0.1/', 'kid': 'x'})}")
    header, body = segment({"alg": "ES256"}), segment({**claims, "iss": "https://elsewhere.example"})
    signature = base64.urlsafe_b64encode(wiring.session_signer().sign(header + b"." + body)).rstrip(b"=")
    refused(http, f"Bearer {(header + b'.' + body + b'.' + signature).decode()}")


def test_expired_sessions_are_refused(http: HttpClient, bearer: Issue) -> None:
    refused(http, bearer(Role.RADIOLOGIST, "nord", lifetime_s=-1)["Authorization"])


def test_a_session_that_expires_while_the_gateway_remembers_it_is_refused(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord", lifetime_s=600)
    assert http.get("/api/session", headers=headers).status_code == 200
    from chalicelib.access import sessions

    admitted = sessions.verify_session

    def remembered(*args: Any, **kwargs: Any) -> Any:
        session = admitted(*args, **kwargs)
        monkeypatch.setattr(sessions.time, "time", lambda: session.expires_at)
        return session

    monkeypatch.setattr(sessions, "verify_session", remembered)
    assert http.get("/api/session", headers=headers).status_code == 401


def test_unregistered_sessions_are_refused(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    claims = claims_of(headers["Authorization"])
    header, body = segment({"alg": "ES256"}), segment({**claims, "sid": "never-issued"})
    signature = base64.urlsafe_b64encode(wiring.session_signer().sign(header + b"." + body)).rstrip(b"=")
    refused(http, f"Bearer {(header + b'.' + body + b'.' + signature).decode()}")


def test_ending_all_sessions_of_a_user(http: HttpClient, bearer: Issue) -> None:
    first, second = bearer(Role.RADIOLOGIST, "nord"), bearer(Role.RADIOLOGIST, "nord")
    for session_id in list(wiring.registry().sessions_of("radiologist@nord")):
        wiring.registry().end_session("radiologist@nord", session_id)
    for headers in (first, second):
        refused(http, headers["Authorization"])


def test_a_scope_that_does_not_fit_into_a_cookie_is_refused(http: HttpClient, bearer: Issue) -> None:
    many = Scope(patients=tuple(PatientRef("nord", f"{n:064}", "") for n in range(60)))
    with pytest.raises(errors.TooMuch):
        bearer(Role.GP, scope=many)


def test_every_route_has_the_authorizer_or_is_public() -> None:
    for path, methods in app.routes.items():
        for method, route in methods.items():
            expected = None if (method, path) in PUBLIC else sessions_authorizer
            assert route.authorizer is expected, f"{method} {path}"


def test_path_variables_have_the_same_name_everywhere() -> None:
    """API Gateway refuses siblings like /studies/{study} and /studies/{uid}, which chalice does not notice."""
    variables: dict[str, str] = {}
    for path in app.routes:
        parts = path.split("/")
        for n, part in enumerate(parts):
            if part.startswith("{"):
                assert variables.setdefault("/".join(parts[:n]), part) == part, path
