"""Re-rating as simulation: what a month would cost at other prices; ledger and price lists stay (ADR 0033)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from chalicelib.billing.ledger import Usage
from chalicelib.billing.price_list import PriceList, Tier
from chalicelib.billing.rating import Rating, rate
from chalicelib.errors import BadRequest


@dataclass(frozen=True)
class Simulation:
    """A month as it is rated, and as it would be."""

    actual: Rating
    simulated: Rating

    @property
    def difference(self) -> Decimal:
        """What the month would cost more, without VAT; negative when less."""
        return self.simulated.total_without_vat - self.actual.total_without_vat


def simulate(usages: Iterable[Usage], prices: PriceList, changed: Mapping[str, Decimal]) -> Simulation:
    """Rate facts by a price list, and by one in which some items have one price for every unit that is not free.

    Parameters
    ----------
    changed
        Unit price without VAT by item.

    Raises
    ------
    errors.BadRequest
        If an item is not in the list.
    """
    unknown = set(changed) - {price.item for price in prices.prices}
    if unknown:
        raise BadRequest("The price list has no such item.")
    found = list(usages)
    other = tuple(
        replace(price, tiers=(Tier(changed[price.item]),)) if price.item in changed else price
        for price in prices.prices
    )
    return Simulation(rate(found, prices), rate(found, replace(prices, prices=other)))
