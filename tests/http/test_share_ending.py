"""Shares that others end: the patient, the hospital's PACS manager, the operator, and the access that one rests on."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import errors
from chalicelib.access.audit import Action
from chalicelib.access.model import Role
from chalicelib.access.shared_scope import with_shares
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.web import authorizer
from tests.http.conftest import Issue
from tests.http.patients import BORN, JSON, Patients
from tests.http.sharing import FIRST, OTHER_STUDY, STUDY, STUDY_OF_SUD, guest, post, share, store_exams
from tests.http.test_audit import events  # noqa: F401
from tests.http.test_patient_access import patients, present  # noqa: F401
from tests.http.test_portal_api import conforms

PATIENT = PatientRef("nord", "P1")
RPPS = "10100000017"
Headers = dict[str, str]


@pytest.fixture
def exams(http: HttpClient) -> HttpClient:
    store_exams()
    return http


@pytest.fixture
def gateway_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The authorizer's answer of before holds, as it does for half a minute."""
    answers: dict[str, Any] = {}

    def remembered(shares: Any, session: Any) -> Any:
        return answers.setdefault(session.session_id, with_shares(shares, session))

    monkeypatch.setattr("chalicelib.access.shared_scope.with_shares", remembered)
    assert authorizer.CACHE_TTL_S == 30


def patient(bearer: Issue, whose: PatientRef = PATIENT) -> Headers:
    return bearer(Role.PATIENT, scope=Scope(patients=(whose,)))


def colleague(bearer: Issue) -> Headers:
    return bearer(Role.GP, "", Scope(), rpps=RPPS)


def seen(http: HttpClient, headers: Headers) -> set[str]:
    answer = http.get("/dicomweb/studies", headers=headers)
    assert answer.status_code in (200, 204), answer.body
    return {one["0020000D"]["Value"][0] for one in answer.json_body} if answer.status_code == 200 else set()


def share_two(http: HttpClient, bearer: Issue, **more: Any) -> Any:
    """One share of studies of two patients."""
    studies = [{"study_instance_uid": STUDY}, {"study_instance_uid": OTHER_STUDY}]
    answer = post(http, "/api/shares", {"studies": studies, **more}, bearer(Role.RADIOLOGIST, "nord"))
    assert answer.status_code == 201, answer.body
    return answer.json_body


def ends(recorded: Any, share_id: str) -> list[tuple[str, str, Any]]:
    """(role, study, by) of what the trail says about the end of a share."""
    found = [one for one in recorded() if one.action is Action.SHARE_REVOKED and one.detail.get("share") == share_id]
    return sorted((one.who.role, one.study_instance_uid, one.detail.get("by")) for one in found)


# A colleague by RPPS -------------------------------------------------------------------------------------------------


def test_a_colleague_who_never_signed_in_receives_what_was_shared_by_rpps(exams: HttpClient, bearer: Issue) -> None:
    made = share(exams, bearer, kind="professional", recipient="8 10100000017", label="Dr Durand", series=(FIRST,))
    assert (made["recipient"], "url" in made) == ("Dr Durand · RPPS 10100000017", False)
    assert seen(exams, bearer(Role.GP, "", Scope(), rpps="10100000025")) == set()
    # Nor somebody who calls himself by that number without a provider that vouches for it.
    assert seen(exams, bearer(Role.GP, RPPS, Scope())) == set()
    headers = colleague(bearer)
    assert seen(exams, headers) == {STUDY}
    (received,) = conforms(exams.get("/api/received-shares", headers=headers), "ReceivedShares")["shares"]
    assert (received["kind"], received["from"]["hospital"]) == ("professional", "Hôpital nord")


def test_who_used_it_and_when_is_counted_once_a_session(exams: HttpClient, bearer: Issue) -> None:
    made = share(exams, bearer, kind="professional", recipient=RPPS)
    maker = bearer(Role.RADIOLOGIST, "nord")
    headers = {**colleague(bearer), "X-Viewer-Address": "192.0.2.77"}
    assert seen(exams, headers) == {STUDY}
    assert exams.get(f"/api/shares/{made['id']}", headers=maker).json_body["uses"] == 0
    for what in ("/metadata", "/series", ""):
        exams.get(f"/dicomweb/studies/{STUDY}{what}", headers=headers)
    exams.get(f"/dicomweb/studies/{STUDY}/metadata", headers=colleague(bearer))
    shown = conforms(exams.get(f"/api/shares/{made['id']}", headers=maker), "Share")
    assert shown["uses"] == 2
    assert {(use["who"], use["network"]) for use in shown["opened"]} >= {("gp · RPPS 10100000017", "192.0.2.0/24")}


