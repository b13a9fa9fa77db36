"""Those who act for a patient: registered at the desk, seeing what they may, ended at once (docs/adr/0035)."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib import wiring, wiring_patients
from chalicelib.access import proxies as use_cases
from chalicelib.access.audit import Action
from chalicelib.access.audit_search import AuditQuery
from chalicelib.access.model import Contact, Role
from chalicelib.archive.confidentiality import Kind, Mark, Target
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import NotAuthenticated, Unavailable
from chalicelib.web import auditing
from tests.http.conftest import Issue
from tests.http.patients import BORN, JSON, Patients, session_of
from tests.http.sharing import guest
from tests.http.test_patient_access import STUDY, patients, present, store, studies

__all__ = ["patients"]
P1 = PatientRef("nord", "P1")
CHILD = (date.today() - timedelta(days=3000)).isoformat()
PARENT = {
    "identity_checked": True,
    "birth_date": CHILD,
    "relation": "parent",
    "name": "Karim BENALI",
    "basis": "Livret de famille",
}
MANDATE = {
    **PARENT,
    "birth_date": BORN,
    "relation": "trusted-person",
    "basis": "Mandat écrit",
    "until": (date.today() + timedelta(days=90)).isoformat(),
}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    auditing._recorded.clear()


@pytest.fixture
def number(patients: Patients) -> str:
    """A mobile number of this test's own."""
    return f"+3363998{abs(hash(('proxy', patients.cloud.settings['registry_table']))) % 10_000:04}"


def post(patients: Patients, path: str, headers: dict[str, str], body: Any, method: str = "POST") -> Any:
    return patients.http.request(method, path, {**headers, **JSON}, json.dumps(body).encode())


def register(patients: Patients, desk: dict[str, str], patient: str = "P1", **body: Any) -> Any:
    answer = post(patients, f"/api/proxies/{patient}", desk, {**PARENT, **body})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store"), answer.body
    assert base64.b64decode(answer.json_body["sheet_pdf"]).startswith(b"%PDF-1.")
    return answer.json_body


def enter(patients: Patients, code: str, number: str, birth_date: str = CHILD) -> dict[str, str]:
    challenge = patients.begin(code, birth_date).json_body["challenge"]
    return session_of(patients.finish(challenge, patients.password(number)))


def mark(study: str, kind: Kind) -> None:
    wiring.marks().put("nord", study, [Mark("m", kind, Target(), "u", "U", 0)], 0)


def test_a_parent_sees_the_child_s_exams_but_the_private_ones(patients: Patients, bearer: Issue, number: str) -> None:
    for study, patient in ((STUDY, "P1"), ("1.2.3.2", "P1"), ("1.2.3.3", "P1"), ("1.2.3.4", "P2")):
        store("nord", study, patient)
    store("sud", "1.2.3.5", "P1")
    mark("1.2.3.2", Kind.PRIVATE)
    mark("1.2.3.3", Kind.DELAYED)
    made = register(patients, bearer(Role.DESK, "nord"), phone_number=number)
    own = enter(patients, made["code"], number)
    session = patients.http.get("/api/session", headers=own).json_body
    permissions = ["manage-grants", "manage-second-factors", "read-images", "share"]
    assert (session["role"], session["display_name"], session["permissions"]) == ("proxy", "Karim BENALI", permissions)
    assert studies(patients.http, own) == {STUDY}
    for hidden in ("1.2.3.2", "1.2.3.3", "1.2.3.4", "1.2.3.5"):
        assert patients.http.get(f"/dicomweb/studies/{hidden}/metadata", headers=own).status_code == 404
    # What the patient alone decides, and what the desk does, a proxy does not.
    for method, path in (
        ("GET", "/api/my/proxies"),
        ("GET", "/api/my/opposition"),
        ("GET", "/api/proxies/P1"),
        ("POST", "/api/proxies/P1"),
        ("DELETE", f"/api/my/proxies/{made['proxy']['id']}"),
        ("GET", "/api/second-factors/P1"),
    ):
        assert patients.http.request(method, path, {**own, **JSON}, b"{}").status_code == 403, path


