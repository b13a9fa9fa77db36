"""The command of reconciliation on the local cloud: imports once, allocates whole, says what is missing."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib import wiring, wiring_cost
from chalicelib.access.model import Hospital
from chalicelib.billing import ledger as billing
from chalicelib.billing import reconcile
from tests.emulator import Cloud
from tests.unit.billing.costs import BILL, cur_rows, write_csv

OCTOBER = 1_792_000_000.0
"""2026-10-14."""


@pytest.fixture
def used(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.billing.ledger.time.time", lambda: OCTOBER)
    for hospital in ("nord", "sud"):
        wiring.registry().put_hospital(Hospital(hospital, f"Hôpital {hospital}"))
    for number, (hospital, modality) in enumerate([("nord", "CT"), ("nord", "MR"), ("nord", "CT"), ("sud", "CT")]):
        fact = billing.Fact(hospital, billing.EXAM_ARCHIVED, f"1.2.{number}", f"A{number}", 0, modality)
        billing.append(wiring.ledger(), fact)


def run(*arguments: str) -> int:
    return reconcile.main(arguments)


@pytest.mark.usefixtures("used")
def test_a_bill_is_imported_once_replaced_by_a_later_one_and_allocated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = str(write_csv(tmp_path / "a.csv.gz", cur_rows()))
    later = str(write_csv(tmp_path / "b.csv", cur_rows(BILL[:6])))
    assert run("allocate", "2026-10", "--euro", "0.9") == 1
    assert "No bill of 2026-10 was imported." in capsys.readouterr().err
    assert run("import", first, "--exported-at", "2026-11-02T00:00:00Z") == 0
    assert "2026-10: CUR 2.0, 10 lines, 25.739012234600 USD: imported" in capsys.readouterr().out
    assert run("import", first, "--exported-at", "2026-11-02T00:00:01Z") == 0
    assert "unchanged" in capsys.readouterr().out
    assert run("import", later, "--exported-at", "2026-11-01T00:00:00Z") == 0
    assert "unchanged" in capsys.readouterr().out
    assert run("allocate", "2026-10") == 1
    assert "say how many euros" in capsys.readouterr().err
    rows = tmp_path / "focus.csv"
    assert run("allocate", "2026-10", "--euro", "0.9", "--focus", str(rows)) == 0
    printed = capsys.readouterr().out
    assert "allocated 25.73 + residual 0.01 = 25.74 USD" in printed
    with rows.open(newline="") as file:
        costs = {"nord": Decimal(0), "sud": Decimal(0), "unallocated": Decimal(0)}
        for row in csv.DictReader(file):
            costs[row["SubAccountId"]] += Decimal(row["BilledCost"])
    assert sum(costs.values()) == Decimal("25.7390122346")
    assert costs["unallocated"] == Decimal("0.01")
    assert costs["nord"] > 2 * costs["sud"]
    assert run("import", later, "--exported-at", "2026-11-03T00:00:00Z") == 0
    held = wiring_cost.costs().imported("2026-10")
    assert held is not None
    assert held.lines == 6


@pytest.mark.usefixtures("used")
def test_what_is_wrong_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "a.csv"
    bad.write_text("a,b\n1,2\n")
    assert run("import", str(bad)) == 1
    assert capsys.readouterr().err == "The file has the columns of neither CUR 2.0 nor FOCUS 1.x.\n"
    for wrong in (
        ["allocate", "10/2026"],
        ["allocate", "2026-10", "--euro", "-1"],
        ["import", "x", "--exported-at", "?"],
    ):
        with pytest.raises(SystemExit):
            run(*wrong)


def test_the_month_is_the_one_meant(used: None) -> None:
    found = list(wiring_cost.usage().usage(["nord"], "2026-10"))
    assert sum(each.quantity for each in found if each.meter == "exams") == 3
    assert not list(wiring_cost.usage().usage(["nord"], "2026-09"))
