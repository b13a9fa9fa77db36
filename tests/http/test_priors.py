"""How many exams other hospitals have, in a page of the worklist (docs/adr/0028)."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest

from chalicelib import wiring, wiring_care
from chalicelib.access import priors
from chalicelib.access.audit import Action
from chalicelib.access.audit_search import AuditQuery
from chalicelib.access.model import Role
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.aws.clients import client
from chalicelib.aws.dynamodb_reads import DynamoDBReads
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive
from tests.http.sharing import STUDY
from tests.http.test_care import BORN, HERE, declared, expire, opened, region
from tests.http.test_confidentiality import PATIENT, lift, mark

__all__ = ["region"]


def listed(http: HttpClient, headers: dict[str, str], *studies: str) -> Any:
    """Priors by study; by default of both exams at `sud`."""
    answer = http.get(f"/api/priors?studies={','.join(studies or (HERE, '1.3.8'))}", headers=headers)
    assert answer.status_code == 200, answer.body
    return {one["study_instance_uid"]: one["priors"] for one in answer.json_body["studies"]}


def oppose(http: HttpClient, bearer: Issue, *, opposes: bool = True) -> None:
    headers = {**bearer(Role.PATIENT, "", PATIENT), "Content-Type": "application/json"}
    body = json.dumps({"opposes": opposes}).encode()
    assert http.put("/api/my/opposition", headers=headers, body=body).status_code == 200


def test_priors_are_shown_with_a_relation_and_without_none(region: HttpClient, bearer: Issue) -> None:
    reader, desk = bearer(Role.RADIOLOGIST, "sud"), bearer(Role.DESK, "sud", Scope(("sud",)))
    assert listed(region, reader) == {}
    relation = declared(region, desk).json_body
    (prior,) = listed(region, reader)[HERE]
    assert prior == {
        "hospital": "nord",
        "hospital_name": "Hôpital nord",
        "exams": len(relation["exams"]),
        "is_at_least": False,
        "newest": relation["exams"][0]["study_date"],
        "is_open": False,
    }
    assert listed(region, desk) == listed(region, reader)
    assert listed(region, reader, "1.3.8") == {}
    # Another patient under the same id of another issuer.
    archive(part10(data_set("1.3.9", "1.3.9.1", "1.3.9.1.1", PatientID="S9", IssuerOfPatientID="X", **BORN)), "sud")
    assert listed(region, reader, HERE, "1.3.9").keys() == {HERE}
    opened(region, bearer)
    assert listed(region, reader)[HERE][0]["is_open"] is True
    assert listed(region, bearer(Role.RADIOLOGIST, "nord"), STUDY, HERE) == {}
    assert listed(region, bearer(Role.DESK, "sud", Scope())) == {}
    region.delete(f"/api/care-relations/{relation['id']}?patient_id=S9", headers=desk)
    assert listed(region, reader) == {}


def test_what_is_masked_opposed_or_over_is_not_counted(
    region: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(part10(data_set("1.2.9", "1.2.9.1", "1.2.9.1.1", PatientID="P1", **BORN)))
    reader = bearer(Role.RADIOLOGIST, "sud")
    relation = declared(region, bearer(Role.DESK, "sud")).json_body["id"]
    assert listed(region, reader)[HERE][0]["exams"] == 2
    with monkeypatch.context() as patch:
        patch.setattr(priors, "MOST_EXAMS", 1)  # nobody reads a worklist for more
        (prior,) = listed(region, reader)[HERE]
        assert (prior["exams"], prior["is_at_least"]) == (1, True)
    made = mark(region, bearer, "masked")
    assert listed(region, reader)[HERE][0]["exams"] == 1
    lift(region, bearer, made)
    assert listed(region, reader)[HERE][0]["exams"] == 2
    (kept,) = wiring_care.care_relations().of_own(PatientRef("sud", "S9"))
    oppose(region, bearer)
    assert listed(region, reader) == {}
    wiring_care.care_relations().put(kept)  # as one that was being declared meanwhile
    assert listed(region, reader) == {}
    oppose(region, bearer, opposes=False)
    declared(region, bearer(Role.DESK, "sud"))
    assert listed(region, reader)[HERE][0]["exams"] == 2
    expire("CARE#")
    assert listed(region, reader) == {}
    assert declared(region, bearer(Role.DESK, "sud")).json_body["id"] == relation
    assert listed(region, reader)[HERE][0]["exams"] == 2


def test_what_names_no_studies_or_too_many_is_refused(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "sud")
    many = ",".join(f"1.{number}" for number in range(51))
    for query in (
        "",
        "studies=",
        "studies=,",
        "studies=1..3",
        "studies=1.2&studies=1.3",
        "studies=*",
        f"studies={many}",
    ):
        assert http.get(f"/api/priors?{query}", headers=headers).status_code == 400, query


def test_a_page_costs_one_batch_and_a_query_for_each_relation(
    region: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [f"1.4.{number}" for number in range(8)]
    for uid in pages:
        archive(part10(data_set(uid, f"{uid}.1", f"{uid}.1.1", PatientID=f"Q{uid}", **BORN)), "sud")
    asked: list[str] = []
    ask = DynamoDBReads._ask
    monkeypatch.setattr(DynamoDBReads, "_ask", lambda self, name, *more: asked.append(name) or ask(self, name, *more))
    plain = client("dynamodb").meta.events
    plain.register("before-call.dynamodb", lambda model, **_: asked.append(model.name), unique_id="spy")
    reader = bearer(Role.RADIOLOGIST, "sud")

    def cost(*studies: str) -> Counter[str]:
        listed(region, reader, *studies)  # what a process does once
        asked.clear()
        listed(region, reader, *studies)
        return Counter(asked)

    none, one = cost(*pages), cost("1.3.8")
    assert none == one  # however many patients
    assert declared(region, bearer(Role.DESK, "sud")).status_code == 201
    more = cost(*pages, HERE) - none
    assert set(more) <= {"BatchGetItem", "Query", "GetItem"}
    # Relation and opposition; exams, and what the session's user opened; the marks of one exam, the hospital's name.
    assert (more["BatchGetItem"], more["Query"], more["GetItem"]) == (2, 2, 2)


def test_the_other_hospital_s_trail_knows(region: HttpClient, bearer: Issue) -> None:
    reader = bearer(Role.RADIOLOGIST, "sud")
    listed(region, reader)

    def events() -> list[Any]:
        now_ms = int(time.time() * 1000)
        found = wiring.audit_reader().search(AuditQuery(now_ms - 3_600_000, now_ms + 1000, "nord"), 50)
        return [one for one in found if one.detail.get("route") == "/api/priors"]

    assert events() == []
    declared(region, bearer(Role.DESK, "sud"))
    for _ in range(3):
        listed(region, reader)
    (event,) = events()
    assert (event.action, event.patient, event.detail["basis"]) == (Action.SEARCH, None, "care")
    assert event.who.subject == "radiologist@sud"
