"""Daily roll-ups: what a dashboard shows of a hospital's month is one item, however many exams it has (ADR 0033).

They are derived: whoever loses them makes them again from the ledger, the index and the imported bills. A roll-up is a
function of the lines of its month and of what was stored before, so that making it twice changes nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from chalicelib.billing.cost.exam_cost import GIGABYTE, STORAGE, aws_prices, exam_cost
from chalicelib.billing.cost.margin import Margin, prices_by_modality
from chalicelib.billing.cost.usage import BYTE_DAYS, BYTES_IN, EXAMS, INSTANCES, Used, days_of
from chalicelib.billing.ledger import Usage
from chalicelib.billing.price_list import PriceList
from chalicelib.billing.rating import rate

REGION = "*"
"""Stands for every hospital together."""
AVOIDED = Path(__file__).with_name("avoided_media.json")
MONTHS_BACK = 25
_MICRO = Decimal("0.000001")


@dataclass(frozen=True)
class ModalityMonth:
    """A hospital's exams of a modality in a month; amounts in euros without VAT, as text."""

    exams: int = 0
    price: str = "0.00"
    estimated_cost: str = "0"


@dataclass(frozen=True)
class DayRollup:
    """A day."""

    exams: int = 0
    instances: int = 0
    bytes_in: int = 0
    price: str = "0.00"
    """What the day added to the month's invoice: the days add up to it."""
    estimated_cost: str = "0"
    """Of archiving the day's exams and of keeping for a day what is stored, at AWS's list prices."""


@dataclass(frozen=True)
class Billed:
    """A month's share of AWS's bill, once it was reconciled; in euros, as text."""

    cost: str
    unallocated: str
    """Of the whole region: what was allocated to nobody."""
    by_modality: Mapping[str, str]
    rate: str
    """Euros for a unit of the bill's currency."""
    exported_at: str
    corrections: Mapping[str, str] = field(default_factory=dict)
    """What the documents of an invoiced month say beyond its rating, by modality: credit notes take off."""


@dataclass(frozen=True)
class MonthRollup:
    """A hospital's month."""

    hospital: str
    period: str
    state: str
    """What it was made from: the last line of the month. An unchanged state needs no new roll-up."""
    made_at: str
    """RFC 3339 in UTC."""
    price_list: str
    days: Mapping[str, DayRollup] = field(default_factory=dict)
    modalities: Mapping[str, ModalityMonth] = field(default_factory=dict)
    stored_bytes: Mapping[str, int] = field(default_factory=dict)
    """By modality at the end."""

    @property
    def exams(self) -> int:
        """Of the month."""
        return sum(day.exams for day in self.days.values())

    @property
    def price(self) -> Decimal:
        """Of the month."""
        return sum((Decimal(day.price) for day in self.days.values()), Decimal("0.00"))

    @property
    def estimated_cost(self) -> Decimal:
        """Of the month, in euros to a millionth."""
        return sum((Decimal(day.estimated_cost) for day in self.days.values()), Decimal(0))


Kind = TypeVar("Kind", DayRollup, ModalityMonth)


class Rollups(Protocol):
    """Where roll-ups are kept. `errors.Unavailable` when it does not answer."""

    def months(self, hospital: str, count: int) -> list[tuple[MonthRollup, Billed | None]]:
        """The latest months, the last first, with what was billed of each: two reads, however many exams."""

    def put(self, made: MonthRollup) -> None:
        """Keep or replace a roll-up."""

    def put_billed(self, hospital: str, period: str, billed: Billed) -> None:
        """Keep or replace what was billed."""


def month_rollup(
    hospital: str,
    period: str,
    used: Sequence[Used],
    facts: Mapping[str, Sequence[Usage]],
    prices: PriceList,
    state: str,
    made_at: str,
) -> MonthRollup:
    """The roll-up of a month.

    Parameters
    ----------
    used
        Exams, instances, bytes in and byte-days.
    facts
        Billable facts by day of recording.
    """
    by_day = _sums(used, lambda each: each.day)
    by_modality = _sums(used, lambda each: each.cell.modality)
    day_prices = _prices_by_day(facts, prices)
    days = {
        day: DayRollup(
            by_day[day].get(EXAMS, 0),
            by_day[day].get(INSTANCES, 0),
            by_day[day].get(BYTES_IN, 0),
            str(day_prices.get(day, Decimal("0.00"))),
            _text(_estimate(by_day[day], period)),
        )
        for day in sorted({*by_day, *day_prices})
    }
    month_prices = prices_by_modality([each for own in facts.values() for each in own], prices)
    modalities = {
        modality: ModalityMonth(
            by_modality[modality].get(EXAMS, 0),
            str(month_prices.get(modality, Decimal("0.00"))),
            _text(_estimate(by_modality[modality], period)),
        )
        for modality in sorted({*by_modality, *month_prices})
    }
    last_day = max((each.day for each in used if each.meter == BYTE_DAYS), default="")
    stored = {each.cell.modality: each.quantity for each in used if each.meter == BYTE_DAYS and each.day == last_day}
    return MonthRollup(hospital, period, state, made_at, prices.version, days, modalities, stored)


