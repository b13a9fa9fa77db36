"""Priors in other hospitals by care relation, and break-glass (docs/adr/0028)."""

from __future__ import annotations

import json
import time
from typing import Any
from unittest.mock import patch

import pytest
from chalice.test import TestHTTPClient as HttpClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import wiring, wiring_care
from chalicelib.access.audit import Action
from chalicelib.access.audit_search import AuditQuery
from chalicelib.access.model import Contact, Role
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.clients import client
from chalicelib.aws.lambda_patient_functions import LambdaPatientMessenger
from chalicelib.aws.lambda_renderer import LambdaRenderer
from tests.contract.test_sns_sms import sent
from tests.dicom_files import data_set, part10
from tests.emulator import Cloud
from tests.http.conftest import Issue
from tests.http.dicomweb import RenderedFunction, archive
from tests.http.patients import MessagesFunction
from tests.http.sharing import FIRST, REPORTS, STUDY, guest, post, share, store_exams, token_of
from tests.http.test_confidentiality import MARKS, PATIENT, lift, mark
from tests.http.test_isolation import IMAGES, OF_STUDY, TARGETS, Archive

HERE = "1.3.7"
"""Exam at `sud` of the patient whom `nord` knows as P1."""
BORN = {"PatientBirthDate": "19760201"}
OWN = {"study of another hospital"}
WHY = "Douleur thoracique, antérieurs indispensables"


@pytest.fixture
def region(http: HttpClient, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> HttpClient:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))  # type: ignore[arg-type]
    messages = MessagesFunction()
    monkeypatch.setattr(wiring, "patient_messenger", lambda: LambdaPatientMessenger(messages, "messages"))
    monkeypatch.setattr("tests.http.sharing.data_set", lambda *uids, **more: data_set(*uids, **{**BORN, **more}))
    store_exams()
    archive(part10(data_set(HERE, f"{HERE}.1", f"{HERE}.1.1", PatientID="S9", **BORN)), "sud")
    archive(part10(data_set("1.3.8", "1.3.8.1", "1.3.8.1.1", PatientID="S8", PatientName="Petit^Léa", **BORN)), "sud")
    return http


def declared(http: HttpClient, headers: dict[str, str], patient_id: str = "S9", other: str = "P1", **more: Any) -> Any:
    body = {"patient_id": patient_id, "other": {"hospital": "nord", "patient_id": other}, "informed": True, **more}
    return post(http, "/api/care-relations", body, headers)


def opened(http: HttpClient, bearer: Issue) -> str:
    """A radiologist of `sud` opens the exams at `nord`; the relation's id."""
    relation = str(declared(http, bearer(Role.DESK, "sud")).json_body["id"])
    path = f"/api/care-relations/{relation}/opening?patient_id=S9"
    assert http.post(path, headers=bearer(Role.RADIOLOGIST, "sud")).status_code == 201
    return relation


def shown(http: HttpClient, headers: dict[str, str]) -> set[str]:
    """Studies that a session finds."""
    answer = http.get("/dicomweb/studies", headers=headers)
    return {one["0020000D"]["Value"][0] for one in answer.json_body} if answer.status_code == 200 else set()


def broken(http: HttpClient, headers: dict[str, str], **more: Any) -> Any:
    body = {"hospital": "nord", "patient_id": "P1", "reason": "vital-emergency", "explanation": WHY, **more}
    return post(http, "/api/break-glass", {name: value for name, value in body.items() if value}, headers)


def expire(sk: str) -> None:
    """Let what is kept under a sort key that begins so be over."""
    table, dynamodb = wiring.settings().registry_table, client("dynamodb")
    for item in dynamodb.scan(TableName=table)["Items"]:
        if item["sk"]["S"].startswith(sk):
            dynamodb.put_item(TableName=table, Item={**item, "expires_at": {"N": "1"}})


# Care relations -------------------------------------------------------------------------------------------------------


