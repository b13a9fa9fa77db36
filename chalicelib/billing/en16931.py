"""Invoices and credit notes in the terms of EN 16931 (BT and BG numbers), as the `factur-x` library takes them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from chalicelib.billing.invoice import NOTES, Invoice, Party
from chalicelib.billing.rating import RatedLine

CREDIT_TRANSFER = "30"
"""Code of UNTDID 4461 (BT-81)."""
UNIT = "C62"
"""One, UN/ECE Recommendation 20 (BT-130)."""
SIREN_SCHEME, SIRET_SCHEME, ELECTRONIC_ADDRESS_SCHEME = "0002", "0009", "0225"
"""ISO/IEC 6523; 0225 is France's directory of electronic invoicing."""
SERVICES = "S1"
"""Business process of France's reform (BT-23): an invoice for services."""


def business_terms(invoice: Invoice) -> dict[str, Any]:
    """An invoice or a credit note in the terms of EN 16931, in the shape of the `factur-x` library."""
    account, rating, corrects = invoice.account, invoice.rating, invoice.corrects
    terms: dict[str, Any] = {
        "BT-1": invoice.number,
        "BT-2": invoice.issued_on,
        "BT-3": invoice.kind,
        "BT-5": "EUR",
        "BT-20": f"À déduire de la facture {corrects.invoice}"
        if corrects
        else f"Paiement par virement à {account.term_days} jours",
        "BT-23": SERVICES,
        "BT-72": invoice.last_day,
        "BT-73": invoice.first_day,
        "BT-74": invoice.last_day,
        "BT-81": CREDIT_TRANSFER,
        "BT-83": invoice.number,
        "BT-84": invoice.seller.iban,
        "BT-86": invoice.seller.bic,
        "BG-1": [{"BT-21": code, "BT-22": text} for code, text in NOTES],
        "BG-4": {**_party(invoice.seller), "legal_info": invoice.seller.legal_form},
        "BG-7": _party(account.buyer),
        "BG-23": [
            {"BT-116": str(vat.base), "BT-117": str(vat.amount), "BT-118": "S", "BT-119": str(vat.rate)}
            for vat in rating.vat
        ],
        "BG-25": [_line(number, line) for number, line in enumerate(rating.lines, 1)],
        "BT-106": str(rating.total_without_vat),
        "BT-109": str(rating.total_without_vat),
        "BT-110": str(rating.total_vat),
        "BT-112": str(rating.total),
        "BT-115": str(rating.total),
    }
    if corrects:
        terms["BG-3"] = [{"BT-25": corrects.invoice, "BT-26": corrects.invoice_issued_on}]
    else:
        terms["BT-9"] = invoice.due_on
    chorus = {"BT-10": account.service_code, "BT-13": account.commitment_number}
    return terms | {term: value for term, value in chorus.items() if value}


def _party(party: Party) -> dict[str, Any]:
    return {
        "name": party.name,
        "identifiers": {SIRET_SCHEME: party.siret},
        "legal_identifier": party.siren,
        "legal_identifier_schemeid": SIREN_SCHEME,
        "einvoicing_addr": party.siret,
        "einvoicing_addr_schemeid": ELECTRONIC_ADDRESS_SCHEME,
        "addr_l1": party.street,
        "postcode": party.postcode,
        "city": party.city,
        "country_code": party.country,
        **({"vat_identifier": party.vat_number} if party.vat_number else {}),
    }


def _line(number: int, line: RatedLine) -> Mapping[str, Any]:
    return {
        "BT-126": str(number),
        "BT-129": str(line.quantity),
        "BT-130": UNIT,
        "BT-131": str(line.amount),
        "BT-146": _price(line.unit_price),
        "BT-149": str(line.per),
        "BT-151": "S",
        "BT-152": str(line.vat_rate),
        "BT-153": line.label_fr,
        "BT-155": line.item,
        **({"BT-154": line.detail} if line.detail else {}),
    }


def _price(price: Decimal) -> str:
    """At least two decimals."""
    return str(price if -int(price.as_tuple().exponent) >= 2 else price.quantize(Decimal("0.01")))
