"""Invoices and whom they name: `/api/invoices`, `/api/seller`, `/api/hospitals/{hospital}/billing-account`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring
from chalicelib.access.model import Permission
from chalicelib.billing.invoice import Account, Invoice, Party, Seller, document_key, is_siret
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, respond, respond_json
from chalicelib.web.ledger import hospital_of_reader
from chalicelib.web.registry import known_hospital
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

NO_STORE = {"Cache-Control": "no-store"}


@routes.route("/api/invoices", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_invoices() -> Response:
    """Invoices and credit notes of a hospital, the latest month first."""
    hospital = hospital_of_reader(routes.current_request)
    found = wiring.invoices().of_hospital(hospital)
    return respond_json({"invoices": [_invoice_json(invoice) for invoice in found]}, 200, NO_STORE)


@routes.route("/api/invoices", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def issue_invoice() -> Response:
    """Issue the invoice of a month that is over, or find the one that was issued."""
    request = routes.current_request
    current_session(request, Permission.OPERATE)
    body = json_body(request, "InvoiceRequest")
    hospital, period = known_hospital(body["hospital"]), body["period"]
    wiring.invoicer().issue(hospital, period)
    invoice = wiring.invoices().of_period(hospital, period)
    if invoice is None:
        raise errors.NotFound("There is nothing to invoice in that month.")
    return respond_json(_invoice_json(invoice), 200, NO_STORE)


@routes.route("/api/invoices/{number}/{document}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_invoice_document(number: str, document: str) -> Response:
    """Where a document of an invoice lies: a signed address."""
    hospital = hospital_of_reader(routes.current_request)
    number, document = path_value(number), path_value(document)
    found = next((each for each in wiring.invoices().of_hospital(hospital) if each.number == number), None)
    if found is None or document not in found.documents:
        raise errors.NotFound("There is no such invoice or document.")
    location = wiring.object_url_signer().signed_url(document_key(found, document))
    return respond(b"", "application/octet-stream", 307, {"Location": location, **NO_STORE})


@routes.route("/api/seller", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_seller() -> Response:
    """Who issues the region's invoices."""
    current_session(routes.current_request, Permission.OPERATE)
    seller = wiring.accounts().seller()
    if seller is None:
        raise errors.NotFound("No seller is registered.")
    return respond_json(asdict(seller), 200, NO_STORE)


@routes.route("/api/seller", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_seller() -> Response:
    """Register or replace who issues invoices; those that were issued stay as they are."""
    request = routes.current_request
    current_session(request, Permission.OPERATE)
    seller = Seller(**_with_siret(json_body(request, "Seller")))
    wiring.accounts().put_seller(seller)
    return respond_json(asdict(seller), 200, NO_STORE)


@routes.route("/api/hospitals/{hospital}/billing-account", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_account(hospital: str) -> Response:
    """How a hospital is invoiced."""
    current_session(routes.current_request, Permission.OPERATE)
    account = wiring.accounts().account(known_hospital(path_value(hospital)))
    if account is None:
        raise errors.NotFound("The hospital has no billing account.")
    return respond_json(asdict(account), 200, NO_STORE)


@routes.route("/api/hospitals/{hospital}/billing-account", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_account(hospital: str) -> Response:
    """Register or replace how a hospital is invoiced."""
    request = routes.current_request
    current_session(request, Permission.OPERATE)
    body = json_body(request, "BillingAccount")
    account = Account(**{**body, "buyer": Party(**_with_siret(body["buyer"]))})
    wiring.accounts().put_account(known_hospital(path_value(hospital)), account)
    return respond_json(asdict(account), 200, NO_STORE)


def _with_siret(party: dict[str, Any]) -> dict[str, Any]:
    if not is_siret(party["siret"]):
        raise errors.BadRequest("siret: its check digit is wrong.")
    return party


def _invoice_json(invoice: Invoice) -> dict[str, Any]:
    return {
        "number": invoice.number,
        "kind": "credit-note" if invoice.corrects else "invoice",
        "corrects": invoice.corrects.invoice if invoice.corrects else None,
        "period": invoice.period,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": None if invoice.corrects else invoice.due_on.isoformat(),
        "total_without_vat": str(invoice.rating.total_without_vat),
        "total": str(invoice.rating.total),
        "documents": list(invoice.documents),
    }
