"""What is done with patients' codes, and what is read thanks to them, is in the audit trail."""

from __future__ import annotations

import json

import pytest
from boto3.dynamodb.types import TypeDeserializer

from chalicelib import wiring
from chalicelib.access.audit import Action, AuditEvent, from_json
from chalicelib.access.model import Role
from chalicelib.access.patient_codes import generate_code
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import Unavailable
from chalicelib.web import auditing
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.http.patients import Patients
from tests.http.test_patient_access import STUDY, hand_over, patients, present, store

__all__ = ["patients"]
P1 = PatientRef("nord", "P1")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    auditing._recorded.clear()


def events(cloud: Cloud) -> list[AuditEvent]:
    items = cloud.client("dynamodb").scan(TableName=cloud.settings["audit_table"])["Items"]
    bodies = [TypeDeserializer().deserialize(item["event"]) for item in items if "event" in item]
    return sorted((from_json(json.loads(body)) for body in bodies), key=lambda event: event.when_ms)


def test_the_life_of_a_code_is_recorded(patients: Patients, bearer: Issue, cloud: Cloud) -> None:
    desk, gp = bearer(Role.DESK, "nord"), bearer(Role.GP)
    _, _, number = patients.make("sud", "elsewhere")
    store("nord", STUDY, "P1")
    first = hand_over(patients.http, desk).json_body["code"]
    code = hand_over(patients.http, desk).json_body["code"]
    present(patients.http, gp, generate_code())
    assert present(patients.http, gp, code).status_code == 201
    assert patients.http.get(f"/dicomweb/studies/{STUDY}/metadata", headers=gp).status_code == 200
    patients.http.request("PUT", "/api/hospitals/nord/contacts/P1", {**desk, "Content-Type": "application/json"},
                          json.dumps({"phone_number": number, "consent": False}).encode())  # fmt: skip
    patients.finish(patients.begin(code).json_body["challenge"], "x" * 6)
    own = patients.enter(code, number)
    listed = patients.http.get("/api/access-grants", headers=own).json_body["access_grants"]
    patients.http.delete(f"/api/access-grants/{listed[0]['id']}", headers=own)
    patients.http.delete("/api/patient-codes/P1", headers=desk)
    seen = [(event.action, event.who.role, event.patient) for event in events(cloud)]
    assert seen == [
        (Action.CODE_ISSUED, "desk", P1),
        (Action.CODE_ROTATED, "desk", P1),
        (Action.CODE_REFUSED, "gp", None),
        (Action.GRANT_CREATED, "gp", P1),
        (Action.READ_STUDY, "gp", P1),
        (Action.CONTACT_CHANGED, "desk", P1),
        (Action.SIGN_IN, "patient", P1),
        (Action.GRANT_REVOKED, "patient", P1),
        (Action.CODE_REVOKED, "desk", P1),
    ]
    assert {event.chain for event in events(cloud) if event.patient} == {"nord"}
    for secret in (first, code, code.replace("-", ""), number, "1976-02-01"):
        assert secret not in repr(events(cloud))


def test_a_wrong_one_time_password_is_recorded(patients: Patients, cloud: Cloud) -> None:
    challenge = patients.begin(generate_code()).json_body["challenge"]
    assert patients.finish(challenge, "000000").status_code == 401
    (event,) = events(cloud)
    assert (event.action, event.who.address, event.patient) == (Action.CODE_REFUSED, "192.0.2.1", None)


def test_nothing_is_given_while_it_cannot_be_recorded(
    patients: Patients, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, code, _ = patients.make()

    class Broken:
        def record(self, event: AuditEvent) -> bool:
            raise Unavailable("The database does not answer.")

    monkeypatch.setattr(wiring, "audit_trail", Broken)
    assert present(patients.http, bearer(Role.GP), code).status_code == 503
    assert wiring.access_grants().of_patient(P1) == []
    assert hand_over(patients.http, bearer(Role.DESK, "nord")).status_code == 503
    monkeypatch.undo()
