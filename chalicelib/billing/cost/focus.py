"""Costs of hospitals as FOCUS 1.2 rows: the archive is the provider, each hospital a sub account.

FOCUS 1.2, chapter 3: columns that are mandatory for a provider of services billed by use. What a hospital is charged
is another matter (the invoice): these rows say what its use cost, hence BilledCost = EffectiveCost = ContractedCost =
ListCost, and the rule that allocated them is in `x_AllocationRule` and `x_AllocationMeter` (custom columns, 3.x).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TextIO

from chalicelib.billing.cost.allocation import Allocation

RESIDUAL_ID = "unallocated"
COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_AllocationMeter",
    "x_AllocationRule",
    "x_Modality",
)
_CATEGORIES = {"S3|Simple Storage|Glacier": "Storage", "Lambda|ECS|Container": "Compute", "DynamoDB": "Databases"}


def rows(allocation: Allocation, names: Mapping[str, str], hospital: str | None = None) -> Iterator[dict[str, str]]:
    """Rows by day, service, rule, meter, hospital and modality; of one hospital or of all with the residual.

    Parameters
    ----------
    names
        Name of each hospital by its identifier.
    """
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for part in allocation.parts:
        if hospital is None or part.cell.hospital == hospital:
            line = part.line
            what = (line.period, line.day, line.service, line.category, line.currency)
            sums[(*what, part.rule, part.meter, part.cell.hospital, part.cell.modality)] += part.cost
    for key, cost in sorted(sums.items()):
        yield _row(key, cost, names)


def write_csv(file: TextIO, allocation: Allocation, names: Mapping[str, str], hospital: str | None = None) -> None:
    """Rows as CSV with a header (FOCUS 1.2: names of columns as they are)."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(allocation, names, hospital))


def _row(key: tuple[str, ...], cost: Decimal, names: Mapping[str, str]) -> dict[str, str]:
    period, day, service, category, currency, rule, meter, hospital, modality = key
    first = date.fromisoformat(f"{period}-01")
    row = dict.fromkeys(COLUMNS, "")
    row |= dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"), f"{cost:f}")
    row |= {
        "BillingAccountId": "sans-film",
        "BillingAccountName": "Sans Film",
        "BillingCurrency": currency,
        "BillingPeriodStart": _start(first),
        "BillingPeriodEnd": _start((first + timedelta(days=31)).replace(day=1)),
        "ChargeCategory": category,
        "ChargeDescription": f"{service}, allocated by {meter or 'no meter'}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _start(date.fromisoformat(day)),
        "ChargePeriodEnd": _start(date.fromisoformat(day) + timedelta(days=1)),
        "InvoiceIssuerName": "Sans Film",
        "ProviderName": "Sans Film",
        "PublisherName": "Amazon Web Services, Inc.",
        "ServiceCategory": _category(service),
        "ServiceName": service,
        "SubAccountId": hospital or RESIDUAL_ID,
        "SubAccountName": names.get(hospital, hospital) if hospital else "Unallocated",
        "x_AllocationMeter": meter,
        "x_AllocationRule": rule,
        "x_Modality": modality,
    }
    return row


def _category(service: str) -> str:
    """ServiceCategory, FOCUS 1.2, 3.x: one of its closed list."""
    for names, category in _CATEGORIES.items():
        if any(name in service for name in names.split("|")):
            return category
    return "Other"


def _start(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
