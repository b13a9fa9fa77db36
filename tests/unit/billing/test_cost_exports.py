"""Cost exports as AWS writes them: the same lines from CSV, gzip and Parquet, and clear refusals."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.billing import reconcile
from chalicelib.billing.cost.exports import read_export
from chalicelib.billing.cost.model import CostImport, InvalidExport, decoded, encoded, import_of
from tests.unit.billing.costs import BILL, SAMPLE, cost_line, cur_rows, write_csv, write_parquet


class MemoryCosts:
    """`CostStore` with the rule of the real one."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[CostImport, bytes]] = {}

    def imported(self, period: str) -> CostImport | None:
        return self.held[period][0] if period in self.held else None

    def keep(self, made: CostImport, lines: bytes) -> bool:
        known = self.imported(made.period)
        if known is not None and known.rank >= made.rank:
            return False
        self.held[made.period] = made, lines
        return True

    def lines(self, made: CostImport) -> bytes:
        return self.held[made.period][1]


def test_the_public_sample_of_focus_is_read_to_the_last_decimal() -> None:
    export = read_export([SAMPLE])
    lines = [line for period in export.periods.values() for line in period]
    assert export.kind == "FOCUS"
    assert sum(line.lines for line in lines) == len(SAMPLE.read_text().splitlines()) - 1
    assert any(line.service == "AWS Lambda" and "Total Compute" in line.description for line in lines)
    import csv

    with SAMPLE.open(newline="") as file:
        stated = sum((Decimal(row["BilledCost"]) for row in csv.DictReader(file)), Decimal(0))
    assert sum((line.cost for line in lines), Decimal(0)) == stated


def test_csv_gzip_and_parquet_of_cur_are_the_same_import(tmp_path: Path) -> None:
    plain = write_csv(tmp_path / "a.csv", cur_rows())
    gzipped = write_csv(tmp_path / "b.csv.gz", cur_rows())
    parquet = write_parquet(tmp_path / "c.parquet", plain)
    found = [read_export([path]) for path in (plain, gzipped, parquet)]
    assert {export.kind for export in found} == {"CUR 2.0"}
    digests = {import_of(export.periods["2026-10"], "t", export.kind)[0].digest for export in found}
    assert len(digests) == 1
    lines = found[0].periods["2026-10"]
    assert sum((line.cost for line in lines), Decimal(0)) == sum((Decimal(row[3]) for row in BILL), Decimal(0))
    assert {line.hospital_tag for line in lines} == {"", "nord"}


def test_an_export_in_parts_and_in_copies_counts_once(tmp_path: Path) -> None:
    rows = cur_rows()
    whole = write_csv(tmp_path / "whole.csv", rows)
    parts = [write_csv(tmp_path / "1.csv", rows[:4]), write_csv(tmp_path / "2.csv", rows[4:])]
    copy = Path(shutil.copy(parts[0], tmp_path / "copy.csv"))
    digests = {
        import_of(read_export(paths).periods["2026-10"], "t", "CUR 2.0")[0].digest
        for paths in ([whole], parts, parts[::-1], [*parts, copy])
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"line_item_unblended_cost": "12,50"}, "1 lines of the CUR 2.0 export have no readable line_item_unblended_"),
        ({"line_item_unblended_cost": ""}, "no readable line_item_unblended_cost"),
        ({"bill_billing_period_start_date": "October"}, "no readable bill_billing_period_start_date"),
        ({"line_item_usage_start_date": "2026-13-01"}, "no readable line_item_usage_start_date"),
        ({"line_item_currency_code": "$"}, "no readable line_item_currency_code"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, change: dict[str, str], message: str) -> None:
    rows = cur_rows()
    rows[0] |= change
    with pytest.raises(InvalidExport, match=message):
        read_export([write_csv(tmp_path / "a.csv", rows)])


def test_files_that_are_no_export_are_refused(tmp_path: Path) -> None:
    without = [{name: value for name, value in row.items() if name != "line_item_usage_type"} for row in cur_rows()]
    with pytest.raises(InvalidExport, match=r"The CUR 2\.0 export lacks line_item_usage_type"):
        read_export([write_csv(tmp_path / "a.csv", without)])
    with pytest.raises(InvalidExport, match=r"neither CUR 2\.0 nor FOCUS"):
        read_export([write_csv(tmp_path / "b.csv", [{"a": "1"}])])
    with pytest.raises(InvalidExport, match=r"x\.txt is not there"):
        read_export([tmp_path / "x.txt"])
    broken = tmp_path / "x.parquet"
    broken.write_bytes(b"PAR1 nothing")
    with pytest.raises(InvalidExport, match="The export cannot be read"):
        read_export([broken])
    (tmp_path / "x.csv.gz").write_bytes(b"nothing")
    with pytest.raises(InvalidExport, match="The export cannot be read"):
        read_export([tmp_path / "x.csv.gz"])
    (tmp_path / "x.txt").write_bytes(b"nothing")
    with pytest.raises(InvalidExport, match=r"neither \.csv"):
        read_export([tmp_path / "x.txt"])
    with pytest.raises(InvalidExport, match="all CSV or all Parquet"):
        read_export([tmp_path / "a.csv", broken])


def test_nothing_is_imported_of_an_export_with_a_bad_line(tmp_path: Path) -> None:
    store = MemoryCosts()
    rows = cur_rows()
    rows[-1] |= {"line_item_unblended_cost": "?"}
    with pytest.raises(InvalidExport):
        reconcile.import_files(store, [write_csv(tmp_path / "a.csv", rows)], "t")
    assert not store.held


@settings(max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_order_and_repetition_of_imports_gives_the_same(which: list[int], random: object) -> None:
    exports = [
        import_of([cost_line(f"{number}.5")], f"2026-11-0{1 + number // 2}T00:00:00Z", "CUR 2.0") for number in range(4)
    ]
    outcomes = set()
    for order in (which, sorted(which), which[::-1], which * 2):
        store = MemoryCosts()
        for number in order:
            store.keep(*exports[number])
        outcomes.add(store.held["2026-10"])
    assert outcomes == {max((exports[number] for number in which), key=lambda each: each[0].rank)}


def test_lines_are_kept_as_they_are() -> None:
    lines = [cost_line("0.000000000001"), cost_line("-3.1"), cost_line("5", "AWSLambda")]
    assert list(decoded(encoded(lines))) == sorted(lines)
    assert encoded(lines) == encoded(lines[::-1])
