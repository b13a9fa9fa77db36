"""Signing in with an identity provider: the local platform's providers as real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import wiring, wiring_accounts
from chalicelib.access import address_throttle, oidc_sign_in
from chalicelib.access.audit import REGION
from chalicelib.access.audit_search import AuditQuery
from chalicelib.access.model import Hospital, Role
from chalicelib.aws.clients import client
from localstack import identity_providers
from localstack.identity_providers import PSC, SUD
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.identity_providers import NURSE, PHYSICIAN, RADIOLOGIST, RunningProviders, choose_account, running_providers

NOW = 1_800_000_010.0
"""No quarter of an hour ends in between."""
PUBLIC_URL = "http://127.0.0.1:8080"
CALLBACK = f"{PUBLIC_URL}/api/oidc"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningProviders]:
    with running_providers(PUBLIC_URL) as providers:
        yield providers


@pytest.fixture
def providers(http: HttpClient, cloud: Cloud, running: RunningProviders) -> RunningProviders:
    """Registered in a fresh archive."""
    for hospital in ("hopital-nord", "hopital-sud"):
        wiring.registry().put_hospital(Hospital(hospital, hospital))
    secrets = cloud.client("secretsmanager")
    for name, secret in running.client_secrets.items():
        value = json.dumps({"client_secret": secret})
        try:
            secrets.create_secret(Name=f"sansfilm/oidc/{name}", SecretString=value)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=f"sansfilm/oidc/{name}", SecretString=value)
    for provider in identity_providers.providers(running.ports):
        wiring_accounts.identity_providers().put(provider)
    return running


def begin(http: HttpClient, provider: str, path: str = "/studies/1.2.3", cookie: str = "") -> tuple[str, str]:
    """Where the browser is sent, and its cookie."""
    headers = {"Cookie": cookie} if cookie else {}
    answer = http.get(f"/api/oidc/{provider}/sign-in?return={path}", headers=headers)
    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "no-store"
    set_cookie = answer.headers.get("Set-Cookie", "")
    if set_cookie:
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(set_cookie.split("; "))
    return answer.headers["Location"], set_cookie.partition(";")[0]


def come_back(http: HttpClient, address: str, cookie: str) -> Any:
    parts = urlsplit(address)
    return http.get(f"{parts.path}?{parts.query}", headers={"Cookie": cookie, "User-Agent": "Firefox"})


def sign_in(http: HttpClient, provider: str, account: str, path: str = "/studies/1.2.3") -> Any:
    location, cookie = begin(http, provider, path)
    return come_back(http, choose_account(location, account, f"{CALLBACK}/{provider}/callback"), cookie)


def bearer_of(answer: Any) -> dict[str, str]:
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sansfilm=")
    return {"Authorization": f"Bearer {cookie.partition('=')[2].partition(';')[0]}"}


def refused(answer: Any, reason: str = "provider-refused") -> None:
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/sign-in?reason={reason}")
    assert "Set-Cookie" not in answer.headers


def test_a_physician_becomes_a_general_practitioner_with_rpps_and_place_of_work(
    http: HttpClient, providers: RunningProviders
) -> None:
    answer = sign_in(http, PSC, PHYSICIAN)
    assert (answer.status_code, answer.headers["Location"], answer.body) == (303, "/studies/1.2.3", b"")
    own = http.get("/api/session", headers=bearer_of(answer)).json_body
    assert (own["role"], own["hospital"], own["display_name"]) == ("gp", None, "Médecin Traitant")
    assert (own["professional_id"], own["organization"]) == ("10100000017", "1590000094")
    query = AuditQuery(0, 2**62, subject="rpps:10100000017")
    events = wiring.audit_reader().search(query, 10)
    (event,) = [event for event in events if event.action.value == "sign-in"]
    assert (event.who.professional_id, event.who.organization) == ("10100000017", "1590000094")
    assert event.detail == {"provider": PSC, "acr": "eidas1"}
    assert event.chain == REGION


def test_place_of_work_and_expertise_make_a_radiologist_of_the_hospital(
    http: HttpClient, providers: RunningProviders
) -> None:
    own = http.get("/api/session", headers=bearer_of(sign_in(http, PSC, RADIOLOGIST))).json_body
    assert (own["role"], own["hospital"]["id"]) == ("radiologist", "hopital-nord")


def test_another_profession_gets_no_session(http: HttpClient, providers: RunningProviders) -> None:
    refused(sign_in(http, PSC, NURSE), "not-allowed")
    assert not list(wiring.registry().sessions_of("rpps:10100000033"))


def test_groups_of_a_hospital_become_roles(http: HttpClient, providers: RunningProviders) -> None:
    for group, role in (
        ("radiologues", "radiologist"),
        ("gestionnaires-pacs", "pacs-manager"),
        ("prescripteurs", "gp"),
        ("finances", "finance"),
        ("accueil", "desk"),
    ):
        own = http.get("/api/session", headers=bearer_of(sign_in(http, SUD, f"sud-{group}"))).json_body
        assert (own["role"], own["hospital"]["id"]) == (role, "hopital-sud")
    refused(sign_in(http, SUD, "sud-restauration"), "not-allowed")


def test_a_state_and_a_code_are_good_once(http: HttpClient, providers: RunningProviders) -> None:
    location, cookie = begin(http, PSC)
    address = choose_account(location, PHYSICIAN, f"{CALLBACK}/{PSC}/callback")
    assert come_back(http, address, cookie).headers["Location"] == "/studies/1.2.3"
    refused(come_back(http, address, cookie))
    # The code again, under a state of its own: the provider knows it, and the verifier is another.
    state = parse_qs(urlsplit(begin(http, PSC, cookie=cookie)[0]).query)["state"][0]
    used_state = parse_qs(urlsplit(address).query)["state"][0]
    refused(come_back(http, address.replace(used_state, state), cookie))


def test_an_address_begins_so_many_sign_ins_that_come_to_nothing(
    http: HttpClient, providers: RunningProviders, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_sign_in, "MOST_BEGUN", 2)
    monkeypatch.setattr(address_throttle, "time", SimpleNamespace(time=lambda: NOW))
    for _ in range(3):  # those that succeed do not count
        assert sign_in(http, PSC, PHYSICIAN).headers["Location"] == "/studies/1.2.3"
    for _ in range(2):
        begin(http, PSC)
    kept = cloud.client("dynamodb").scan(TableName=cloud.settings["registry_table"], Select="COUNT")["Count"]
    writes: list[str] = []
    events = client("dynamodb").meta.events
    events.register("before-call.dynamodb", lambda model, **_: writes.append(model.name), unique_id="spy")
    for _ in range(3):
        location, cookie = begin(http, PSC)
        assert (location, cookie) == ("/sign-in?reason=too-many-attempts&return=%2Fstudies%2F1.2.3", "")
    # A process remembers who has to wait.
    assert [name for name in writes if name not in ("GetItem", "Query")] == ["UpdateItem"]
    assert cloud.client("dynamodb").scan(TableName=cloud.settings["registry_table"], Select="COUNT")["Count"] == kept
    elsewhere = {"X-Viewer-Address": "2001:db8::1"}
    assert http.get(f"/api/oidc/{PSC}/sign-in", headers=elsewhere).headers["Location"].startswith("http")


def test_answers_that_are_none_leave_so_many_events(
    http: HttpClient, providers: RunningProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_sign_in, "MOST_REFUSED", 3)
    monkeypatch.setattr(address_throttle, "time", SimpleNamespace(time=lambda: NOW))
    path = f"/api/oidc/{PSC}/callback?code=1&state="
    for state in ("", "x", "A" * 43):
        refused(http.get(path + state))
    for _ in range(4):
        refused(http.get(path + "A" * 43), "too-many-attempts")
    now_ms = int(time.time() * 1000)
    events = wiring.audit_reader().search(AuditQuery(now_ms - 3_600_000, now_ms + 1000, chain=REGION), 20)
    assert sorted(event.detail["reason"] for event in events) == ["NotAuthenticated"] * 3 + ["TooManyAttempts"]


@pytest.mark.parametrize("kind", ["image", "iframe", "script"])
def test_signing_in_is_no_part_of_another_page(http: HttpClient, providers: RunningProviders, kind: str) -> None:
    for path in ("sign-in", "callback?state=x&code=1"):
        answer = http.get(f"/api/oidc/{PSC}/{path}", headers={"Sec-Fetch-Dest": kind})
        assert (answer.status_code, answer.headers.get("Set-Cookie")) == (403, None)


def test_a_code_that_was_stolen_is_worth_nothing(http: HttpClient, providers: RunningProviders) -> None:
    """Login CSRF and injection: the attacker's code in the victim's browser, and the other way round."""
    location, cookie = begin(http, PSC)
    address = choose_account(location, PHYSICIAN, f"{CALLBACK}/{PSC}/callback")
    _, other_cookie = begin(http, PSC)
    assert other_cookie != cookie
    refused(come_back(http, address, other_cookie))
    refused(come_back(http, address, ""))
    refused(come_back(http, address, cookie))  # that was the one use of the state


def test_an_answer_of_another_provider_is_refused(http: HttpClient, providers: RunningProviders) -> None:
    location, cookie = begin(http, SUD)
    address = choose_account(location, "sud-radiologues", f"{CALLBACK}/{SUD}/callback")
    refused(come_back(http, address.replace(f"/{SUD}/callback", f"/{PSC}/callback"), cookie))
    location, cookie = begin(http, SUD)
    address = choose_account(location, "sud-radiologues", f"{CALLBACK}/{SUD}/callback")
    issuer = f"iss=http%3A%2F%2F127.0.0.1%3A{providers.ports[SUD]}"
    assert issuer in address
    for forged in ("iss=https%3A%2F%2Fattacker.example", "x=1"):
        refused(come_back(http, address.replace(issuer, forged), cookie))


ELSEWHERE = (
    "https://example.org/",
    "//example.org/",
    "/\\example.org",
    "javascript:alert(1)",
    "/%0d%0aSet-Cookie:x",
    "/api/x",
    "/sign-in?return=/",
    "studies",
    "/" + "a" * 2000,
)


def test_after_signing_in_nobody_is_sent_elsewhere(http: HttpClient, providers: RunningProviders) -> None:
    for path in ELSEWHERE:
        assert sign_in(http, SUD, "sud-radiologues", path).headers["Location"] == "/", path


def test_a_person_who_declines_comes_back_without_a_session(http: HttpClient, providers: RunningProviders) -> None:
    location, cookie = begin(http, PSC)
    state = parse_qs(urlsplit(location).query)["state"][0]
    refused(come_back(http, f"/api/oidc/{PSC}/callback?error=access_denied&state={state}", cookie))


def test_what_is_asked_of_the_provider(http: HttpClient, providers: RunningProviders) -> None:
    location, _ = begin(http, PSC)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert (asked["scope"], asked["acr_values"]) == ("openid scope_all", "eidas1")
    assert asked["redirect_uri"] == f"{PUBLIC_URL}/api/oidc/{PSC}/callback"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) == 43


def test_unknown_and_disabled_providers_lead_back(http: HttpClient, providers: RunningProviders, bearer: Issue) -> None:
    answer = http.get("/api/oidc/unknown/sign-in?return=/studies/1")
    assert answer.headers["Location"] == "/sign-in?reason=provider-unavailable&return=%2Fstudies%2F1"
    refused(http.get("/api/oidc/unknown/callback?state=x&code=y"))


def test_a_disabled_account_does_not_come_in_again(http: HttpClient, providers: RunningProviders) -> None:
    headers = bearer_of(sign_in(http, PSC, PHYSICIAN))
    wiring_accounts.accounts().set_disabled("rpps:10100000017", True)
    assert http.get("/api/session", headers=headers).status_code == 401
    refused(sign_in(http, PSC, PHYSICIAN), "not-allowed")


PROPERTIES = {
    "name": "Clinique",
    "issuer": "https://id.clinique.example/realms/clinique",
    "client_id": "sansfilm",
    "secret": "sansfilm/oidc/clinique",
    "claims": "groups",
    "rules": [{"facts": ["radiologues"], "role": "radiologist", "hospital": "nord"}],
}


def put(http: HttpClient, headers: dict[str, str], **changed: Any) -> Any:
    body = json.dumps({**PROPERTIES, **changed}).encode()
    return http.put(
        "/api/identity-providers/clinique", headers={**headers, "Content-Type": "application/json"}, body=body
    )


def test_operators_register_providers(http: HttpClient, bearer: Issue) -> None:
    operator = bearer(Role.OPERATOR)
    made = put(http, operator)
    assert made.status_code == 201
    assert made.json_body["redirect_uri"] == f"{CALLBACK}/clinique/callback"
    read = http.get("/api/identity-providers/clinique", headers=operator)
    assert (read.json_body, read.headers["ETag"]) == (made.json_body, made.headers["ETag"])
    assert put(http, operator).status_code == 428
    assert put(http, {**operator, "If-Match": '"0123456789abcdef"'}).status_code == 412
    replaced = put(http, {**operator, "If-Match": made.headers["ETag"]}, enabled=False)
    assert (replaced.status_code, replaced.json_body["enabled"]) == (200, False)
    assert http.get("/api/identity-providers").json_body == {"identity_providers": []}
    (listed,) = http.get("/api/operations/identity-providers", headers=operator).json_body["identity_providers"]
    assert listed == replaced.json_body
    manager = bearer(Role.PACS_MANAGER, "nord")
    assert http.get("/api/operations/identity-providers", headers=manager).status_code == 403
    match = {**operator, "If-Match": replaced.headers["ETag"]}
    assert http.delete("/api/identity-providers/clinique", headers=match).status_code == 204
    assert http.get("/api/identity-providers/clinique", headers=operator).status_code == 404
    assert put(http, bearer(Role.PACS_MANAGER, "nord")).status_code == 403


IMPOSSIBLE: tuple[dict[str, Any], ...] = (
    {"issuer": "http://id.example"},
    {"issuer": "https://"},
    {"algorithms": ["HS256"]},
    {"algorithms": ["none"]},
    {"algorithms": []},
    {"secret": "prod/database"},
    {"scopes": "profile"},
    {"claims": "other"},
    {"rules": [{"facts": ["a"], "role": "operator"}]},
    {"rules": [{"facts": ["a"], "role": "radiologist"}]},
    {"rules": [{"facts": [], "role": "gp"}]},
    {"rules": [{"facts": ["a"], "role": "desk", "hospital": "nowhere"}]},
)


def test_providers_that_cannot_be_are_refused(http: HttpClient, bearer: Issue) -> None:
    operator = bearer(Role.OPERATOR)
    for changed in IMPOSSIBLE:
        assert put(http, operator, **changed).status_code == 400, changed
