"""Allocation: exact to the last decimal and to the cent, whatever comes in and in whatever order."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.billing.cost import focus
from chalicelib.billing.cost.allocation import allocate, rules
from chalicelib.billing.cost.exports import read_export
from chalicelib.billing.cost.margin import margins, prices_by_modality, totals
from chalicelib.billing.cost.model import EXACT, CostLine
from chalicelib.billing.cost.shares import CENT, in_cents, shared
from chalicelib.billing.cost.usage import BYTE_DAYS, BYTES_IN, EXAMS, INSTANCES, Cell, UsageTable, Used
from chalicelib.billing.ledger import Usage
from chalicelib.billing.price_list import in_force
from chalicelib.billing.rating import rate
from tests.unit.billing.costs import BILL, SAMPLE, cost_line

HOSPITALS = ("nord", "ouest", "sud")
CELLS = [Cell(hospital, modality) for hospital in HOSPITALS for modality in ("CT", "MR")]
AMOUNTS = st.decimals("-1000", "1000", places=12)
USED = st.lists(
    st.builds(
        Used,
        st.sampled_from(CELLS),
        st.sampled_from(["2026-10-05", "2026-10-06"]),
        st.sampled_from([EXAMS, INSTANCES, BYTES_IN, BYTE_DAYS]),
        st.integers(0, 10**12),
    ),
    max_size=25,
)
LINES = st.lists(
    st.builds(
        lambda cost, what, day, tag, category: cost_line(
            str(cost), what[0], what[1], day=day, hospital_tag=tag, category=category
        ),
        AMOUNTS,
        st.sampled_from([(row[0], row[1]) for row in BILL]),
        st.sampled_from(["2026-10-05", "2026-10-06", "2026-10-07"]),
        st.sampled_from(["", "", "nord", "nobody"]),
        st.sampled_from(["Usage", "Usage", "Tax", "Credit"]),
    ),
    max_size=20,
)


@given(AMOUNTS, st.dictionaries(st.sampled_from(CELLS), st.integers(0, 10**15), min_size=1))
def test_parts_add_up_and_are_next_to_their_exact_value(amount: Decimal, weights: dict[Cell, int]) -> None:
    if not any(weights.values()):
        with pytest.raises(ValueError, match="one is positive"):
            shared(amount, weights, EXACT)
        return
    parts = shared(amount, weights, EXACT)
    assert sum(parts.values(), Decimal(0)) == amount
    total = sum(weights.values())
    for cell, part in parts.items():
        assert abs(part - amount * weights[cell] / total) < 2 * EXACT
    assert parts == shared(amount, dict(reversed(weights.items())), EXACT)


def test_an_amount_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        shared(Decimal("0.005"), {"a": 1}, CENT)


@settings(max_examples=80)
@given(LINES, USED)
def test_a_bill_is_allocated_whole_to_the_cent_in_any_order(lines: list[CostLine], used: list[Used]) -> None:
    found = allocate(lines, UsageTable.of(used), HOSPITALS)
    total = sum((line.cost for line in lines), Decimal(0))
    assert found.total == total
    by_hospital = found.by_hospital()
    assert sum(by_hospital.values(), Decimal(0)) == in_cents({"": total})[""]
    by_cell = found.by_cell()
    for hospital, amount in by_hospital.items():
        assert sum((each for cell, each in by_cell.items() if cell.hospital == hospital), Decimal(0)) == amount
    assert sum(found.by_rule().values(), Decimal(0)) == total
    other = allocate(lines[::-1], UsageTable.of(used[::-1]), reversed(HOSPITALS))
    assert other == found
    rows = list(focus.rows(found, {}))
    assert sum((Decimal(row["BilledCost"]) for row in rows), Decimal(0)) == total


def use(hospital: str, meter: str, quantity: int, day: str = "2026-10-05", modality: str = "CT") -> Used:
    return Used(Cell(hospital, modality), day, meter, quantity)


def test_each_rule_shares_by_its_meter() -> None:
    used = [
        use("nord", BYTE_DAYS, 3),
        use("sud", BYTE_DAYS, 1),
        use("nord", INSTANCES, 1),
        use("sud", INSTANCES, 1),
        use("sud", BYTES_IN, 7),
    ]
    lines = [
        cost_line("4"),
        cost_line("2", usage_type="EUW3-Requests-Tier1"),
        cost_line("5", "AmazonECS", "EUW3-Fargate-vCPU-Hours:perCPU"),
    ]
    found = allocate(lines, UsageTable.of(used), HOSPITALS)
    assert found.by_hospital() == {"nord": Decimal(4), "sud": Decimal(7)}
    assert set(found.by_rule()) == {
        ("s3-storage", BYTE_DAYS),
        ("s3-requests-in", INSTANCES),
        ("fargate", BYTES_IN),
    }


def test_a_tag_decides_and_one_of_no_hospital_does_not() -> None:
    used = UsageTable.of([use("nord", BYTE_DAYS, 1)])
    found = allocate([cost_line("1", hospital_tag="sud"), cost_line("2", hospital_tag="other")], used, HOSPITALS)
    assert found.by_hospital() == {"nord": Decimal(2), "sud": Decimal(1)}


def test_what_nobody_used_and_what_no_rule_knows_is_the_residual() -> None:
    lines = [cost_line("1"), cost_line("2", "AmazonQuantumLedger", "x"), cost_line("3", "AmazonCloudWatch", "y")]
    assert allocate(lines, UsageTable.of([]), HOSPITALS).by_hospital() == {"": Decimal(6)}


def test_shared_operation_and_tax_follow_the_other_costs() -> None:
    used = UsageTable.of([use("nord", BYTE_DAYS, 3), use("sud", BYTE_DAYS, 1)])
    lines = [cost_line("8"), cost_line("1", "AmazonCloudWatch", "y"), cost_line("1", category="Tax")]
    assert allocate(lines, used, HOSPITALS).by_hospital() == {"nord": Decimal("7.50"), "sud": Decimal("2.50")}


def test_a_day_without_usage_is_shared_as_the_month() -> None:
    used = UsageTable.of([use("nord", BYTE_DAYS, 1)])
    found = allocate([cost_line("1", day="2026-10-09")], used, HOSPITALS)
    assert set(found.by_rule()) == {("s3-storage", "byte-days of month")}


def test_the_public_sample_is_allocated_whole() -> None:
    lines = read_export([SAMPLE]).periods["2024-09"]
    used = [use("nord", meter, 3) for meter in (BYTE_DAYS, INSTANCES, BYTES_IN, EXAMS)]
    used += [use("sud", meter, 1) for meter in (BYTE_DAYS, INSTANCES, BYTES_IN, EXAMS)]
    found = allocate(lines, UsageTable.of(used), HOSPITALS)
    assert found.total == sum((line.cost for line in lines), Decimal(0))
    assert {"s3-storage", "s3-requests-in", "s3-requests-out", "s3-transfer", "lambda", "dynamodb"} <= {
        rule for rule, _ in found.by_rule()
    }


def test_focus_rows_are_of_the_hospital(tmp_path: object) -> None:
    used = UsageTable.of([use("nord", BYTE_DAYS, 1), use("sud", BYTE_DAYS, 1)])
    found = allocate([cost_line("1"), cost_line("2", "Other", "x")], used, HOSPITALS)
    file = io.StringIO()
    focus.write_csv(file, found, {"nord": "Hôpital Nord"}, "nord")
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert (row["SubAccountId"], row["SubAccountName"], row["BilledCost"]) == ("nord", "Hôpital Nord", "0.500000000000")
    assert (row["BillingPeriodEnd"], row["x_AllocationRule"]) == ("2026-11-01T00:00:00Z", "s3-storage")
    assert {each["SubAccountId"] for each in focus.rows(found, {})} == {"nord", "sud", "unallocated"}


def test_margins_add_up_to_the_invoice_and_the_bill() -> None:
    prices = in_force("2026-10", "nord")
    usages = [Usage("exam archived", ("CT",), 2001), Usage("exam archived", ("PT", "SR"), 2), Usage("exam archived")]
    by_modality = prices_by_modality(usages, prices)
    assert sum(by_modality.values(), Decimal(0)) == rate(usages, prices).total_without_vat
    assert set(by_modality) == {"CT", "PT", "OT"}
    used = UsageTable.of([use("nord", EXAMS, 2001), use("nord", BYTE_DAYS, 5), use("sud", BYTE_DAYS, 5)])
    allocation = allocate([cost_line("10"), cost_line("0.5", "Other", "x")], used, HOSPITALS)
    found = margins(allocation, used, {"nord": by_modality}, Decimal("0.9"))
    assert sum((each.cost for each in found), Decimal(0)) == Decimal("9.45")
    nord = next(each for each in totals(found) if each.hospital == "nord")
    assert (nord.exams, nord.price, nord.cost) == (2001, sum(by_modality.values(), Decimal(0)), Decimal("4.50"))
    assert nord.per_exam(nord.cost) == Decimal("0.002")


def test_a_credit_that_no_rule_knows_is_the_residual_s_alone_in_euros_too() -> None:
    used = UsageTable.of([use("nord", BYTE_DAYS, 3), use("sud", BYTE_DAYS, 1)])
    found = margins(
        allocate([cost_line("4"), cost_line("-50", "Other", "x")], used, HOSPITALS), used, {}, Decimal("0.5")
    )
    assert {each.hospital: each.cost for each in found} == {"nord": Decimal("1.50"), "sud": Decimal("0.50"), "": -25}


@given(LINES, USED, st.decimals("0.01", "2", places=4))
def test_costs_in_euros_add_up_to_the_converted_bill(lines: list[CostLine], used: list[Used], rate_: Decimal) -> None:
    table = UsageTable.of(used)
    found = margins(allocate(lines, table, HOSPITALS), table, {}, rate_)
    total = sum((line.cost for line in lines), Decimal(0)) * rate_
    assert sum((each.cost for each in found), Decimal(0)) == in_cents({"": total})[""]


def test_rules_name_meters_and_have_labels() -> None:
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))
    assert all(set(rule.label) == {"fr", "en"} and (rule.meters or rule.tag) for rule in rules())
