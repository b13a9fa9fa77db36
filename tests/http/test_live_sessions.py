"""Sessions while they live: prolonged by use, and over at once when they are ended."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access import accounts, sessions
from chalicelib.access.model import Role, User
from chalicelib.access.passwords import hash_password
from chalicelib.archive.scope import Scope
from chalicelib.aws import dynamodb_registry
from chalicelib.aws.dynamodb_registry import DynamoDBRegistry
from chalicelib.web import live_sessions
from chalicelib.web import sessions as routes
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.http.sharing import guest, share, store_exams

PASSWORD_HASH = hash_password("bon mot de passe")
MINUTE_S = 60


class Clock:
    """The time of everything that asks it about sessions."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (accounts, sessions, live_sessions, routes, dynamodb_registry):
        monkeypatch.setattr(module, "time", made)
    at = SimpleNamespace(now=lambda tz=None: datetime.fromtimestamp(made.now, tz or UTC))
    monkeypatch.setattr(jwt.api_jwt, "datetime", at)
    return made


@pytest.fixture
def gateway_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The authorizer's answer of before holds, as it does for half a minute."""
    monkeypatch.setattr(DynamoDBRegistry, "session_is_active", lambda *_: True)


def sign_in(http: HttpClient, agent: str = "Firefox") -> dict[str, str]:
    user = User("radiologue", "Dr Nord", Role.RADIOLOGIST, "nord", Scope(hospitals=("nord",)), PASSWORD_HASH)
    wiring.registry().put_user(user)
    body = json.dumps({"username": "radiologue", "password": "bon mot de passe"}).encode()
    headers = {"Content-Type": "application/json", "User-Agent": agent, "X-Viewer-Address": "192.0.2.1"}
    return bearer_of(http.post("/api/session", headers=headers, body=body))


def bearer_of(answer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.headers['Set-Cookie'].partition('=')[2].partition(';')[0]}"}


def refused(http: HttpClient, headers: dict[str, str]) -> None:
    with pytest.raises(errors.NotAuthenticated):
        http.get("/api/session", headers=headers)


