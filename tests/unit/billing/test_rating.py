"""Rating: sums, tiers, order."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path

import fastjsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing.ledger import Usage
from chalicelib.billing.price_list import FOLDER, NoPrice, PriceList, in_force, parse
from chalicelib.billing.rating import cents, rate
from chalicelib.errors import NotFound

EXAM = "exam archived"
LABEL = {"fr": "Examen", "en": "Exam"}
CT = {
    "item": "ct",
    "event": EXAM,
    "modalities": ["CT"],
    "label": LABEL,
    "free": 3,
    "tiers": [{"up_to": 10, "unit_price": "1.115"}, {"unit_price": "0.333333"}],
    "vat_rate": "20",
}
OTHER = {
    "item": "other",
    "event": EXAM,
    "label": LABEL,
    "per": 1000,
    "tiers": [{"unit_price": "12.5"}],
    "vat_rate": "5.5",
}
DOCUMENT = {"version": "1", "valid_from": "2026-01-01", "currency": "EUR", "prices": [CT, OTHER]}
PRICES = parse(DOCUMENT)

usages = st.lists(
    st.builds(Usage, st.just(EXAM), st.sampled_from([("CT",), ("CT", "SR"), ("US",), ()]), st.integers(1, 40)),
    max_size=30,
)


def exams(modality: str, quantity: int) -> Usage:
    return Usage(EXAM, (modality,), quantity)


def amounts(prices: PriceList, *used: Usage) -> list[tuple[str, int, Decimal]]:
    return [(line.item, line.quantity, line.amount) for line in rate(used, prices).lines]


def test_free_units_then_tiers() -> None:
    assert amounts(PRICES, exams("CT", 2)) == [("ct", 2, Decimal("0.00"))]
    assert amounts(PRICES, exams("CT", 15)) == [
        ("ct", 3, Decimal("0.00")),
        ("ct", 10, Decimal("11.15")),
        ("ct", 2, Decimal("0.67")),
    ]


def test_a_price_for_a_thousand_and_two_rates_of_vat() -> None:
    rating = rate([exams("CT", 13), exams("US", 250)], PRICES)
    assert [(each.rate, each.base, each.amount) for each in rating.vat] == [
        (Decimal("5.5"), Decimal("3.13"), Decimal("0.17")),
        (Decimal("20"), Decimal("11.15"), Decimal("2.23")),
    ]
    assert (rating.total_without_vat, rating.total_vat, rating.total) == (
        Decimal("14.28"),
        Decimal("2.40"),
        Decimal("16.68"),
    )


@given(usages, st.randoms(use_true_random=False))
def test_order_and_grouping_change_nothing(used: list[Usage], shuffle: random.Random) -> None:
    single = [Usage(each.event, each.modalities) for each in used for _ in range(each.quantity)]
    shuffle.shuffle(single)
    assert rate(single, PRICES) == rate(used, PRICES)


@given(usages)
def test_sums_are_those_of_the_lines(used: list[Usage]) -> None:
    rating = rate(used, PRICES)
    assert sum(line.quantity for line in rating.lines) == sum(each.quantity for each in used)
    assert (
        rating.total_without_vat == sum(line.amount for line in rating.lines) == sum(each.base for each in rating.vat)
    )
    assert rating.total == rating.total_without_vat + rating.total_vat
    for line in rating.lines:
        assert line.amount == cents(line.quantity * line.unit_price / line.per)


def test_a_minimum_is_a_line_of_its_own() -> None:
    prices = parse({**DOCUMENT, "minimum": "20"})
    assert amounts(prices) == [("minimum", 1, Decimal("20.00"))]
    assert amounts(prices, exams("CT", 13))[-1] == ("minimum", 1, Decimal("8.85"))
    assert [item for item, _, _ in amounts(prices, exams("CT", 100))] == ["ct", "ct", "ct"]


def test_nothing_is_free_by_omission() -> None:
    with pytest.raises(NoPrice, match="restore"):
        rate([Usage("restore")], PRICES)


def test_a_hospital_has_prices_of_its_own() -> None:
    document = {**DOCUMENT, "hospitals": {"nord": {"prices": [{**OTHER, "item": "nord-ct", "modalities": ["CT"]}]}}}
    assert parse(document, "nord").price_of(EXAM, ["CT"]).item == "nord-ct"
    assert parse(document, "sud").price_of(EXAM, ["CT"]).item == "ct"


@pytest.mark.parametrize(
    "tiers",
    [
        [{"up_to": 10, "unit_price": "1"}],
        [{"unit_price": "1"}, {"unit_price": "2"}],
        [{"up_to": 10, "unit_price": "1"}, {"up_to": 10, "unit_price": "1"}, {"unit_price": "1"}],
    ],
)
def test_tiers_rise_and_the_last_is_open(tiers: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError, match="rise"):
        parse({**DOCUMENT, "prices": [{**CT, "tiers": tiers}]})


@pytest.mark.parametrize("change", [{"currency": "USD"}, {"prices": []}, {"unknown": 1}, {"minimum": "1e3"}])
def test_price_lists_are_checked(change: dict[str, object]) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaException):
        parse({**DOCUMENT, **change})


def test_the_latest_list_in_force_on_the_first_day(tmp_path: Path) -> None:
    for version, valid_from in (("a", "2026-01-01"), ("b", "2026-06-02"), ("c", "2026-07-01")):
        (tmp_path / f"{version}.json").write_text(
            json.dumps({**DOCUMENT, "version": version, "valid_from": valid_from})
        )
    found = {month: in_force(month, "nord", tmp_path).version for month in ("2026-01", "2026-06", "2026-07")}
    assert found == {"2026-01": "a", "2026-06": "a", "2026-07": "c"}
    with pytest.raises(NotFound):
        in_force("2025-12", "nord", tmp_path)


def test_the_lists_shipped_price_every_exam() -> None:
    for path in FOLDER.glob("*.json"):
        document = json.loads(path.read_text("utf-8"))
        for hospital in ("", *document.get("hospitals", {})):
            prices = parse(document, hospital)
            for modality in ("CT", "MR", "MG", "US", "CR", "OT"):
                assert prices.price_of(EXAM, [modality, "SR"]).tiers[0].unit_price > 0
