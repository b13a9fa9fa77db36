"""Invoices over HTTP: who may issue, list and read them; accounts are checked."""

from __future__ import annotations

import io
import json
from typing import Any

import jsonschema
import pytest

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.aws.lambda_invoicer import LambdaInvoicer
from chalicelib.billing import ledger as billing
from chalicelib.web.openapi import document
from tests.http.conftest import HttpClient, Issue

JSON = {"Content-Type": "application/json"}
SELLER = {
    "name": "Groupement", "siret": "73282932000074", "street": "1 rue", "postcode": "75013", "city": "Paris",
    "iban": "FR7630006000011234567890189",
}  # fmt: skip
ACCOUNT = {"buyer": {k: v for k, v in SELLER.items() if k != "iban"}, "is_public": True, "service_code": "RADIO"}


class Signer:
    """Signs nothing: test_wado_rs.py tests the real one."""

    def signed_url(self, key: str) -> str:
        return f"signed:{key}"


class Function:
    """Invokes the function's code in this process."""

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        from chalicelib.functions.invoices import handler

        return {"Payload": io.BytesIO(json.dumps(handler(json.loads(Payload), None)).encode())}


@pytest.fixture
def october(monkeypatch: pytest.MonkeyPatch, http: HttpClient) -> None:
    monkeypatch.setattr(wiring, "invoicer", lambda: LambdaInvoicer(Function(), "invoices"))
    monkeypatch.setattr(wiring, "object_url_signer", Signer)
    with monkeypatch.context() as patched:
        patched.setattr("chalicelib.billing.ledger.time.time", lambda: 1_792_000_000)
        fact = billing.Fact("nord", billing.EXAM_ARCHIVED, "1.2.3", "A1", 0, "CT")
        billing.append(wiring.ledger(), fact)


def put(http: HttpClient, headers: dict[str, str], path: str, body: object) -> Any:
    return http.put(path, headers={**headers, **JSON}, body=json.dumps(body).encode())


def post(http: HttpClient, headers: dict[str, str], **body: str) -> Any:
    return http.post("/api/invoices", headers={**headers, **JSON}, body=json.dumps(body).encode())


def test_from_the_account_to_the_document(http: HttpClient, bearer: Issue, october: None) -> None:
    operator = bearer(Role.OPERATOR)
    assert http.get("/api/seller", headers=operator).status_code == 404
    assert post(http, operator, hospital="nord", period="2026-10").status_code == 409
    assert put(http, operator, "/api/seller", SELLER).json_body["siret"] == SELLER["siret"]
    assert put(http, operator, "/api/hospitals/nord/billing-account", ACCOUNT).status_code == 200
    for path, schema in (("/api/seller", "Seller"), ("/api/hospitals/nord/billing-account", "BillingAccount")):
        jsonschema.validate(http.get(path, headers=operator).json_body, document()["components"]["schemas"][schema])
    invoice = post(http, operator, hospital="nord", period="2026-10").json_body
    jsonschema.validate(invoice, document()["components"]["schemas"]["Invoice"])
    assert (invoice["total_without_vat"], invoice["total"]) == ("1.10", "1.32")
    assert post(http, operator, hospital="nord", period="2026-10").json_body == invoice
    finance = bearer(Role.FINANCE, "nord")
    assert http.get("/api/invoices", headers=finance).json_body == {"invoices": [invoice]}
    answer = http.get(f"/api/invoices/{invoice['number']}/facture.pdf", headers=finance)
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"signed:invoices/nord/{invoice['number']}/facture.pdf"
    for name in ("other.pdf", "..%2F..%2Fx"):
        assert http.get(f"/api/invoices/{invoice['number']}/{name}", headers=finance).status_code == 404
    assert (
        http.get(f"/api/invoices/{invoice['number']}/facture.pdf", headers=bearer(Role.FINANCE, "sud")).status_code
        == 404
    )
    assert post(http, operator, hospital="nord", period="2025-01").status_code == 404
    assert post(http, operator, hospital="nord", period="2099-01").status_code == 409