def test_what_a_relation_leads_to_is_listed_opened_and_over(region: HttpClient, bearer: Issue) -> None:
    desk, reader = bearer(Role.DESK, "sud"), bearer(Role.RADIOLOGIST, "sud")
    assert declared(region, desk).status_code == 201
    (relation,) = region.get("/api/care-relations?patient_id=S9", headers=reader).json_body["care_relations"]
    assert [exam["study_instance_uid"] for exam in relation["exams"]] == [STUDY]
    assert (relation["hospital_name"], relation["is_open"]) == ("Hôpital nord", False)
    assert STUDY not in shown(region, reader)
    path = f"/api/care-relations/{relation['id']}"
    assert region.post(f"{path}/opening?patient_id=S9", headers=desk).status_code == 403
    assert region.post(f"{path}/opening?patient_id=S9", headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 404
    assert region.post(f"{path}/opening?patient_id=S9", headers=reader).status_code == 201
    assert STUDY in shown(region, reader)
    (grant,) = region.get("/api/access-grants", headers=bearer(Role.PATIENT, "", PATIENT)).json_body["access_grants"]
    assert grant["basis"] == "care"
    assert region.delete(f"{path}?patient_id=S9", headers=desk).status_code == 204
    assert STUDY not in shown(region, reader)
    assert region.get("/api/care-relations?patient_id=S9", headers=reader).json_body["care_relations"] == []


@pytest.mark.parametrize("case", ["name", "unknown", "own", "uninformed", "role", "birth date"])
def test_a_relation_that_is_none_is_refused(region: HttpClient, bearer: Issue, case: str) -> None:
    desk = bearer(Role.DESK, "sud")
    if case == "birth date":
        archive(part10(data_set("1.3.9", "1.3.9.1", "1.3.9.1.1", PatientID="S7", PatientBirthDate="19770201")), "sud")
    answer = {
        "name": lambda: declared(region, desk, "S8"),
        "birth date": lambda: declared(region, desk, "S7"),
        "unknown": lambda: declared(region, desk, other="P404"),
        "own": lambda: declared(region, bearer(Role.DESK, "nord"), "P1", "P1"),
        "uninformed": lambda: declared(region, desk, informed=False),
        "role": lambda: declared(region, bearer(Role.GP, "", PATIENT)),
    }[case]()
    assert answer.status_code == {"own": 400, "uninformed": 400, "role": 403}.get(case, 404)
    missing = declared(region, desk, other="P405")
    assert case not in ("name", "unknown", "birth date") or answer.body == missing.body


def test_whoever_looks_for_patients_by_declaring_has_to_stop(region: HttpClient, bearer: Issue) -> None:
    desk = bearer(Role.DESK, "sud")
    assert {declared(region, desk, other=f"P{n}").status_code for n in range(100, 120)} == {404}
    assert declared(region, desk).status_code == 429
    assert declared(region, bearer(Role.RADIOLOGIST, "sud")).status_code == 201


@pytest.mark.parametrize("where", ["patient", "desk of the exams", "desk that treats"])
def test_an_opposition_ends_it_at_the_next_request(region: HttpClient, bearer: Issue, where: str) -> None:
    opened(region, bearer)
    reader = bearer(Role.RADIOLOGIST, "sud")
    assert STUDY in shown(region, reader)
    path, headers = {
        "patient": ("/api/my/opposition", bearer(Role.PATIENT, "", PATIENT)),
        "desk of the exams": ("/api/oppositions/P1", bearer(Role.DESK, "nord")),
        "desk that treats": ("/api/oppositions/S9", bearer(Role.DESK, "sud")),
    }[where]
    answer = region.put(path, headers={**headers, "Content-Type": "application/json"}, body=b'{"opposes": true}')
    assert answer.json_body["opposes"], answer.body
    assert STUDY not in shown(region, reader)
    assert region.get(path, headers=headers).json_body["opposes"]
    assert declared(region, bearer(Role.DESK, "sud")).status_code == 403
    region.put(path, headers={**headers, "Content-Type": "application/json"}, body=b'{"opposes": false}')
    assert declared(region, bearer(Role.DESK, "sud")).status_code == 201


# Break-glass ----------------------------------------------------------------------------------------------------------


def test_breaking_the_glass_opens_one_patient_tells_and_is_reviewed(
    region: HttpClient, bearer: Issue, cloud: Cloud
) -> None:
    number = f"+3363998{abs(hash(cloud.settings['registry_table'])) % 10_000:04}"
    wiring.registry().put_contact(Contact("nord", "P1", "", number, False))
    reader, officer = bearer(Role.RADIOLOGIST, "sud"), bearer(Role.PRIVACY_OFFICER, "nord")
    made = broken(region, reader)
    assert made.status_code == 201, made.body
    assert (made.json_body["patient_id"], made.json_body["hospital"]) == ("P1", "nord")
    assert shown(region, reader) >= {STUDY}
    assert TARGETS["another study"][0] not in shown(region, reader)
    (message,) = sent(cloud, number)
    assert "urgence" in json.dumps(message, ensure_ascii=False)
    assert STUDY not in json.dumps(message)
    assert WHY not in json.dumps(message, ensure_ascii=False)
    (use,) = region.get("/api/break-glass", headers=officer).json_body["uses"]
    assert (use["review"], use["explanation"], use["reason"]) == ("open", WHY, "vital-emergency")
    assert region.get("/api/break-glass", headers=bearer(Role.PRIVACY_OFFICER, "sud")).json_body["uses"] == []
    path = f"/api/break-glass/{use['id']}/review"

    def review(headers: dict[str, str], **finding: Any) -> int:
        answer = region.put(
            path, headers={**headers, "Content-Type": "application/json"}, body=json.dumps(finding).encode()
        )
        return int(answer.status_code)

    assert review(bearer(Role.PRIVACY_OFFICER, "sud"), justified=True) == 404
    assert review(officer, justified=False) == 400
    assert review(officer, justified=False, comment="Sans rapport avec les soins") == 200
    assert STUDY not in shown(region, reader)
    assert review(officer, justified=True) == 409
    query = AuditQuery(0, int(time.time() * 1000) + 1000, "nord", PatientRef("nord", "P1"))
    actions = [event.action for event in wiring.audit_reader().search(query, 100)]
    assert {Action.BREAK_GLASS, Action.BREAK_GLASS_REVIEWED, Action.READ_STUDY} - set(actions) <= {Action.READ_STUDY}


def test_nobody_needs_an_identifier_in_an_emergency(region: HttpClient, bearer: Issue) -> None:
    archive(part10(data_set("1.2.8", "1.2.8.1", "1.2.8.1.1", PatientID="P8", PatientName="Noël^Zoé^^", **BORN)))
    reader = bearer(Role.RADIOLOGIST, "sud")
    name = {"patient_id": "", "family_name": "noel", "given_name": "Zoe"}
    assert broken(region, reader, **name, birth_date="19760202").status_code == 404
    assert broken(region, reader, **name, birth_date="19760201").json_body["patient_id"] == "P8"
    assert "1.2.8" in shown(region, reader)


def test_breaking_the_glass_is_refused_where_it_is_no_emergency_access(region: HttpClient, bearer: Issue) -> None:
    reader = bearer(Role.RADIOLOGIST, "sud")
    archive(part10(data_set("1.2.8", "1.2.8.1", "1.2.8.1.1", PatientID="P8", **BORN)))
    name = {"patient_id": "", "family_name": "Lefevre", "given_name": "Anne", "birth_date": "19760201"}
    assert broken(region, bearer(Role.DESK, "sud")).status_code == 403
    assert broken(region, bearer(Role.RADIOLOGIST, "nord")).status_code == 400
    assert broken(region, reader, explanation="court").status_code == 400
    assert broken(region, reader, patient_id="", birth_date="19760201").status_code == 400
    assert broken(region, reader, patient_id="P*").status_code == 400
    assert broken(region, reader, **name).status_code == 409
    assert broken(region, reader, patient_id="P404").status_code == 404
    assert broken(region, reader, hospital="nowhere").status_code == 404
    assert shown(region, reader) & {STUDY, "1.2.8"} == set()
    while broken(region, reader, patient_id="P404").status_code == 404:
        pass
    assert broken(region, reader).status_code == 429
    assert wiring_care.broken_glasses().of_hospital("nord") == []


# States ---------------------------------------------------------------------------------------------------------------


def instances(http: HttpClient, headers: dict[str, str]) -> set[str]:
    """SOP Instance UIDs of the study that a session finds."""
    found = http.get(f"/dicomweb/studies/{STUDY}/instances", headers=headers)
    return {one["00080018"]["Value"][0] for one in found.json_body} if found.status_code == 200 else set()


def test_each_state_shows_its_part_in_every_route(region: HttpClient, bearer: Issue) -> None:
    archived, reader = Archive(region, bearer), bearer(Role.RADIOLOGIST, "sud")
    everything, images = ({TARGETS[name][2] for name in names} for names in (OF_STUDY, IMAGES))
    assert declared(region, bearer(Role.DESK, "sud")).status_code == 201
    assert instances(region, reader) == set()
    opened(region, bearer)
    assert instances(region, reader) == everything
    made = mark(region, bearer, "masked", reports=True)
    archived.check("care relation, reports masked", reader, IMAGES | OWN)
    expire("GRANT#")
    archived.check("expired", reader, OWN)
    assert broken(region, reader).status_code == 201
    assert instances(region, reader) == images
    lift(region, bearer, made)
    assert instances(region, reader) == everything
    expire("GRANT#")
    assert instances(region, reader) == set()


# Sequences ------------------------------------------------------------------------------------------------------------

MARKED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "study": ({}, OF_STUDY),
    "reports": ({"reports": True}, {"report", "document among images"}),
    "first": ({"series": FIRST}, {"first series", "document among images"}),
    "report": ({"series": REPORTS}, {"report"}),
}
CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("mark"), st.sampled_from(["delayed", "masked"]), st.sampled_from(sorted(MARKED))),
        st.tuples(st.just("lift"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["open", "break", "oppose", "agree", "share", "revoke", "expire"])),
    ),
    min_size=3,
    max_size=7,
)


