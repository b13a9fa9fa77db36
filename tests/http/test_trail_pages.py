"""What the pages of the audit trail ask for: why somebody could look, searches by patient, exports, the state."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access.audit_blocks import anchor_of, seal
from chalicelib.access.audit_verification import verify
from chalicelib.access.model import Role
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.web import auditing
from tests.http.conftest import HttpClient, Issue
from tests.http.sharing import STUDY as SHARED
from tests.http.sharing import guest, share, store_exams
from tests.http.test_patient_access import store

STUDY = "1.2.1"
P1 = Scope((), (PatientRef("nord", "P1"),))


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    auditing._recorded.clear()


def events(http: HttpClient, bearer: Issue, query: str) -> list[dict[str, Any]]:
    answer = http.get(f"/api/audit-events?hospital=nord&{query}", headers=bearer(Role.PRIVACY_OFFICER, "nord"))
    assert answer.status_code == 200, answer.body
    found: list[dict[str, Any]] = answer.json_body["events"]
    return found


def test_an_event_says_why_somebody_could_look(http: HttpClient, bearer: Issue) -> None:
    store_exams()
    path = f"/dicomweb/studies/{SHARED}/metadata"
    readers = {
        "hospital": bearer(Role.RADIOLOGIST, "nord"),
        "code": bearer(Role.GP, scope=P1),
        "own": bearer(Role.PATIENT, scope=P1),
        "share": guest(http, share(http, bearer)),
    }
    for headers in readers.values():
        assert http.get(path, headers=headers).status_code == 200
    found = [event for event in events(http, bearer, f"study={SHARED}") if event["action"] == "read-study"]
    assert {event["detail"]["basis"] for event in found} == set(readers)

    answer = http.get("/api/my/audit-events", headers=readers["own"]).json_body
    assert answer["hospitals"] == {"nord": "Hôpital nord"}
    assert [study["study_instance_uid"] for study in answer["studies"]] == [SHARED]
    assert "address" not in answer["events"][0]["who"]


def test_searches_are_found_by_the_patient_that_they_name_or_found(http: HttpClient, bearer: Issue) -> None:
    store("nord", STUDY, "P1")
    store("nord", "1.2.2", "P2")
    headers = bearer(Role.RADIOLOGIST, "nord")
    queries = ("PatientID=P1", "PatientID=P9", f"StudyInstanceUID={STUDY}", "", "PatientID=P*", "PatientID=P1,P2")
    for query in queries:
        assert http.get(f"/dicomweb/studies?{query}", headers=headers).status_code in (200, 204)
    by_patient = {
        name: {event["detail"].get("query", "") for event in events(http, bearer, f"patient_id={name}")}
        for name in ("P1", "P2", "P9")
    }
    assert by_patient == {"P1": {queries[0], queries[2]}, "P2": set(), "P9": {queries[1]}}


def test_what_leaves_the_archive_is_an_export(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.PRIVACY_OFFICER, "nord")
    for form in ("json", "csv", "fhir"):
        assert http.get(f"/api/audit-events?subject=x&format={form}", headers=headers).status_code == 200
    found = events(http, bearer, "subject=privacy-officer@nord")
    assert sorted(event["action"] for event in found) == ["export", "export", "read-audit"]


def test_pages_of_a_patients_own_trail(http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.web.audit.PAGE", 2)
    store("nord", STUDY, "P1")
    for number in range(3):
        http.get(f"/dicomweb/studies?PatientID=P1&limit={number + 1}", headers=bearer(Role.RADIOLOGIST, "nord"))
    headers = bearer(Role.PATIENT, scope=P1)
    first = http.get("/api/my/audit-events", headers=headers).json_body
    second = http.get(f"/api/my/audit-events?before={first['before'].replace('#', '%23')}", headers=headers).json_body
    keys = [event["key"] for event in first["events"] + second["events"]]
    assert (len(first["events"]), len(second["events"]), second["before"]) == (2, 1, None)
    assert keys == sorted(set(keys), reverse=True)
    assert http.get("/api/my/audit-events?before=x", headers=headers).status_code == 400


def test_the_state_of_a_trail_and_its_anchors(http: HttpClient, bearer: Issue) -> None:
    officer = bearer(Role.PRIVACY_OFFICER, "nord")
    state = http.get("/api/audit-state", headers=officer).json_body
    assert state == {"chain": "nord", "blocks": 0, "sealed_at": None, "anchored_day": None, "verified": None}
    store, now_ms = wiring.audit_blocks(), int(time.time() * 1000)
    http.get("/dicomweb/studies", headers=bearer(Role.RADIOLOGIST, "nord"))
    assert seal(store, "nord", now_ms)
    day = time.strftime("%Y-%m-%d", time.gmtime(now_ms / 1000))
    content = anchor_of(store, ["nord"], day, now_ms)
    store.put_anchor(day, content)
    verify(store, wiring.audit_verifications(), "nord", now_ms, 0, is_full=False)
    state = http.get("/api/audit-state", headers=officer).json_body
    assert (state["blocks"], state["anchored_day"]) == (1, day)
    assert (state["verified"]["from_block"], state["verified"]["problems"]) == (1, [])
    anchor = http.get(f"/api/audit-anchors/{day}", headers=bearer(Role.PATIENT, scope=P1))
    assert anchor.body == content
    assert http.get("/api/audit-anchors/2001-01-01", headers=officer).status_code == 404
    assert http.get("/api/audit-anchors/..%2Fx", headers=officer).status_code == 400
    assert http.get("/api/audit-state?hospital=sud", headers=officer).status_code == 403


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in (Role.OPERATOR, Role.PRIVACY_OFFICER, Role.GUEST)]
)
def test_only_those_who_may_read_the_trail_see_its_state(http: HttpClient, bearer: Issue, role: Role) -> None:
    headers = bearer(role, "nord", P1)
    assert http.get("/api/audit-state?hospital=nord", headers=headers).status_code == 403
    status = 404 if role in (Role.PATIENT, Role.PROXY) else 403
    assert http.get("/api/audit-anchors/2001-01-01", headers=headers).status_code == status
