"""Links that ask for a one-time password sent to a phone: one answer for whatever is wrong, and nothing in the logs."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import wiring, wiring_meters
from chalicelib.access import code_attempts, patient_sign_in, share_model, share_opening
from chalicelib.access.model import Role
from chalicelib.access.share_opening import WRONG
from chalicelib.aws.lambda_patient_functions import LambdaPatientMessenger
from chalicelib.billing.facts import SMS_SEGMENTS
from chalicelib.functions import patient_messages
from chalicelib.notify import gsm7
from chalicelib.notify.patient_message import share_password_text
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.http.patients import MessagesFunction, Patients
from tests.http.sharing import STUDY, post, share, store_exams, token_of
from tests.http.test_portal_api import conforms

PASSCODE = "secret-1"


@pytest.fixture
def phones(http: HttpClient, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Patients:
    store_exams()
    function = MessagesFunction()
    messenger = LambdaPatientMessenger(function, "messages")
    monkeypatch.setattr(wiring, "patient_messenger", lambda: messenger)
    # No window ends in the middle of a test.
    now = time.time()
    for module in (code_attempts, share_opening):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now))
    return Patients(http, cloud, function)


@pytest.fixture
def number(cloud: Cloud) -> str:
    """Every test has a number of its own: the emulator keeps the messages of all."""
    return f"063998{abs(hash(cloud.settings['registry_table'])) % 10_000:04}"


def e164(number: str) -> str:
    return f"+33{number[1:]}"


def begin(http: HttpClient, token: str, passcode: str = PASSCODE) -> Any:
    return post(http, "/api/share-challenge", {"token": token, "passcode": passcode})


def finish(http: HttpClient, challenge: str, password: str) -> Any:
    body = {"challenge": challenge, "one_time_password": password}
    return post(http, "/api/share-session/one-time-password", body)


def test_a_link_opens_with_the_password_that_came_by_sms(
    phones: Patients,
    bearer: Issue,
    number: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    http, sent = phones.http, []
    monkeypatch.setattr(wiring_meters, "facts", lambda: SimpleNamespace(record=sent.append))
    made = share(http, bearer, passcode=PASSCODE, phone_number=number, maximum_uses=1)
    assert (made["phone_number_ends_in"], "phone_number" in made) == (number[-2:], False)
    preview = conforms(post(http, "/api/share-preview", {"token": token_of(made)}), "SharePreview")
    assert (preview["has_one_time_password"], preview["phone_number_ends_in"]) == (True, number[-2:])
    begun = conforms(begin(http, token_of(made)), "Challenge")
    (text,) = phones.messages(e164(number))
    password = phones.password(e164(number))
    assert (text, gsm7.segments(text)) == (share_password_text(password), 1)
    opened = finish(http, begun["challenge"], password)
    assert opened.status_code == 200, opened.body
    session = {"Authorization": "Bearer " + opened.headers["Set-Cookie"].partition("=")[2].partition(";")[0]}
    (study,) = http.get("/dicomweb/studies", headers=session).json_body
    assert study["0020000D"]["Value"] == [STUDY]
    # Used once, and the share as often as it may be.
    assert finish(http, begun["challenge"], password).json_body["detail"] == WRONG
    assert begin(http, token_of(made)).status_code == 403
    written = "".join(capsys.readouterr())
    assert not [secret for secret in (number[1:], password, PASSCODE) if secret in written]
    assert [(fact.hospital, fact.quantity) for fact in sent if fact.meter == SMS_SEGMENTS] == [("nord", 1)]


def test_whatever_is_wrong_is_answered_alike(phones: Patients, bearer: Issue, number: str) -> None:
    http = phones.http
    made = share(http, bearer, passcode=PASSCODE, phone_number=number)
    token = token_of(made)
    without_phone = token_of(share(http, bearer, passcode=PASSCODE))
    begun = [
        begin(http, token),
        begin(http, token, "wrong"),
        begin(http, f"{made['id']}.wrong"),
        begin(http, "unknown-id-12345.secret"),
        begin(http, without_phone),
    ]
    shown = [{**one.json_body, "challenge": len(one.json_body["challenge"])} for one in begun]
    assert {one.status_code for one in begun} == {202}
    assert all(one == shown[0] for one in shown)
    # One message, for the one that was right.
    assert phones.function.outcomes == ["sent", "nothing", "nothing", "nothing", "nothing"]
    password = phones.password(e164(number))
    other = f"{(int(password) + 1) % 10**6:06}"
    tried = [finish(http, begun[0].json_body["challenge"], other)]
    tried += [finish(http, one.json_body["challenge"], password) for one in begun[1:]]
    tried += [finish(http, "x" * 32, password), post(http, "/api/share-session", {"token": token, "passcode": "no"})]
    tried += [post(http, "/api/share-session", {"token": token, "passcode": PASSCODE})]
    assert {one.status_code for one in tried} == {401}
    assert {one.body for one in tried} == {tried[0].body}
    assert finish(http, begun[0].json_body["challenge"], password).status_code == 200


def test_a_challenge_of_one_is_no_challenge_of_the_other(phones: Patients, bearer: Issue, number: str) -> None:
    _, code, patients_number = phones.make()
    of_patient = phones.begin(code).json_body["challenge"]
    assert finish(phones.http, of_patient, phones.password(patients_number)).status_code == 401
    of_link = begin(phones.http, token_of(share(phones.http, bearer, phone_number=number)), "").json_body["challenge"]
    assert phones.finish(of_link, phones.password(e164(number))).status_code == 401


def test_a_password_cannot_be_guessed(
    phones: Patients, bearer: Issue, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share_opening, "PASSCODE_FAILURES", 4)
    monkeypatch.setattr(share_model, "PASSCODE_FAILURES", 4)
    monkeypatch.setattr(share_opening, "TRIES", 3)
    http = phones.http
    token = token_of(share(http, bearer, phone_number=number))
    first = begin(http, token, "").json_body["challenge"]
    right = phones.password(e164(number))
    wrong = f"{(int(right) + 1) % 10**6:06}"
    # Three tries a challenge; the right one does not count after them.
    assert [finish(http, first, word).status_code for word in (wrong, wrong, wrong, right)] == [401] * 4
    second = begin(http, token, "").json_body["challenge"]
    assert finish(http, second, wrong).status_code == 401
    # Four in all: the link is locked, whoever asks for however many messages.
    assert finish(http, second, phones.password(e164(number))).status_code == 403
    assert begin(http, token, "").status_code == 403
    assert post(http, "/api/share-preview", {"token": token}).json_body["state"] == "locked"


def test_passwords_expire_and_are_sent_so_often_at_most(
    phones: Patients, bearer: Issue, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = phones.http
    token = token_of(share(http, bearer, phone_number=number))
    challenge = begin(http, token, "").json_body["challenge"]
    late = time.time() + patient_sign_in.CHALLENGE_S + 1
    with monkeypatch.context() as later:
        later.setattr(share_opening, "time", SimpleNamespace(time=lambda: late))
        assert finish(http, challenge, phones.password(e164(number))).status_code == 401
    for _ in range(code_attempts.MESSAGES_PER_CODE):
        assert begin(http, token, "").status_code == 202
    assert phones.function.outcomes == ["sent"] * code_attempts.MESSAGES_PER_CODE + ["nothing"]
    # Of all links together too.
    monkeypatch.setattr(share_opening, "MESSAGES_PER_NUMBER", code_attempts.MESSAGES_PER_CODE + 1)
    another = token_of(share(http, bearer, phone_number=number))
    begin(http, another, "")
    begin(http, another, "")
    assert phones.function.outcomes[-2:] == ["nothing", "nothing"]


def test_a_share_that_was_revoked_meanwhile_opens_no_more(phones: Patients, bearer: Issue, number: str) -> None:
    http = phones.http
    made = share(http, bearer, phone_number=number)
    challenge = begin(http, token_of(made), "").json_body["challenge"]
    http.delete(f"/api/shares/{made['id']}", headers=bearer(Role.RADIOLOGIST, "nord"))
    assert finish(http, challenge, phones.password(e164(number))).status_code == 403
    assert patient_messages.handler({"challenge": challenge}, None) == {"outcome": "nothing"}
