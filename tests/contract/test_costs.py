"""The command of reconciliation on the local cloud: imports once, allocates whole, says what is missing."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib import wiring, wiring_cost
from chalicelib.access.model import Hospital
from chalicelib.billing import ledger as billing
from chalicelib.billing import reconcile
from chalicelib.billing.cost.rollups import MonthRollup
from chalicelib.errors import Unavailable
from chalicelib.functions import reconcile_costs
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


def scheduled(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the Lambda; the archive bucket has its exports here."""
    monkeypatch.setenv("SANSFILM_COST_EURO_RATE", "0.9")
    monkeypatch.setenv("SANSFILM_COST_EXPORT_BUCKET", cloud.settings["archive_bucket"])
    wiring.settings.cache_clear()


def delivered(cloud: Cloud, folder: Path, rows: list[dict[str, str]], period: str = "2026-10") -> None:
    """What AWS Data Exports writes: the data, then the manifest."""
    s3, bucket = cloud.client("s3"), cloud.settings["archive_bucket"]
    file = write_csv(folder / "bill-00001.csv.gz", rows)
    key = f"exports/bill/data/BILLING_PERIOD={period}/bill-00001.csv.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
    manifest = {"columns": [], "dataFiles": [f"s3://{bucket}/{key}"]}
    key = f"exports/bill/metadata/BILLING_PERIOD={period}/bill-Manifest.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())


@pytest.mark.usefixtures("used")
def test_delivered_exports_are_reconciled_on_schedule(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduled(cloud, monkeypatch)
    october = {"periods": ["2026-10", "2026-09"]}
    assert reconcile_costs.handler(october, None) == {"imported": 0, "allocated": 0}
    delivered(cloud, tmp_path, cur_rows())
    for _ in range(2):
        assert reconcile_costs.handler(october, None) == {"imported": 1, "allocated": 1}
    wiring_cost.rollups().put(MonthRollup("nord", "2026-10", "1", "", ""))
    ((_, billed),) = wiring_cost.rollups().months("nord", 1)
    assert billed is not None
    assert Decimal(billed.cost) == sum(map(Decimal, billed.by_modality.values()))
    assert billed.unallocated == "0.01"
    delivered(cloud, tmp_path, cur_rows(BILL[:6]))
    reconcile_costs.handler(october, None)
    held = wiring_cost.costs().imported("2026-10")
    assert held is not None
    assert held.lines == 6


@pytest.mark.usefixtures("used")
def test_what_cannot_be_reconciled_fails_and_the_rest_is_done(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduled(cloud, monkeypatch)
    delivered(cloud, tmp_path, cur_rows())
    delivered(cloud, tmp_path, [{"a": "1", "b": "2"}], "2026-09")
    with pytest.raises(Unavailable, match="not reconciled"):
        reconcile_costs.handler({"periods": ["2026-10", "2026-09"]}, None)
    assert wiring_cost.costs().imported("2026-10") is not None
    monkeypatch.setenv("SANSFILM_COST_EURO_RATE", "")
    wiring.settings.cache_clear()
    with pytest.raises(Unavailable, match="not reconciled"):
        reconcile_costs.handler({"periods": ["2026-10"]}, None)
