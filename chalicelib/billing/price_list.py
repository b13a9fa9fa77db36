"""Price lists: versioned, dated data. A list that was once in force is never changed, a new version follows it.

Amounts are decimal strings: no float ever holds money.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.errors import ArchiveError, NotFound

FOLDER = Path(__file__).with_name("price_lists")

_AMOUNT = {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,6})?$"}
_LABEL = {
    "type": "object",
    "properties": {language: {"type": "string", "minLength": 1, "maxLength": 100} for language in ("fr", "en")},
    "required": ["fr", "en"],
    "additionalProperties": False,
}
_TIERS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"up_to": {"type": "integer", "minimum": 1}, "unit_price": _AMOUNT},
        "required": ["unit_price"],
        "additionalProperties": False,
    },
}
_PRICE = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
        "event": {"type": "string", "minLength": 1},
        "modalities": {"type": "array", "items": {"type": "string", "pattern": "^[A-Z0-9_]{1,16}$"}},
        "label": _LABEL,
        "per": {"type": "integer", "minimum": 1},
        "free": {"type": "integer", "minimum": 0},
        "tiers": _TIERS,
        "vat_rate": {"type": "string", "pattern": r"^[0-9]{1,2}(\.[0-9]{1,2})?$"},
    },
    "required": ["item", "event", "label", "tiers", "vat_rate"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "version": {"type": "string", "pattern": "^[0-9A-Za-z.-]{1,30}$"},
        "valid_from": {"type": "string", "format": "date"},
        "currency": {"const": "EUR"},
        "minimum": _AMOUNT,
        "prices": {"type": "array", "items": _PRICE, "minItems": 1},
        "hospitals": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"minimum": _AMOUNT, "prices": {"type": "array", "items": _PRICE}},
                "additionalProperties": False,
            },
        },
    },
    "required": ["version", "valid_from", "currency", "prices"],
    "additionalProperties": False,
}


class NoPrice(ArchiveError):
    """A billable fact that the price list does not know: the list must be completed, nothing is free by omission."""


@dataclass(frozen=True)
class Tier:
    """Price of the units of a month up to a number of them."""

    unit_price: Decimal
    """Without VAT, for `Price.per` units."""
    up_to: int | None = None
    """Last unit of the month that it holds for, counted from 1 after the free ones; None: no end."""


@dataclass(frozen=True)
class Price:
    """What one kind of fact costs."""

    item: str
    event: str
    """Of the ledger, or a meter (`facts.used_as`: `bytes out, viewer`)."""
    label: Mapping[str, str]
    """By language."""
    tiers: tuple[Tier, ...]
    vat_rate: Decimal
    """Per cent."""
    modalities: frozenset[str] = frozenset()
    """The fact has one of these; empty: any or none."""
    per: int = 1
    free: int = 0
    """Units of each month that cost nothing."""

    def is_of(self, event: str, modalities: Sequence[str]) -> bool:
        """Whether it is the price of a fact."""
        return self.event == event and (not self.modalities or not self.modalities.isdisjoint(modalities))


@dataclass(frozen=True)
class PriceList:
    """Prices in force from a day on."""

    version: str
    valid_from: date
    prices: tuple[Price, ...]
    """The first one that a fact matches is its price; a hospital's own come first."""
    minimum: Decimal = Decimal(0)
    """Least amount of a month without VAT."""

    def price_of(self, event: str, modalities: Sequence[str]) -> Price:
        """The price of a fact.

        Raises
        ------
        NoPrice
            If there is none.
        """
        for price in self.prices:
            if price.is_of(event, modalities):
                return price
        raise NoPrice(
            f"Price list {self.version} has no price for {event!r} with {', '.join(modalities) or 'nothing'}."
        )


@cache
def _validate() -> Callable[[Any], Any]:
    import fastjsonschema  # costs each cold start 14 ms

    return fastjsonschema.compile(SCHEMA)


def parse(document: Mapping[str, Any], hospital: str = "") -> PriceList:
    """A price list as a hospital sees it: with the prices and the minimum that are its own.

    Raises
    ------
    fastjsonschema.JsonSchemaException
        If the document is not as `SCHEMA` says.
    ValueError
        If tiers do not rise or only the last one is without an end.

    >>> ct = {"item": "ct", "event": "exam archived", "modalities": ["CT"], "label": {"fr": "Scanner", "en": "CT"},
    ...       "tiers": [{"unit_price": "1.20"}], "vat_rate": "20"}
    >>> found = parse({"version": "1", "valid_from": "2026-01-01", "currency": "EUR", "prices": [ct]})
    >>> found.price_of("exam archived", ["CT", "SR"]).tiers[0].unit_price
    Decimal('1.20')
    """
    _validate()(document)
    own = document.get("hospitals", {}).get(hospital, {})
    prices = [_price(each) for each in [*own.get("prices", []), *document["prices"]]]
    minimum = own.get("minimum", document.get("minimum", "0"))
    return PriceList(document["version"], date.fromisoformat(document["valid_from"]), tuple(prices), Decimal(minimum))


def _price(document: Mapping[str, Any]) -> Price:
    tiers = tuple(Tier(Decimal(tier["unit_price"]), tier.get("up_to")) for tier in document["tiers"])
    ends = [tier.up_to for tier in tiers]
    bounded = [end for end in ends[:-1] if end is not None]
    if ends[-1] is not None or len(bounded) != len(ends) - 1 or sorted(set(bounded)) != bounded:
        raise ValueError(f"The tiers of {document['item']} must rise, and the last one have no end.")
    return Price(
        document["item"],
        document["event"],
        document["label"],
        tiers,
        Decimal(document["vat_rate"]),
        frozenset(document.get("modalities", ())),
        document.get("per", 1),
        document.get("free", 0),
    )


def in_force(period: str, hospital: str, folder: Path = FOLDER) -> PriceList:
    """The price list of a month (`YYYY-MM`): the latest one that was in force on its first day.

    Raises
    ------
    errors.NotFound
        If none was in force yet.
    """
    first_day = date.fromisoformat(f"{period}-01")
    lists = [parse(json.loads(path.read_text("utf-8")), hospital) for path in folder.glob("*.json")]
    valid = [each for each in lists if each.valid_from <= first_day]
    if not valid:
        raise NotFound(f"No price list was in force in {period}.")
    return max(valid, key=lambda each: (each.valid_from, each.version))


def of_version(version: str, hospital: str, folder: Path = FOLDER) -> PriceList:
    """The price list that a document was made with, whatever came into force since.

    Raises
    ------
    errors.NotFound
        If there is none of that version.
    """
    lists = (json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json")))
    for document in lists:
        if document["version"] == version:
            return parse(document, hospital)
    raise NotFound(f"There is no price list {version}.")
