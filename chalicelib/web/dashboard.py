"""What a hospital uses, costs and pays: `/api/dashboard`, `/api/exam-costs`, `/api/hospitals/{hospital}/budget`.

A dashboard is read from roll-ups: five requests to the database, however many exams there are (ADR 0033).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring_cost
from chalicelib.access.model import Permission, Role
from chalicelib.billing.cost.budget import Budget, state_of
from chalicelib.billing.cost.roll_up import daily_values, expected_price
from chalicelib.billing.cost.rollups import REGION, Billed, ModalityMonth, MonthRollup, avoided
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, gzipped, handles_errors, path_value, query_value, respond_json
from chalicelib.web.ledger import hospital_of_reader
from chalicelib.web.registry import known_hospital
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

MONTHS = 13
NO_STORE = {"Cache-Control": "no-store"}
PARIS = ZoneInfo("Europe/Paris")


@routes.route("/api/dashboard", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_dashboard() -> Response:
    """The latest months of a hospital, or of the region for its operator, with the forecast of the current one."""
    request = routes.current_request
    hospital = _hospital_or_region(request)
    months = wiring_cost.rollups().months(hospital, MONTHS)
    budget = None if hospital == REGION else wiring_cost.budgets().budget(hospital)
    today = datetime.now(UTC).astimezone(PARIS).date()
    answer = {
        "hospital": "" if hospital == REGION else hospital,
        "currency": "EUR",
        "made_at": months[0][0].made_at if months else "",
        "months": [_month_json(rollup, billed) for rollup, billed in months],
        "forecast": _forecast_json([rollup for rollup, _ in months], today),
        "budget": _budget_json(budget, [rollup for rollup, _ in months], today),
    }
    return gzipped(respond_json(answer, 200, NO_STORE), request)


@routes.route("/api/hospitals/{hospital}/budget", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_budget(hospital: str) -> Response:
    """Set a hospital's budget; an amount of 0 removes it."""
    request = routes.current_request
    hospital = _own_or_any(request, path_value(hospital))
    body = json_body(request, "Budget")
    amount = Decimal(body["amount"])
    budget = Budget(amount, int(body["warn_percent"])) if amount else None
    wiring_cost.budgets().put_budget(hospital, budget)
    return respond_json(body, 200, NO_STORE)


def _own_or_any(request: Request, hospital: str) -> str:
    """A hospital whose budget the session may set: its own, any for the operator."""
    session = current_session(request, Permission.READ_LEDGER)
    if session.role is not Role.OPERATOR and hospital != session.hospital:
        raise errors.NotAllowed("Your session sets the budget of its own hospital.")
    return known_hospital(hospital)


def _hospital_or_region(request: Request) -> str:
    session = current_session(request, Permission.READ_LEDGER)
    if session.role is Role.OPERATOR and not query_value(request, "hospital"):
        return REGION
    return hospital_of_reader(request)


def _month_json(rollup: MonthRollup, billed: Billed | None) -> dict[str, Any]:
    price, cost = rollup.price, Decimal(billed.cost) if billed else rollup.estimated_cost
    corrections = _amounts(billed.corrections if billed else {})
    corrected = sum(corrections.values(), Decimal("0.00"))
    return {
        "period": rollup.period,
        "price_list": rollup.price_list,
        "exams": rollup.exams,
        "price": str(price),
        "cost": _text(cost),
        "cost_is_estimated": billed is None,
        "corrections": str(corrected),
        "margin": _text(price + corrected - cost),
        "unallocated": billed.unallocated if billed else "0.00",
        "stored_bytes": sum(rollup.stored_bytes.values()),
        "avoided": avoided(rollup.modalities),
        "days": [
            {
                "day": day,
                "exams": own.exams,
                "instances": own.instances,
                "bytes_in": own.bytes_in,
                "price": own.price,
                "estimated_cost": own.estimated_cost,
            }
            for day, own in rollup.days.items()
        ],
        "modalities": _modalities_json(rollup, billed, corrections),
    }


def _modalities_json(
    rollup: MonthRollup, billed: Billed | None, corrections: Mapping[str, Decimal]
) -> list[dict[str, Any]]:
    """Those of the exams, and others that something was billed or corrected of: each column adds up to its month."""
    costs = _amounts(billed.by_modality if billed else {})
    found = []
    for name in sorted({*rollup.modalities, *costs, *corrections}):
        own, corrected = rollup.modalities.get(name, ModalityMonth()), corrections.get(name, Decimal("0.00"))
        price = Decimal(own.price)
        cost = costs.get(name, Decimal("0.00")) if billed else Decimal(own.estimated_cost)
        found.append(
            {
                "modality": name,
                "exams": own.exams,
                "price": str(price),
                "cost": _text(cost),
                "corrections": str(corrected),
                "margin": _text(price + corrected - cost),
            }
        )
    return found


def _amounts(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in texts.items()}


def _forecast_json(months: list[MonthRollup], today: date) -> dict[str, Any]:
    """Of the month's price and exams; the interval holds four times in five."""
    price, expected = expected_price(months, today)
    spent = expected - _cents(price.total)
    return {
        "method": price.method,
        "days_seen": len(daily_values(months, today, "price")),
        "price": str(expected),
        "low": str(spent + _cents(price.low)),
        "high": str(spent + _cents(price.high)),
        "days": [round(value, 2) for value in price.days],
    }


def _budget_json(budget: Budget | None, months: list[MonthRollup], today: date) -> dict[str, Any] | None:
    if budget is None:
        return None
    spent = next((each.price for each in months if each.period == f"{today:%Y-%m}"), Decimal("0.00"))
    _, expected = expected_price(months, today)
    state = state_of(budget, spent, expected)
    return {"amount": str(budget.amount), "warn_percent": budget.warn_percent, "state": state}


def _cents(value: float) -> Decimal:
    return Decimal(value).quantize(Decimal("0.01"))


def _text(amount: Decimal) -> str:
    """An amount to the cent, or with what it has beyond: the cost of an exam is a fraction of a cent."""
    return f"{amount:f}"
