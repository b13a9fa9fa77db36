"""Reads AWS Data Exports: CUR 2.0 and FOCUS 1.x, as CSV (gzipped too) or Parquet, with DuckDB.

Columns: AWS Data Exports user guide, table dictionaries of CUR 2.0 and of FOCUS with AWS columns; FOCUS 1.0-1.2,
chapter 3. CSV is read as text and numbers become DECIMAL, so that no float ever holds money; Parquet exports hold
doubles, which are rounded to twelve decimals.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.billing.cost.model import CostLine, InvalidExport

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "1GB"
AMOUNT = "DECIMAL(38,12)"
TAG_KEYS = ("Hospital", "hospital", "user_hospital", "user:Hospital", "user:hospital", "user_Hospital")
"""The cost allocation tag as the exports write it: CUR 2.0 `user_hospital`, FOCUS `user:Hospital`."""


@dataclass(frozen=True)
class Dialect:
    """Where an export has what is needed: expressions over its columns."""

    kind: str
    required: tuple[str, ...]
    columns: Mapping[str, str]
    """Column by field of `CostLine`; those that are not required may be missing."""
    category: str


CUR = Dialect(
    "CUR 2.0",
    (
        "bill_billing_period_start_date",
        "line_item_usage_start_date",
        "line_item_product_code",
        "line_item_usage_type",
        "line_item_line_item_type",
        "line_item_unblended_cost",
        "line_item_currency_code",
    ),
    {
        "period": "bill_billing_period_start_date",
        "day": "line_item_usage_start_date",
        "service": "line_item_product_code",
        "usage_type": "line_item_usage_type",
        "operation": "line_item_operation",
        "description": "line_item_line_item_description",
        "resource": "line_item_resource_id",
        "tags": "resource_tags",
        "currency": "line_item_currency_code",
        "cost": "line_item_unblended_cost",
        "quantity": "line_item_usage_amount",
        "unit": "pricing_unit",
    },
    """CASE WHEN line_item_line_item_type IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN 'Usage'
       WHEN line_item_line_item_type = 'Tax' THEN 'Tax'
       WHEN line_item_line_item_type IN ('Credit', 'Refund') THEN 'Credit'
       WHEN line_item_line_item_type IN ('Fee', 'RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee')
       THEN 'Purchase' ELSE 'Adjustment' END""",
)
FOCUS = Dialect(
    "FOCUS",
    ("BillingPeriodStart", "ChargePeriodStart", "ServiceName", "ChargeCategory", "BilledCost", "BillingCurrency"),
    {
        "period": "BillingPeriodStart",
        "day": "ChargePeriodStart",
        "service": "ServiceName",
        "usage_type": "x_UsageType",
        "operation": "x_Operation",
        "description": "ChargeDescription",
        "resource": "ResourceId",
        "tags": "Tags",
        "currency": "BillingCurrency",
        "cost": "BilledCost",
        "quantity": "ConsumedQuantity",
        "unit": "ConsumedUnit",
    },
    "ChargeCategory",
)
DIALECTS = (CUR, FOCUS)
_TEXTS = ("service", "usage_type", "operation", "description", "resource", "currency", "unit")


@dataclass(frozen=True)
class Export:
    """What the files of an export hold, by billing period."""

    kind: str
    periods: Mapping[str, list[CostLine]]


def read_export(paths: Sequence[Path]) -> Export:
    """Read the files of one export; a file that is named twice, or is there in two copies, counts once.

    Raises
    ------
    InvalidExport
        If files are missing, of several kinds, lack required columns or hold values that cannot be read.
    """
    import duckdb

    files = _distinct(paths)
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"SET memory_limit = '{MEMORY_LIMIT}'; SET threads = 2; SET preserve_insertion_order = false"
        )
        try:
            types = _open(connection, files)
            dialect = _dialect(types)
            connection.execute(_normalised(dialect, types))
            _check(connection, dialect)
            rows = connection.execute(_GROUPED).fetchall()
        except duckdb.Error as error:
            raise InvalidExport(f"The export cannot be read: {str(error).splitlines()[0][:300]}") from error
    periods: dict[str, list[CostLine]] = defaultdict(list)
    for row in rows:
        line = CostLine(*row)
        periods[line.period].append(line)
    if not periods:
        raise InvalidExport("The export has no lines.")
    return Export(dialect.kind, dict(periods))


def _distinct(paths: Sequence[Path]) -> list[Path]:
    found: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise InvalidExport(f"{path.name} is not there.")
        with path.open("rb") as file:
            found.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), path)
    endings = {_ending(path) for path in found.values()}
    if len(endings) != 1:
        raise InvalidExport("The files of an export are all CSV or all Parquet.")
    return list(found.values())


def _ending(path: Path) -> str:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    if name.endswith(".parquet"):
        return "parquet"
    raise InvalidExport(f"{path.name} is neither .csv, .csv.gz nor .parquet.")


def _open(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[str, str]:
    """Make the files the view `export`; names and types of its columns."""
    names = "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in files) + "]"
    if _ending(files[0]) == "csv":
        reader = f"read_csv({names}, header = true, all_varchar = true, nullstr = ['', 'NULL'], union_by_name = true)"
    else:
        reader = f"read_parquet({names}, union_by_name = true)"
    connection.execute(f"CREATE VIEW export AS SELECT * FROM {reader}")  # noqa: S608 - our own quoting
    return {row[0]: row[1] for row in connection.execute("DESCRIBE export").fetchall()}


def _dialect(types: Mapping[str, str]) -> Dialect:
    found = max(DIALECTS, key=lambda dialect: sum(name in types for name in dialect.required))
    missing = [name for name in found.required if name not in types]
    if len(missing) == len(found.required):
        raise InvalidExport("The file has the columns of neither CUR 2.0 nor FOCUS 1.x.")
    if missing:
        raise InvalidExport(f"The {found.kind} export lacks {', '.join(missing)}.")
    return found


def _normalised(dialect: Dialect, types: Mapping[str, str]) -> str:
    """A view with a column for each field of `CostLine`."""

    def column(field: str) -> str:
        name = dialect.columns[field]
        return f'"{name}"' if name in types else "NULL"

    texts = ", ".join(f"coalesce(CAST({column(field)} AS VARCHAR), '') AS {field}" for field in _TEXTS)
    tags = dialect.columns["tags"]
    return f"""CREATE VIEW normalised AS SELECT
        substr(CAST({column("period")} AS VARCHAR), 1, 7) AS period,
        substr(CAST({column("day")} AS VARCHAR), 1, 10) AS day,
        {texts},
        {_tag(tags, types.get(tags, ""))} AS hospital_tag,
        coalesce({dialect.category}, '') AS category,
        CAST({column("cost")} AS VARCHAR) AS cost_text, TRY_CAST({column("cost")} AS {AMOUNT}) AS cost,
        CAST({column("quantity")} AS VARCHAR) AS quantity_text,
        TRY_CAST({column("quantity")} AS {AMOUNT}) AS quantity
        FROM export"""  # noqa: S608 - names of our own


def _tag(column: str, kind: str) -> str:
    """The hospital's tag: a map in Parquet, JSON in CSV."""
    if kind.startswith("MAP"):
        found = ", ".join(f"""element_at("{column}", '{key}')[1]""" for key in TAG_KEYS)
    elif kind == "VARCHAR":
        found = ", ".join(
            f"""CASE WHEN json_valid("{column}") THEN json_extract_string("{column}", '$."{key}"') END"""
            for key in TAG_KEYS
        )
    else:
        return "''"
    return f"coalesce({found}, '')"


def _check(connection: duckdb.DuckDBPyConnection, dialect: Dialect) -> None:
    """Raise `InvalidExport` where a line cannot be read."""
    checks = {
        "period": "period IS NULL OR NOT regexp_full_match(period, '[0-9]{4}-(0[1-9]|1[0-2])')",
        "day": "day IS NULL OR TRY_CAST(day AS DATE) IS NULL",
        "cost": "cost IS NULL",
        "quantity": "quantity IS NULL AND quantity_text IS NOT NULL",
        "currency": "NOT regexp_full_match(currency, '[A-Z]{3}')",
    }
    counted = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in checks.values())
    row = connection.execute(f"SELECT {counted} FROM normalised").fetchone() or ()  # noqa: S608 - own names
    for field, count in zip(checks, row, strict=True):
        if count:
            raise InvalidExport(
                f"{count} lines of the {dialect.kind} export have no readable {dialect.columns[field]}."
            )


_GROUPED = """SELECT period, day, service, usage_type, operation, description, resource, hospital_tag, category,
    currency, CAST(sum(cost) AS DECIMAL(38,12)), CAST(coalesce(sum(quantity), 0) AS DECIMAL(38,12)), unit, count(*)
    FROM normalised GROUP BY ALL ORDER BY ALL"""