def test_every_use_is_in_the_trail_by_name_and_the_patient_sees_it(
    patients: Patients, bearer: Issue, number: str
) -> None:
    store("nord", STUDY, "P1")
    desk = bearer(Role.DESK, "nord")
    made = register(patients, desk, phone_number=number, **MANDATE)
    own = enter(patients, made["code"], number, BORN)
    assert patients.http.get(f"/dicomweb/studies/{STUDY}/metadata", headers=own).status_code == 200
    assert patients.http.delete(f"/api/proxies/P1/{made['proxy']['id']}", headers=desk).status_code == 204
    _, code, phone = patients.make()
    told = patients.http.get("/api/my/audit-events", headers=patients.enter(code, phone)).json_body["events"]
    seen = [(event["action"], event["who"].get("name"), event["who"].get("role")) for event in reversed(told)]
    by_proxy = {("sign-in", "Karim BENALI", "proxy"), ("read-study", "Karim BENALI", "proxy")}
    assert by_proxy < set(seen)
    read = next(event for event in told if event["action"] == "read-study")
    assert read["detail"]["basis"] == "proxy"
    assert {action for action, *_ in seen} >= {"proxy-registered", "proxy-ended"}
    events = wiring.audit_reader().search(AuditQuery(0, int(time.time() * 1000) + 1, "nord", P1), 100)
    for secret in (made["code"], made["code"].replace("-", ""), number, BORN):
        assert secret not in repr(events)


def test_an_ended_proxy_is_refused_at_once_with_all_that_was_given(
    patients: Patients, bearer: Issue, number: str
) -> None:
    store("nord", STUDY, "P1")
    desk, gp = bearer(Role.DESK, "nord"), bearer(Role.GP)
    made = register(patients, desk, phone_number=number)
    own = enter(patients, made["code"], number)
    body = {"studies": [{"study_instance_uid": STUDY}], "kind": "link", "days": 90}
    link = post(patients, "/api/shares", own, body).json_body
    visitor = guest(patients.http, link)
    assert present(patients.http, gp, made["code"], CHILD).status_code == 201
    # A child has no telephone: the parent is told.
    assert patients.messages(number)[-1].startswith("gp a accès à vos examens")
    assert studies(patients.http, gp) == studies(patients.http, visitor) == studies(patients.http, own) == {STUDY}
    path = f"/api/proxies/P1/{made['proxy']['id']}"
    assert patients.http.delete(path, headers=bearer(Role.DESK, "sud")).status_code == 404, "another hospital's desk"
    assert patients.http.delete(path, headers=desk).status_code == 204
    for headers in (own, visitor):
        with pytest.raises(NotAuthenticated):
            patients.http.get("/dicomweb/studies", headers=headers)
    assert studies(patients.http, gp) == set()
    patients.begin(made["code"], CHILD)
    assert patients.function.outcomes[-1] == "nothing"
    assert present(patients.http, gp, made["code"], CHILD).status_code == 404
    assert patients.http.get("/api/proxies/P1", headers=desk).json_body == {"proxies": []}
    assert patients.http.delete(path, headers=desk).status_code == 404


def test_what_a_session_remembers_counts_no_more_than_the_registration(
    patients: Patients, bearer: Issue, number: str
) -> None:
    """A challenge that was begun before the end opens nothing after it, whatever is left of the code."""
    made = register(patients, bearer(Role.DESK, "nord"), phone_number=number)
    challenge = patients.begin(made["code"], CHILD).json_body["challenge"]
    (proxy,) = wiring_patients.proxies().of_patient(P1)
    wiring_patients.proxies().delete(proxy)
    assert patients.finish(challenge, patients.password(number)).status_code == 401


