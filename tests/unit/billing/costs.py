"""Bills for tests: columns of AWS's dictionary of CUR 2.0, usage types of the Paris region."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from chalicelib.billing.cost.model import CostLine

SAMPLE = Path(__file__).parents[2] / "data/costs/focus-1.0-sample.csv"
CUR_COLUMNS = (
    "identity_line_item_id",
    "bill_bill_type",
    "bill_payer_account_id",
    "bill_billing_period_start_date",
    "bill_billing_period_end_date",
    "line_item_usage_account_id",
    "line_item_line_item_type",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_operation",
    "line_item_resource_id",
    "line_item_usage_amount",
    "line_item_currency_code",
    "line_item_unblended_cost",
    "line_item_line_item_description",
    "pricing_unit",
    "resource_tags",
)
BILL = (
    ("AmazonS3", "EUW3-TimedStorage-ByteHrs", "StandardStorage", "12.3456789012", "{}"),
    ("AmazonS3", "EUW3-Requests-Tier1", "PutObject", "3.0000000001", "{}"),
    ("AmazonS3", "EUW3-Requests-Tier2", "GetObject", "0.4200000000", "{}"),
    ("AWSLambda", "EUW3-Lambda-GB-Second", "Invoke", "1.1111111111", "{}"),
    ("AmazonDynamoDB", "EUW3-WriteRequestUnits", "PayPerRequestThroughput", "2.2222222222", "{}"),
    ("AmazonSNS", "EUW3-OutboundSMS-FR", "Publish", "0.7000000000", "{}"),
    ("AmazonECS", "EUW3-Fargate-vCPU-Hours:perCPU", "FargateTask", "5.0000000000", "{}"),
    ("AmazonS3", "EUW3-TimedStorage-ByteHrs", "StandardStorage", "0.0300000000", '{"user_hospital": "nord"}'),
    ("AmazonCloudWatch", "EUW3-DataProcessing-Bytes", "PutLogEvents", "0.9000000000", "{}"),
    ("AmazonQuantumLedger", "EUW3-Unknown", "", "0.0100000000", "{}"),
)


def cur_rows(bill: Iterable[tuple[str, ...]] = BILL, day: str = "2026-10-05") -> list[dict[str, str]]:
    """Rows of CUR 2.0."""
    found = []
    for number, (service, usage_type, operation, cost, tags) in enumerate(bill):
        row = dict.fromkeys(CUR_COLUMNS, "")
        row |= {
            "identity_line_item_id": f"line{number}",
            "bill_bill_type": "Anniversary",
            "bill_billing_period_start_date": "2026-10-01T00:00:00.000Z",
            "bill_billing_period_end_date": "2026-11-01T00:00:00.000Z",
            "line_item_line_item_type": "Usage",
            "line_item_usage_start_date": f"{day}T00:00:00.000Z",
            "line_item_product_code": service,
            "line_item_usage_type": usage_type,
            "line_item_operation": operation,
            "line_item_usage_amount": "10.5",
            "line_item_currency_code": "USD",
            "line_item_unblended_cost": cost,
            "resource_tags": tags,
        }
        found.append(row)
    return found


def write_csv(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write rows, gzipped if the name says so."""
    found = list(rows)
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return path


def write_parquet(path: Path, csv_path: Path) -> Path:
    """The same as Parquet, with the types that AWS gives: doubles, timestamps, a map of tags."""
    import duckdb

    replaced = """line_item_unblended_cost::DOUBLE AS line_item_unblended_cost,
        line_item_usage_amount::DOUBLE AS line_item_usage_amount,
        bill_billing_period_start_date::TIMESTAMP AS bill_billing_period_start_date,
        line_item_usage_start_date::TIMESTAMP AS line_item_usage_start_date,
        from_json(resource_tags, '"MAP(VARCHAR, VARCHAR)"') AS resource_tags"""
    duckdb.sql(
        f"COPY (SELECT * REPLACE ({replaced}) FROM read_csv('{csv_path}', all_varchar = true)) TO '{path}'"
        " (FORMAT parquet)"
    )
    return path


def cost_line(
    cost: str, service: str = "AmazonS3", usage_type: str = "EUW3-TimedStorage-ByteHrs", **more: str
) -> CostLine:
    """A line of a bill."""
    values: dict[str, str] = {
        "period": "2026-10",
        "day": "2026-10-05",
        "operation": "",
        "description": "",
        "resource": "",
        "hospital_tag": "",
        "category": "Usage",
        "currency": "USD",
        "unit": "",
    } | more
    return CostLine(service=service, usage_type=usage_type, cost=Decimal(cost), quantity=Decimal(0), lines=1, **values)


def tags(**values: str) -> str:
    """Tags as JSON."""
    return json.dumps(values)