def test_who_may(http: HttpClient, bearer: Issue) -> None:
    for role in (Role.FINANCE, Role.RADIOLOGIST):
        headers = bearer(role, "nord")
        assert post(http, headers, hospital="nord", period="2026-10").status_code == 403
        assert put(http, headers, "/api/seller", SELLER).status_code == 403
        assert put(http, headers, "/api/hospitals/nord/billing-account", ACCOUNT).status_code == 403
        assert http.get("/api/hospitals/nord/billing-account", headers=headers).status_code == 403
    assert http.get("/api/invoices?hospital=sud", headers=bearer(Role.FINANCE, "nord")).status_code == 403
    assert http.get("/api/invoices", headers=bearer(Role.RADIOLOGIST, "nord")).status_code == 403


@pytest.mark.parametrize(
    "change", [{"siret": "73282932000075"}, {"siret": "1"}, {"name": "<b>"}, {"name": ""}, {"unknown": 1}, {"iban": ""}]
)
def test_sellers_are_checked(http: HttpClient, bearer: Issue, change: dict[str, object]) -> None:
    answer = put(http, bearer(Role.OPERATOR), "/api/seller", {**SELLER, **change})
    assert answer.status_code == 400, answer.body


def contest(http: HttpClient, headers: dict[str, str], **body: str) -> Any:
    return http.post("/api/disputes", headers={**headers, **JSON}, body=json.dumps(body).encode())


def decide(http: HttpClient, headers: dict[str, str], dispute: str, **body: str) -> Any:
    path = f"/api/disputes/{dispute}/decision"
    return http.post(path, headers={**headers, **JSON}, body=json.dumps({"hospital": "nord", **body}).encode())


def test_from_the_dispute_to_the_credit_note(http: HttpClient, bearer: Issue, october: None) -> None:
    operator, finance = bearer(Role.OPERATOR), bearer(Role.FINANCE, "nord")
    put(http, operator, "/api/seller", SELLER)
    put(http, operator, "/api/hospitals/nord/billing-account", {**ACCOUNT, "commitment_number_required": True})
    refused = post(http, operator, hospital="nord", period="2026-10")
    assert (refused.status_code, "commitment number" in refused.json_body["detail"]) == (409, True)
    put(http, operator, "/api/hospitals/nord/billing-account", ACCOUNT)
    invoice = post(http, operator, hospital="nord", period="2026-10").json_body
    assert invoice["number"].endswith("-000001")
    asked = {"invoice": invoice["number"], "accession_number": "A1", "reason": "not-ours"}
    for change, status in (({"reason": "?"}, 400), ({"accession_number": "A2"}, 404), ({"text": "<b>"}, 400)):
        assert contest(http, finance, **{**asked, **change}).status_code == status
    assert contest(http, bearer(Role.FINANCE, "sud"), **asked).status_code == 404
    made = contest(http, finance, **asked, text="Pas de chez nous.")
    assert made.status_code == 201
    dispute = made.json_body
    jsonschema.validate(dispute, document()["components"]["schemas"]["Dispute"])
    assert contest(http, finance, **asked).status_code == 409
    assert decide(http, finance, dispute["id"], outcome="accepted").status_code == 403
    assert decide(http, operator, dispute["id"], outcome="refused", text=" ").status_code == 400
    assert decide(http, operator, "0", outcome="accepted").status_code == 404
    done = decide(http, operator, dispute["id"], outcome="accepted").json_body
    assert (done["state"], done["credit_note"][:2], done["credited"]) == ("accepted", "AV", "1.32")
    assert decide(http, operator, dispute["id"], outcome="accepted").json_body == done
    assert decide(http, operator, dispute["id"], outcome="refused", text="Non").status_code == 409
    assert http.get("/api/disputes", headers=finance).json_body == {"disputes": [done]}
    assert http.get("/api/disputes?hospital=nord", headers=operator).json_body == {"disputes": [done]}
    assert http.get("/api/disputes", headers=bearer(Role.FINANCE, "sud")).json_body == {"disputes": []}
    found = http.get("/api/invoices", headers=finance).json_body
    jsonschema.validate(found, document()["components"]["schemas"]["Invoices"])
    (note,) = [each for each in found["invoices"] if each["kind"] == "credit-note"]
    assert (note["corrects"], note["total"], note["due_on"]) == (invoice["number"], "1.32", None)
    path = f"/api/invoices/{note['number']}"
    assert http.get(f"{path}/avoir.pdf", headers=finance).headers["Location"].endswith("/avoir.pdf")
    assert http.get(f"{path}/facture.pdf", headers=finance).status_code == 404
    assert wiring.object_store().head(f"invoices/nord/{note['number']}/avoir.pdf") is not None
