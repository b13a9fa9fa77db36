"""Dashboards over HTTP: few reads whatever there is, exact sums, a scope, a budget that alerts once, simulations."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import jsonschema
import pytest

from chalicelib import wiring, wiring_cost
from chalicelib.access.model import Role
from chalicelib.aws.clients import client
from chalicelib.billing import ledger as billing
from chalicelib.billing.cost.margin import Margin
from chalicelib.billing.cost.roll_up import Parts, roll_up
from chalicelib.billing.cost.rollups import REGION, billed_of
from chalicelib.billing.disputes import dispute_id_of
from chalicelib.billing.invoice import Correction
from chalicelib.web.openapi import document
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive
from tests.unit.billing.invoices import invoice

JSON = {"Content-Type": "application/json"}
NAMES = {"nord": "Hôpital nord", "sud": "Hôpital sud"}
TODAY = date(2026, 10, 20)


class Told:
    """`Alerts` that remembers."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send(self, subject: str, text: str) -> None:
        self.sent.append((subject, text))


def conforms(answer: Any, schema: str) -> Any:
    assert answer.status_code == 200, answer.body
    jsonschema.validate(answer.json_body, {"$ref": f"#/components/schemas/{schema}", **document()})
    return answer.json_body


@pytest.fixture
def exams(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> HttpClient:
    def record(hospital: str, day: datetime, *modalities: str) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("chalicelib.billing.ledger.time.time", day.timestamp)
            for modality in modalities:
                number = wiring.ledger().head(hospital).seq
                fact = billing.Fact(hospital, billing.EXAM_ARCHIVED, f"1.2.{number}", f"A{number}", 0, modality)
                billing.append(wiring.ledger(), fact)

    record("nord", datetime(2026, 9, 30, 10, tzinfo=UTC), "CT")
    for day in range(1, 20):
        record("nord", datetime(2026, 10, day, 10, tzinfo=UTC), "CT", *(["MR"] if day % 7 < 5 else []))
    record("sud", datetime(2026, 10, 5, 10, tzinfo=UTC), "MG")
    return http


@pytest.fixture
def on_the_day(monkeypatch: pytest.MonkeyPatch, exams: HttpClient) -> None:
    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2026, 10, 20, 12, tzinfo=UTC)

    monkeypatch.setattr("chalicelib.web.dashboard.datetime", Then)


def parts(told: Told) -> Parts:
    made = wiring_cost.roll_up_parts()
    return Parts(made.ledger, made.usage, made.rollups, made.budgets, told)


def rolled(told: Told | None = None) -> int:
    return roll_up(parts(told or Told()), NAMES, TODAY, "2026-10-20T10:00:00+00:00")


@pytest.mark.usefixtures("on_the_day")
def test_dashboards_budgets_and_simulations(exams: HttpClient, bearer: Issue) -> None:
    """One after the other over the same ledger, which takes a while to write."""
    _a_dashboard_says_what_the_ledger_says(exams, bearer)
    _it_costs_the_same_few_reads_however_many_exams(exams, bearer)
    _a_hospital_sees_its_own(exams, bearer)
    _other_prices_are_simulated_and_nothing_is_kept(exams, bearer)
    _a_budget_alerts_once_for_each_state(exams, bearer)
    _what_was_billed_takes_the_place_of_the_estimate(exams, bearer)


