"""Applications and printed lists: added, used once, refused the same way whatever a holder has (docs/adr/0035)."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from types import SimpleNamespace
from typing import Any

import pyotp
import pypdfium2
import pytest

from chalicelib import wiring, wiring_patients
from chalicelib.access import code_attempts, patient_sign_in, second_factors
from chalicelib.access.audit import Action
from chalicelib.access.audit_search import AuditQuery
from chalicelib.access.holders import Holder
from chalicelib.access.model import Role
from chalicelib.access.patient_codes import generate_code
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.clients import client
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.http.patients import BORN, JSON, Patients, session_of
from tests.http.test_patient_access import STUDY, patients, store, studies

__all__ = ["patients"]
DESK = "/api/second-factors/P1"
OWN = "/api/my/second-factors"
P1 = Holder(PatientRef("nord", "P1"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of applications; the test moves it."""
    moved = SimpleNamespace(now=time.time() // 30 * 30 + 5)
    monkeypatch.setattr(second_factors, "time", SimpleNamespace(time=lambda: moved.now))
    return moved


def call(patients: Patients, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
    return patients.http.request(method, path, {**headers, **JSON}, json.dumps(body or {}).encode())


def add_totp(patients: Patients, headers: dict[str, str], path: str, clock: SimpleNamespace) -> pyotp.TOTP:
    """An application that was added a minute ago."""
    begun = call(patients, "POST", f"{path}/totp", headers)
    assert begun.status_code == 201, begun.body
    totp = pyotp.parse_uri(begun.json_body["uri"])
    assert isinstance(totp, pyotp.TOTP)
    assert totp.secret == begun.json_body["secret"]
    confirmed = call(patients, "PUT", f"{path}/totp", headers, {"one_time_password": totp.at(clock.now)})
    assert (confirmed.status_code, confirmed.json_body["totp"]) == (200, True)
    clock.now += 60
    return totp


def print_list(patients: Patients, headers: dict[str, str], path: str = DESK) -> list[str]:
    answer = call(patients, "POST", f"{path}/printed-codes", headers, {"identity_checked": True, "holder_name": "Alix"})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store"), answer.body
    page = pypdfium2.PdfDocument(io.BytesIO(base64.b64decode(answer.json_body["sheet_pdf"])))[0]
    codes = re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", page.get_textpage().get_text_range())
    assert len(set(codes)) == answer.json_body["count"] == 10
    return codes


def test_an_application_of_one_s_own_replaces_the_message(
    patients: Patients, clock: SimpleNamespace, cloud: Cloud
) -> None:
    store("nord", STUDY, "P1")
    _, code, number = patients.make()
    own = patients.enter(code, number)
    state = patients.http.get(OWN, headers=own).json_body
    assert state == {"phone_number_ends_in": number[-2:], "totp": False, "printed_codes_left": None}
    totp = add_totp(patients, own, OWN, clock)
    assert "une application a été ajoutée" in patients.messages(number)[-1]
    sent = len(patients.messages(number))
    challenge = patients.begin(code, means="totp").json_body["challenge"]
    assert len(patients.messages(number)) == sent, "nobody is sent anything"
    headers = session_of(patients.finish(challenge, totp.at(clock.now)))
    assert studies(patients.http, headers) == {STUDY}
    # Neither the secret nor what it is derived with lies anywhere.
    assert totp.secret not in repr(cloud.client("dynamodb").scan(TableName=cloud.settings["registry_table"])["Items"])
    assert call(patients, "DELETE", f"{OWN}/totp", headers).status_code == 204
    assert call(patients, "DELETE", f"{OWN}/totp", headers).status_code == 404
    clock.now += 60
    assert patients.enter_with("totp", code, totp.at(clock.now)).status_code == 401
    events = wiring.audit_reader().search(AuditQuery(0, int(time.time() * 1000) + 1, "nord", P1.patient), 100)
    changes = [dict(event.detail) for event in events if event.action is Action.SECOND_FACTOR_CHANGED]
    assert changes == [{"factor": "totp", "change": each} for each in ("removed", "added")]


def test_a_replayed_step_opens_nothing_and_clocks_may_be_a_step_off(patients: Patients, clock: SimpleNamespace) -> None:
    _, code, number = patients.make()
    totp = add_totp(patients, patients.enter(code, number), OWN, clock)
    password = totp.at(clock.now)
    assert patients.enter_with("totp", code, password).status_code == 200
    replayed = patients.enter_with("totp", code, password)
    assert (replayed.status_code, replayed.json_body["detail"]) == (401, patient_sign_in.WRONG)
    assert patients.enter_with("totp", code, totp.at(clock.now - 30)).status_code == 401, "a step before it"
    assert patients.enter_with("totp", code, totp.at(clock.now + 60)).status_code == 401, "two steps ahead"
    assert patients.enter_with("totp", code, totp.at(clock.now + 30)).status_code == 200
    clock.now += 90
    assert patients.enter_with("totp", code, totp.at(clock.now - 30)).status_code == 200
    # What an application shows is no code of another means.
    for means in ("sms", "printed"):
        assert patients.enter_with(means, code, totp.at(clock.now + 30)).status_code == 401


def test_an_application_is_added_by_what_it_shows_alone(
    patients: Patients, clock: SimpleNamespace, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_factors, "CONFIRMATIONS", 3)
    _, code, _ = patients.make(phone=False)
    desk = bearer(Role.DESK, "nord")
    assert call(patients, "PUT", f"{DESK}/totp", desk, {"one_time_password": "123456"}).status_code == 409
    first = pyotp.parse_uri(call(patients, "POST", f"{DESK}/totp", desk).json_body["uri"])
    second = pyotp.parse_uri(call(patients, "POST", f"{DESK}/totp", desk).json_body["uri"])
    assert isinstance(first, pyotp.TOTP) and isinstance(second, pyotp.TOTP)  # noqa: PT018
    assert patients.enter_with("totp", code, second.at(clock.now)).status_code == 401, "not added yet"
    answers = [call(patients, "PUT", f"{DESK}/totp", desk, {"one_time_password": totp.at(clock.now)}).status_code
               for totp in (first, second)]  # fmt: skip
    assert answers == [403, 200]
    clock.now += 30
    assert patients.enter_with("totp", code, second.at(clock.now)).status_code == 200
    call(patients, "POST", f"{DESK}/totp", desk)
    clock.now += second_factors.ENROLMENT_S
    late = call(patients, "PUT", f"{DESK}/totp", desk, {"one_time_password": "123456"})
    assert late.status_code == 409
    guessed = [call(patients, "PUT", f"{DESK}/totp", desk, {"one_time_password": "123456"}).status_code for _ in "12"]
    assert guessed[-1] == 429
    # Beginning again has not touched the one that is in use.
    assert patients.enter_with("totp", code, second.at(clock.now)).status_code == 200


def test_somebody_without_a_telephone_enters_with_a_printed_list(
    patients: Patients, bearer: Issue, cloud: Cloud
) -> None:
    store("nord", STUDY, "P1")
    _, code, _ = patients.make(phone=False)
    desk = bearer(Role.DESK, "nord")
    unchecked = call(patients, "POST", f"{DESK}/printed-codes", desk, {"identity_checked": False})
    assert unchecked.status_code == 400, "on proof of identity alone"
    codes = print_list(patients, desk)
    items = repr(cloud.client("dynamodb").scan(TableName=cloud.settings["registry_table"])["Items"])
    assert not [each for each in codes if each in items or each.replace("-", "") in items]
    own = session_of(patients.enter_with("printed", code, codes[3].lower()))
    assert studies(patients.http, own) == {STUDY}
    assert patients.http.get(OWN, headers=own).json_body["printed_codes_left"] == 9
    assert patients.http.get(DESK, headers=desk).json_body["printed_codes_left"] == 9
    reused = patients.enter_with("printed", code, codes[3])
    assert (reused.status_code, reused.json_body["detail"]) == (401, patient_sign_in.WRONG)
    # Another patient's list is worth nothing, nor is one that was replaced, nor any without the code.
    _, other_code, _ = patients.make("nord", "P2", phone=False)
    assert patients.enter_with("printed", other_code, codes[4]).status_code == 401
    renewed = print_list(patients, desk)
    assert patients.enter_with("printed", code, codes[4]).status_code == 401
    assert patients.enter_with("printed", generate_code(), renewed[0]).status_code == 401
    assert patients.enter_with("printed", code, renewed[0], "1976-02-02").status_code == 401
    assert patients.enter_with("printed", code, renewed[0]).status_code == 200
    # Revoking the code, of a sheet in wrong hands, takes the list with it.
    assert patients.http.delete("/api/patient-codes/P1", headers=desk).status_code == 204
    assert wiring_patients.second_factors().printed(P1).codes == {}


def test_each_means_answers_the_same_after_the_same_work_whatever_a_holder_has(
    patients: Patients, bearer: Issue, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = bearer(Role.DESK, "nord")
    _, with_all, number = patients.make()
    add_totp(patients, patients.enter(with_all, number), OWN, clock)
    print_list(patients, desk)
    _, with_nothing, _ = patients.make("nord", "P2", phone=False)
    proxy = call(patients, "POST", "/api/proxies/P2", desk, {
        "identity_checked": True, "birth_date": BORN, "relation": "trusted-person", "name": "Noé", "basis": "mandat",
        "until": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400 * 9)),
    }).json_body["code"]  # fmt: skip
    work: list[str] = []
    for module in (patient_sign_in, second_factors):
        verify = module.verify_password
        monkeypatch.setattr(
            module, "verify_password", lambda *args, verify=verify: work.append("verify") or verify(*args)
        )
    matching = second_factors.matching_step
    monkeypatch.setattr(second_factors, "matching_step", lambda *args: work.append("match") or matching(*args))
    for service in ("dynamodb", "kms"):
        client(service).meta.events.register(
            f"before-call.{service}", lambda model, **_: work.append(model.name), unique_id="spy"
        )
    tried = ((with_all, BORN), (with_all, "1976-02-02"), (with_nothing, BORN), (proxy, BORN), (generate_code(), BORN))
    for means, password in (("totp", "000000"), ("printed", "0000-0000"), ("sms", "000000")):
        firsts, seconds = [], []
        for code, birth_date in tried:
            work.clear()
            begun = patients.begin(code, birth_date, means=means)
            body = begun.json_body
            challenge = body.pop("challenge")
            # What the function that sends SMS does is not waited for.
            firsts.append((begun.status_code, body, list(work) if means != "sms" else []))
            work.clear()
            answer = patients.finish(challenge, password)
            seconds.append((answer.status_code, answer.json_body, list(work)))
        assert all(each == firsts[0] for each in firsts), means
        assert all(each == seconds[0] for each in seconds), means
        assert (firsts[0][0], seconds[0][0]) == (202, 401)
        assert seconds[0][2].count("GenerateMac") == 1
        assert seconds[0][2].count("verify") == int(means == "printed")
        assert seconds[0][2].count("match") == int(means == "totp")


def test_wrong_second_codes_are_few_even_at_home(
    patients: Patients, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody of the household has the sheet and knows the birth date: at the patient's own address too tries end."""
    monkeypatch.setattr(code_attempts, "FAILURES_PER_CODE", 4)
    _, code, number = patients.make()
    patients.enter(code, number)
    statuses = []
    for _ in range(3):
        challenge = patients.begin(code, means="totp").json_body["challenge"]
        statuses += [patients.finish(challenge, "000000").status_code for _ in range(2)]
    assert statuses == [401] * 4 + [429] * 2
    # As with any sheet in wrong hands: the desk replaces it, and the patient enters at once.
    _, fresh, _ = patients.make()
    codes = print_list(patients, bearer(Role.DESK, "nord"))
    assert patients.enter_with("printed", fresh, codes[0]).status_code == 200


def test_sign_ins_without_a_message_are_few_too(
    patients: Patients, monkeypatch: pytest.MonkeyPatch, bearer: Issue
) -> None:
    monkeypatch.setattr(code_attempts, "SIGN_INS_PER_CODE", 1)
    _, code, _ = patients.make(phone=False)
    codes = print_list(patients, bearer(Role.DESK, "nord"))
    for means in ("x", "passkey", "SMS"):
        assert patients.begin(code, means=means).status_code == 400
    begun = [patients.begin(code, means="printed", address=f"203.0.113.{n}") for n in range(2)]
    assert [answer.status_code for answer in begun] == [202, 202]
    challenges = [answer.json_body["challenge"] for answer in begun]
    assert patients.finish(challenges[1], codes[0], "203.0.113.1").status_code == 401
    assert patients.finish(challenges[0], codes[0], "203.0.113.0").status_code == 200
