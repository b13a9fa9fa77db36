"""Attacks over HTTP that have no test of their own elsewhere; docs/threat-model.md names them all."""

from __future__ import annotations

import pytest

from app import app
from chalicelib.access.model import Role
from chalicelib.errors import NotAuthenticated
from chalicelib.web import auditing
from tests.http.conftest import HttpClient, Issue
from tests.http.patients import MessagesFunction, Patients
from tests.http.sharing import OTHER_STUDY, STUDY, STUDY_OF_SUD, store_exams
from tests.http.test_patient_access import patients, store

__all__ = ["MessagesFunction", "patients"]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    auditing._recorded.clear()


TRICKS = [
    "/dicomweb/studies/{own}/../{other}/metadata",
    "/dicomweb/studies/{own}%2F..%2F{other}/metadata",
    "/dicomweb/studies/{own}%2F%2E%2E%2F{other}/metadata",
    "/dicomweb/studies/{own}%252F..%252F{other}/metadata",
    "/dicomweb/studies/{own}%5C{other}/metadata",
    "/dicomweb/studies/{own},{other}/metadata",
    "/dicomweb/studies/{own}%00{other}/metadata",
    "/dicomweb/studies/%20{other}/metadata",
    "/dicomweb/studies/{other}%20/metadata",
    "/dicomweb/studies/{own}/series/%2E%2E%2F%2E%2E%2F{other}/metadata",
    "/dicomweb//studies/{other}/metadata",
    "/dicomweb/studies/{own}/metadata/..%2F..%2F{other}%2Fmetadata",
    "/dicomweb/studies/{own}?StudyInstanceUID={other}&StudyInstanceUID={own}",
    "/dicomweb/studies?StudyInstanceUID={own}&StudyInstanceUID={other}",
    "/dicomweb/studies?StudyInstanceUID={own}%5C{other}",
    "/dicomweb/studies?hospital=sud&hospital=nord&StudyInstanceUID={other}",
    "/dicomweb/wado?requestType=WADO&studyUID={own}&studyUID={other}&seriesUID={other}.1&objectUID={other}.1.1",
]


def test_no_path_or_doubled_parameter_leads_to_another_hospitals_exam(http: HttpClient, bearer: Issue) -> None:
    store_exams()
    headers = bearer(Role.RADIOLOGIST, "nord")
    for trick in TRICKS:
        answer = http.get(trick.format(own=STUDY, other=STUDY_OF_SUD), headers=headers)
        assert answer.status_code < 500, trick
        if answer.status_code < 300:
            assert STUDY_OF_SUD.encode() not in answer.body, trick
            assert b"sud" not in answer.body.lower(), trick


def test_a_replayed_one_time_password_opens_nothing(patients: Patients) -> None:
    """Neither the same challenge again, nor another patient's or a later challenge of the same one."""
    _, code, number = patients.make()
    _, other_code, _ = patients.make("sud", "P2")
    challenge = patients.begin(code).json_body["challenge"]
    password = patients.password(number)
    later = patients.begin(code).json_body["challenge"]
    others = patients.begin(other_code).json_body["challenge"]
    for wrong in (later, others):
        assert patients.finish(wrong, password).status_code == 401
    assert patients.finish(challenge, password).status_code == 200
    for again in (challenge, later, others):
        assert patients.finish(again, password).status_code == 401


def test_no_answer_to_a_session_may_be_kept_by_a_cache(http: HttpClient, bearer: Issue) -> None:
    """Two scopes ask for the same address and get different answers: none of them may be stored on the way."""
    store("nord", "1.2.1", "P1")
    store_exams()
    shared_by_design = {"/api/openapi.json", "/dicomweb/openapi.json"}
    for path, methods in app.routes.items():
        route = methods.get("GET")
        if route is None or route.authorizer is None or path in shared_by_design or path.endswith("+}"):
            continue
        address = path.replace("{study}", STUDY).replace("{series}", f"{OTHER_STUDY}.1").replace("{hospital}", "nord")
        for role in (Role.RADIOLOGIST, Role.OPERATOR):
            answer = http.get(address, headers=bearer(role, "nord" if role is Role.RADIOLOGIST else ""))
            kept = str(answer.headers.get("Cache-Control", "")).lower()
            assert "public" not in kept, path
            assert "no-store" in kept or "private" in kept, path
            # A browser keeps an image for a day, for the session alone that was shown it.
            assert "no-store" in kept or "no-cache" in kept or "cookie" in str(answer.headers["Vary"]).lower(), path


FORGED = {
    "Host": "attacker.example",
    "X-Forwarded-Host": "attacker.example",
    "X-Forwarded-Proto": "http",
    "Forwarded": "host=attacker.example;proto=http",
    "X-Original-URL": f"/dicomweb/studies/{STUDY_OF_SUD}/metadata",
    "X-Rewrite-URL": f"/dicomweb/studies/{STUDY_OF_SUD}/metadata",
    "X-HTTP-Method-Override": "DELETE",
}


def test_no_header_changes_the_addresses_in_an_answer(http: HttpClient, bearer: Issue) -> None:
    """Nor which resource or method it is about: a cache, or a reader of a forwarded answer, would be led elsewhere."""
    store_exams()
    headers = bearer(Role.RADIOLOGIST, "nord")
    for path in (f"/dicomweb/studies/{STUDY}/metadata", "/dicomweb/studies", "/dicomweb/", "/api/session"):
        plain, forged = (http.get(path, headers={**headers, **more}) for more in ({}, FORGED))
        assert (forged.status_code, forged.body) == (plain.status_code, plain.body), path
        assert "attacker" not in str(forged.headers), path


def test_a_malformed_authorization_is_refused(http: HttpClient, bearer: Issue) -> None:
    token = bearer(Role.RADIOLOGIST, "nord")["Authorization"].removeprefix("Bearer ")
    for given in ("Bearer", "Bearer ", f"Basic {token}", f"Bearer {token}.x", token, f"Bearer {token} x"):
        with pytest.raises(NotAuthenticated):
            http.get("/dicomweb/studies", headers={"Authorization": given})