def _a_dashboard_says_what_the_ledger_says(exams: HttpClient, bearer: Issue) -> None:
    finance = bearer(Role.FINANCE, "nord")
    empty = conforms(exams.get("/api/dashboard", headers=finance), "Dashboard")
    assert (empty["months"], empty["forecast"]["method"]) == ([], "none")
    assert rolled() == 3
    assert rolled() == 0
    shown = conforms(exams.get("/api/dashboard", headers=finance), "Dashboard")
    october, september = shown["months"]
    statement = exams.get("/api/statement?period=2026-10", headers=finance).json_body
    assert october["price"] == statement["total_without_vat"]
    assert sum(Decimal(day["price"]) for day in october["days"]) == Decimal(october["price"])
    assert sum(Decimal(each["price"]) for each in october["modalities"]) == Decimal(october["price"])
    assert (october["exams"], september["exams"]) == (33, 1)
    assert october["avoided"]["films"] == 19 * 4 + 14 * 6
    assert shown["forecast"]["method"] == "holt-winters"
    assert (
        Decimal(shown["forecast"]["low"]) <= Decimal(shown["forecast"]["price"]) <= Decimal(shown["forecast"]["high"])
    )
    assert len(shown["forecast"]["days"]) == 11
    region = conforms(exams.get("/api/dashboard", headers=bearer(Role.OPERATOR)), "Dashboard")
    assert (region["hospital"], region["months"][0]["exams"]) == ("", 34)


def _it_costs_the_same_few_reads_however_many_exams(exams: HttpClient, bearer: Issue) -> None:
    rolled()
    finance = bearer(Role.FINANCE, "nord")
    exams.get("/api/dashboard", headers=finance)
    reads: list[str] = []

    def count(event_name: str, **_: Any) -> None:
        reads.append(event_name)

    client("dynamodb").meta.events.register("before-send.dynamodb", count)
    exams.get("/api/dashboard", headers=finance)
    client("dynamodb").meta.events.unregister("before-send.dynamodb", count)
    names = [each.rpartition(".")[2] for each in reads if each.rpartition(".")[2] in ("Query", "GetItem", "Scan")]
    own = names.count("Query")
    assert "Scan" not in names
    # Roll-ups, bills, and what the session is shared; the hospital, the budget and the session are single items.
    assert own <= 3
    assert len(names) <= 8


def _what_was_billed_takes_the_place_of_the_estimate(exams: HttpClient, bearer: Issue) -> None:
    rolled()
    margins = [
        Margin("nord", "CT", 19, Decimal("20.90"), Decimal("3.10")),
        Margin("nord", "MR", 14, Decimal("12.60"), Decimal("1.00")),
        Margin("", "", 0, Decimal(0), Decimal("0.20")),
    ]
    for hospital in ("nord", REGION):
        credits = {"nord": {"CT": Decimal("-1.10")}, "sud": {"MG": Decimal("-5.00")}}
        billed = billed_of(margins, hospital, Decimal("0.9"), "2026-11-02T00:00:00Z", credits)
        wiring_cost.rollups().put_billed(hospital, "2026-10", billed)
    october, september = exams.get("/api/dashboard", headers=bearer(Role.FINANCE, "nord")).json_body["months"]
    assert (october["cost"], october["cost_is_estimated"], october["unallocated"]) == ("4.10", False, "0.20")
    assert october["corrections"] == "-1.10"
    assert Decimal(october["margin"]) == Decimal(october["price"]) - Decimal("1.10") - Decimal("4.10")
    assert [each["cost"] for each in october["modalities"]] == ["3.10", "1.00"]
    assert sum(Decimal(each["margin"]) for each in october["modalities"]) == Decimal(october["margin"])
    region = exams.get("/api/dashboard", headers=bearer(Role.OPERATOR)).json_body["months"][0]
    assert region["corrections"] == "-6.10"
    assert {each["modality"]: each["corrections"] for each in region["modalities"]}["MG"] == "-5.00"
    assert september["cost_is_estimated"]


def _a_budget_alerts_once_for_each_state(exams: HttpClient, bearer: Issue) -> None:
    finance = {**bearer(Role.FINANCE, "nord"), **JSON}

    def put(amount: str, hospital: str = "nord") -> int:
        body = json.dumps({"amount": amount, "warn_percent": 80}).encode()
        return int(exams.put(f"/api/hospitals/{hospital}/budget", headers=finance, body=body).status_code)

    assert put("10", "sud") == 403
    assert put("-1") == 400
    assert put("35.00") == 200
    told = Told()
    rolled(told)
    rolled(told)
    assert len(told.sent) == 1
    assert "Hôpital nord a consommé 80 % de son budget de 35.00 euros" in told.sent[0][1]
    assert exams.get("/api/dashboard", headers=finance).json_body["budget"]["state"] == "near"
    assert put("30") == 200
    rolled(told)
    assert "a dépassé" in told.sent[1][1]
    assert put("0") == 200
    assert exams.get("/api/dashboard", headers=finance).json_body["budget"] is None


