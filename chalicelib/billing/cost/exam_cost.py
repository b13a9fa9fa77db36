"""What it costs to archive an exam: counted calls and its own bytes, at AWS's dated list prices (docs/adr/0033).

Counts for each instance, gigabyte and exam are measured by `python -m bench.exam_cost`, which writes
`counted_calls.json`; the price list says which of its prices were checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

from chalicelib.errors import NotFound

PRICES = Path(__file__).with_name("aws_prices")
COUNTED = Path(__file__).with_name("counted_calls.json")
GIGABYTE = 10**9
YEAR_MONTHS = 12
STORAGE = "s3-gb-month"
_SHOWN = Decimal("0.000001")


@dataclass(frozen=True)
class AwsPrices:
    """AWS's prices from a day on."""

    version: str
    valid_from: date
    currency: str
    prices: Mapping[str, Decimal]
    """Of one unit, by item."""
    unchecked: tuple[str, ...]
    """Items whose price was not checked."""
    euro: Decimal
    """Euros for a unit of the currency: assumed."""


@dataclass(frozen=True)
class ExamCost:
    """What an exam costs, in the currency of the price list, exactly."""

    archiving: Mapping[str, Decimal]
    """By item of the price list, once."""
    month: Decimal
    """Of storage, each month."""

    @property
    def once(self) -> Decimal:
        """Of archiving it."""
        return sum(self.archiving.values(), Decimal(0))

    @property
    def first_year(self) -> Decimal:
        """Archiving and twelve months."""
        return self.once + YEAR_MONTHS * self.month


def exam_cost(instances: int, size_bytes: int, prices: AwsPrices) -> ExamCost:
    """The cost of an exam of some instances that have some bytes together.

    >>> exam_cost(1, 10**9, aws_prices("2026-10-01")).month
    Decimal('0.024')
    """
    counted = _counted()
    gigabytes = Decimal(size_bytes) / GIGABYTE
    times = {"per_instance": Decimal(instances), "per_gigabyte": gigabytes, "per_exam": Decimal(1)}
    archiving: dict[str, Decimal] = {}
    for unit, number in times.items():
        for item, quantity in counted[unit].items():
            archiving[item] = archiving.get(item, Decimal(0)) + Decimal(quantity) * number * prices.prices[item]
    return ExamCost(archiving, gigabytes * prices.prices[STORAGE])


def shown(amount: Decimal) -> str:
    """An amount to a millionth, as text."""
    return f"{amount.quantize(_SHOWN, ROUND_HALF_UP):f}"


def aws_prices(day: str, folder: Path = PRICES) -> AwsPrices:
    """The price list of a day (`YYYY-MM-DD`): the latest that holds by then, else the first there is.

    Raises
    ------
    errors.NotFound
        If there is none.
    """
    lists = sorted((_parsed(path) for path in folder.glob("*.json")), key=lambda each: (each.valid_from, each.version))
    if not lists:
        raise NotFound("There is no list of AWS's prices.")
    valid = [each for each in lists if each.valid_from <= date.fromisoformat(day)]
    return valid[-1] if valid else lists[0]


@cache
def _parsed(path: Path) -> AwsPrices:
    document = json.loads(path.read_text("utf-8"))
    return AwsPrices(
        document["version"],
        date.fromisoformat(document["valid_from"]),
        document["currency"],
        {each["item"]: Decimal(each["unit_price"]) / each["per"] for each in document["prices"]},
        tuple(each["item"] for each in document["prices"] if not each["checked"]),
        Decimal(document["euro"]["rate"]),
    )


@cache
def _counted() -> Mapping[str, Mapping[str, str]]:
    return json.loads(COUNTED.read_text("utf-8"))  # type: ignore[no-any-return]
