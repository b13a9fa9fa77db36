"""JSON Schemas of statements, invoices and billing accounts."""

from __future__ import annotations

from chalicelib.web.schema_parts import STRING, Schema, list_of, object_of

AMOUNT: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "description": "Decimal number"}
SIGNED: Schema = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "Decimal number"}
DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
PERIOD: Schema = {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}


def _text(longest: int, shortest: int = 1) -> Schema:
    # Neither control characters nor marks that would be an element in the invoice's XML.
    return {"type": "string", "minLength": shortest, "maxLength": longest, "pattern": "^[^\\x00-\\x1f<>]*$"}


_PARTY: dict[str, Schema] = {
    "name": _text(100),
    "siret": {"type": "string", "pattern": "^[0-9]{14}$", "description": "Enterprise (SIREN) and establishment"},
    "street": _text(100),
    "postcode": {"type": "string", "pattern": "^[0-9A-Z -]{2,10}$"},
    "city": _text(60),
    "vat_number": {"type": "string", "pattern": "^([A-Z]{2}[0-9A-Z]{2,12})?$"},
    "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
    "contact": _text(100, 0),
}
_OPTIONAL = frozenset({"vat_number", "country", "contact"})
INVOICE = object_of(
    {
        "number": STRING,
        "kind": {"enum": ["invoice", "credit-note"]},
        "corrects": {"type": ["string", "null"], "description": "Number of the invoice that a credit note corrects"},
        "period": PERIOD,
        "issued_on": DATE,
        "due_on": {"type": ["string", "null"], "description": "Last day for the payment of an invoice"},
        "total_without_vat": SIGNED,
        "total": {**SIGNED, "description": "With VAT; of a credit note, what is given back"},
        "documents": {"type": "array", "items": STRING, "description": "Names below the invoice's address"},
    }
)
RATED_LINE = object_of(
    {
        "item": STRING,
        "label_fr": STRING,
        "label_en": STRING,
        "quantity": {"type": "integer", "description": "Negative where an adjustment takes back"},
        "unit_price": AMOUNT,
        "per": {"type": "integer", "minimum": 1, "description": "Units that the unit price is for"},
        "vat_rate": AMOUNT,
        "amount": SIGNED,
        "period": {"type": "string", "description": "Earlier month that it adjusts, or empty"},
        "detail": {"type": "string", "description": "Exams of an adjustment"},
    }
)
BILLING_SCHEMAS: dict[str, Schema] = {
    "Seller": object_of(
        {
            **_PARTY,
            "legal_form": _text(200, 0),
            "iban": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[0-9A-Z]{10,30}$"},
            "bic": {"type": "string", "pattern": "^([A-Z0-9]{8}([A-Z0-9]{3})?)?$"},
        },
        _OPTIONAL | {"legal_form", "bic"},
    ),
    "BillingAccount": object_of(
        {
            "buyer": object_of(_PARTY, _OPTIONAL),
            "is_public": {"type": "boolean", "description": "Public establishment: 50 days, Chorus Pro"},
            "service_code": _text(100, 0),
            "commitment_number": _text(50, 0),
            "service_code_required": {"type": "boolean", "description": "No invoice is issued without one"},
            "commitment_number_required": {"type": "boolean", "description": "No invoice is issued without one"},
        },
        frozenset({"service_code", "commitment_number", "service_code_required", "commitment_number_required"}),
    ),
    "InvoiceRequest": object_of({"hospital": STRING, "period": PERIOD}),
    "Invoice": INVOICE,
    "Invoices": list_of("invoices", INVOICE),
    "Statement": object_of(
        {
            "hospital": STRING,
            "period": STRING,
            "is_over": {"type": "boolean", "description": "Whether the month is over, so that nothing is added"},
            "price_list": {"type": "string", "description": "Version of the price list"},
            "currency": {"const": "EUR"},
            "lines": {
                "type": "array",
                "items": RATED_LINE,
            },
            "vat": {"type": "array", "items": object_of({"rate": AMOUNT, "base": SIGNED, "amount": SIGNED})},
            "total_without_vat": SIGNED,
            "total_vat": SIGNED,
            "total": SIGNED,
        }
    ),
}
