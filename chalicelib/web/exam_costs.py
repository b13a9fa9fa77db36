"""What the latest exams cost and what is paid for each, and what other prices would change.

`/api/exam-costs`, `/api/simulations`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring
from chalicelib.access.model import Permission, Role
from chalicelib.billing.cost.exam_cost import aws_prices, exam_cost, shown
from chalicelib.billing.disputes import dispute_id_of
from chalicelib.billing.ledger import Line, modality_values
from chalicelib.billing.price_list import PriceList, in_force
from chalicelib.billing.rating import Rating, rate
from chalicelib.billing.simulation import simulate
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, respond_json
from chalicelib.web.ledger import PERIOD, hospital_of_reader, this_month
from chalicelib.web.registry import known_hospital
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

LATEST = 20
FIRST_PERIOD = "2000-01"
NO_STORE = {"Cache-Control": "no-store"}


@routes.route("/api/exam-costs", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_exam_costs() -> Response:
    """The latest exams of a hospital: what archiving and keeping each costs, beside what is paid for it."""
    hospital = hospital_of_reader(routes.current_request)
    head = wiring.ledger().head(hospital)
    lines = list(wiring.ledger().lines(hospital, max(0, head.seq - LATEST), head.seq))
    sizes = {
        each.study_instance_uid: each
        for each in wiring.index_reader().studies(hospital, [line.study_instance_uid for line in lines])
    }
    prices = aws_prices(lines[-1].recorded_at[:10] if lines else f"{this_month()}-01")
    paid, notes = _Paid(hospital), _credit_notes(hospital)
    exams = []
    for line in reversed(lines):
        study = sizes.get(line.study_instance_uid)
        if study is None:
            continue
        cost = exam_cost(study.instance_count, study.size_bytes, prices)
        exams.append(
            {
                "accession_number": line.accession_number,
                "modalities": list(modality_values(line.modalities)),
                "recorded_at": line.recorded_at,
                "instances": study.instance_count,
                "size_bytes": study.size_bytes,
                "archiving": shown(cost.once),
                "storage_month": shown(cost.month),
                "first_year": shown(cost.first_year),
                "first_year_euro": shown(cost.first_year * prices.euro),
                "price": "0.000" if (note := notes.get(dispute_id_of(line), "")) else paid.of(line),
                "credit_note": note,
            }
        )
    answer = {
        "price_list": prices.version,
        "valid_from": prices.valid_from.isoformat(),
        "currency": prices.currency,
        "euro_rate": str(prices.euro),
        "unchecked": list(prices.unchecked),
        "exams": exams,
    }
    return respond_json(answer, 200, NO_STORE)


def _credit_notes(hospital: str) -> dict[str, str]:
    """Numbers of the hospital's credit notes by the dispute that each is of."""
    documents = wiring.invoices().of_hospital(hospital)
    return {each.corrects.dispute: each.number for each in documents if each.corrects}


class _Paid:
    """What is paid for an exam without VAT: the average of its item in the month that it was recorded in."""

    def __init__(self, hospital: str) -> None:
        self._hospital = hospital
        self._months: dict[str, tuple[PriceList, dict[str, Decimal]]] = {}

    def of(self, line: Line) -> str:
        """In euros, to a tenth of a cent."""
        if line.period not in self._months:
            prices = in_force(line.period, self._hospital)
            rating = rate(wiring.ledger().usage(self._hospital, line.period), prices)
            self._months[line.period] = prices, _averages(rating)
        prices, averages = self._months[line.period]
        item = prices.price_of(line.event, modality_values(line.modalities)).item
        return str(averages.get(item, Decimal(0)).quantize(Decimal("0.001"), ROUND_HALF_UP))


def _averages(rating: Rating) -> dict[str, Decimal]:
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    quantities: dict[str, int] = defaultdict(int)
    for line in rating.lines:
        amounts[line.item] += line.amount
        quantities[line.item] += line.quantity
    return {item: amount / quantities[item] for item, amount in amounts.items()}


@routes.route("/api/simulations", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def simulate_prices() -> Response:
    """What a hospital's month would cost at other prices; nothing is kept."""
    request = routes.current_request
    session = current_session(request, Permission.READ_LEDGER)
    body = json_body(request, "SimulationRequest")
    hospital, period = body["hospital"], body["period"]
    if session.role is not Role.OPERATOR and hospital != session.hospital:
        raise errors.NotAllowed("Your session simulates the invoice of its own hospital.")
    if not PERIOD.fullmatch(period) or period < FIRST_PERIOD:
        raise errors.BadRequest("The period is a month, YYYY-MM, of this century.")
    known_hospital(hospital)
    changed = {each["item"]: Decimal(each["unit_price"]) for each in body["prices"]}
    found = simulate(wiring.ledger().usage(hospital, period), in_force(period, hospital), changed)
    answer = {
        "hospital": hospital,
        "period": period,
        "price_list": found.actual.price_list,
        "actual": _rating_json(found.actual),
        "simulated": _rating_json(found.simulated),
        "difference": str(found.difference),
    }
    return respond_json(answer, 200, NO_STORE)


def _rating_json(rating: Rating) -> dict[str, Any]:
    lines = [
        {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(line).items()}
        for line in rating.lines
    ]
    return {"lines": lines, "total_without_vat": str(rating.total_without_vat), "total": str(rating.total)}