@pytest.mark.usefixtures("gateway_remembers")
def test_what_is_taken_back_is_refused_at_the_next_request(exams: HttpClient, bearer: Issue) -> None:
    maker = bearer(Role.RADIOLOGIST, "nord")
    by_rpps = share(exams, bearer, kind="professional", recipient=RPPS)
    whole = share(exams, bearer, kind="hospital", recipient="sud")
    one, other = colleague(bearer), bearer(Role.RADIOLOGIST, "sud")
    assert (seen(exams, one), seen(exams, other)) == ({STUDY}, {STUDY, STUDY_OF_SUD})
    for made in (by_rpps, whole):
        assert exams.delete(f"/api/shares/{made['id']}", headers=maker).status_code == 204
    assert (seen(exams, one), seen(exams, other)) == (set(), {STUDY_OF_SUD})
    assert exams.get(f"/dicomweb/studies/{STUDY}/metadata", headers=one).status_code == 404


# The patient ---------------------------------------------------------------------------------------------------------


def test_a_patient_sees_and_ends_what_opens_the_own_exams(
    exams: HttpClient,
    bearer: Issue,
    events: Any,  # noqa: F811
) -> None:
    by_hospital = share_two(exams, bearer, kind="hospital", recipient="sud", message="Entre nous")
    link = share(exams, bearer, label="Cabinet")
    share(exams, bearer, OTHER_STUDY)
    headers = patient(bearer)
    own = post(exams, "/api/shares", {"studies": [{"study_instance_uid": STUDY}], "kind": "link"}, headers).json_body
    shown = conforms(exams.get("/api/my/shares", headers=headers), "SharesOfPatient")["shares"]
    assert {(one["id"], one["is_own"]) for one in shown} == {
        (by_hospital["id"], False),
        (link["id"], False),
        (own["id"], True),
    }
    assert {study["study_instance_uid"] for one in shown for study in one["studies"]} == {STUDY}
    assert "Entre nous" not in json.dumps(shown)
    opened, recipient = guest(exams, link), bearer(Role.RADIOLOGIST, "sud")
    assert seen(exams, recipient) == {STUDY, OTHER_STUDY, STUDY_OF_SUD}
    for made in (by_hospital, link):
        assert exams.delete(f"/api/my/shares/{made['id']}", headers=headers).status_code == 204
        assert exams.delete(f"/api/my/shares/{made['id']}", headers=headers).status_code == 404
    # Of the other patient nothing was taken.
    assert seen(exams, recipient) == {OTHER_STUDY, STUDY_OF_SUD}
    with pytest.raises(errors.NotAuthenticated):
        exams.get("/dicomweb/studies", headers=opened)
    kept = exams.get(f"/api/shares/{by_hospital['id']}", headers=bearer(Role.RADIOLOGIST, "nord")).json_body
    assert (kept["state"], [study["study_instance_uid"] for study in kept["studies"]]) == ("live", [OTHER_STUDY])
    ended = exams.get(f"/api/shares/{link['id']}", headers=bearer(Role.RADIOLOGIST, "nord")).json_body
    assert (ended["state"], ended["revoked_by"]) == ("revoked", "patient")
    assert [one["id"] for one in exams.get("/api/my/shares", headers=headers).json_body["shares"]] == [own["id"]]
    assert ends(events, by_hospital["id"]) == [("patient", STUDY, "patient")]


def test_other_patients_see_and_end_none_of_it(exams: HttpClient, bearer: Issue) -> None:
    made = share(exams, bearer)
    for whose in (PatientRef("nord", "P2"), PatientRef("sud", "P1"), PatientRef("nord", "P1", "X")):
        headers = patient(bearer, whose)
        assert exams.get("/api/my/shares", headers=headers).json_body == {"shares": []}
        assert exams.delete(f"/api/my/shares/{made['id']}", headers=headers).status_code == 404
    assert exams.delete("/api/my/shares/unknown", headers=patient(bearer)).status_code == 404
    assert seen(exams, guest(exams, made)) == {STUDY}


def test_a_patient_is_not_told_of_exams_that_wait_for_an_announcement(exams: HttpClient, bearer: Issue) -> None:
    maker = bearer(Role.RADIOLOGIST, "nord")
    made = share(exams, bearer, kind="hospital", recipient="sud")
    marked = post(exams, f"/api/studies/{STUDY}/marks", {"kind": "delayed"}, maker)
    assert marked.status_code == 201, marked.body
    headers = patient(bearer)
    assert exams.get("/api/my/shares", headers=headers).json_body == {"shares": []}
    assert exams.delete(f"/api/my/shares/{made['id']}", headers=headers).status_code == 404


# The hospital and the operator ----------------------------------------------------------------------------------------


