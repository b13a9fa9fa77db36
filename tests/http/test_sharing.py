"""Shares: made, previewed, opened, used up, revoked; with a colleague and with a hospital."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import errors, wiring
from chalicelib.access import share_model
from chalicelib.access.model import Role, User
from chalicelib.access.share_model import Kind
from chalicelib.access.share_opening import WRONG
from chalicelib.archive.scope import PatientRef, Scope
from tests.http.conftest import HttpClient, Issue
from tests.http.sharing import (
    FIRST,
    OTHER_STUDY,
    SECOND,
    SECOND_IMAGE,
    STUDY,
    expire,
    guest,
    post,
    share,
    store_exams,
    token_of,
)
from tests.http.test_portal_api import conforms


@pytest.fixture
def exams(http: HttpClient) -> HttpClient:
    store_exams()
    return http


def studies_seen(http: HttpClient, headers: dict[str, str]) -> list[str]:
    answer = http.get("/dicomweb/studies", headers=headers)
    return [study["0020000D"]["Value"][0] for study in answer.json_body] if answer.status_code == 200 else []


def test_a_link_shows_what_it_gives_and_then_gives_it(exams: HttpClient, bearer: Issue) -> None:
    made = share(exams, bearer, message="Avis ?", label="Dr Durand", passcode="secret-1", maximum_uses=2)
    assert (
        conforms(exams.get("/api/shares", headers=bearer(Role.RADIOLOGIST, "nord")), "Shares")["shares"][0]["uses"] == 0
    )
    token = token_of(made)
    preview = post(exams, "/api/share-preview", {"token": token})
    shown = conforms(preview, "SharePreview")
    assert shown["exams"] == [{"study_date": "20240131", "modalities": ["CT", "SR"]}]
    assert (shown["state"], shown["from"]["hospital"], shown["has_passcode"]) == ("live", "Hôpital nord", True)
    assert "Lef" not in preview.body.decode()
    assert post(exams, "/api/share-session", {"token": token}).status_code == 401
    assert post(exams, "/api/share-session", {"token": token, "passcode": "wrong"}).status_code == 401
    headers = guest(exams, made, "secret-1")
    assert studies_seen(exams, headers) == [STUDY]
    session = exams.get("/api/session", headers=headers).json_body
    assert (session["role"], session["permissions"], session["display_name"]) == ("guest", ["read-images"], "Dr Durand")
    path = f"/api/shares/{made['id']}"
    used = conforms(exams.get(path, headers=bearer(Role.RADIOLOGIST, "nord")), "Share")
    assert (used["uses"], len(used["opened"]), used["state"]) == (1, 1, "live")
    guest(exams, made, "secret-1")
    assert post(exams, "/api/share-session", {"token": token, "passcode": "secret-1"}).status_code == 403
    assert post(exams, "/api/share-preview", {"token": token}).json_body["state"] == "used-up"
    # What was opened stays open until its hour is over.
    assert studies_seen(exams, headers) == [STUDY]


def test_nothing_that_opens_a_link_is_kept(exams: HttpClient, bearer: Issue) -> None:
    made = share(exams, bearer, passcode="secret-1")
    secret = token_of(made).partition(".")[2]
    assert len(secret) >= 43
    items = wiring.shares()._dynamodb.scan(TableName=wiring.settings().registry_table)["Items"]
    assert secret not in repr(items)
    assert "secret-1" not in repr(items)


def test_other_tokens_open_nothing(exams: HttpClient, bearer: Issue) -> None:
    made = share(exams, bearer, passcode="secret-1")
    wrong = post(exams, "/api/share-session", {"token": token_of(made), "passcode": "wrong-1"})
    assert (wrong.status_code, wrong.json_body["detail"]) == (401, WRONG)
    for token in ("x" * 30, "unknown-id-12345.secret", f"{made['id']}.", f"{made['id']}.wrong", ".x12345678"):
        answer = post(exams, "/api/share-preview", {"token": token})
        assert (answer.status_code, answer.json_body["detail"]) == (404, "There is no such share.")
        # A wrong link is answered as a wrong passcode is.
        assert post(exams, "/api/share-session", {"token": token}).body == wrong.body


def test_a_passcode_cannot_be_guessed(exams: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.access.share_opening.PASSCODE_FAILURES", 2)
    monkeypatch.setattr(share_model, "PASSCODE_FAILURES", 2)
    made = share(exams, bearer, passcode="secret-1")
    attempts = [{"token": token_of(made), "passcode": word} for word in ("a", "b", "secret-1", "secret-1")]
    assert [post(exams, "/api/share-session", body).status_code for body in attempts] == [401, 401, 403, 403]
    assert post(exams, "/api/share-preview", {"token": token_of(made)}).json_body["state"] == "locked"


@pytest.mark.parametrize("ending", ["revoked", "expired"])
def test_a_share_that_ended_gives_nothing(exams: HttpClient, bearer: Issue, ending: str) -> None:
    made, maker = share(exams, bearer), bearer(Role.RADIOLOGIST, "nord")
    headers = guest(exams, made)
    if ending == "revoked":
        assert exams.delete(f"/api/shares/{made['id']}", headers=bearer(Role.RADIOLOGIST, "sud")).status_code == 404
        for _ in range(2):
            assert exams.delete(f"/api/shares/{made['id']}", headers=maker).status_code == 204
    else:
        expire(made["id"])
    with pytest.raises(errors.NotAuthenticated):
        exams.get("/dicomweb/studies", headers=headers)
    preview = post(exams, "/api/share-preview", {"token": token_of(made)}).json_body
    assert (preview["state"], preview["exams"]) == (ending, [])
    assert post(exams, "/api/share-session", {"token": token_of(made)}).status_code == 403
    assert exams.get("/api/shares", headers=maker).json_body["shares"][0]["state"] == ending


def test_a_colleague_and_a_hospital_see_what_is_shared_with_them(exams: HttpClient, bearer: Issue) -> None:
    registry = wiring.registry()
    registry.put_user(User("radiologist@sud", "Dr Sud", Role.RADIOLOGIST, "sud", Scope(hospitals=("sud",)), ""))
    colleague = bearer(Role.RADIOLOGIST, "sud")
    assert STUDY not in studies_seen(exams, colleague)
    own = share(exams, bearer, kind="user", recipient="Radiologist@SUD", series=(FIRST,), message="Votre avis ?")
    assert "url" not in own
    assert sorted(studies_seen(exams, colleague)) == [STUDY, "1.2.3"]
    received = conforms(exams.get("/api/received-shares", headers=colleague), "ReceivedShares")["shares"]
    assert [(r["from"]["name"], r["message"], r["studies"][0]["modalities"]) for r in received] == [
        ("radiologist", "Votre avis ?", ["CT"])
    ]
    hidden = f"/dicomweb/studies/{STUDY}/series/{SECOND}/metadata"
    assert exams.get(hidden, headers=colleague).status_code == 404
    whole = share(exams, bearer, kind="hospital", recipient="sud")
    assert whole["recipient"] == "Hôpital sud"
    assert exams.get(hidden, headers=colleague).status_code == 200
    # What was shared is not the recipient's to share.
    body = {"studies": [{"study_instance_uid": STUDY}], "kind": "link"}
    assert post(exams, "/api/shares", body, colleague).status_code == 403
    for made in (own, whole):
        exams.delete(f"/api/shares/{made['id']}", headers=bearer(Role.RADIOLOGIST, "nord"))
    assert studies_seen(exams, colleague) == ["1.2.3"]


def test_a_colleague_who_signs_in_elsewhere_is_named_as_the_provider_does(exams: HttpClient, bearer: Issue) -> None:
    """Sessions of a provider's users keep the case of their names; whoever shares need not know it."""
    wiring.registry().put_user(User("clinique:Dr.A", "Dr A", Role.GP, "", Scope(), ""))
    made = share(exams, bearer, kind="user", recipient="Clinique:dr.a")
    found = wiring.shares().given_to(Kind.USER, "clinique:Dr.A")
    assert [each.share_id for each in found] == [made["id"]]


