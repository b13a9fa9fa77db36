"""What is read, changed or refused over HTTP is in the audit trail, once in a quarter of an hour."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from app import app
from chalicelib import wiring
from chalicelib.access.audit import Action, AuditEvent, from_json
from chalicelib.access.model import Role
from chalicelib.archive.scope import PatientRef, Scope, StudyRef
from chalicelib.errors import Unavailable
from chalicelib.web import auditing
from chalicelib.web.audit_rules import RULES
from tests.emulator import Cloud
from tests.http.conftest import EDGE_SECRET, HttpClient, Issue
from tests.http.sharing import STUDY as SHARED
from tests.http.sharing import guest, post, share, store_exams, token_of
from tests.http.test_patient_access import store

STUDY = "1.2.1"
SERIES_URL = f"/dicomweb/studies/{STUDY}/series"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    auditing._recorded.clear()


@pytest.fixture
def events(cloud: Cloud) -> Any:
    def read() -> list[AuditEvent]:
        items = cloud.client("dynamodb").scan(TableName=cloud.settings["audit_table"])["Items"]
        bodies = [TypeDeserializer().deserialize(item["event"]) for item in items if "event" in item]
        return sorted((from_json(json.loads(body)) for body in bodies), key=lambda event: event.when_ms)

    return read


def test_every_route_that_reads_images_has_a_rule() -> None:
    reading = {
        ("GET", path)
        for path, methods in app.routes.items()
        if path.startswith("/dicomweb/") and "GET" in methods and methods["GET"].authorizer and not path.endswith("+}")
    }
    assert reading <= RULES.keys()


def test_opening_a_study_is_one_event_a_kind(http: HttpClient, bearer: Issue, events: Any) -> None:
    store("nord", STUDY, "P1")
    headers = bearer(Role.RADIOLOGIST, "nord") | {"X-Viewer-Address": "192.0.2.7"}
    metadata = f"{SERIES_URL}/1.2.3.4/metadata"
    for _ in range(2):
        for path in (SERIES_URL, metadata):
            assert http.get(path, headers=headers).status_code == 200
        auditing._recorded.clear()  # as another process would ask
    (event,) = events()
    assert (event.action, event.study_instance_uid, event.patient) == (
        Action.READ_STUDY,
        STUDY,
        PatientRef("nord", "P1", ""),
    )
    assert (event.who.subject, event.who.role, event.who.address) == ("radiologist@nord", "radiologist", "192.0.2.7")


def test_an_address_is_what_the_edge_says_and_nobody_else(http: HttpClient, bearer: Issue, events: Any) -> None:
    for proof in ("", "guessed", EDGE_SECRET):
        claimed = {"X-Viewer-Address": "192.0.2.7", "X-Sansfilm-Edge": proof}
        http.get("/dicomweb/studies", headers=bearer(Role.RADIOLOGIST, "nord") | claimed)
    assert [event.who.address == "192.0.2.7" for event in events()] == [False, False, True]


def test_a_warm_process_asks_nobody(http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    store("nord", STUDY, "P1")
    headers = bearer(Role.RADIOLOGIST, "nord")
    http.get(SERIES_URL, headers=headers)
    monkeypatch.setattr(wiring, "audit_trail", lambda: pytest.fail("asked"))
    assert http.get(SERIES_URL, headers=headers).status_code == 200


def test_searches_are_recorded_with_their_query(http: HttpClient, bearer: Issue, events: Any) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for query in ("PatientID=P1", "PatientID=P2", "PatientID=P1"):
        http.get(f"/dicomweb/studies?{query}", headers=headers)
    assert [event.detail["query"] for event in events()] == ["PatientID=P1", "PatientID=P2"]
    assert {event.chain for event in events()} == {"nord"}


def test_what_is_refused_is_recorded(http: HttpClient, bearer: Issue, events: Any) -> None:
    store("nord", STUDY, "P1")
    assert http.get(SERIES_URL, headers=bearer(Role.RADIOLOGIST, "sud")).status_code in (204, 404)
    metadata = f"/dicomweb/studies/{STUDY}/metadata"
    assert http.get(metadata, headers=bearer(Role.RADIOLOGIST, "sud")).status_code == 404
    assert http.get(metadata, headers=bearer(Role.FINANCE, "nord")).status_code == 403
    refused = [event for event in events() if event.action is Action.ACCESS_REFUSED]
    assert [(event.who.subject, event.chain, event.detail["status"]) for event in refused] == [
        ("radiologist@sud", "sud", 404),
        ("finance@nord", "nord", 403),
    ]
    assert all(event.patient is None for event in refused)


def test_a_guest_of_one_study_is_recorded_at_the_hospital_of_the_study(
    http: HttpClient, bearer: Issue, events: Any
) -> None:
    store("nord", STUDY, "P1")
    guest = bearer(Role.GP, scope=Scope(studies=(StudyRef("nord", STUDY),)))
    assert http.get(SERIES_URL, headers=guest).status_code == 200
    assert [event.chain for event in events()] == ["nord"]


def test_nothing_is_read_while_it_cannot_be_recorded(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    store("nord", STUDY, "P1")

    class Broken:
        def record(self, event: AuditEvent) -> bool:
            raise Unavailable("The database does not answer.")

    monkeypatch.setattr(wiring, "audit_trail", Broken)
    answer = http.get(SERIES_URL, headers=bearer(Role.RADIOLOGIST, "nord"))
    assert answer.status_code == 503
    assert b"1.2.1" not in answer.body
    assert "audit trail" in answer.json_body["detail"]


def test_signing_in_and_out_is_recorded(http: HttpClient, bearer: Issue, events: Any) -> None:
    body = json.dumps({"username": "Hunter2", "password": "wrong"}).encode()
    assert http.post("/api/session", headers={"Content-Type": "application/json"}, body=body).status_code == 401
    assert http.delete("/api/session", headers=bearer(Role.GP, "nord")).status_code == 204
    refused, out = events()
    assert (refused.action, refused.who.subject, refused.chain) == (Action.SIGN_IN_REFUSED, "", "_region")
    assert "hunter2" not in str(refused).lower()
    assert (out.action, out.who.subject) == (Action.SIGN_OUT, "gp@nord")


def test_shares_are_in_the_trail_of_the_exam(http: HttpClient, bearer: Issue, events: Any) -> None:
    store_exams()
    made = share(http, bearer, passcode="secret-1")
    assert post(http, "/api/share-session", {"token": token_of(made), "passcode": "wrong"}).status_code == 401
    visitor = guest(http, made, "secret-1")
    assert http.get(f"/dicomweb/studies/{SHARED}/metadata", headers=visitor).status_code == 200
    assert http.delete(f"/api/shares/{made['id']}", headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 204
    seen = [(event.action, event.who.role, event.study_instance_uid) for event in events()]
    assert seen == [
        (Action.SHARE_CREATED, "radiologist", SHARED),
        (Action.SHARE_REFUSED, "", ""),
        (Action.SHARE_OPENED, "guest", SHARED),
        (Action.READ_STUDY, "guest", SHARED),
        (Action.SHARE_REVOKED, "radiologist", SHARED),
    ]
    assert len({event.patient for event in events() if event.study_instance_uid}) == 1
    assert token_of(made) not in str(events())


def test_a_share_that_cannot_be_recorded_is_none(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_exams()
    headers = bearer(Role.RADIOLOGIST, "nord")

    class Broken:
        def record(self, event: AuditEvent) -> bool:
            raise Unavailable("The database does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(wiring, "audit_trail", Broken)
        body = {"kind": "link", "studies": [{"study_instance_uid": SHARED}]}
        assert post(http, "/api/shares", body, headers).status_code == 503
    (left,) = http.get("/api/shares", headers=headers).json_body["shares"]
    assert left["state"] == "revoked"


def test_changes_of_the_registry_are_recorded_each(http: HttpClient, bearer: Issue, events: Any) -> None:
    headers = bearer(Role.OPERATOR) | {"Content-Type": "application/json", "If-Match": "*"}
    for _ in range(2):
        answer = http.put("/api/hospitals/nord", headers=headers, body=json.dumps({"name": "Nord"}).encode())
        assert answer.status_code == 200, answer.body
    assert [(event.action, event.chain) for event in events()] == [(Action.REGISTRY_CHANGED, "nord")] * 2
