"""Hospitals, contacts, ledger, operations and health: what each role gets, and in which shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.billing import ledger
from chalicelib.notify.announce import Notification, State
from chalicelib.web.openapi import document
from tests.http.conftest import HttpClient, Issue

JSON = {"Content-Type": "application/json"}
CONTACT = "/api/hospitals/nord/contacts/P1"


def conforms(answer: Any, schema: str) -> Any:
    jsonschema.validate(answer.json_body, document()["components"]["schemas"][schema])
    return answer.json_body


def record(hospital: str, study: str) -> None:
    ledger.append(wiring.ledger(), ledger.Fact(hospital, ledger.EXAM_ARCHIVED, study, "A" + study, 1_700_000_000_000))


def test_names_the_hospitals(http: HttpClient, bearer: Issue) -> None:
    body = conforms(http.get("/api/hospitals", headers=bearer(Role.GP)), "Hospitals")
    assert body["hospitals"] == [{"id": "nord", "name": "Hôpital nord"}, {"id": "sud", "name": "Hôpital sud"}]


@pytest.mark.parametrize("number", ["+33 6 39 98 00 17", "06 39 98 00 17", "0033639980017"])
def test_registers_a_contact(http: HttpClient, bearer: Issue, number: str) -> None:
    body = json.dumps({"phone_number": number, "consent": True}).encode()
    answer = http.put(CONTACT, headers=bearer(Role.DESK, "nord", **JSON), body=body)
    assert answer.status_code == 200, answer.body
    assert conforms(answer, "RegisteredContact")["phone_number"] == "+33639980017"
    contact = wiring.registry().contact("nord", "P1")
    assert contact is not None
    assert (contact.phone_number, contact.consent, contact.issuer) == ("+33639980017", True, "")
    assert wiring.registry().contact("sud", "P1") is None
    assert wiring.registry().contact("nord", "P1", "other issuer") is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CONTACT, {"phone_number": "01 99 00 00 01", "consent": True}),
        (CONTACT, {"phone_number": "abc def", "consent": True}),
        (CONTACT, {"phone_number": "+33639980017"}),
        (CONTACT, {"phone_number": "+33639980017", "consent": "yes"}),
        (CONTACT, {"phone_number": "+33639980017", "consent": True, "note": "x"}),
        (CONTACT, {"phone_number": "+33639980017", "consent": True, "issuer": "a\\b"}),
        (f"/api/hospitals/nord/contacts/{'9' * 65}", {"phone_number": "+33639980017", "consent": True}),
        ("/api/hospitals/nord/contacts/%20", {"phone_number": "+33639980017", "consent": True}),
        ("/api/hospitals/nord/contacts/a%5Cb", {"phone_number": "+33639980017", "consent": True}),
    ],
)
def test_refuses_what_is_no_contact(http: HttpClient, bearer: Issue, path: str, body: dict[str, Any]) -> None:
    answer = http.put(path, headers=bearer(Role.DESK, "nord", **JSON), body=json.dumps(body).encode())
    assert answer.status_code == 400
    assert conforms(answer, "Problem")["detail"]


@pytest.mark.parametrize(("role", "hospital"), [(Role.DESK, "sud"), (Role.RADIOLOGIST, "nord"), (Role.FINANCE, "nord")])
def test_contacts_belong_to_the_hospital(http: HttpClient, bearer: Issue, role: Role, hospital: str) -> None:
    body = json.dumps({"phone_number": "+33639980017", "consent": True}).encode()
    assert http.put(CONTACT, headers=bearer(role, hospital, **JSON), body=body).status_code == 403
    assert wiring.registry().contact("nord", "P1") is None


def test_ledger_of_the_own_hospital_page_by_page(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        record("nord", f"1.2.{n}")
    record("sud", "1.2.9")
    monkeypatch.setattr("chalicelib.web.ledger.LINES_PER_PAGE", 2)
    headers = bearer(Role.FINANCE, "nord")
    seqs, after = [], 0
    while after is not None:
        page = conforms(http.get(f"/api/ledger?after={after}", headers=headers), "Ledger")
        seqs += [line["seq"] for line in page["lines"]]
        assert all(line["hospital"] == "nord" for line in page["lines"])
        after = page["next_after"]
    assert seqs == [1, 2, 3, 4, 5]
    assert http.get("/api/ledger?hospital=sud", headers=headers).status_code == 403
    assert http.get("/api/ledger?period=1999-01", headers=headers).json_body == {"lines": [], "next_after": None}


def test_statement_of_the_month(http: HttpClient, bearer: Issue) -> None:
    for number, modalities in enumerate(["CT", "CT\\SR", "US", "MR"]):
        exam = ledger.Fact("nord", ledger.EXAM_ARCHIVED, f"1.2.{number}", "", 1_700_000_000_000, modalities)
        ledger.append(wiring.ledger(), exam)
    headers = bearer(Role.FINANCE, "nord")
    statement = conforms(http.get("/api/statement", headers=headers), "Statement")
    assert [(line["quantity"], line["unit_price"], line["amount"]) for line in statement["lines"]] == [
        (2, "1.10", "2.20"),
        (1, "0.90", "0.90"),
        (1, "0.30", "0.30"),
    ]
    assert (statement["total_without_vat"], statement["total_vat"], statement["total"]) == ("3.40", "0.68", "4.08")
    assert not statement["is_over"]
    earlier = conforms(http.get("/api/statement?period=2026-01", headers=headers), "Statement")
    assert (earlier["lines"], earlier["total"], earlier["is_over"]) == ([], "0.00", True)
    assert http.get("/api/statement?period=1999-01", headers=headers).status_code == 404
    assert http.get("/api/statement?hospital=sud", headers=headers).status_code == 403
    assert http.get("/api/statement?hospital=sud", headers=bearer(Role.OPERATOR)).json_body["lines"] == []
    assert http.get("/api/statement", headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 403


def test_operators_see_every_ledger(http: HttpClient, bearer: Issue) -> None:
    record("sud", "1.2.9")
    headers = bearer(Role.OPERATOR)
    assert len(http.get("/api/ledger?hospital=sud", headers=headers).json_body["lines"]) == 1
    for query in (
        "",
        "?hospital=nowhere",
        "?hospital=sud&period=2026-13",
        "?hospital=sud&period=0000-12",
        "?hospital=sud&after=-1",
        "?hospital=a&hospital=b",
    ):
        assert http.get(f"/api/ledger{query}", headers=headers).status_code == 400


@pytest.mark.parametrize("role", [Role.RADIOLOGIST, Role.DESK, Role.GATEWAY])
def test_others_see_no_ledger(http: HttpClient, bearer: Issue, role: Role) -> None:
    assert http.get("/api/ledger?hospital=nord", headers=bearer(role, "nord")).status_code == 403


@pytest.mark.parametrize("what", ["rejections", "conflicts", "notifications", "queues"])
@pytest.mark.parametrize("role", [Role.RADIOLOGIST, Role.FINANCE, Role.DESK, Role.GATEWAY])
def test_operations_are_for_operators(http: HttpClient, bearer: Issue, what: str, role: Role) -> None:
    answer = http.get(f"/api/operations/{what}?hospital=nord", headers=bearer(role, "nord"))
    assert answer.status_code == 403


def test_operators_see_rejections(http: HttpClient, bearer: Issue) -> None:
    from datetime import UTC, datetime

    day = datetime.now(UTC).date().isoformat()
    metadata = {"reason": "truncated", "calling-ae-title": "NORD_CT1", "correlation-id": "c0ffee"}
    wiring.object_store().put_if_absent(f"rejected/nord/{day}/abc", b"bytes", "application/octet-stream", metadata)
    wiring.object_store().put_if_absent(f"rejected/sud/{day}/abc", b"bytes", "application/octet-stream", metadata)
    answer = http.get("/api/operations/rejections?hospital=nord", headers=bearer(Role.OPERATOR))
    (rejection,) = conforms(answer, "Rejections")["rejections"]
    assert rejection["object_key"] == f"rejected/nord/{day}/abc"
    assert (rejection["reason"], rejection["calling_ae_title"]) == ("truncated", "NORD_CT1")
    assert http.get("/api/operations/rejections?hospital=no", headers=bearer(Role.OPERATOR)).status_code == 400


def test_operators_see_conflicts(http: HttpClient, bearer: Issue) -> None:
    answer = http.get("/api/operations/conflicts?hospital=nord", headers=bearer(Role.OPERATOR))
    assert conforms(answer, "Conflicts") == {"conflicts": []}


def test_operators_see_notifications_without_outcome(http: HttpClient, bearer: Issue) -> None:
    log = wiring.notifications()
    assert log.claim("nord", "1.2.3", 1)
    assert log.claim("nord", "1.2.4", 1)
    log.record(Notification("nord", "1.2.4", State.SENT, 2, "message"))
    answer = http.get("/api/operations/notifications?hospital=nord", headers=bearer(Role.OPERATOR))
    (notification,) = conforms(answer, "Notifications")["notifications"]
    assert (notification["study_instance_uid"], notification["state"]) == ("1.2.3", "claimed")


def test_operators_see_queues(http: HttpClient, bearer: Issue) -> None:
    settings = wiring.settings()
    from chalicelib.aws.clients import client

    client("sqs").send_message(QueueUrl=settings.index_dead_letter_queue_url, MessageBody="{}")
    body = conforms(http.get("/api/operations/queues", headers=bearer(Role.OPERATOR)), "Queues")
    depths = {queue["name"]: queue["available"] for queue in body["queues"]}
    waiting = {name: depth for name, depth in depths.items() if depth}
    assert waiting == {"index-dead-letter": 1}
    assert {f"{name}-dead-letter" for name in ("index", "study-ready", "pack")} <= depths.keys()


def test_health(http: HttpClient, set_setting: Callable[[str, str], None]) -> None:
    answer = http.get("/api/healthz")
    assert (answer.status_code, conforms(answer, "Health")["status"]) == (200, "ok")
    set_setting("ledger_table", "no-such-table")
    answer = http.get("/api/healthz")
    assert answer.status_code == 503
    assert conforms(answer, "Health")["parts"]["ledger"] == "unavailable"


def test_a_request_without_accept_or_with_any_gets_json(http: HttpClient, bearer: Issue) -> None:
    for accept in ({}, {"Accept": "image/*"}, {"Accept": "application/json;q=0.5"}):
        assert http.get("/api/hospitals", headers=bearer(Role.GP, **accept)).status_code == 200


def test_what_is_unforeseen_says_nothing(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("DUPONT^JEAN")

    monkeypatch.setattr(wiring, "queue_depths", fail)
    answer = http.get("/api/operations/queues", headers=bearer(Role.OPERATOR))
    assert answer.status_code == 500
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "RuntimeError" in str(record.__dict__)
    assert "DUPONT" not in answer.body.decode() + str(record.__dict__)
