"""Delayed and masked documents, in every route and for everybody (docs/adr/0027)."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import errors, wiring
from chalicelib.access.audit import Action
from chalicelib.access.audit_search import AuditQuery
from chalicelib.access.model import Role
from chalicelib.archive.confidentiality import Kind, Mark, Target
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.aws.clients import client
from tests.dicom_files import data_set, part10
from tests.http.conftest import Issue
from tests.http.dicomweb import archive
from tests.http.sharing import (
    DOCUMENT,
    FIRST,
    IMAGE,
    REPORT,
    REPORTS,
    SECOND,
    SR_CLASS,
    STUDY,
    WITHOUT_PIXELS,
    guest,
    post,
    share,
)
from tests.http.test_isolation import IMAGES, OF_STUDY, TARGETS, Archive, exams

__all__ = ["exams"]  # a fixture
PATIENT = Scope(patients=(PatientRef("nord", "P1"),))
MARKS = f"/api/studies/{STUDY}/marks"
NOT_THE_DOCUMENT = OF_STUDY - {"document among images"}
"""One mark, and what is left of the study where it counts."""
STATES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "study": ({}, set()),
    "reports": ({"reports": True}, IMAGES),
    "series of reports": ({"series": REPORTS}, OF_STUDY - {"report"}),
    "series of images": ({"series": FIRST}, {"second series", "report"}),
    "document among images": ({"series": FIRST, "instance": DOCUMENT}, NOT_THE_DOCUMENT),
}


def mark(http: HttpClient, bearer: Issue, kind: str, **more: Any) -> Any:
    answer = post(http, MARKS, {"kind": kind, **more}, bearer(Role.RADIOLOGIST, "nord"))
    assert answer.status_code == 201, answer.body
    return answer.json_body


def lift(http: HttpClient, bearer: Issue, made: Any) -> None:
    answer = http.delete(f"{MARKS}/{made['id']}", headers=bearer(Role.RADIOLOGIST, "nord"))
    assert answer.status_code == 200, answer.body
    assert not answer.json_body["is_live"]


def sessions(http: HttpClient, bearer: Issue) -> dict[str, tuple[dict[str, str], set[str]]]:
    """Headers of everybody who sees the study without owning it, and the kinds of marks that bind them."""
    share(http, bearer, kind="hospital", recipient="sud")
    patient = bearer(Role.PATIENT, "", PATIENT)
    link = post(http, "/api/shares", {"studies": [{"study_instance_uid": STUDY}], "kind": "link"}, patient)
    return {
        "owner": (bearer(Role.RADIOLOGIST, "nord"), set()),
        "patient": (patient, {"delayed"}),
        "proxy": (bearer(Role.PROXY, "", PATIENT), {"delayed", "private"}),
        "doctor of the patient": (bearer(Role.GP, "", PATIENT), {"masked", "private"}),
        "guest of the hospital": (guest(http, share(http, bearer)), {"delayed", "masked", "private"}),
        "guest of the patient": (guest(http, link.json_body), {"delayed", "masked", "private"}),
        "hospital that it is shared with": (bearer(Role.RADIOLOGIST, "sud"), {"masked", "private"}),
    }


ELSEWHERE = {"hospital that it is shared with": {"study of another hospital"}}


WALKED = {
    ("study", "delayed", "patient"),
    ("reports", "delayed", "patient"),
    ("series of reports", "masked", "doctor of the patient"),
    ("series of images", "masked", "hospital that it is shared with"),
    ("document among images", "delayed", "guest of the patient"),
    ("reports", "private", "proxy"),
}
"""States that are walked through every route; of the others a search tells."""


def test_each_mark_counts_for_those_whom_it_binds_in_every_route(exams: HttpClient, bearer: Issue) -> None:
    archived, everybody = Archive(exams, bearer), sessions(exams, bearer)

    def check(place: tuple[str, str, str], headers: dict[str, str], left: set[str]) -> None:
        found = exams.get(f"/dicomweb/studies/{STUDY}/instances", headers=headers)
        shown = {one["00080018"]["Value"][0] for one in found.json_body} if found.status_code == 200 else set()
        assert shown == {TARGETS[name][2] for name in left}, place
        if place in WALKED:
            archived.check(str(place), headers, left | ELSEWHERE.get(place[2], set()))

    for of, (target, left) in STATES.items():
        for kind in ("delayed", "masked", "private"):
            made = mark(exams, bearer, kind, **target)
            for who, (headers, kinds) in everybody.items():
                check((of, kind, who), headers, left if kind in kinds else OF_STUDY)
            lift(exams, bearer, made)
    for who, (headers, _) in everybody.items():
        check(("study", "", who), headers, OF_STUDY)


COUNTS = [
    ({"reports": True}, ["CT"], 2, 2),
    ({"series": REPORTS}, ["CT"], 2, 3),
    ({"series": FIRST}, ["CT", "SR"], 2, 2),
    ({"series": FIRST, "instance": DOCUMENT}, ["CT", "SR"], 3, 3),
]


def test_counts_tell_of_what_is_shown_alone(exams: HttpClient, bearer: Issue) -> None:
    patient = bearer(Role.PATIENT, "", PATIENT)
    for target, modalities, series, instances in COUNTS:
        made = mark(exams, bearer, "delayed", **target)
        (study,) = exams.get("/dicomweb/studies?includefield=all", headers=patient).json_body
        assert study["00080061"]["Value"] == modalities
        assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([series], [instances])
        (person,) = exams.get("/dicomweb/patients?includefield=00201204,00201202", headers=patient).json_body
        assert (person["00201202"]["Value"], person["00201204"]["Value"]) == ([series], [instances])
        if "SR" not in modalities:
            assert exams.get("/dicomweb/studies?ModalitiesInStudy=SR", headers=patient).status_code == 204
            assert SR_CLASS not in study["00080062"]["Value"]
        lift(exams, bearer, made)


def test_a_report_that_comes_later_is_kept_back_too(exams: HttpClient, bearer: Issue) -> None:
    mark(exams, bearer, "delayed", reports=True)
    addendum = {"SOPClassUID": SR_CLASS, "Modality": "SR", **WITHOUT_PIXELS}
    archive(part10(data_set(STUDY, f"{STUDY}.7", f"{STUDY}.7.1", **addendum)))
    patient = bearer(Role.PATIENT, "", PATIENT)
    path = f"/dicomweb/studies/{STUDY}/series/{STUDY}.7"
    assert exams.get(f"{path}/metadata", headers=patient).status_code == 404
    assert exams.get(f"{path}/metadata", headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 200


def test_what_a_patient_shares_holds_nothing_that_waits_for_its_announcement(exams: HttpClient, bearer: Issue) -> None:
    body = {"studies": [{"study_instance_uid": STUDY}], "kind": "hospital", "recipient": "sud"}
    assert post(exams, "/api/shares", body, bearer(Role.PATIENT, "", PATIENT)).status_code == 201
    mark(exams, bearer, "delayed", series=REPORTS)
    path = f"/dicomweb/studies/{STUDY}/series/{REPORTS}/metadata"
    assert exams.get(path, headers=bearer(Role.RADIOLOGIST, "sud")).status_code == 404
    share(exams, bearer, kind="hospital", recipient="sud")  # by a professional, who knows
    assert exams.get(path, headers=bearer(Role.RADIOLOGIST, "sud")).status_code == 200


def test_a_study_that_is_kept_back_cannot_be_shared_by_its_patient(exams: HttpClient, bearer: Issue) -> None:
    mark(exams, bearer, "delayed")
    body = {"studies": [{"study_instance_uid": STUDY}], "kind": "link"}
    assert post(exams, "/api/shares", body, bearer(Role.PATIENT, "", PATIENT)).status_code == 404


def test_a_delay_ends_by_itself(exams: HttpClient, bearer: Issue) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    made = mark(exams, bearer, "delayed", until=tomorrow, announcer="Dr Moreau")
    patient = bearer(Role.PATIENT, "", PATIENT)
    assert exams.get("/dicomweb/studies", headers=patient).status_code == 204
    marks, revision = wiring.marks().of_study("nord", STUDY)
    wiring.marks().put("nord", STUDY, [replace(marks[0], until=marks[0].set_at)], revision)
    assert exams.get("/dicomweb/studies", headers=patient).status_code == 200
    (shown,) = exams.get(MARKS, headers=bearer(Role.RADIOLOGIST, "nord")).json_body["marks"]
    assert (shown["id"], shown["is_live"], shown["announcer"]) == (made["id"], False, "Dr Moreau")


def test_marks_that_cannot_be_read_show_nothing(exams: HttpClient, bearer: Issue) -> None:
    mark(exams, bearer, "masked", series=REPORTS)
    client("dynamodb").update_item(
        TableName=wiring.settings().registry_table,
        Key={"pk": {"S": f"H#nord#S#{STUDY}"}, "sk": {"S": "MARKS"}},
        UpdateExpression="SET marks = :garbled",
        ExpressionAttributeValues={":garbled": {"S": '[{"kind": "of another version"}]'}},
    )
    for who in (bearer(Role.PATIENT, "", PATIENT), bearer(Role.GP, "", PATIENT)):
        for path in (
            "/dicomweb/studies",
            f"/dicomweb/studies/{STUDY}/series/{FIRST}/instances/{IMAGE}/frames/1",
            f"/dicomweb/studies/{STUDY}",
        ):
            assert exams.get(path, headers=who).status_code == 503
    assert exams.get(f"/dicomweb/studies/{STUDY}/metadata", headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 200


def test_only_its_hospital_marks_a_study(exams: HttpClient, bearer: Issue) -> None:
    share(exams, bearer, kind="hospital", recipient="sud")
    for headers, status in (
        (bearer(Role.RADIOLOGIST, "sud"), 404),
        (bearer(Role.DESK, "sud"), 404),
        (bearer(Role.GP, "", PATIENT), 403),
        (bearer(Role.PATIENT, "", PATIENT), 403),
        (bearer(Role.DESK, "nord"), 201),
    ):
        assert post(exams, MARKS, {"kind": "masked"}, headers).status_code == status
        assert exams.get(MARKS, headers=headers).status_code == (200 if status == 201 else status)
        refused = exams.delete(f"{MARKS}/0123", headers=headers).status_code
        assert refused == (404 if status == 201 else status)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "secret"}, 400),
        ({"kind": "masked", "until": "2999-01-01"}, 400),
        ({"kind": "delayed", "until": "2001-01-01"}, 400),
        ({"kind": "delayed", "until": "2026-02-31"}, 400),
        ({"kind": "delayed", "reports": True, "series": FIRST}, 400),
        ({"kind": "delayed", "instance": IMAGE}, 400),
        ({"kind": "delayed", "series": f"{STUDY}.99"}, 404),
        ({"kind": "delayed", "series": SECOND, "instance": IMAGE}, 404),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(
    exams: HttpClient, bearer: Issue, body: dict[str, Any], status: int
) -> None:
    assert post(exams, MARKS, body, bearer(Role.RADIOLOGIST, "nord")).status_code == status
    assert wiring.marks().of_study("nord", STUDY) == ([], 0)


def test_the_same_is_marked_once_and_changes_do_not_get_lost(exams: HttpClient, bearer: Issue) -> None:
    made = mark(exams, bearer, "masked")
    again = post(exams, MARKS, {"kind": "masked"}, bearer(Role.RADIOLOGIST, "nord"))
    assert again.status_code == 409
    with pytest.raises(errors.Conflict):
        wiring.marks().put("nord", STUDY, [Mark("x", Kind.MASKED, Target(), "u", "U", 0)], 0)
    lift(exams, bearer, made)
    assert exams.delete(f"{MARKS}/{made['id']}", headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 404


def test_marking_is_in_the_trail_and_the_patient_is_not_told_before_the_announcement(
    exams: HttpClient, bearer: Issue
) -> None:
    owner, patient = bearer(Role.RADIOLOGIST, "nord"), bearer(Role.PATIENT, "", PATIENT)
    exams.get(f"/dicomweb/studies/{STUDY}/metadata", headers=owner)
    report = mark(exams, bearer, "delayed", series=REPORTS)

    def told() -> list[dict[str, Any]]:
        events = exams.get("/api/my/audit-events", headers=patient).json_body["events"]
        return [event for event in events if event["study_instance_uid"] == STUDY]

    assert {event["action"] for event in told()} == {"read-study"}
    whole = mark(exams, bearer, "delayed")
    assert told() == []
    lift(exams, bearer, whole)
    lift(exams, bearer, report)
    assert {event["action"] for event in told()} == {"read-study", "document-marked", "mark-lifted"}
    query = AuditQuery(0, int(time.time() * 1000) + 1000, "nord", study_instance_uid=STUDY)
    events = [event for event in wiring.audit_reader().search(query, 100) if "mark" in event.detail]
    assert [event.action for event in reversed(events)].count(Action.DOCUMENT_MARKED) == 2
    assert {json.dumps(sorted(event.detail)) for event in events if event.detail["of"] == "series"} == {
        '["kind", "mark", "of", "series"]'
    }
    assert REPORT not in json.dumps(told())


def test_what_is_private_is_in_no_proxy_s_trail_not_even_once_it_is_no_more(exams: HttpClient, bearer: Issue) -> None:
    owner, parent, patient = (
        bearer(Role.RADIOLOGIST, "nord"),
        *(bearer(r, "", PATIENT) for r in (Role.PROXY, Role.PATIENT)),
    )
    exams.get(f"/dicomweb/studies/{STUDY}/metadata", headers=owner)
    made = mark(exams, bearer, "private")

    def told(headers: dict[str, str]) -> set[str]:
        events = exams.get("/api/my/audit-events", headers=headers).json_body["events"]
        return {event["action"] for event in events if event["study_instance_uid"] == STUDY}

    assert told(parent) == set()
    assert told(patient) == {"read-study", "document-marked"}
    lift(exams, bearer, made)
    assert told(parent) == {"read-study"}
    assert told(patient) == {"read-study", "document-marked", "mark-lifted"}
