"""Machines of hospitals: OAuth2 client credentials (RFC 6749 4.4)."""

from __future__ import annotations

import base64
import json
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access import machines
from chalicelib.access.audit_search import AuditQuery
from chalicelib.access.model import Permission, Role
from chalicelib.access.sessions import verify_session
from chalicelib.aws.clients import client
from chalicelib.web.oauth2 import FORM
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.http.test_patient_access import store

MACHINES = "/api/hospitals/nord/machines"


def create(http: HttpClient, headers: dict[str, str], services: list[str], path: str = MACHINES) -> Any:
    body = json.dumps({"name": "PACS", "services": services}).encode()
    return http.post(path, headers={**headers, "Content-Type": "application/json"}, body=body)


@pytest.fixture
def machine(http: HttpClient, bearer: Issue) -> dict[str, Any]:
    """A machine of nord that may query and retrieve, with its secret."""
    answer = create(http, bearer(Role.PACS_MANAGER, "nord"), ["query", "retrieve"])
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    made: dict[str, Any] = answer.json_body
    return made


def ask(http: HttpClient, client_id: str, secret: str, **form: str) -> Any:
    """A token by client_secret_post."""
    values = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, **form}
    return http.post("/api/oauth2/token", headers={"Content-Type": FORM}, body=urlencode(values).encode())


def basic(http: HttpClient, client_id: str, secret: str, body: bytes = b"grant_type=client_credentials") -> Any:
    pair = base64.b64encode(f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()).decode()
    headers = {"Content-Type": FORM, "Authorization": f"Basic {pair}"}
    return http.post("/api/oauth2/token", headers=headers, body=body)