def test_a_parent_s_access_ends_with_the_18th_birthday(patients: Patients, bearer: Issue, number: str) -> None:
    store("nord", STUDY, "P1")
    born = use_cases.today_in_paris().replace(day=1)
    birthday_soon = born.replace(year=born.year - 18) + timedelta(days=62)
    made = register(patients, bearer(Role.DESK, "nord"), phone_number=number, birth_date=birthday_soon.isoformat())
    end = use_cases.midnight(use_cases.majority(birthday_soon))
    (proxy,) = wiring_patients.proxies().of_patient(P1)
    code = wiring.patient_codes().of_patient(proxy.patient, proxy.proxy_id)
    assert code is not None
    assert proxy.ends_at == code.expires_at == end
    # A share lasts no longer, and so does a session that is opened in the last minutes.
    wiring_patients.proxies().put(replace(proxy, ends_at=int(time.time()) + 120))
    own = enter(patients, made["code"], number, birthday_soon.isoformat())
    session = patients.http.get("/api/session", headers=own).json_body
    assert session["expires_at"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 120))
    body = {"studies": [{"study_instance_uid": STUDY}], "kind": "link", "days": 90}
    link = post(patients, "/api/shares", own, body).json_body
    assert link["expires_at"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 120))
    # On the day itself nothing opens any more, nor is anybody registered as a parent.
    wiring_patients.proxies().put(replace(proxy, ends_at=int(time.time())))
    challenge = patients.begin(made["code"], birthday_soon.isoformat()).json_body["challenge"]
    assert patients.finish(challenge, patients.password(number)).status_code == 401
    refused = post(patients, "/api/proxies/P1", bearer(Role.DESK, "nord"), {**PARENT, "birth_date": BORN})
    assert (refused.status_code, "parental authority" in refused.json_body["detail"]) == (400, True)


def test_a_proxy_of_one_patient_asks_in_vain_for_another(patients: Patients, bearer: Issue, number: str) -> None:
    """Also for the brother of whom the same person is the parent: a sheet and a sign-in each."""
    store("nord", STUDY, "P1")
    store("nord", "1.2.3.2", "P2")
    desk = bearer(Role.DESK, "nord")
    one, brother = (register(patients, desk, patient, phone_number=number) for patient in ("P1", "P2"))
    own, other = enter(patients, one["code"], number), enter(patients, brother["code"], number)
    assert (studies(patients.http, own), studies(patients.http, other)) == ({STUDY}, {"1.2.3.2"})
    wanted = {"studies": [{"study_instance_uid": "1.2.3.2"}], "kind": "link"}
    assert post(patients, "/api/shares", own, wanted).status_code == 404
    for path in ("/dicomweb/studies/1.2.3.2/metadata", "/dicomweb/studies?PatientID=P2"):
        assert patients.http.get(path, headers=own).status_code in (204, 404)
    # Ending one leaves the other.
    assert patients.http.delete(f"/api/proxies/P2/{one['proxy']['id']}", headers=desk).status_code == 404
    assert patients.http.delete(f"/api/proxies/P1/{one['proxy']['id']}", headers=desk).status_code == 204
    with pytest.raises(NotAuthenticated):
        patients.http.get("/api/session", headers=own)
    assert studies(patients.http, other) == {"1.2.3.2"}


def test_a_patient_takes_back_a_mandate_and_no_guardianship(patients: Patients, bearer: Issue, number: str) -> None:
    desk = bearer(Role.DESK, "nord")
    trusted = register(patients, desk, phone_number=number, **MANDATE)
    guardian = register(patients, desk, **{**MANDATE, "relation": "guardian"})
    entered = enter(patients, trusted["code"], number, BORN)
    _, code, phone = patients.make()
    own = patients.enter(code, phone)
    listed = patients.http.get("/api/my/proxies", headers=own).json_body["proxies"]
    assert {each["relation"]: each["may_be_ended_by_patient"] for each in listed} == {
        "trusted-person": True,
        "guardian": False,
    }
    assert patients.http.delete(f"/api/my/proxies/{guardian['proxy']['id']}", headers=own).status_code == 403
    _, other_code, other_phone = patients.make("nord", "P2")
    stranger = patients.enter(other_code, other_phone)
    path = f"/api/my/proxies/{trusted['proxy']['id']}"
    assert patients.http.delete(path, headers=stranger).status_code == 404
    assert patients.http.delete(path, headers=own).status_code == 204
    with pytest.raises(NotAuthenticated):
        patients.http.get("/api/session", headers=entered)


