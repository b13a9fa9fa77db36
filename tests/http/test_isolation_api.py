"""Whose: the portal's API asked for what is another hospital's, a row for every route that names something.

Who may ask at all is in test_isolation, and so is what is about money.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access.access_grants import AccessGrant
from chalicelib.access.audit import Action, Who, event_now
from chalicelib.access.audit_search import AuditQuery, key_of
from chalicelib.access.model import Role, User
from chalicelib.access.patient_codes import hand_over, prepare_code
from chalicelib.archive.scope import PatientRef, Scope
from tests.http.conftest import HttpClient, Issue
from tests.http.sharing import JSON, STUDY_OF_SUD, post, store_exams
from tests.http.test_isolation import API_ROWS, LEDGER, OPERATOR

PATIENT, OTHER_PATIENT = PatientRef("nord", "P1"), PatientRef("sud", "P1")
_HOSPITAL = "/api/hospitals/{hospital}"
_MACHINE = f"{_HOSPITAL}/machines/{{machine}}"
VALUES = {"hospital": "nord", "patient": "P1", "event": f"{0:013d}%23{'0' * 32}"}


def filled(path: str, **values: str) -> str:
    """A path of which nothing that it names is there, but what is given."""
    return re.sub(r"{(\w+)}", lambda found: {**VALUES, **values}.get(found[1], "none"), path)


class Sud:
    """What there is of another hospital, by the names of parameters."""

    def __init__(self, http: HttpClient, bearer: Issue) -> None:
        store_exams()
        registry = wiring.registry()
        registry.put_user(User("dr.sud", "Dr Sud", Role.RADIOLOGIST, "sud", Scope(hospitals=("sud",)), ""))
        machine = post(http, filled(f"{_HOSPITAL}/machines", hospital="sud"), MACHINE, bearer(Role.OPERATOR))
        _, kept = prepare_code(wiring.code_key(), OTHER_PATIENT, "1976-02-01", 365)
        hand_over(registry, wiring.patient_codes(), kept)
        now = int(time.time())
        grant = AccessGrant(OTHER_PATIENT, "gp@", "Dr Martin", now, now + 3600)
        wiring.access_grants().put(grant)
        body = {"studies": [{"study_instance_uid": STUDY_OF_SUD}], "kind": "link"}
        share = post(http, "/api/shares", body, bearer(Role.RADIOLOGIST, "sud"))
        assert (machine.status_code, share.status_code) == (201, 201)
        wiring.audit_trail().record(
            event_now(Action.CODE_ISSUED, Who("desk@sud"), hospital="sud", patient=OTHER_PATIENT)
        )
        (event, *_) = wiring.audit_reader().search(AuditQuery(0, (now + 60) * 1000, "sud", OTHER_PATIENT), 1)
        self.values = {
            "hospital": "sud",
            "account": "dr.sud",
            "machine": machine.json_body["client_id"],
            "session": next(iter(registry.sessions_of("radiologist@sud"))),
            "grant": grant.grant_id,
            "share": share.json_body["id"],
            "event": key_of(event).replace("#", "%23"),
        }


MACHINE = {"name": "PACS", "services": ["query"]}
NEW_CONTACT = {"phone_number": "+33639980001", "consent": True}
Case = tuple[str, str, str, dict[str, Any], int]
"""Role at nord, method, path, body, status."""
OF_SUD: list[Case] = [
    ("pacs-manager", "GET", f"{_HOSPITAL}/machines", {}, 403),
    ("pacs-manager", "POST", f"{_HOSPITAL}/machines", MACHINE, 403),
    ("pacs-manager", "DELETE", _MACHINE, {}, 403),
    ("pacs-manager", "POST", f"{_MACHINE}/secrets", {}, 403),
    ("pacs-manager", "GET", "/api/accounts/{account}", {}, 404),
    ("pacs-manager", "PUT", "/api/accounts/{account}", {"disabled": True}, 404),
    ("desk", "PUT", f"{_HOSPITAL}/contacts/P1", NEW_CONTACT, 403),
    ("gateway", "PUT", f"{_HOSPITAL}/contacts/P1", NEW_CONTACT, 403),
    ("desk", "DELETE", "/api/patient-codes/P1", {}, 404),
    ("patient", "DELETE", "/api/access-grants/{grant}", {}, 404),
    ("radiologist", "DELETE", "/api/sessions/{session}", {}, 404),
    ("radiologist", "GET", "/api/shares/{share}", {}, 404),
    ("radiologist", "DELETE", "/api/shares/{share}", {}, 404),
    ("patient", "DELETE", "/api/shares/{share}", {}, 404),
    ("privacy-officer", "GET", "/api/audit-events?hospital=sud", {}, 403),
    ("privacy-officer", "GET", "/api/audit-events?hospital=sud&hospital=nord", {}, 400),
    ("privacy-officer", "GET", "/api/audit-state?hospital=sud", {}, 403),
    ("privacy-officer", "GET", "/api/audit-events/{event}/receipt?hospital=sud", {}, 404),
    ("privacy-officer", "GET", "/api/audit-events/{event}/receipt?hospital=nord", {}, 404),
    ("patient", "GET", "/api/audit-events/{event}/receipt?hospital=sud", {}, 404),
]
ANSWERED_FOR_ONES_OWN = {
    "/api/my/opposition", "/api/oppositions/{patient}", "/api/patient-codes/{patient}", "/api/audit-anchors/{day}",
}  # fmt: skip
"""Paths that name a patient of the session's own hospital, or a day."""
ELSEWHERE = {
    "/api/studies/{study}/marks": "test_confidentiality",
    "/api/studies/{study}/marks/{mark}": "test_confidentiality",
    "/api/care-relations/{relation}": "test_care",
    "/api/care-relations/{relation}/opening": "test_care",
    "/api/break-glass/{use}/review": "test_care",
    "/api/my/shares/{share}": "test_share_ending",
    "/api/hospitals/{hospital}/shares": "test_share_ending",
    "/api/hospitals/{hospital}/shares/{share}": "test_share_ending",
    "/api/my/proxies/{proxy}": "test_proxies",
    "/api/proxies/{patient}": "test_proxies",
    "/api/proxies/{patient}/{proxy}": "test_proxies",
    "/api/proxies/{patient}/{proxy}/codes": "test_proxies",
    "/api/second-factors/{patient}": "test_second_factors",
    "/api/second-factors/{patient}/totp": "test_second_factors",
    "/api/second-factors/{patient}/printed-codes": "test_second_factors",
}