def bearer_of(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.body
    return {"Authorization": f"Bearer {answer.json_body['access_token']}"}


def test_both_ways_of_naming_the_client(http: HttpClient, machine: dict[str, Any]) -> None:
    for answer in (
        basic(http, machine["client_id"], machine["client_secret"]),
        ask(http, machine["client_id"], machine["client_secret"]),
    ):
        assert answer.status_code == 200
        assert answer.json_body.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert (answer.json_body["token_type"], answer.json_body["expires_in"]) == ("Bearer", 900)
        assert answer.json_body["scope"] == "query retrieve"
        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
        assert "Set-Cookie" not in answer.headers


def test_services_are_enforced_at_the_routes(http: HttpClient, bearer: Issue, machine: dict[str, Any]) -> None:
    store("nord", "1.2.1", "P1")
    search, retrieve = "/dicomweb/studies?limit=1", "/dicomweb/studies/1.2.1/metadata"
    for scope, expected in (("query", (200, 403)), ("retrieve", (403, 200)), ("query retrieve", (200, 200))):
        headers = bearer_of(ask(http, machine["client_id"], machine["client_secret"], scope=scope))
        assert tuple(http.get(path, headers=headers).status_code for path in (search, retrieve)) == expected, scope
        for path in ("/api/ledger", "/api/audit-events", MACHINES, "/api/shares", "/api/sessions"):
            assert http.get(path, headers=headers).status_code == 403, path
    refused = ask(http, machine["client_id"], machine["client_secret"], scope="query store")
    assert (refused.status_code, refused.json_body) == (400, {"error": "invalid_scope"})
    other = create(http, bearer(Role.OPERATOR), ["store"]).json_body
    headers = bearer_of(ask(http, other["client_id"], other["client_secret"]))
    assert [http.get(path, headers=headers).status_code for path in (search, retrieve)] == [403, 403]


def test_what_the_ingest_service_is_told(http: HttpClient, bearer: Issue, machine: dict[str, Any]) -> None:
    stores = create(http, bearer(Role.OPERATOR), ["store"]).json_body
    for made, may in ((machine, False), (stores, True)):
        answer = ask(http, made["client_id"], made["client_secret"])
        session = verify_session(
            wiring.registry(),
            wiring.session_signer(),
            answer.json_body["access_token"],
            issuer=wiring.settings().public_url,
        )
        assert (session.may(Permission.STORE_INSTANCES), session.hospital) == (may, "nord")
        assert not session.may(Permission.REGISTER_CONTACTS)


def test_a_machine_sees_its_own_hospital(http: HttpClient, machine: dict[str, Any]) -> None:
    store("sud", "1.2.2", "P1")
    headers = bearer_of(ask(http, machine["client_id"], machine["client_secret"]))
    assert http.get("/dicomweb/studies", headers=headers).status_code == 204
    assert http.get("/dicomweb/studies/1.2.2/metadata", headers=headers).status_code == 404


def test_an_unknown_client_and_a_wrong_secret_read_the_same_after_the_same_calls(
    http: HttpClient, machine: dict[str, Any]
) -> None:
    calls: list[str] = []
    for service in ("dynamodb", "kms"):
        client(service).meta.events.register(
            f"before-call.{service}", lambda model, **_: calls.append(model.name), unique_id="spy"
        )
    answers = []
    for client_id, secret in (
        (machine["client_id"], "sf_wrong"),
        ("nord.000000000000", "sf_wrong"),
        ("nowhere", machine["client_secret"]),
        (machine["client_id"].replace("nord", "sud"), machine["client_secret"]),
    ):
        calls.clear()
        answer = basic(http, client_id, secret)
        answers.append((answer.status_code, answer.body, dict(answer.headers), list(calls)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 401
    assert json.loads(answers[0][1]) == {"error": "invalid_client"}
    assert answers[0][2]["WWW-Authenticate"].startswith("Basic ")
    assert "GenerateMac" in answers[0][3]


MALFORMED = (
    (b"", "invalid_request"),
    (b"grant_type=client_credentials", "invalid_request"),
    (b"grant_type=client_credentials&client_id=nord.1", "invalid_request"),
    (b"grant_type=password&client_id=a&client_secret=b", "unsupported_grant_type"),
    (b"grant_type=client_credentials&grant_type=client_credentials&client_id=a&client_secret=b", "invalid_request"),
    (b"grant_type=client_credentials&client_id=a&client_secret=b&client_secret=c", "invalid_request"),
    ("grant_type=é".encode(), "invalid_request"),
    (b"a=" + b"b" * 5000, "invalid_request"),
)


def test_malformed_requests(http: HttpClient) -> None:
    for body, error in MALFORMED:
        answer = http.post("/api/oauth2/token", headers={"Content-Type": FORM}, body=body)
        assert (answer.status_code, answer.json_body) == (400, {"error": error}), body


def test_two_ways_at_once_and_another_scheme_are_malformed(http: HttpClient, machine: dict[str, Any]) -> None:
    twice = b"grant_type=client_credentials&client_secret=x"
    assert basic(http, machine["client_id"], machine["client_secret"], twice).json_body == {"error": "invalid_request"}
    other = b"grant_type=client_credentials&client_id=another"
    assert basic(http, machine["client_id"], machine["client_secret"], other).json_body == {"error": "invalid_request"}
    for value in ("Bearer x", "Basic", "Basic %%%", "Basic " + base64.b64encode(b"no-colon").decode()):
        headers = {"Content-Type": FORM, "Authorization": value}
        answer = http.post("/api/oauth2/token", headers=headers, body=b"grant_type=client_credentials")
        assert (answer.status_code, answer.json_body) == (400, {"error": "invalid_request"}), value


def rotate(http: HttpClient, headers: dict[str, str], client_id: str, body: bytes = b"{}") -> Any:
    sent = {**headers, "Content-Type": "application/json"}
    return http.post(f"{MACHINES}/{client_id}/secrets", headers=sent, body=body)


def test_a_rotation_leaves_no_gap(
    http: HttpClient, bearer: Issue, machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, client_id, first = bearer(Role.PACS_MANAGER, "nord"), machine["client_id"], machine["client_secret"]

    def statuses(*secrets: str) -> list[int]:
        return [ask(http, client_id, secret).status_code for secret in secrets]

    rotated = rotate(http, manager, client_id).json_body
    second = rotated["client_secret"]
    assert len(rotated["secrets"]) == 2
    assert statuses(first, second) == [200, 200]
    now = time.time()
    monkeypatch.setattr(machines, "time", SimpleNamespace(time=lambda: now + machines.OVERLAP_S + 1))
    assert statuses(first, second) == [401, 200]
    monkeypatch.setattr(machines, "time", SimpleNamespace(time=lambda: now))
    third = rotate(http, manager, client_id, b'{"previous_valid_s": 60}').json_body["client_secret"]
    assert statuses(first, second, third) == [401, 200, 200]
    fourth = rotate(http, manager, client_id, b'{"previous_valid_s": 0}').json_body["client_secret"]
    assert statuses(second, third, fourth) == [401, 401, 200]


def test_a_revoked_machine_ends_at_once(
    http: HttpClient, bearer: Issue, machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = bearer_of(ask(http, machine["client_id"], machine["client_secret"]))
    assert http.get("/dicomweb/studies", headers=headers).status_code == 204
    path = f"{MACHINES}/{machine['client_id']}"
    assert http.delete(path, headers=bearer(Role.PACS_MANAGER, "nord")).status_code == 204
    with pytest.raises(errors.NotAuthenticated):
        http.get("/dicomweb/studies", headers=headers)
    assert ask(http, machine["client_id"], machine["client_secret"]).status_code == 401
    assert http.delete(path, headers=bearer(Role.OPERATOR)).status_code == 404


def test_who_manages_machines(http: HttpClient, bearer: Issue, machine: dict[str, Any]) -> None:
    for headers, status in (
        (bearer(Role.PACS_MANAGER, "nord"), 200),
        (bearer(Role.OPERATOR), 200),
        (bearer(Role.PACS_MANAGER, "sud"), 403),
        (bearer(Role.RADIOLOGIST, "nord"), 403),
        (bearer(Role.FINANCE, "nord"), 403),
    ):
        listed = http.get(MACHINES, headers=headers)
        assert listed.status_code == status
        if status == 200:
            (shown,) = listed.json_body["machines"]
            assert shown == {name: value for name, value in machine.items() if name != "client_secret"}
        else:
            assert create(http, headers, ["query"]).status_code == 403
            assert rotate(http, headers, machine["client_id"]).status_code == 403
            assert http.delete(f"{MACHINES}/{machine['client_id']}", headers=headers).status_code == 403
    assert http.get("/api/hospitals/nowhere/machines", headers=bearer(Role.OPERATOR)).status_code == 404
    assert create(http, bearer(Role.OPERATOR), ["query"], "/api/hospitals/nowhere/machines").status_code == 404
    for services in ([], ["query", "query"], ["everything"]):
        assert create(http, bearer(Role.OPERATOR), services).status_code == 400


def test_secrets_are_nowhere(http: HttpClient, cloud: Cloud, machine: dict[str, Any], caplog: Any) -> None:
    ask(http, machine["client_id"], machine["client_secret"])
    ask(http, machine["client_secret"], "typed in the wrong field")
    secret = machine["client_secret"]
    assert len(secret) == 46
    for table in ("registry_table", "audit_table"):
        items = cloud.client("dynamodb").scan(TableName=cloud.settings[table])["Items"]
        assert secret not in json.dumps(items, default=str)
    assert secret not in caplog.text


def test_machines_are_in_the_trail(http: HttpClient, machine: dict[str, Any]) -> None:
    ask(http, machine["client_id"], machine["client_secret"])
    ask(http, machine["client_id"], "wrong")
    own = wiring.audit_reader().search(AuditQuery(0, 2**62, subject=f"client:{machine['client_id']}"), 10)
    assert [event.action.value for event in own] == ["sign-in"]
    managers = wiring.audit_reader().search(AuditQuery(0, 2**62, subject="pacs-manager@nord"), 10)
    assert [event.action.value for event in managers] == ["registry-changed"]


def test_guessing_is_slowed_down(http: HttpClient, machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "FAILURES_PER_CLIENT_AND_ADDRESS", 3)
    statuses = [ask(http, machine["client_id"], "wrong").status_code for _ in range(5)]
    assert statuses == [401] * 3 + [429] * 2
    elsewhere = {"Content-Type": FORM, "X-Viewer-Address": "192.0.2.99"}
    body = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": machine["client_id"],
            "client_secret": machine["client_secret"],
        }
    ).encode()
    assert http.post("/api/oauth2/token", headers=elsewhere, body=body).status_code == 200


def test_two_rotations_at_once_do_not_lose_a_secret(http: HttpClient, machine: dict[str, Any]) -> None:
    port, key = wiring_accounts.machines(), wiring.code_key()
    before = port.machine("nord", machine["client_id"])
    assert before is not None
    machines.rotate_secret(port, key, "nord", machine["client_id"])
    with pytest.raises(errors.Conflict):
        port.put(before, before)
