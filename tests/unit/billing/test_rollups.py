"""Roll-ups add up to the invoice, are the same in any order, and simulations leave the price list as it is."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.archive.model import StudyRecord
from chalicelib.billing.cost.budget import Budget, message, state_of
from chalicelib.billing.cost.exam_cost import aws_prices, exam_cost
from chalicelib.billing.cost.rollups import from_json, month_rollup, to_json, together
from chalicelib.billing.cost.usage import BYTE_DAYS, BYTES_IN, EXAMS, INSTANCES, Cell, LedgerUsage, Used
from chalicelib.billing.ledger import EXAM_ARCHIVED, Line, Usage
from chalicelib.billing.price_list import in_force
from chalicelib.billing.rating import rate
from chalicelib.billing.simulation import simulate
from chalicelib.errors import BadRequest

PRICES = in_force("2026-10", "nord")
DAYS = ["2026-10-01", "2026-10-02", "2026-10-31"]
FACTS = st.lists(
    st.tuples(st.sampled_from(DAYS), st.sampled_from([("CT",), ("MR",), ("MG", "SR"), ()]), st.integers(1, 3000)),
    max_size=12,
)


def by_day(facts: list[tuple[str, tuple[str, ...], int]]) -> dict[str, list[Usage]]:
    found: dict[str, list[Usage]] = defaultdict(list)
    for day, modalities, count in facts:
        found[day].append(Usage(EXAM_ARCHIVED, modalities, count))
    return found


@settings(max_examples=60)
@given(FACTS)
def test_days_and_modalities_add_up_to_the_invoice(facts: list[tuple[str, tuple[str, ...], int]]) -> None:
    made = month_rollup("nord", "2026-10", [], by_day(facts), PRICES, "1", "now")
    total = rate([usage for own in by_day(facts).values() for usage in own], PRICES).total_without_vat
    assert made.price == total
    assert sum((Decimal(each.price) for each in made.modalities.values()), Decimal(0)) == total
    again = month_rollup("nord", "2026-10", [], by_day(facts[::-1]), PRICES, "1", "now")
    assert (again.price, again.modalities) == (made.price, made.modalities)
    assert from_json(to_json(made)) == made


def test_the_region_is_its_hospitals_added_up() -> None:
    one = month_rollup("nord", "2026-10", [], by_day([("2026-10-01", ("CT",), 2)]), PRICES, "1", "now")
    other = month_rollup("sud", "2026-10", [], by_day([("2026-10-01", ("MR",), 1)]), PRICES, "1", "now")
    made = together("2026-10", [one, other], "now")
    assert (made.price, set(made.modalities)) == (Decimal("3.10"), {"CT", "MR"})


def test_costs_are_estimated_from_instances_bytes_and_days() -> None:
    cell = Cell("nord", "CT")
    used = [
        Used(cell, "2026-10-01", EXAMS, 2),
        Used(cell, "2026-10-01", INSTANCES, 400),
        Used(cell, "2026-10-01", BYTES_IN, 10**9),
        *(Used(cell, f"2026-10-{day:02}", BYTE_DAYS, 10**9) for day in range(1, 32)),
    ]
    made = month_rollup("nord", "2026-10", used, {}, PRICES, "1", "now")
    prices = aws_prices("2026-10-01")
    archived = 2 * exam_cost(200, 5 * 10**8, prices).once
    assert made.estimated_cost == pytest.approx((archived + Decimal("0.024")) * prices.euro, abs=Decimal("0.0001"))
    assert made.stored_bytes == {"CT": 10**9}


@given(FACTS, st.decimals("0", "99", places=2))
def test_a_simulation_differs_by_what_it_changes(facts: list[tuple[str, tuple[str, ...], int]], price: Decimal) -> None:
    usages = [usage for own in by_day(facts).values() for usage in own]
    found = simulate(usages, PRICES, {"examen-scanner": price})
    scanners = sum(usage.quantity for usage in usages if usage.modalities == ("CT",))
    actual = sum((line.amount for line in found.actual.lines if line.item == "examen-scanner"), Decimal(0))
    assert found.difference == scanners * price - actual
    assert found.actual == rate(usages, in_force("2026-10", "nord"))


def test_a_simulation_of_nothing_known_is_refused() -> None:
    with pytest.raises(BadRequest):
        simulate([], PRICES, {"nothing": Decimal(1)})


@given(st.decimals("0", "200", places=2), st.decimals("0", "300", places=2))
def test_a_budget_is_in_one_state(spent: Decimal, expected: Decimal) -> None:
    budget = Budget(Decimal(100))
    state = state_of(budget, spent, expected)
    assert (state == "passed") == (spent > 100)
    assert (state == "ok") == (spent < 80 and expected <= 100)
    if state != "ok":
        assert "budget" in message("Nord", "2026-10", state, budget, spent, expected)[1]


class _Lines:
    """A ledger with one line, and an index that knows its study."""

    def lines(self, hospital: str) -> list[Line]:
        return [Line(1, EXAM_ARCHIVED, "1.2", "A1", hospital, "", "2026-10-31T23:30:00.000Z", "", "", "CT")]

    def studies(self, hospital: str, study_instance_uids: object) -> list[StudyRecord]:
        return [StudyRecord(hospital, "1.2", {}, ("CT",), (), 1, 3, 1000, 0, 0)]


def test_a_line_is_used_in_the_month_that_it_is_billed_in() -> None:
    source = LedgerUsage(_Lines(), _Lines())  # type: ignore[arg-type]
    assert not list(source.usage(["nord"], "2026-10"))
    found = [(used.meter, used.day, used.quantity) for used in source.usage(["nord"], "2026-11")]
    assert found[:3] == [(EXAMS, "2026-11-01", 1), (INSTANCES, "2026-11-01", 3), (BYTES_IN, "2026-11-01", 1000)]
    assert found[3:] == [(BYTE_DAYS, f"2026-11-{day:02}", 1000) for day in range(1, 31)]
    assert {used.meter for used in source.usage(["nord"], "2026-12")} == {BYTE_DAYS}
