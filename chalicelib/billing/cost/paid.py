"""What a hospital pays for a month, by modality: its documents once it was invoiced, credit notes taken off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from chalicelib.billing.adjusting import cover_of
from chalicelib.billing.cost.margin import NO_MODALITY, prices_by_modality
from chalicelib.billing.cost.shares import CENT, shared
from chalicelib.billing.cost.usage import main_modality
from chalicelib.billing.facts import is_meter
from chalicelib.billing.invoice import Cover, Invoice
from chalicelib.billing.ledger import Ledger, Usage
from chalicelib.billing.price_list import PriceList, in_force, of_version
from chalicelib.errors import ArchiveError


class Documents(Protocol):
    """A hospital's invoices and credit notes. `errors.Unavailable` when they cannot be read."""

    def of_hospital(self, hospital: str) -> list[Invoice]:
        """Every document."""


def paid_by_modality(ledger: Ledger, documents: Documents, hospital: str, period: str) -> dict[str, Decimal]:
    """Amounts without VAT, to the cent, by modality.

    Of a month that was invoiced they add up to its invoice, adjustments of earlier months on it included, minus every
    credit note that corrects it; before that, to what the month costs as rated now.
    """
    every = documents.of_hospital(hospital)
    invoice = next((each for each in every if not each.corrects and each.period == period), None)
    if invoice is None:
        return prices_by_modality(ledger.usage(hospital, period), in_force(period, hospital))
    amounts: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    credits = [each for each in every if each.corrects and each.corrects.invoice == invoice.number]
    for sign, document in ((1, invoice), *((-1, each) for each in credits)):
        for modality, amount in _by_modality(document, cover_of(ledger, document)).items():
            amounts[modality] += sign * amount
    return dict(amounts)


def corrections_by_modality(
    ledger: Ledger, paid: Mapping[str, Decimal], hospital: str, period: str
) -> dict[str, Decimal]:
    """What is paid beyond what rating says of all that was recorded in the month, which is what a roll-up shows."""
    rated = prices_by_modality(ledger.usage(hospital, period), in_force(period, hospital))
    nothing = Decimal("0.00")
    found = {name: paid.get(name, nothing) - rated.get(name, nothing) for name in sorted({*paid, *rated})}
    return {name: amount for name, amount in found.items() if amount}


def _by_modality(document: Invoice, covers: Sequence[Cover]) -> dict[str, Decimal]:
    """A document's lines, each shared among the modalities of the facts that it is of."""
    usages = {cover.period: cover for cover in covers}
    amounts: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    for line in document.rating.lines:
        cover = usages.get(line.period or document.period)
        weights = _quantities(cover, document.hospital, line.item) if cover else {}
        for modality, part in shared(line.amount, weights or {NO_MODALITY: 1}, CENT).items():
            amounts[modality] += part
    return dict(amounts)


def _quantities(cover: Cover, hospital: str, item: str) -> Mapping[str, int]:
    """Facts of an item by modality; where none is of the line (a minimum that moved) all facts of the cover."""
    of_item: dict[str, int] = defaultdict(int)
    of_all: dict[str, int] = defaultdict(int)
    prices = _prices(cover, hospital)
    for usage in cover.usages:
        modality = main_modality("\\".join(usage.modalities))
        if usage.quantity > 0:
            of_all[modality] += 0 if is_meter(usage.event) else usage.quantity
            if prices is not None and item == _item(prices, usage):
                of_item[modality] += usage.quantity
    return of_item or {name: count for name, count in of_all.items() if count}


def _item(prices: PriceList, usage: Usage) -> str:
    """What the first price that it matches names; "" where nothing prices it."""
    return next((price.item for price in prices.prices if price.is_of(usage.event, usage.modalities)), "")


def _prices(cover: Cover, hospital: str) -> PriceList | None:
    try:
        return of_version(cover.price_list, hospital)
    except ArchiveError:
        return None
