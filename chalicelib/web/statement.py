"""What a hospital owes for a month, before it is invoiced: `/api/statement`."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import wiring, wiring_meters
from chalicelib.billing.price_list import in_force
from chalicelib.billing.rating import Rating, rate
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import handles_errors, respond_json
from chalicelib.web.ledger import hospital_and_period, this_month

routes = Blueprint(__name__)


@routes.route("/api/statement", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_statement() -> Response:
    """What was recorded in a month, by the price list in force on its first day; once invoiced, the invoice's lines."""
    hospital, period = hospital_and_period(routes.current_request)
    known = wiring.invoices().of_period(hospital, period)
    usage = () if known else wiring_meters.metered_ledger().usage(hospital, period)
    rating = known.rating if known else rate(usage, in_force(period, hospital))
    answer = {
        "hospital": hospital,
        "period": period,
        "is_over": period < this_month(),
        "price_list": rating.price_list,
        "currency": "EUR",
        **_amounts(rating),
    }
    return respond_json(answer, 200, {"Cache-Control": "no-store"})


def _amounts(rating: Rating) -> dict[str, Any]:
    """Amounts as decimal strings: JSON's numbers are floats to many who read them."""
    return {
        "lines": [_strings(asdict(line)) for line in rating.lines],
        "vat": [_strings(asdict(each)) for each in rating.vat],
        "total_without_vat": str(rating.total_without_vat),
        "total_vat": str(rating.total_vat),
        "total": str(rating.total),
    }


def _strings(values: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}