def together(period: str, rollups: Sequence[MonthRollup], made_at: str) -> MonthRollup:
    """The region's month: its hospitals' added up."""
    days: dict[str, DayRollup] = defaultdict(DayRollup)
    modalities: dict[str, ModalityMonth] = defaultdict(ModalityMonth)
    stored: dict[str, int] = defaultdict(int)
    for rollup in rollups:
        for day, own in rollup.days.items():
            days[day] = _added(days[day], own)
        for modality, each in rollup.modalities.items():
            modalities[modality] = _added(modalities[modality], each)
        for modality, size_bytes in rollup.stored_bytes.items():
            stored[modality] += size_bytes
    lists = sorted({rollup.price_list for rollup in rollups})
    return MonthRollup(
        REGION, period, "", made_at, ", ".join(lists), dict(sorted(days.items())), dict(sorted(modalities.items())),
        dict(sorted(stored.items())),
    )  # fmt: skip


def billed_of(
    margins: Sequence[Margin],
    hospital: str,
    rate_to_euro: Decimal,
    exported_at: str,
    corrections: Mapping[str, Mapping[str, Decimal]] | None = None,
) -> Billed:
    """What a reconciliation says of a hospital, or of the region.

    Parameters
    ----------
    corrections
        Of every hospital (`paid.corrections_by_modality`).
    """
    own = [each for each in margins if each.hospital == hospital or (hospital == REGION and each.hospital)]
    by_modality: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    for each in own:
        by_modality[each.modality] += each.cost
    unallocated = sum((each.cost for each in margins if not each.hospital), Decimal("0.00"))
    corrected: dict[str, Decimal] = defaultdict(lambda: Decimal("0.00"))
    for name, amounts in (corrections or {}).items():
        for modality, amount in amounts.items() if hospital in (name, REGION) else ():
            corrected[modality] += amount
    return Billed(
        str(sum(by_modality.values(), Decimal("0.00"))),
        str(unallocated),
        {modality: str(cost) for modality, cost in sorted(by_modality.items())},
        str(rate_to_euro),
        exported_at,
        {modality: str(amount) for modality, amount in sorted(corrected.items()) if amount},
    )


def avoided(modalities: Mapping[str, ModalityMonth]) -> dict[str, Any]:
    """Films and discs that were not made, and the assumption in both languages."""
    document = _avoided()
    films = sum(document["films"].get(name, document["other_films"]) * each.exams for name, each in modalities.items())
    discs = sum(document["discs"].get(name, 0) * each.exams for name, each in modalities.items())
    texts = {f"assumption_{language}": text for language, text in document["assumption"].items()}
    return {"films": films, "discs": discs, **texts}


def stored_before(rollups: Rollups, hospital: str, period: str) -> Mapping[str, int] | None:
    """Bytes by modality at the end of the month before, as it was rolled up; None where it was not."""
    months = [rollup for rollup, _ in rollups.months(hospital, MONTHS_BACK) if rollup.period < period]
    previous = (date.fromisoformat(f"{period}-01") - timedelta(days=1)).strftime("%Y-%m")
    return months[0].stored_bytes if months and months[0].period == previous else None


def to_json(rollup: MonthRollup) -> dict[str, Any]:
    """As it is kept."""
    return asdict(rollup)


def from_json(values: Mapping[str, Any]) -> MonthRollup:
    """Inverse of `to_json`."""
    days = {day: DayRollup(**own) for day, own in values["days"].items()}
    modalities = {modality: ModalityMonth(**own) for modality, own in values["modalities"].items()}
    return MonthRollup(**{**values, "days": days, "modalities": modalities})


def _sums(used: Sequence[Used], key_of: Any) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in used:
        sums[key_of(each)][each.meter] += each.quantity
    return sums


def _prices_by_day(facts: Mapping[str, Sequence[Usage]], prices: PriceList) -> dict[str, Decimal]:
    """Growth of the month's total with each day: tiers make a day's price depend on those before it."""
    found: dict[str, Decimal] = {}
    so_far: list[Usage] = []
    total = Decimal("0.00")
    for day in sorted(facts):
        so_far += facts[day]
        now = rate(so_far, prices).total_without_vat
        found[day], total = now - total, now
    return found


def _estimate(meters: Mapping[str, int], period: str) -> Decimal:
    """Euros for archiving exams and keeping bytes, at AWS's list prices."""
    prices = aws_prices(f"{period}-01")
    exams = meters.get(EXAMS, 0)
    cost = Decimal(0)
    if exams:
        one = exam_cost(0, 0, prices).once
        cost = exam_cost(meters.get(INSTANCES, 0), meters.get(BYTES_IN, 0), prices).once + (exams - 1) * one
    stored = Decimal(meters.get(BYTE_DAYS, 0)) / GIGABYTE / len(days_of(period)) * prices.prices[STORAGE]
    return (cost + stored) * prices.euro


def _added(one: Kind, other: Kind) -> Kind:
    values = {
        name: value + getattr(other, name)
        if isinstance(value, int)
        else str(Decimal(value) + Decimal(getattr(other, name)))
        for name, value in asdict(one).items()
    }
    return type(one)(**values)  # type: ignore[arg-type]


def _text(amount: Decimal) -> str:
    return f"{amount.quantize(_MICRO, ROUND_HALF_UP):f}"


@cache
def _avoided() -> dict[str, Any]:
    return json.loads(AVOIDED.read_text("utf-8"))  # type: ignore[no-any-return]