def test_every_route_that_names_something_is_asked_for_what_is_another_hospitals() -> None:
    named = {
        path
        for (_, path), roles in API_ROWS.items()
        if "{" in path and roles not in (OPERATOR, LEDGER) and not path.startswith("/api/disputes")
    }
    asked = {path.partition("?")[0].replace("/P1", "/{patient}") for _, _, path, _, _ in OF_SUD}
    assert named == {path for path in asked if "{" in path} | (ANSWERED_FOR_ONES_OWN & named) | set(ELSEWHERE)


@pytest.fixture
def sud(http: HttpClient, bearer: Issue) -> Sud:
    return Sud(http, bearer)


def test_nobody_reaches_what_is_another_hospitals(http: HttpClient, bearer: Issue, sud: Sud) -> None:
    """And where the answer is "there is no such thing", it is word for word the one about what nobody has."""
    for role, method, path, body, status in OF_SUD:
        scope = Scope(patients=(PATIENT,)) if role == "patient" else None
        headers = {**bearer(Role(role), "nord", scope), **JSON}
        named = path
        for name, value in sud.values.items():
            named = named.replace(f"{{{name}}}", value)
        content = json.dumps(body).encode()
        answer = http.request(method, named, headers, content)
        assert answer.status_code == status, (role, method, path, answer.body)
        if status == 404:
            missing = http.request(method, filled(path), headers, content)
            assert (answer.status_code, answer.body) == (missing.status_code, missing.body), (method, path)
    # All of it is still there.
    operator = bearer(Role.OPERATOR)
    machines = http.get(filled(f"{_HOSPITAL}/machines", hospital="sud"), headers=operator).json_body["machines"]
    assert [machine["client_id"] for machine in machines] == [sud.values["machine"]]
    assert not http.get("/api/accounts/dr.sud", headers=operator).json_body["disabled"]
    assert wiring.registry().contact("sud", "P1", "") is None
    assert wiring.patient_codes().of_patient(OTHER_PATIENT) is not None
    assert [grant.grant_id for grant in wiring.access_grants().of_patient(OTHER_PATIENT)] == [sud.values["grant"]]
    assert wiring.registry().session_is_active("radiologist@sud", sud.values["session"])
    own = http.get(f"/api/shares/{sud.values['share']}", headers=bearer(Role.RADIOLOGIST, "sud"))
    assert own.json_body["state"] == "live"
    # A patient id that two hospitals know is two patients.
    desk = http.get("/api/patient-codes/P1", headers=bearer(Role.DESK, "nord")).json_body
    assert (desk["has_code"], desk["phone_number_ends_in"]) == (False, "")
