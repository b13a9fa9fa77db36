"""Rating: from the facts of a month to amounts. The same facts and price list give the same amounts, for ever.

Rules of rounding: unit prices have at most six decimals; the amount of each line is rounded half up to the cent; the
sum without VAT is the sum of the lines; VAT is rounded half up once per rate, over the sum of that rate's lines
(EN 16931, BR-CO-17). Quantities are integers. Nothing depends on the order of the facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from chalicelib.billing.facts import is_meter
from chalicelib.billing.ledger import Usage
from chalicelib.billing.price_list import Price, PriceList

CENT = Decimal("0.01")
MINIMUM = "minimum"


@dataclass(frozen=True)
class RatedLine:
    """A line of an invoice."""

    item: str
    label_fr: str
    label_en: str
    quantity: int
    unit_price: Decimal
    """Without VAT, for `per` units."""
    per: int
    vat_rate: Decimal
    amount: Decimal
    """Without VAT, to the cent."""
    period: str = ""
    """Month that it adjusts (`YYYY-MM`), "" for the month of the invoice."""
    detail: str = ""
    """Exams that an adjustment or a credit is about, by accession number."""


@dataclass(frozen=True)
class Vat:
    """VAT of one rate."""

    rate: Decimal
    base: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Rating:
    """What a hospital owes for a month."""

    price_list: str
    """Its version."""
    lines: tuple[RatedLine, ...]
    vat: tuple[Vat, ...]
    """By rate."""

    @property
    def total_without_vat(self) -> Decimal:
        """Sum of the lines."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    @property
    def total_vat(self) -> Decimal:
        """Sum over the rates."""
        return sum((each.amount for each in self.vat), Decimal("0.00"))

    @property
    def total(self) -> Decimal:
        """With VAT."""
        return self.total_without_vat + self.total_vat


def cents(amount: Decimal) -> Decimal:
    """Round half up to the cent.

    >>> cents(Decimal("1.005"))
    Decimal('1.01')
    """
    return amount.quantize(CENT, ROUND_HALF_UP)


def rate(usages: Iterable[Usage], prices: PriceList) -> Rating:
    """Rate what a hospital used in a month. A meter that no price of the list names costs nothing (docs/adr/0030).

    Raises
    ------
    price_list.NoPrice
        If a fact has no price.
    """
    lines = _lines(_quantities(usages, prices), prices)
    return rated(prices.version, [*lines, *_minimum(lines, prices)])


def rated(price_list: str, lines: Sequence[RatedLine]) -> Rating:
    """Lines with the VAT on them."""
    bases: dict[Decimal, Decimal] = {}
    for line in lines:
        bases[line.vat_rate] = bases.get(line.vat_rate, Decimal("0.00")) + line.amount
    vat = (Vat(rate, base, cents(base * rate / 100)) for rate, base in sorted(bases.items()))
    return Rating(price_list, tuple(lines), tuple(vat))


def _quantities(usages: Iterable[Usage], prices: PriceList) -> Counter[int]:
    """Units by the place of their price in the list."""
    places: dict[tuple[str, tuple[str, ...]], int] = {}
    quantities: Counter[int] = Counter()
    named = {price.event for price in prices.prices}
    for usage in usages:
        if is_meter(usage.event) and usage.event not in named:
            continue
        kind = (usage.event, usage.modalities)
        if kind not in places:
            places[kind] = prices.prices.index(prices.price_of(*kind))
        quantities[places[kind]] += usage.quantity
    return quantities


def _lines(quantities: Mapping[int, int], prices: PriceList) -> list[RatedLine]:
    lines: list[RatedLine] = []
    for place, price in enumerate(prices.prices):
        for quantity, unit_price in _by_tier(price, quantities.get(place, 0)):
            lines.append(
                RatedLine(
                    price.item,
                    price.label["fr"],
                    price.label["en"],
                    quantity,
                    unit_price,
                    price.per,
                    price.vat_rate,
                    _amount(quantity, unit_price, price.per),
                )
            )
    return lines


def _by_tier(price: Price, quantity: int) -> Iterator[tuple[int, Decimal]]:
    """Units and their price: the free ones, then tier by tier. Less than none (corrections) is at the first price."""
    if quantity < 0:
        yield quantity, price.tiers[0].unit_price
        return
    free = min(quantity, price.free)
    if free:
        yield free, Decimal(0)
    left, begin = quantity - free, 0
    for tier in price.tiers:
        units = left if tier.up_to is None else min(left, tier.up_to - begin)
        if units:
            yield units, tier.unit_price
        left, begin = left - units, tier.up_to or 0


def _amount(quantity: int, unit_price: Decimal, per: int) -> Decimal:
    return cents(quantity * unit_price / per)


def _minimum(lines: Sequence[RatedLine], prices: PriceList) -> list[RatedLine]:
    """A line that brings the month up to the hospital's minimum, at the VAT rate of the list's first price."""
    missing = cents(prices.minimum) - sum((line.amount for line in lines), Decimal("0.00"))
    if missing <= 0:
        return []
    labels = ("Complément au minimum mensuel", "Top-up to the monthly minimum")
    return [RatedLine(MINIMUM, *labels, 1, missing, 1, prices.prices[0].vat_rate, missing)]
