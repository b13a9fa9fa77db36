"""What hospitals pay beside what their use cost, per hospital, modality and exam (docs/adr/0032)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from chalicelib.billing.cost.allocation import Allocation
from chalicelib.billing.cost.shares import CENT, in_cents, shared
from chalicelib.billing.cost.usage import EXAMS, Cell, UsageTable, main_modality
from chalicelib.billing.facts import is_meter
from chalicelib.billing.ledger import Usage
from chalicelib.billing.price_list import PriceList
from chalicelib.billing.rating import rate

MILLI = Decimal("0.001")
NO_MODALITY = ""
"""What a price list's minimum adds is of no modality."""


@dataclass(frozen=True)
class Margin:
    """Of a hospital, or of its exams of a modality; amounts in euros without VAT."""

    hospital: str
    modality: str
    """"" for the whole hospital."""
    exams: int
    price: Decimal
    cost: Decimal

    @property
    def margin(self) -> Decimal:
        """What is left of the price."""
        return self.price - self.cost

    def per_exam(self, amount: Decimal) -> Decimal | None:
        """An amount by exam to a tenth of a cent, None without exams."""
        return (amount / self.exams).quantize(MILLI, ROUND_HALF_UP) if self.exams else None


def prices_by_modality(usages: Iterable[Usage], prices: PriceList) -> dict[str, Decimal]:
    """The amount of a month's rating, shared among the modalities of the facts that each of its lines is of.

    The sum is the rating's total without VAT, to the cent.
    """
    quantities: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    named = {price.event for price in prices.prices}
    found = [usage for usage in usages if usage.event in named or not is_meter(usage.event)]
    for usage in found:
        item = prices.price_of(usage.event, usage.modalities).item
        quantities[item][main_modality("\\".join(usage.modalities))] += max(usage.quantity, 0)
    amounts: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    for line in rate(found, prices).lines:
        for modality, part in shared(line.amount, _positive(quantities.get(line.item, {})), CENT).items():
            amounts[modality] += part
    return dict(amounts)


def _positive(quantities: Mapping[str, int]) -> Mapping[str, int]:
    return {name: count for name, count in quantities.items() if count} or {NO_MODALITY: 1}


def margins(
    allocation: Allocation, usage: UsageTable, prices: Mapping[str, Mapping[str, Decimal]], rate_to_euro: Decimal
) -> list[Margin]:
    """By hospital and modality, in order; those of a hospital add up to what `totals` says of it.

    Parameters
    ----------
    prices
        What each hospital pays by modality (`prices_by_modality`).
    rate_to_euro
        Euros for a unit of the bill's currency.
    """
    costs = in_euro(allocation, rate_to_euro)
    exams = usage.of_month.get(EXAMS, {})
    cells = set(costs) | set(exams) | {Cell(hospital, each) for hospital, own in prices.items() for each in own}
    return [
        Margin(
            cell.hospital,
            cell.modality,
            exams.get(cell, 0),
            prices.get(cell.hospital, {}).get(cell.modality, Decimal("0.00")),
            costs.get(cell, Decimal("0.00")),
        )
        for cell in sorted(cells)
    ]


def totals(found: Iterable[Margin]) -> list[Margin]:
    """By hospital."""
    sums: dict[str, Margin] = {}
    for each in found:
        known = sums.get(each.hospital, Margin(each.hospital, "", 0, Decimal("0.00"), Decimal("0.00")))
        sums[each.hospital] = Margin(
            each.hospital, "", known.exams + each.exams, known.price + each.price, known.cost + each.cost
        )
    return [sums[hospital] for hospital in sorted(sums)]


def in_euro(allocation: Allocation, rate_to_euro: Decimal) -> dict[Cell, Decimal]:
    """Cost of each cell in euros, the residual's too; their sum is the converted bill, rounded half up to the cent."""
    return in_cents({cell: amount * rate_to_euro for cell, amount in allocation.exact_by_cell().items()})
