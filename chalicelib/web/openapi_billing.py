"""OpenAPI of statements, invoices and billing accounts."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.schema_parts import STRING

HOSPITAL = {
    "name": "hospital",
    "in": "query",
    "required": False,
    "schema": STRING,
    "description": "Hospital id; by default the session's own",
}


def paths() -> dict[str, Any]:
    """Invoices, the seller, billing accounts."""
    reads = (400, 401, 403, 503)
    document = operation(
        "readInvoiceDocument",
        "A document of an invoice: the answer leads to a signed address",
        None,
        parameters=(HOSPITAL,),
        problems=(*reads[:3], 404, 503),
        status=307,
    )
    document["responses"]["307"]["headers"] = {"Location": {"schema": STRING, "description": "Signed address"}}
    return {
        "/api/invoices": {
            "get": operation(
                "listInvoices",
                "Invoices and credit notes of a hospital",
                "Invoices",
                parameters=(HOSPITAL,),
                problems=reads,
            ),
            "post": operation(
                "issueInvoice",
                "Issue the invoice of a month that is over, or find the one that was issued",
                "Invoice",
                body="InvoiceRequest",
                problems=(400, 401, 403, 404, 409, 503),
            ),
        },
        "/api/invoices/{number}/{document}": {
            "parameters": [
                path_parameter("number", "Number of the invoice"),
                path_parameter("document", "One of its documents"),
            ],
            "get": document,
        },
        "/api/seller": {
            "get": operation("readSeller", "Who issues invoices", "Seller", problems=(401, 403, 404, 503)),
            "put": operation("putSeller", "Register or replace it", "Seller", body="Seller", problems=reads),
        },
        "/api/hospitals/{hospital}/billing-account": {
            "parameters": [path_parameter("hospital", "Hospital id")],
            "get": operation(
                "readBillingAccount", "How a hospital is invoiced", "BillingAccount", problems=(400, 401, 403, 404, 503)
            ),
            "put": operation(
                "putBillingAccount", "Register or replace it", "BillingAccount", body="BillingAccount", problems=reads
            ),
        },
    }