def _a_hospital_sees_its_own(exams: HttpClient, bearer: Issue) -> None:
    rolled()
    sud = bearer(Role.FINANCE, "sud")
    for path in ("/api/dashboard", "/api/exam-costs"):
        assert exams.get(f"{path}?hospital=nord", headers=sud).status_code == 403
        assert exams.get(path, headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 403
        assert exams.get(f"{path}?hospital=nord", headers=bearer(Role.OPERATOR)).status_code == 200
    assert exams.get("/api/dashboard", headers=sud).json_body["months"][0]["exams"] == 1
    assert exams.get("/api/dashboard?hospital=*", headers=sud).status_code == 403
    assert simulated(exams, sud, "nord", "examen-scanner", "1").status_code == 403


def simulated(
    http: HttpClient, headers: dict[str, str], hospital: str, item: str, price: str, period: str = "2026-10"
) -> Any:
    body = {"hospital": hospital, "period": period, "prices": [{"item": item, "unit_price": price}]}
    return http.post("/api/simulations", headers={**headers, **JSON}, body=json.dumps(body).encode())


def _other_prices_are_simulated_and_nothing_is_kept(exams: HttpClient, bearer: Issue) -> None:
    finance = bearer(Role.FINANCE, "nord")
    found = conforms(simulated(exams, finance, "nord", "examen-scanner", "2.10"), "Simulation")
    assert found["difference"] == "19.00"
    assert found["actual"]["total_without_vat"] == "33.50"
    assert found["simulated"]["total_without_vat"] == "52.50"
    assert simulated(exams, finance, "nord", "examen-scanner", "1.10").json_body["difference"] == "0.00"
    assert simulated(exams, finance, "nord", "nothing", "1.10").status_code == 400
    assert simulated(exams, finance, "nord", "examen-scanner", "1", "0000-01").status_code == 400
    assert simulated(exams, finance, "nord", "examen-scanner", "1", "2025-12").status_code == 404
    assert simulated(exams, finance, "nord", "examen-scanner", "1e3").status_code == 400
    statement = exams.get("/api/statement?period=2026-10", headers=finance).json_body
    assert statement["total_without_vat"] == "33.50"


def test_the_cost_of_an_exam_is_that_of_its_instances_and_bytes(http: HttpClient, bearer: Issue) -> None:
    instance = data_set(StudyInstanceUID="1.2.840.1", SeriesInstanceUID="1.2.840.1.1", SOPInstanceUID="1.2.840.1.1.1")
    archive(part10(instance), hospital="nord")
    fact = billing.Fact("nord", billing.EXAM_ARCHIVED, "1.2.840.1", "A1", 0, "CT")
    billing.append(wiring.ledger(), fact)
    found = conforms(http.get("/api/exam-costs", headers=bearer(Role.FINANCE, "nord")), "ExamCosts")
    (exam,) = found["exams"]
    assert (exam["accession_number"], exam["instances"], exam["price"], exam["credit_note"]) == ("A1", 1, "1.100", "")
    assert exam["size_bytes"] > 0
    assert 0 < Decimal(exam["archiving"]) < Decimal("0.001")
    assert found["valid_from"] == "2026-09-07"
    assert "fargate-vcpu-hour" in found["unchecked"]
    (line,) = wiring.ledger().lines("nord")
    correction = Correction("SF2026-000001", date(2026, 11, 2), dispute_id_of(line), "A1")
    note = invoice(number="AV2026-000001", hospital="nord", corrects=correction)
    assert wiring.invoices().add(note, 1, 0)
    (exam,) = http.get("/api/exam-costs", headers=bearer(Role.FINANCE, "nord")).json_body["exams"]
    assert (exam["price"], exam["credit_note"]) == ("0.000", "AV2026-000001")
