"""The patient's code: handed over, signing in with it, the general practitioner's access, and all that is refused."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import wiring
from chalicelib.access import code_attempts, patient_sign_in
from chalicelib.access.model import Role
from chalicelib.access.patient_codes import generate_code
from chalicelib.access.proxies import today_in_paris
from chalicelib.aws.clients import client
from chalicelib.aws.lambda_patient_functions import LambdaPatientMessenger, LambdaPatientSheet
from chalicelib.errors import NotAuthenticated
from chalicelib.functions import patient_sheet
from tests.dicom_files import data_set, part10
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.http.dicomweb import archive
from tests.http.patients import BORN, JSON, MessagesFunction, Patients
from tests.http.sharing import guest, post, token_of

STUDY = "1.2.3.1"
OWN = ["decide-for-oneself", "manage-grants", "manage-second-factors", "read-images", "share"]
"""What a patient may do."""


class SheetFunction:
    """Invokes the function that draws the sheet in this process."""

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        return {"Payload": io.BytesIO(json.dumps(patient_sheet.handler(json.loads(Payload), None)).encode())}


@pytest.fixture
def patients(http: HttpClient, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Patients:
    function = MessagesFunction()
    messenger, sheet = LambdaPatientMessenger(function, "messages"), LambdaPatientSheet(SheetFunction(), "sheet")
    monkeypatch.setattr(wiring, "patient_messenger", lambda: messenger)
    monkeypatch.setattr(wiring, "patient_sheet", lambda: sheet)
    # No window ends in the middle of a test.
    now = time.time()
    monkeypatch.setattr(code_attempts, "time", SimpleNamespace(time=lambda: now))
    return Patients(http, cloud, function)


def store(hospital: str, study: str, patient_id: str) -> None:
    values = {"StudyInstanceUID": study, "SOPInstanceUID": f"{study}.9", "PatientID": patient_id}
    archive(part10(data_set(**values)), hospital)


def studies(http: HttpClient, headers: dict[str, str]) -> set[str]:
    answer = http.get("/dicomweb/studies", headers=headers)
    assert answer.status_code in (200, 204), answer.body
    return {study["0020000D"]["Value"][0] for study in answer.json_body} if answer.status_code == 200 else set()


def hand_over(http: HttpClient, headers: dict[str, str], **body: str) -> Any:
    wanted = {"patient_id": "P1", "birth_date": BORN, **body}
    return http.post("/api/patient-codes", headers={**headers, **JSON}, body=json.dumps(wanted).encode())


def present(http: HttpClient, headers: dict[str, str], code: str, birth_date: str = BORN) -> Any:
    body = json.dumps({"code": code, "birth_date": birth_date}).encode()
    return http.post("/api/access-grants", headers={**headers, **JSON}, body=body)


def test_a_patient_sees_the_own_exams_and_no_others(patients: Patients) -> None:
    store("nord", STUDY, "P1")
    store("nord", "1.2.3.2", "P2")
    store("sud", "1.2.3.3", "P1")
    _, code, number = patients.make()
    headers = patients.enter(code.lower().replace("-", " "), number)
    session = patients.http.get("/api/session", headers=headers).json_body
    assert (session["role"], session["permissions"]) == ("patient", OWN)
    assert studies(patients.http, headers) == {STUDY}
    assert patients.http.get(f"/dicomweb/studies/{STUDY}/metadata", headers=headers).status_code == 200
    assert patients.http.get("/dicomweb/studies/1.2.3.2/metadata", headers=headers).status_code == 404
    # The message is for the patient's eyes and holds no health data.
    (text,) = patients.messages(number)[-1:]
    assert text == f"Sans Film : votre code de connexion est {patients.password(number)}, valable 5 minutes. " + (
        "Ne le communiquez à personne."
    )


def test_every_first_step_reads_the_same_after_the_same_work(
    patients: Patients, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, code, _ = patients.make()
    _, without_phone, _ = patients.make("nord", "P2", phone=False)
    work: list[str] = []
    verify = patient_sign_in.verify_password
    monkeypatch.setattr(patient_sign_in, "verify_password", lambda *args: work.append("verify") or verify(*args))
    quiet = LambdaPatientMessenger(
        type("Nobody", (), {"invoke": lambda self, **_: work.append("invoke")})(), "messages"
    )
    monkeypatch.setattr(wiring, "patient_messenger", lambda: quiet)
    for service in ("dynamodb", "kms"):
        events = client(service).meta.events
        events.register(f"before-call.{service}", lambda model, **_: work.append(model.name), unique_id="spy")
    seen = []
    for tried, birth_date in ((code, BORN), (code, "1976-02-02"), (generate_code(), BORN), (without_phone, BORN)):
        work.clear()
        answer = patients.begin(tried, birth_date)
        body = answer.json_body
        assert len(body.pop("challenge")) == 32
        seen.append((answer.status_code, body, list(work)))
    assert all(each == seen[0] for each in seen)
    assert seen[0][0] == 202
    assert seen[0][2].count("verify") == seen[0][2].count("GenerateMac") == seen[0][2].count("invoke") == 1
    assert "means" not in json.dumps(seen[0][1])
    # The second step of each, with a wrong password, too.
    steps = []
    for tried, birth_date in ((code, BORN), (code, "1976-02-02"), (generate_code(), BORN)):
        challenge = patients.begin(tried, birth_date).json_body["challenge"]
        work.clear()
        answer = patients.finish(challenge, "000000")
        steps.append((answer.status_code, answer.json_body, list(work)))
    assert steps[0][0] == 401
    assert all(each == steps[0] for each in steps)


def test_nobody_is_sent_anything_for_a_wrong_code_or_without_a_number(patients: Patients) -> None:
    _, code, number = patients.make()
    before = len(patients.messages(number))
    patients.begin(code, "1976-02-02")
    patients.begin(generate_code())
    _, without_phone, _ = patients.make("nord", "P2", phone=False)
    patients.begin(without_phone)
    assert patients.function.outcomes == ["nothing", "nothing", "no-contact"]
    assert len(patients.messages(number)) == before


def test_a_one_time_password_opens_one_session(patients: Patients) -> None:
    _, code, number = patients.make()
    challenge = patients.begin(code).json_body["challenge"]
    password = patients.password(number)
    assert patients.finish(challenge, password).status_code == 200
    replayed = patients.finish(challenge, password)
    assert (replayed.status_code, replayed.json_body["detail"]) == (401, patient_sign_in.WRONG)
    # That of one challenge is worth nothing to another, and a message is sent once a challenge.
    first, second = (patients.begin(code).json_body["challenge"] for _ in range(2))
    assert patients.finish(first, patients.password(number)).status_code == 401
    sent = len(patients.messages(number))
    patients.function.invoke(InvocationType="Event", Payload=json.dumps({"challenge": second}))
    assert len(patients.messages(number)) == sent
    assert patients.finish(second, patients.password(number)).status_code == 200


def test_five_tries_and_five_minutes(patients: Patients, monkeypatch: pytest.MonkeyPatch) -> None:
    _, code, number = patients.make()
    challenge = patients.begin(code).json_body["challenge"]
    right = patients.password(number)
    wrong = f"{(int(right) + 1) % 10**6:06}"
    assert [patients.finish(challenge, wrong).status_code for _ in range(5)] == [401] * 5
    assert patients.finish(challenge, right).status_code == 401
    monkeypatch.setattr(patient_sign_in, "CHALLENGE_S", -1)
    challenge = patients.begin(code).json_body["challenge"]
    assert patients.function.outcomes[-1] == "nothing"
    assert patients.finish(challenge, "123456").status_code == 401


def test_malformed_credentials_are_bad_requests(patients: Patients) -> None:
    right = {"code": "7K4MP-2XR91", "birth_date": BORN}
    wrong: list[dict[str, Any]] = [
        *({name: value for name, value in right.items() if name != left_out} for left_out in right),
        *({**right, "code": code} for code in (5, "7K4MP-2XR9U", "7K4MP-2XR9", "7" * 41)),
        *({**right, "birth_date": day} for day in ("x", "1976-02-31", "1976-2-1", None)),
        {**right, "hospital": "nord"},
    ]
    for body in wrong:
        answer = patients.http.post("/api/patient-session", headers=JSON, body=json.dumps(body).encode())
        assert answer.status_code == 400, body
        assert "7K4MP" not in answer.body.decode()


def test_the_desk_hands_over_rotates_and_revokes(patients: Patients, bearer: Issue) -> None:
    store("nord", STUDY, "P1")
    desk = bearer(Role.DESK, "nord")
    state = patients.http.get("/api/patient-codes/P1", headers=desk).json_body
    assert state == {"has_code": False, "patient_id": "P1", "issuer": "", "phone_number_ends_in": ""}
    _, old, number = patients.make()
    entered = patients.enter(old, number)
    answer = hand_over(patients.http, desk, patient_name="Karim BENALI")
    assert answer.status_code == 201, answer.body
    body = answer.json_body
    assert base64.b64decode(body["sheet_pdf"]).startswith(b"%PDF-1.")
    assert answer.headers["Cache-Control"] == "no-store"
    # The code before is worth nothing any more, and what it opened has ended.
    with pytest.raises(NotAuthenticated):
        patients.http.get("/api/session", headers=entered)
    patients.begin(old)
    assert patients.function.outcomes[-1] == "nothing"
    headers = patients.enter(body["code"], number)
    assert studies(patients.http, headers) == {STUDY}
    state = patients.http.get("/api/patient-codes/P1", headers=desk).json_body
    assert (state["has_code"], state["phone_number_ends_in"]) == (True, number[-2:])
    gp = bearer(Role.GP)
    assert present(patients.http, gp, body["code"]).status_code == 201
    assert studies(patients.http, gp) == {STUDY}
    shared = {"studies": [{"study_instance_uid": STUDY}], "kind": "link"}
    link = post(patients.http, "/api/shares", shared, headers).json_body
    visitor = guest(patients.http, link)
    assert studies(patients.http, visitor) == {STUDY}
    assert patients.http.delete("/api/patient-codes/P1", headers=desk).status_code == 204
    # Whoever had the code and the phone may have made it: what was shared ends with the code.
    with pytest.raises(NotAuthenticated):
        patients.http.get("/api/session", headers=visitor)
    preview = post(patients.http, "/api/share-preview", {"token": token_of(link)}).json_body
    assert preview["state"] == "revoked"
    with pytest.raises(NotAuthenticated):
        patients.http.get("/api/session", headers=headers)
    assert studies(patients.http, gp) == set()
    assert patients.http.delete("/api/patient-codes/P1", headers=desk).status_code == 404
    assert present(patients.http, gp, body["code"]).status_code == 404


def test_nothing_that_is_kept_shows_code_name_or_birth_date(patients: Patients, bearer: Issue, cloud: Cloud) -> None:
    code = hand_over(patients.http, bearer(Role.DESK, "nord"), patient_name="Karim BENALI").json_body["code"]
    patients.begin(code)
    items = repr(cloud.client("dynamodb").scan(TableName=cloud.settings["registry_table"])["Items"])
    for secret in (code, code.replace("-", ""), "BENALI", BORN, BORN.replace("-", "")):
        assert secret not in items


def test_a_code_expires(patients: Patients, set_setting: Callable[[str, str], None], bearer: Issue) -> None:
    set_setting("patient_code_days", "0")
    code = hand_over(patients.http, bearer(Role.DESK, "nord")).json_body["code"]
    patients.begin(code)
    assert patients.function.outcomes[-1] == "nothing"
    assert patients.http.get("/api/patient-codes/P1", headers=bearer(Role.DESK, "nord")).json_body["has_code"] is False


def test_patients_of_another_hospital_have_codes_of_their_own(patients: Patients, bearer: Issue) -> None:
    store("sud", "1.2.3.3", "P1")
    _, _, number = patients.make("sud")
    code = hand_over(patients.http, bearer(Role.DESK, "sud")).json_body["code"]
    hand_over(patients.http, bearer(Role.DESK, "nord"))
    assert patients.http.delete("/api/patient-codes/P1", headers=bearer(Role.DESK, "nord")).status_code == 204
    assert studies(patients.http, patients.enter(code, number)) == {"1.2.3.3"}


def test_each_step_is_its_own_role_s(patients: Patients, bearer: Issue) -> None:
    _, code, _ = patients.make()
    for role in set(Role) - {Role.DESK, Role.GUEST}:
        headers = bearer(role, "nord")
        assert hand_over(patients.http, headers).status_code == 403
        for method in ("GET", "DELETE"):
            assert patients.http.request(method, "/api/patient-codes/P1", headers).status_code == 403
    for role in set(Role) - {Role.GP, Role.GUEST}:
        assert present(patients.http, bearer(role, "nord"), code).status_code == 403
    for role in set(Role) - {Role.PATIENT, Role.GUEST}:
        path = f"/api/access-grants/{'0' * 32}"
        assert patients.http.delete(path, headers=bearer(role, "nord")).status_code == 403


def test_a_gp_has_access_until_the_patient_ends_it(patients: Patients, bearer: Issue) -> None:
    store("nord", STUDY, "P1")
    store("nord", "1.2.3.2", "P2")
    patient, code, number = patients.make()
    gp = bearer(Role.GP)
    assert studies(patients.http, gp) == set()
    wrong = [present(patients.http, gp, code, "1976-02-02"), present(patients.http, gp, generate_code())]
    assert {(each.status_code, each.json_body["detail"]) for each in wrong} == {
        (404, "No patient has this code and this birth date.")
    }
    granted = present(patients.http, gp, code)
    assert granted.status_code == 201, granted.body
    # The same session, at once, and any other of the same professional.
    assert studies(patients.http, gp) == studies(patients.http, bearer(Role.GP)) == {STUDY}
    # What was entrusted for a time is not the professional's to pass on.
    wanted = json.dumps({"studies": [{"study_instance_uid": STUDY}], "kind": "link"}).encode()
    assert patients.http.post("/api/shares", headers={**gp, **JSON}, body=wanted).status_code == 404
    text = patients.messages(number)[-1]
    assert text.startswith("gp a accès à vos examens jusqu'au ")
    assert "P1" not in text
    own = patients.enter(code, number)
    listed = patients.http.get("/api/access-grants", headers=own).json_body["access_grants"]
    assert listed == [granted.json_body]
    assert patients.http.get("/api/access-grants", headers=gp).json_body["access_grants"] == listed
    path = f"/api/access-grants/{listed[0]['id']}"
    # Another patient cannot end it.
    _, other_code, other_number = patients.make("nord", "P2")
    stranger = patients.enter(other_code, other_number)
    assert patients.http.get("/api/access-grants", headers=stranger).json_body["access_grants"] == []
    assert patients.http.delete(path, headers=stranger).status_code == 404
    assert patients.http.delete(path, headers=own).status_code == 204
    assert patients.http.delete(path, headers=own).status_code == 404
    assert studies(patients.http, gp) == set()
    assert patients.http.get(f"/dicomweb/studies/{STUDY}/metadata", headers=gp).status_code == 404
    assert wiring.access_grants().of_patient(patient) == []


def test_access_ends_by_itself(patients: Patients, set_setting: Callable[[str, str], None], bearer: Issue) -> None:
    store("nord", STUDY, "P1")
    _, code, _ = patients.make()
    set_setting("access_grant_days", "0")
    gp = bearer(Role.GP)
    assert present(patients.http, gp, code).status_code == 201
    assert studies(patients.http, gp) == set()


def test_a_patient_shortens_an_access(patients: Patients, bearer: Issue) -> None:
    store("nord", STUDY, "P1")
    _, code, number = patients.make()
    gp = bearer(Role.GP)
    granted = present(patients.http, gp, code).json_body
    own = patients.enter(code, number)

    def until(days: int, headers: dict[str, str] = own) -> Any:
        body = json.dumps({"until": (today_in_paris() + timedelta(days)).isoformat()}).encode()
        return patients.http.request("PUT", f"/api/access-grants/{granted['id']}", {**headers, **JSON}, body)

    assert [until(days).status_code for days in (-1, 30, 400)] == [400] * 3
    assert until(3, gp).status_code == 403
    _, other_code, other_number = patients.make("nord", "P2")
    assert until(3, patients.enter(other_code, other_number)).status_code == 404
    shortened = until(3)
    assert (shortened.status_code, shortened.json_body["expires_at"] < granted["expires_at"]) == (200, True)
    assert until(5).status_code == 400, "it is not made longer again"
    for headers in (own, gp):
        assert patients.http.get("/api/access-grants", headers=headers).json_body["access_grants"] == [
            shortened.json_body
        ]
    assert studies(patients.http, gp) == {STUDY}


def test_an_attacker_is_stopped_and_the_patient_still_enters(
    patients: Patients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guessing codes over HTTP from one address; the true patient signs in from elsewhere."""
    monkeypatch.setattr(code_attempts, "FAILURES_PER_ADDRESS", 8)
    _, code, number = patients.make()
    statuses = [patients.begin(generate_code(), address="203.0.113.5").status_code for _ in range(12)]
    assert statuses == [202] * 8 + [429] * 4
    refused = patients.begin(code, address="203.0.113.5")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= code_attempts.QUARTER_S
    assert patients.function.outcomes == ["nothing"] * 8
    patients.enter(code, number, "192.0.2.7")