def test_a_hospital_ends_what_opens_its_studies(exams: HttpClient, bearer: Issue, events: Any) -> None:  # noqa: F811
    made = share(exams, bearer)
    own = post(exams, "/api/shares", {"studies": [{"study_instance_uid": STUDY}], "kind": "link"}, patient(bearer))
    manager = bearer(Role.PACS_MANAGER, "nord")
    shown = conforms(exams.get("/api/hospitals/nord/shares", headers=manager), "SharesOfHospital")
    assert ({one["id"] for one in shown["shares"]}, shown["next"]) == ({own.json_body["id"], made["id"]}, "")
    other = bearer(Role.PACS_MANAGER, "sud")
    assert exams.get("/api/hospitals/sud/shares", headers=other).json_body["shares"] == []
    assert exams.get("/api/hospitals/nord/shares", headers=other).status_code == 403
    assert exams.delete(f"/api/hospitals/sud/shares/{made['id']}", headers=other).status_code == 404
    assert exams.delete(f"/api/hospitals/nord/shares/{made['id']}", headers=other).status_code == 403
    assert exams.delete(f"/api/hospitals/nord/shares/{made['id']}", headers=manager).status_code == 204
    shown = exams.get(f"/api/shares/{made['id']}", headers=bearer(Role.RADIOLOGIST, "nord")).json_body
    assert (shown["state"], shown["revoked_by"]) == ("revoked", "hospital")
    assert ends(events, made["id"]) == [("pacs-manager", STUDY, "hospital")]


def test_a_hospitals_list_has_pages(exams: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.aws.dynamodb_shares.MOST_LISTED", 2)
    made = {share(exams, bearer)["id"] for _ in range(3)}
    manager = bearer(Role.PACS_MANAGER, "nord")
    first = exams.get("/api/hospitals/nord/shares", headers=manager).json_body
    assert len(first["shares"]) == 2
    before = quote(first["next"], safe="")
    last = exams.get(f"/api/hospitals/nord/shares?before={before}", headers=manager).json_body
    assert {one["id"] for one in first["shares"] + last["shares"]} == made
    assert last["next"] == ""


def test_an_operator_ends_a_share_without_seeing_whose_it_is(
    exams: HttpClient,
    bearer: Issue,
    events: Any,  # noqa: F811
) -> None:
    made = share(exams, bearer, label="Cabinet Durand", message="Avis ?")
    operator = bearer(Role.OPERATOR)
    path = f"/api/operations/shares/{made['id']}"
    answer = exams.get(path, headers=operator)
    shown = conforms(answer, "OperatedShare")
    assert (shown["hospitals"], shown["study_count"], shown["state"]) == (["nord"], 1, "live")
    assert not [word for word in ("Durand", "Avis", STUDY, "radiologist") if word in answer.body.decode()]
    headers = guest(exams, made)
    for _ in range(2):
        assert exams.delete(path, headers=operator).status_code == 204
    with pytest.raises(errors.NotAuthenticated):
        exams.get("/dicomweb/studies", headers=headers)
    assert exams.get(path, headers=operator).json_body["state"] == "revoked"
    assert ends(events, made["id"]) == [("operator", STUDY, "operator")]
    assert exams.delete("/api/operations/shares/unknown", headers=operator).status_code == 404


# Under a patient's grant ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["by the patient", "at the desk"])
def test_what_a_doctor_shares_under_an_access_ends_with_it(
    exams: HttpClient,
    bearer: Issue,
    patients: Patients,  # noqa: F811
    ending: str,
) -> None:
    whose, code, _ = patients.make()
    doctor = bearer(Role.GP, "", Scope(), rpps="10100000033")
    grant = present(exams, doctor, code, BORN).json_body
    studies = [{"study_instance_uid": STUDY}]
    # By name, not by a link that anybody passes on.
    assert post(exams, "/api/shares", {"studies": studies, "kind": "link"}, doctor).status_code == 404
    made = post(
        exams, "/api/shares", {"studies": studies, "kind": "professional", "recipient": RPPS, "days": 90}, doctor
    ).json_body
    assert (made["under_access"], made["expires_at"]) == (True, grant["expires_at"])
    headers = colleague(bearer)
    assert seen(exams, headers) == {STUDY}
    if ending == "by the patient":
        own = bearer(Role.PATIENT, scope=Scope(patients=(whose,)))
        assert exams.delete(f"/api/access-grants/{grant['id']}", headers=own).status_code == 204
    else:
        desk = bearer(Role.DESK, "nord", **JSON)
        assert exams.delete(f"/api/patient-codes/{whose.patient_id}", headers=desk).status_code == 204
    assert seen(exams, headers) == set()
    shown = exams.get(f"/api/shares/{made['id']}", headers=doctor).json_body
    assert (shown["state"], shown["revoked_by"]) == ("revoked", "grant")
