"""Reconciliation of AWS's bill with what hospitals used and pay (docs/adr/0032).

    python -m chalicelib.billing.reconcile import FILE... [--exported-at TIME]
    python -m chalicelib.billing.reconcile allocate YYYY-MM [--euro RATE] [--focus FILE] [--hospital ID]

`import` takes the files of one export: CUR 2.0 or FOCUS 1.x, CSV (gzipped too) or Parquet. An export that was imported
counts once, and the latest export of a billing period holds, in whatever order they are imported. `allocate` shares
the bill of a month among hospitals, prints rules, costs, prices and margins, keeps
them for the dashboard, and writes FOCUS rows.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from chalicelib.billing.cost import focus
from chalicelib.billing.cost.allocation import Allocation, allocate
from chalicelib.billing.cost.exports import read_export
from chalicelib.billing.cost.margin import Margin, margins, totals
from chalicelib.billing.cost.model import CostImport, CostStore, InvalidExport, decoded, import_of
from chalicelib.billing.cost.paid import Documents, corrections_by_modality, paid_by_modality
from chalicelib.billing.cost.rollups import REGION, billed_of
from chalicelib.billing.cost.usage import UsageSource, UsageTable
from chalicelib.billing.ledger import Ledger
from chalicelib.errors import ArchiveError, NotFound

PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Reconciliation:
    """A month's bill beside what was used and is paid."""

    bill: CostImport
    allocation: Allocation
    margins: list[Margin]
    """By hospital and modality in euros, credit notes taken off; the residual has no hospital."""
    corrections: Mapping[str, Mapping[str, Decimal]]
    """By hospital and modality, as `paid.corrections_by_modality`."""


def import_files(store: CostStore, paths: Sequence[Path], exported_at: str) -> list[tuple[CostImport, bool]]:
    """Import the files of an export; what was read of each billing period, and whether it holds as new.

    Raises
    ------
    model.InvalidExport
        If a file cannot be read; then nothing was imported.
    """
    export = read_export(paths)
    made = [import_of(lines, exported_at, export.kind) for _, lines in sorted(export.periods.items())]
    found = []
    for each, content in made:
        known = store.imported(each.period)
        is_other = known is None or known.digest != each.digest
        found.append((each, store.keep(each, content) and is_other))
    return found


def reconcile(
    store: CostStore,
    source: UsageSource,
    ledger: Ledger,
    documents: Documents,
    hospitals: Sequence[str],
    period: str,
    rate_to_euro: Decimal | None,
) -> Reconciliation:
    """Allocate the bill of a month.

    Parameters
    ----------
    rate_to_euro
        Euros for a unit of the bill's currency; needed unless that is the euro.

    Raises
    ------
    errors.NotFound
        If no bill of that month was imported.
    model.InvalidExport
        If the rate is missing.
    """
    bill = store.imported(period)
    if bill is None:
        raise NotFound(f"No bill of {period} was imported.")
    if rate_to_euro is None:
        if bill.currency != "EUR":
            raise InvalidExport(f"The bill is in {bill.currency}: say how many euros one is worth.")
        rate_to_euro = Decimal(1)
    usage = UsageTable.of(source.usage(hospitals, period))
    allocation = allocate(decoded(store.lines(bill)), usage, hospitals)
    prices = {hospital: paid_by_modality(ledger, documents, hospital, period) for hospital in hospitals}
    corrections = {name: corrections_by_modality(ledger, own, name, period) for name, own in prices.items()}
    return Reconciliation(bill, allocation, margins(allocation, usage, prices, rate_to_euro), corrections)


def report(made: Reconciliation) -> str:
    """Rules, costs and margins as text."""
    bill, allocation = made.bill, made.allocation
    lines = [f"{bill.period}: {bill.kind}, {bill.lines} lines, {bill.total:f} {bill.currency}", ""]
    lines += [f"{'rule':20} {'shared by':24} {bill.currency:>18}"]
    for (rule, meter), amount in sorted(allocation.by_rule().items()):
        lines.append(f"{rule or 'no rule':20} {meter or 'nobody: residual':24} {amount:18f}")
    residual = allocation.by_hospital().get("", Decimal("0.00"))
    whole = sum(allocation.by_hospital().values(), Decimal(0))
    lines += ["", f"allocated {whole - residual} + residual {residual} = {whole} {bill.currency}", ""]
    lines += [f"{'hospital':24} {'modality':9} {'exams':>7} {'price':>10} {'cost':>10} {'margin':>10} {'per exam':>9}"]
    for each in [*totals(made.margins), *made.margins]:
        per_exam = each.per_exam(each.margin)
        name = each.hospital or "residual"
        lines.append(
            f"{name:24} {each.modality or 'all':9} {each.exams:7} {each.price:10} {each.cost:10} {each.margin:10} "
            f"{'-' if per_exam is None else per_exam:>9}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit status 1 with one sentence when it cannot."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.billing.reconcile", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    importing = commands.add_parser("import", help="import the files of an export")
    importing.add_argument("files", nargs="+", type=Path)
    importing.add_argument("--exported-at", type=_time, help="when AWS wrote it; by default the files' latest time")
    allocating = commands.add_parser("allocate", help="share a month's bill among hospitals")
    allocating.add_argument("period", type=_period, metavar="YYYY-MM")
    allocating.add_argument("--euro", type=_rate, metavar="RATE", help="euros for a unit of the bill's currency")
    allocating.add_argument("--focus", type=Path, metavar="FILE", help="write FOCUS rows as CSV")
    allocating.add_argument("--hospital", help="only the FOCUS rows of this hospital")
    options = parser.parse_args(arguments)
    try:
        return _import(options) if options.command == "import" else _allocate(options)
    except ArchiveError as error:
        print(error, file=sys.stderr)
        return 1


def _import(options: argparse.Namespace) -> int:
    from chalicelib import wiring_cost

    times = [path.stat().st_mtime for path in options.files if path.is_file()]
    exported_at = options.exported_at or _rfc3339(datetime.fromtimestamp(max(times, default=0), UTC))
    for made, is_new in import_files(wiring_cost.costs(), options.files, exported_at):
        state = "imported" if is_new else "already there, or a later export is: unchanged"
        print(f"{made.period}: {made.kind}, {made.lines} lines, {made.total:f} {made.currency}: {state}")
    return 0


def _allocate(options: argparse.Namespace) -> int:
    from chalicelib import wiring, wiring_cost

    names = {each.hospital_id: each.name for each in wiring.registry().hospitals()}
    made = reconcile(
        wiring_cost.costs(),
        wiring_cost.metered_usage(),
        wiring_cost.rated_ledger(),
        wiring.invoices(),
        sorted(names),
        options.period,
        options.euro,
    )
    print(report(made))
    for hospital in (*sorted(names), REGION):
        billed = billed_of(made.margins, hospital, options.euro or Decimal(1), made.bill.exported_at, made.corrections)
        wiring_cost.rollups().put_billed(hospital, options.period, billed)
    if options.focus:
        with options.focus.open("w", encoding="utf-8", newline="") as file:
            focus.write_csv(file, made.allocation, names, options.hospital)
    return 0


def _period(text: str) -> str:
    if not PERIOD.fullmatch(text):
        raise argparse.ArgumentTypeError("a month is YYYY-MM")
    return text


def _rate(text: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError("a rate is a decimal number, e.g. 0.92") from error
    if not 0 < rate < 1000:
        raise argparse.ArgumentTypeError("a rate is positive")
    return rate


def _time(text: str) -> str:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a time is RFC 3339, e.g. 2026-11-03T05:00:00Z") from error
    return _rfc3339(time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC))


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