def test_one_address_guesses_few_dates_of_a_code(patients: Patients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_attempts, "FAILURES_PER_CODE_AND_CALLER", 3)
    _, code, number = patients.make()
    statuses = [patients.begin(code, f"1976-03-{day:02}", "203.0.113.5").status_code for day in range(1, 6)]
    assert statuses == [202] * 3 + [429] * 2
    patients.enter(code, number, "192.0.2.7")


def test_who_found_a_sheet_gets_few_tries_from_anywhere_and_the_patient_enters_from_home(
    patients: Patients, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * code_attempts.FAILURES_PER_CODE <= 100
    monkeypatch.setattr(code_attempts, "FAILURES_PER_CODE", 6)
    _, code, number = patients.make()
    patients.enter(code, number, "192.0.2.7")
    statuses = [patients.begin(code, f"1976-03-{day:02}", f"203.0.113.{day}").status_code for day in range(1, 10)]
    assert statuses == [202] * 6 + [429] * 3
    # Right or not, the answer from a new address is the same now, and lasts until the window ends.
    assert patients.begin(code, address="198.51.100.1").status_code == 429
    patients.enter(code, number, "192.0.2.7")
    # A new code starts anew.
    _, fresh, _ = patients.make()
    patients.enter(fresh, number, "198.51.100.1")


def test_wrong_one_time_passwords_count_against_the_code(patients: Patients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_attempts, "FAILURES_PER_CODE", 3)
    _, code, number = patients.make()
    challenge = patients.begin(code).json_body["challenge"]
    wrong = f"{(int(patients.password(number)) + 1) % 10**6:06}"
    assert [patients.finish(challenge, wrong).status_code for _ in range(4)] == [401] * 3 + [429]


def test_messages_are_few(patients: Patients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_attempts, "MESSAGES_PER_CODE", 2)
    _, code, _ = patients.make()
    assert [patients.begin(code).status_code for _ in range(4)] == [202] * 4
    assert patients.function.outcomes == ["sent", "sent", "nothing", "nothing"]


def test_a_professional_guesses_few_codes(patients: Patients, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_attempts, "FAILURES_PER_PROFESSIONAL", 3)
    _, code, number = patients.make()
    gp = bearer(Role.GP)
    assert [present(patients.http, gp, generate_code()).status_code for _ in range(5)] == [404] * 3 + [429] * 2
    assert present(patients.http, gp, code).status_code == 429
    patients.enter(code, number)