def use(
    http: HttpClient, clock: Clock, headers: dict[str, str], minutes: int, every: int
) -> tuple[dict[str, str], int]:
    """Headers after some time of use, and how many tokens were signed."""
    signed = 0
    for _ in range(minutes // every):
        clock.now += every * MINUTE_S
        answer = http.get("/dicomweb/studies?limit=1", headers=headers)
        assert answer.status_code in (200, 204)
        if "Set-Cookie" in answer.headers:
            assert "SameSite=Strict" in answer.headers["Set-Cookie"]
            headers, signed = bearer_of(answer), signed + 1
    return headers, signed


def test_a_viewer_that_is_open_for_two_hours_stays_signed_in(http: HttpClient, clock: Clock) -> None:
    first = sign_in(http)
    last, signed = use(http, clock, first, minutes=125, every=5)
    assert http.get("/api/session", headers=last).status_code == 200
    assert signed <= 7
    refused(http, first)
    clock.now += 31 * MINUTE_S
    refused(http, last)


def test_nobody_stays_signed_in_for_good(http: HttpClient, clock: Clock) -> None:
    started = clock.now
    headers, _ = use(http, clock, sign_in(http), minutes=11 * 60 + 50, every=25)
    clock.now = started + 12 * 3600 - 30
    assert http.get("/api/session", headers=headers).status_code == 200
    clock.now = started + 12 * 3600 + 1
    refused(http, headers)


def test_many_requests_at_once_sign_one_token(http: HttpClient, clock: Clock) -> None:
    headers = sign_in(http)
    clock.now += 20 * MINUTE_S
    answers = [http.get("/api/session", headers=headers) for _ in range(5)]
    assert ["Set-Cookie" in answer.headers for answer in answers] == [True, False, False, False, False]


def test_a_token_that_is_not_a_browsers_is_never_prolonged(http: HttpClient, clock: Clock, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    clock.now += 25 * MINUTE_S
    answer = http.get("/api/session", headers=headers)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


@pytest.mark.usefixtures("gateway_remembers")
def test_an_ended_session_is_refused_at_the_next_request(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    assert http.get("/dicomweb/studies", headers=headers).status_code == 204
    assert http.delete("/api/session", headers=headers).status_code == 204
    for path in ("/dicomweb/studies", "/api/session", "/dicomweb/studies/1.2/series/1.3/metadata"):
        answer = http.get(path, headers=headers)
        assert (answer.status_code, answer.json_body["detail"]) == (401, "The session has ended.")


@pytest.mark.usefixtures("gateway_remembers")
def test_sessions_of_a_disabled_or_removed_user_end_at_the_next_request(http: HttpClient, cloud: Cloud) -> None:
    headers = sign_in(http)
    assert http.get("/dicomweb/studies", headers=headers).status_code == 204
    wiring_accounts.accounts().set_disabled("Radiologue", True)
    assert http.get("/dicomweb/studies", headers=headers).status_code == 401
    wiring_accounts.accounts().set_disabled("radiologue", False)
    assert http.get("/dicomweb/studies", headers=headers).status_code == 204
    key = {"pk": {"S": "U#radiologue"}, "sk": {"S": "USER"}}
    cloud.client("dynamodb").delete_item(TableName=cloud.settings["registry_table"], Key=key)
    assert http.get("/dicomweb/studies", headers=headers).status_code == 401
    with pytest.raises(errors.NotFound):
        wiring_accounts.accounts().set_disabled("radiologue", True)


def test_own_sessions_are_listed_and_ended(http: HttpClient, bearer: Issue) -> None:
    first, second, third = sign_in(http, "Firefox"), sign_in(http, "Safari"), sign_in(http, "é\x01" * 300)
    other = bearer(Role.RADIOLOGIST, "nord")
    listed = http.get("/api/sessions", headers=second).json_body["sessions"]
    assert {one["agent"] for one in listed} == {"Firefox", "Safari", "é" * 200}
    assert {(one["way"], one["address"]) for one in listed} == {("password", "192.0.2.1")}
    assert [one["agent"] for one in listed if one["is_current"]] == ["Safari"]
    (of_first,) = [one["id"] for one in listed if one["agent"] == "Firefox"]
    assert http.delete(f"/api/sessions/{of_first}", headers=other).status_code == 404
    answer = http.delete(f"/api/sessions/{of_first}", headers=second)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (204, False)
    refused(http, first)
    assert http.delete(f"/api/sessions/{of_first}", headers=second).status_code == 404
    fourth = sign_in(http)
    assert http.delete("/api/sessions", headers=second).status_code == 204
    for headers in (third, fourth):
        refused(http, headers)
    (left,) = http.get("/api/sessions", headers=second).json_body["sessions"]
    assert left["is_current"]
    own = http.delete(f"/api/sessions/{left['id']}", headers=second)
    assert "Max-Age=0" in own.headers["Set-Cookie"]
    refused(http, second)
    assert http.get("/api/session", headers=other).status_code == 200


def test_guests_of_a_link_do_not_see_each_other(http: HttpClient, bearer: Issue) -> None:
    store_exams()
    headers = guest(http, share(http, bearer))
    assert http.get("/api/sessions", headers=headers).status_code == 403
    assert http.delete("/api/sessions", headers=headers).status_code == 403


def put_account(http: HttpClient, headers: dict[str, str], disabled: bool, name: str = "radiologue") -> Any:
    body = json.dumps({"disabled": disabled}).encode()
    return http.put(f"/api/accounts/{name}", headers={**headers, "Content-Type": "application/json"}, body=body)


def test_disabling_an_account_ends_its_sessions(http: HttpClient, bearer: Issue) -> None:
    headers, manager = sign_in(http), bearer(Role.PACS_MANAGER, "nord")
    assert put_account(http, bearer(Role.PACS_MANAGER, "sud"), True).status_code == 404
    assert put_account(http, headers, True).status_code == 403
    assert put_account(http, manager, True, "nobody").status_code == 404
    assert http.get("/api/session", headers=headers).status_code == 200
    assert put_account(http, manager, True).json_body["disabled"] is True
    refused(http, headers)
    body = json.dumps({"username": "radiologue", "password": "bon mot de passe"}).encode()
    assert http.post("/api/session", headers={"Content-Type": "application/json"}, body=body).status_code == 401
    assert put_account(http, bearer(Role.OPERATOR), False).json_body["disabled"] is False
    assert http.get("/api/accounts/radiologue", headers=manager).json_body["disabled"] is False
    refused(http, headers)
    assert http.get("/api/session", headers=sign_in(http)).status_code == 200


OTHER_SITES = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://attacker.example"},
    {"Origin": "null"},
)


def test_a_form_of_another_site_is_refused(http: HttpClient, bearer: Issue) -> None:
    """Also one that would sign the visitor in as somebody else, which needs no cookie."""
    body = json.dumps({"username": "radiologue", "password": "bon mot de passe"}).encode()
    owner = bearer(Role.RADIOLOGIST, "nord")
    for where in OTHER_SITES:
        assert http.post("/api/session", headers={"Content-Type": "text/plain", **where}, body=body).status_code == 403
        headers = {**owner, **where}
        assert http.delete("/api/sessions", headers=headers).status_code == 403
        assert http.get("/api/session", headers=headers).status_code == 200
    own = {**owner, "Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"}
    assert http.delete("/api/sessions", headers=own).status_code == 204


def test_where_the_registry_does_not_answer_nobody_is_let_in(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")

    def unavailable(*_: Any) -> Any:
        raise errors.Unavailable("The database does not answer.")

    monkeypatch.setattr(wiring_accounts.accounts(), "state", unavailable)
    assert http.get("/dicomweb/studies", headers=headers).status_code == 503
