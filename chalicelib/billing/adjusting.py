"""Corrections of a month that was invoiced: what it costs with a fact more or less, minus what was charged for it.

Every document says which facts of which month it covers. A later one charges (late facts) or gives back (credit notes)
the difference of two ratings by the month's own price list, so that all documents of a month add up, without VAT and to
the cent, to what rating says of the facts that are left, in whatever order they came. VAT is rounded once per document
and rate (EN 16931, BR-CO-17).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from chalicelib.billing.invoice import Cover, Invoice
from chalicelib.billing.ledger import Ledger, Line, Usage, modality_values
from chalicelib.billing.price_list import PriceList, in_force, of_version
from chalicelib.billing.rating import RatedLine, Rating, rate
from chalicelib.errors import NotFound

Kind = tuple[str, tuple[str, ...]]
"""Event and modalities."""
NAMED = 20
"""Accession numbers that a line of an invoice names; its annex names all."""
_PARIS = ZoneInfo("Europe/Paris")


def origin(line: Line, period: str) -> str:
    """The month that a line recorded in `period` belongs to: an earlier one when it came late.

    What happened before the first price list is charged in the month in which it was recorded.
    """
    month = datetime.fromisoformat(line.event_time).astimezone(_PARIS).strftime("%Y-%m")
    return month if month < period and _had_prices(month) else period


def late_lines(ledger: Ledger, hospital: str, period: str) -> dict[str, list[Line]]:
    """Lines recorded in a month that belong to earlier ones, by month."""
    first, last = ledger.period(hospital, period) or (1, 0)
    late: dict[str, list[Line]] = {}
    for line in ledger.lines(hospital, first - 1, last):
        month = origin(line, period)
        if month != period:
            late.setdefault(month, []).append(line)
    return dict(sorted(late.items()))


def usage_of(lines: Iterable[Line]) -> Counter[Kind]:
    """Lines, counted by kind."""
    return Counter((line.event, modality_values(line.modalities)) for line in lines)


def counted(usages: Iterable[Usage]) -> Counter[Kind]:
    """Usages, counted by kind."""
    total: Counter[Kind] = Counter()
    for usage in usages:
        total[usage.event, usage.modalities] += usage.quantity
    return total


def usages(counts: Counter[Kind]) -> tuple[Usage, ...]:
    """Inverse of `counted`, in a fixed order."""
    return tuple(Usage(event, modalities, counts[event, modalities]) for event, modalities in sorted(+counts))


def charged(
    ledger: Ledger, documents: Iterable[Invoice], hospital: str, period: str
) -> tuple[Counter[Kind], PriceList]:
    """What was charged of a month and not given back, and the price list of its documents."""
    total: Counter[Kind] = Counter()
    prices: PriceList | None = None
    for document in documents:
        for cover in cover_of(ledger, document):
            if cover.period == period:
                prices = prices or of_version(cover.price_list, hospital)
                sign = -1 if document.corrects else 1
                for kind, quantity in counted(cover.usages).items():
                    total[kind] += sign * quantity
    return total, prices or in_force(period, hospital)


def adjustments(before: Counter[Kind], late: list[Line], period: str, prices: PriceList) -> list[RatedLine]:
    """Lines that charge facts of an earlier month."""
    after = before + usage_of(late)
    lines = difference(rate(usages(before), prices), rate(usages(after), prices))
    named = [line.accession_number or line.study_instance_uid for line in late]
    more = f" et {len(named) - NAMED} autres" if len(named) > NAMED else ""
    detail = f"Régularisation de {period}, enregistré après la clôture, demandes {', '.join(named[:NAMED])}{more}"
    return [
        replace(
            line,
            period=period,
            detail=detail,
            label_fr=f"Régularisation {period} : {line.label_fr}",
            label_en=f"Adjustment {period}: {line.label_en}",
        )
        for line in lines
    ]


def difference(before: Rating, after: Rating) -> list[RatedLine]:
    """Lines that lead from one rating to another: quantities and amounts may be negative."""
    lines: dict[tuple[object, ...], RatedLine] = {}
    for sign, rating in ((1, after), (-1, before)):
        for line in rating.lines:
            key = (line.item, line.unit_price, line.per, line.vat_rate, line.label_fr)
            known = lines.get(key, replace(line, quantity=0, amount=line.amount - line.amount))
            lines[key] = replace(
                known, quantity=known.quantity + sign * line.quantity, amount=known.amount + sign * line.amount
            )
    return [line for line in lines.values() if line.quantity or line.amount]


def cover_of(ledger: Ledger, document: Invoice) -> tuple[Cover, ...]:
    """Facts that a document is about; one that says nothing of them charged all that was recorded in its month."""
    if document.covers:
        return document.covers
    used = tuple(ledger.usage(document.hospital, document.period))
    return (Cover(document.period, document.rating.price_list, used),)


@cache
def _had_prices(month: str) -> bool:
    try:
        in_force(month, "")
    except NotFound:
        return False
    return True
