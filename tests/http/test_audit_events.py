"""Searching the audit trail over HTTP: who may, what is found, in which form; receipts."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access import audit_blocks
from chalicelib.access.audit import Action, AuditEvent, Outcome, Who
from chalicelib.access.audit_receipt import problems_of_receipt
from chalicelib.access.audit_search import key_of
from chalicelib.access.model import Role
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.web import audit
from chalicelib.web.schemas import SCHEMAS
from tests.http.conftest import HttpClient, Issue

NOW_MS = int(time.time() * 1000) - 3_600_000
MARTIN = Who("dr.martin", "radiologist", "=Dr Martin", "nord", "s1", "192.0.2.7")
DURAND = Who("dr.durand", "gp", "Dr Durand", "", "s2", "192.0.2.8")


def event(number: int, who: Who = MARTIN, patient_id: str = "P1", study: str = "1.2.3") -> AuditEvent:
    detail = {"query": "PatientID=P1"} if number == 1 else {}
    patient = PatientRef("nord", patient_id)
    return AuditEvent(NOW_MS + number, Action.RETRIEVE, who, patient=patient, study_instance_uid=study, detail=detail)


@pytest.fixture
def recorded(http: HttpClient) -> list[AuditEvent]:
    refused = AuditEvent(NOW_MS + 9, Action.SIGN_IN_REFUSED, Who(""), Outcome.REFUSED)
    made = [event(1), event(2, DURAND), event(3, MARTIN, "P2", "1.2.4"), refused]
    for each in made:
        wiring.audit_trail().record(each)
    return made


def keys(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.body
    return [each["key"] for each in answer.json_body["events"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("patient_id=P1", [1, 0]),
        ("study=1.2.4", [2]),
        ("subject=dr.martin", [2, 0]),
        ("subject=dr.martin&patient_id=P1", [0]),
        ("", [2, 1, 0]),
        ("to=2020-01-01", []),
    ],
)
def test_by_patient_study_user_and_period(
    http: HttpClient, bearer: Issue, recorded: list[AuditEvent], query: str, expected: list[int]
) -> None:
    headers = bearer(Role.OPERATOR)
    answer = http.get(f"/api/audit-events?hospital=nord&{query}", headers=headers)
    assert keys(answer) == [key_of(recorded[number]) for number in expected]


def test_pages_follow_one_another(
    http: HttpClient, bearer: Issue, recorded: list[AuditEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", 2)
    headers = bearer(Role.OPERATOR)
    first = http.get("/api/audit-events?hospital=nord&patient_id=P1", headers=headers)
    before = first.json_body["before"].replace("#", "%23")
    second = http.get(f"/api/audit-events?hospital=nord&patient_id=P1&before={before}", headers=headers)
    assert (len(keys(first)), keys(second)) == (2, [])


def test_who_may_search(http: HttpClient, bearer: Issue, recorded: list[AuditEvent]) -> None:
    path = "/api/audit-events?patient_id=P1"
    assert len(keys(http.get(path, headers=bearer(Role.PRIVACY_OFFICER, "nord")))) == 2
    assert keys(http.get(path, headers=bearer(Role.PRIVACY_OFFICER, "sud"))) == []
    other = http.get(f"{path}&hospital=nord", headers=bearer(Role.PRIVACY_OFFICER, "sud"))
    assert other.status_code == 403
    for role in (Role.RADIOLOGIST, Role.FINANCE, Role.DESK, Role.GATEWAY):
        assert http.get(path, headers=bearer(role, "nord")).status_code == 403
    region = http.get("/api/audit-events?hospital=_region", headers=bearer(Role.OPERATOR))
    assert key_of(recorded[3]) in keys(region)


def test_what_cannot_be_searched_is_said(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.OPERATOR)
    for query, status in (
        ("", 400),
        ("hospital=nord&from=yesterday", 400),
        ("hospital=nord&before=1", 400),
        ("hospital=nord&format=pdf", 400),
        ("hospital=nord&unknown=1", 400),
        ("hospital=nord&from=2020-01-01", 413),
    ):
        assert http.get(f"/api/audit-events?{query}", headers=headers).status_code == status, query


def test_a_patient_sees_who_looked_and_not_from_where(
    http: HttpClient, bearer: Issue, recorded: list[AuditEvent]
) -> None:
    patient = bearer(Role.PATIENT, "nord", scope=Scope(patients=(PatientRef("nord", "P1"),)))
    answer = http.get("/api/my/audit-events", headers=patient)
    assert keys(answer) == [key_of(recorded[1]), key_of(recorded[0])]
    assert b"192.0.2" not in answer.body
    assert {each["who"]["name"] for each in answer.json_body["events"]} == {"=Dr Martin", "Dr Durand"}
    for role in (Role.RADIOLOGIST, Role.GP, Role.PRIVACY_OFFICER):
        assert http.get("/api/my/audit-events", headers=bearer(role, "nord")).status_code == 403


def test_a_receipt_is_for_those_who_may_see_the_event(
    http: HttpClient, bearer: Issue, recorded: list[AuditEvent]
) -> None:
    path = f"/api/audit-events/{key_of(recorded[0]).replace('#', '%23')}/receipt?hospital=nord"
    patient = bearer(Role.PATIENT, "nord", scope=Scope(patients=(PatientRef("nord", "P1"),)))
    assert http.get(path, headers=patient).status_code == 503  # not sealed yet
    assert audit_blocks.seal(wiring.audit_blocks(), "nord", NOW_MS) is not None
    answer = http.get(path, headers=patient)
    assert answer.status_code == 200, answer.body
    assert list(problems_of_receipt(answer.json_body)) == []
    for stranger in (
        bearer(Role.PATIENT, "nord", scope=Scope(patients=(PatientRef("nord", "P2"),))),
        bearer(Role.PRIVACY_OFFICER, "sud"),
    ):
        assert http.get(path, headers=stranger).status_code == 404
    for other in (
        bearer(Role.GP, scope=Scope(patients=(PatientRef("nord", "P1"),))),
        bearer(Role.RADIOLOGIST, "nord"),
    ):
        assert http.get(path, headers=other).status_code == 403


def test_csv_for_authorities(http: HttpClient, bearer: Issue, recorded: list[AuditEvent]) -> None:
    answer = http.get("/api/audit-events?hospital=nord&format=csv", headers=bearer(Role.OPERATOR))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig")), delimiter=";"))
    assert [row["user"] for row in rows] == ["dr.martin", "dr.durand", "dr.martin"]
    assert rows[0]["name"] == "'=Dr Martin"


def test_fhir_audit_events(http: HttpClient, bearer: Issue, recorded: list[AuditEvent]) -> None:
    headers = bearer(Role.OPERATOR, Accept="application/fhir+json")
    answer = http.get("/api/audit-events?hospital=nord&patient_id=P1", headers=headers)
    bundle = json.loads(answer.body)
    assert (bundle["resourceType"], len(bundle["entry"])) == ("Bundle", 2)
    resource = bundle["entry"][1]["resource"]
    assert (resource["type"]["code"], resource["action"], resource["outcome"]) == ("110104", "R", "0")
    assert resource["agent"][0]["network"] == {"address": "192.0.2.7", "type": "2"}
    assert resource["entity"][1]["what"]["identifier"]["value"] == "urn:oid:1.2.3"


def test_reading_the_trail_is_in_the_trail(http: HttpClient, bearer: Issue, recorded: list[AuditEvent]) -> None:
    headers = bearer(Role.PRIVACY_OFFICER, "nord")
    http.get("/api/audit-events?patient_id=P1", headers=headers)
    found = http.get("/api/audit-events?subject=privacy-officer@nord", headers=headers).json_body["events"]
    assert [each["action"] for each in found] == ["read-audit"]
    assert SCHEMAS["AuditEvents"]