class World:
    """What was done, and what each may see after it: the rules in plain words, beside the code that keeps them."""

    def __init__(self, http: HttpClient, bearer: Issue) -> None:
        self.http, self.bearer = http, bearer
        self.reader = bearer(Role.RADIOLOGIST, "sud")
        self.patient = bearer(Role.PATIENT, "", PATIENT)
        self.owner = bearer(Role.RADIOLOGIST, "nord")
        self.doctor = bearer(Role.GP, "", PATIENT)
        self.marks: list[tuple[str, str, Any]] = []
        self.is_granted = self.is_opposed = False
        self.links: list[tuple[Any, dict[str, str]]] = []

    def do(self, call: tuple[Any, ...]) -> None:
        kind, *rest = call
        if kind == "mark" and (rest[0], rest[1]) not in [made[:2] for made in self.marks]:
            self.marks.append((rest[0], rest[1], mark(self.http, self.bearer, rest[0], **MARKED[rest[1]][0])))
        elif kind == "lift" and self.marks:
            lift(self.http, self.bearer, self.marks.pop(rest[0] % len(self.marks))[2])
        elif kind == "open" and not self.is_opposed:
            opened(self.http, self.bearer)
            self.is_granted = True
        elif kind == "break":
            with patch("chalicelib.access.break_glass.PER_DAY", 1000):
                assert broken(self.http, self.reader).status_code == 201
            self.is_granted = True
        elif kind in ("oppose", "agree"):
            self.is_opposed = kind == "oppose"
            headers = {**self.patient, "Content-Type": "application/json"}
            self.http.put("/api/my/opposition", headers=headers, body=json.dumps({"opposes": self.is_opposed}).encode())
            grants = wiring.access_grants().of_professional("radiologist@sud")
            assert not self.is_opposed or all(grant.basis == "emergency" for grant in grants)
            self.is_granted = bool(grants)
        elif kind == "share":
            made = share(self.http, self.bearer)
            self.links.append((made, guest(self.http, made)))
        elif kind == "revoke" and self.links:
            made, _ = self.links.pop()
            self.http.delete(f"/api/shares/{made['id']}", headers=self.owner)
            assert post(self.http, "/api/share-session", {"token": token_of(made)}).status_code == 403
        elif kind == "expire":
            expire("GRANT#")
            self.is_granted = False

    def left(self, *kinds: str) -> set[str]:
        hidden = [MARKED[of][1] for kind, of, _ in self.marks if kind in kinds]
        return OF_STUDY - set().union(*hidden)

    def check(self, trace: list[Any]) -> None:
        for who, seen in (
            (self.owner, OF_STUDY),
            (self.patient, self.left("delayed")),
            (self.doctor, self.left("masked")),
            (self.reader, self.left("masked") if self.is_granted else set()),
            *((headers, self.left("delayed", "masked")) for _, headers in self.links[-1:]),
        ):
            assert instances(self.http, who) == {TARGETS[name][2] for name in seen}, trace
            query = f"/dicomweb/studies?StudyInstanceUID={STUDY}&includefield=00201208"
            studies = self.http.get(query, headers=who)
            counts = [s["00201208"]["Value"] for s in studies.json_body] if studies.status_code == 200 else []
            assert counts == ([[len(seen)]] if seen else []), trace


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_no_sequence_of_calls_shows_what_is_kept_back(
    region: HttpClient, bearer: Issue, calls: list[tuple[Any, ...]]
) -> None:
    for made in region.get(MARKS, headers=bearer(Role.RADIOLOGIST, "nord")).json_body["marks"]:
        if made["is_live"]:
            lift(region, bearer, made)
    world = World(region, bearer)
    world.do(("agree",))
    world.do(("expire",))
    trace = []
    for call in calls:
        trace.append(call)
        world.do(call)
        world.check(trace)