def test_doctor_and_patient_share_the_patients_exams_alone(exams: HttpClient, bearer: Issue) -> None:
    for role in (Role.GP, Role.PATIENT):
        headers = bearer(role, scope=Scope(patients=(PatientRef("nord", "P1"),)))
        statuses = [
            post(exams, "/api/shares", {"studies": [{"study_instance_uid": uid}], "kind": "link"}, headers).status_code
            for uid in (STUDY, OTHER_STUDY, "1.2.3", "1.2.99")
        ]
        assert statuses == [201, 404, 404, 404]


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"kind": "user", "recipient": "nobody"}, 404),
    ({"kind": "hospital", "recipient": "ouest"}, 404),
    ({"kind": "hospital", "recipient": "nord"}, 400),
    ({"kind": "user"}, 404),
    ({"kind": "professional", "recipient": "1010000001"}, 400),
    ({"kind": "professional", "recipient": "1010000001O"}, 400),
    ({"kind": "professional", "recipient": "10100000017", "phone_number": "0639980001"}, 400),
    ({"kind": "link", "phone_number": "0142000000"}, 400),
    ({"kind": "link", "phone_number": "call me"}, 400),
    ({"kind": "link", "recipient": "x"}, 400),
    ({"kind": "hospital", "recipient": "sud", "passcode": "secret-1"}, 400),
    ({"kind": "link", "passcode": "short"}, 400),
    ({"kind": "link", "days": 0}, 400),
    ({"kind": "link", "studies": [{"study_instance_uid": STUDY, "series": [SECOND_IMAGE]}]}, 404),
    ({"kind": "link", "studies": []}, 400),
]


def test_what_cannot_be_shared_is_refused(exams: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for body, status in REFUSED:
        wanted = {"studies": [{"study_instance_uid": STUDY}], **body}
        assert post(exams, "/api/shares", wanted, headers).status_code == status, body
    assert exams.get("/api/shares", headers=headers).json_body == {"shares": []}