def test_a_code_is_renewed_and_the_patient_s_own_stays(patients: Patients, bearer: Issue, number: str) -> None:
    store("nord", STUDY, "P1")
    desk = bearer(Role.DESK, "nord")
    _, code, phone = patients.make()
    made = register(patients, desk, phone_number=number, **MANDATE)
    entered, own = enter(patients, made["code"], number, BORN), patients.enter(code, phone)
    body = {"identity_checked": True, "birth_date": BORN}
    renewed = post(patients, f"/api/proxies/P1/{made['proxy']['id']}/codes", desk, body)
    assert renewed.status_code == 201
    with pytest.raises(NotAuthenticated):
        patients.http.get("/api/session", headers=entered)
    assert studies(patients.http, own) == {STUDY}
    patients.begin(made["code"])
    assert patients.function.outcomes[-1] == "nothing"
    assert studies(patients.http, enter(patients, renewed.json_body["code"], number, BORN)) == {STUDY}
    # Revoking the patient's own code leaves the representatives'.
    assert patients.http.delete("/api/patient-codes/P1", headers=desk).status_code == 204
    assert len(patients.http.get("/api/proxies/P1", headers=desk).json_body["proxies"]) == 1


def test_the_message_goes_to_the_proxy_s_number_and_to_no_other(patients: Patients, bearer: Issue, number: str) -> None:
    _, _, phone = patients.make()
    before = len(patients.messages(phone))
    made = register(patients, bearer(Role.DESK, "nord"), phone_number=number)
    patients.begin(made["code"], CHILD)
    assert len(patients.messages(phone)) == before
    assert "code de connexion" in patients.messages(number)[-1]
    without = register(patients, bearer(Role.DESK, "nord"), name="Lina")
    patients.begin(without["code"], CHILD)
    assert patients.function.outcomes[-1] == "no-contact"
    # The patient's own number changes nothing for the one who acts for the patient.
    wiring.registry().put_contact(Contact("nord", "P1", "", phone, False))
    patients.begin(without["code"], CHILD)
    assert patients.function.outcomes[-1] == "no-contact"


WRONG: list[dict[str, Any]] = [
    {"identity_checked": False},
    {"relation": "neighbour"},
    {"relation": "guardian"},
    {"relation": "trusted-person", "until": "2099-01-01"},
    {"name": " "},
    {"basis": "x"},
    {"birth_date": "2999-01-01"},
    {"phone_number": "12"},
    {"until": "2026-02-31"},
    {"hospital": "sud"},
]


def test_what_makes_no_sense_is_refused_and_registers_nobody(
    patients: Patients, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = bearer(Role.DESK, "nord")
    for wrong in WRONG:
        assert post(patients, "/api/proxies/P1", desk, {**PARENT, **wrong}).status_code == 400, wrong
    record = wiring.audit_trail().record

    def fail(event: Any) -> bool:
        if event.action is Action.PROXY_REGISTERED:
            raise Unavailable("no")
        return record(event)

    with monkeypatch.context() as patch:
        patch.setattr(wiring.audit_trail(), "record", fail)
        assert post(patients, "/api/proxies/P1", desk, PARENT).status_code == 503
    assert patients.http.get("/api/proxies/P1", headers=desk).json_body == {"proxies": []}
    # There are few of one patient; of the same id by another authority it is another one.
    monkeypatch.setattr(use_cases, "MOST_PROXIES", 1)
    register(patients, desk)
    assert post(patients, "/api/proxies/P1", desk, PARENT).status_code == 409
    assert post(patients, "/api/proxies/P1?issuer=X", desk, PARENT).status_code == 201
