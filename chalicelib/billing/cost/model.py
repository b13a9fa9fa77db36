"""Costs as every part of the reconciliation has them, whatever export they came from (docs/adr/0032)."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Protocol

from chalicelib.errors import ArchiveError

EXACT = Decimal("0.000000000001")
"""Amounts are kept to twelve decimals, of which exports use at most that many; larger ones are sums of these."""


class InvalidExport(ArchiveError):
    """A file that is no cost export, or one with values that cannot be read; the message names what is wrong."""


@dataclass(frozen=True, order=True)
class CostLine:
    """Lines of an export that differ in nothing that allocation looks at, added up."""

    period: str
    """Billing period, `YYYY-MM`."""
    day: str
    """First day of the charge in UTC, `YYYY-MM-DD`."""
    service: str
    """CUR: `line_item_product_code`; FOCUS: `ServiceName`."""
    usage_type: str
    """CUR: `line_item_usage_type`; FOCUS: AWS's `x_UsageType`, "" in exports without it."""
    operation: str
    description: str
    resource: str
    """Identifier of the resource, "" where the export has none."""
    hospital_tag: str
    """Value of the cost allocation tag `Hospital`, "" without."""
    category: str
    """`Usage`, `Purchase`, `Tax`, `Credit`, `Adjustment` as FOCUS's ChargeCategory has them."""
    currency: str
    cost: Decimal
    """What the invoice asks for: CUR's unblended cost, FOCUS's BilledCost."""
    quantity: Decimal
    unit: str
    lines: int
    """How many lines of the export it is."""


@dataclass(frozen=True)
class CostImport:
    """An export of one billing period that was imported."""

    period: str
    exported_at: str
    """RFC 3339 in UTC: the later export of a period replaces the earlier one."""
    digest: str
    """SHA-256 over the lines in order, whatever files they came in."""
    kind: str
    """`CUR 2.0` or `FOCUS`."""
    currency: str
    total: Decimal
    lines: int

    @property
    def rank(self) -> tuple[str, str]:
        """Which of two imports of a period holds: the greater, in whatever order they come."""
        return self.exported_at, self.digest


class CostStore(Protocol):
    """Where imported costs are kept. `errors.Unavailable` when it does not answer."""

    def imported(self, period: str) -> CostImport | None:
        """The import that holds for a billing period."""

    def keep(self, made: CostImport, lines: bytes) -> bool:
        """Keep an import unless one of a greater or the same rank is there; whether it was kept."""

    def lines(self, made: CostImport) -> bytes:
        """What was kept of an import."""


def encoded(lines: Iterable[CostLine]) -> bytes:
    """Lines in order as gzipped JSON lines; the same lines give the same bytes."""
    text = "".join(json.dumps(_strings(asdict(line)), sort_keys=True) + "\n" for line in sorted(lines))
    return gzip.compress(text.encode(), 6, mtime=0)


def decoded(content: bytes) -> Iterator[CostLine]:
    """Inverse of `encoded`."""
    for text in gzip.decompress(content).decode().splitlines():
        values: dict[str, Any] = json.loads(text)
        yield CostLine(**{**values, "cost": Decimal(values["cost"]), "quantity": Decimal(values["quantity"])})


def import_of(lines: Iterable[CostLine], exported_at: str, kind: str) -> tuple[CostImport, bytes]:
    """The import of a billing period from its lines, and what is kept of it.

    Raises
    ------
    InvalidExport
        If there are no lines, or they are of several periods or currencies.
    """
    found = list(lines)
    periods, currencies = {line.period for line in found}, {line.currency for line in found}
    if len(periods) != 1 or len(currencies) != 1:
        raise InvalidExport(
            f"An import is of one billing period and currency, not of {sorted(periods)} in {sorted(currencies)}."
        )
    content = encoded(found)
    digest = hashlib.sha256(gzip.decompress(content)).hexdigest()
    total = sum((line.cost for line in found), Decimal(0))
    count = sum(line.lines for line in found)
    return CostImport(periods.pop(), exported_at, digest, kind, currencies.pop(), total, count), content


def _strings(values: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in values.items()}
