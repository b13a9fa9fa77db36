"""Reads AWS's cost exports and shares them among hospitals: daily for the running month and the two before it.

Amazon changes a month's bill until two weeks after its end, and credit notes come later still. Repeating it does no
harm: an export that was imported counts once, and what is shared is what the last run says (docs/adr/0032).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from chalicelib import wiring, wiring_cost
from chalicelib.billing.cost.deliveries import Delivery, deliveries, fetch
from chalicelib.billing.cost.rollups import REGION, billed_of
from chalicelib.billing.reconcile import Reconciliation, import_files, reconcile
from chalicelib.errors import ArchiveError, Unavailable

PREFIX = "exports/"
"""What operators give an export as its destination."""
MONTHS = 3
STALE_AFTER = timedelta(days=4)
"""AWS refreshes an export at least once a day."""

logger = wiring.logger("costs")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Import and allocate; `{"periods": ["2026-10"]}` names other months than the latest.

    Raises
    ------
    errors.Unavailable
        If a month could not be reconciled, or AWS stopped delivering; the other months were.
    """
    now = datetime.now(UTC)
    periods = event.get("periods") or latest_months(now.date())
    found = deliveries(wiring_cost.deliveries().list(PREFIX))
    if not found:
        logger.warning("no cost export was ever delivered")
        return {"imported": 0, "allocated": 0}
    imported = sum(_import(each) for each in found if each.period in periods)
    outcomes = [_allocate(period) for period in sorted(periods)]
    failed = outcomes.count("failed") + (imported < sum(each.period in periods for each in found))
    logger.info("reconciled", extra={"imported": imported, "outcomes": outcomes, "failed": failed})
    if failed:
        raise Unavailable("Some months were not reconciled.")
    if now - datetime.fromtimestamp(max(each.delivered_ms for each in found) / 1000, UTC) > STALE_AFTER:
        raise Unavailable("AWS delivers no cost exports any more.")
    return {"imported": imported, "allocated": outcomes.count("allocated")}


def latest_months(today: date) -> list[str]:
    """The running month and those before it whose bill may still change.

    >>> latest_months(date(2026, 1, 5))
    ['2026-01', '2025-12', '2025-11']
    """
    months = [today.replace(day=1)]
    while len(months) < MONTHS:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return [f"{each:%Y-%m}" for each in months]


def _import(delivery: Delivery) -> bool:
    exported_at = datetime.fromtimestamp(delivery.delivered_ms / 1000, UTC).isoformat(timespec="seconds")
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = fetch(wiring_cost.deliveries(), delivery, Path(folder))
            import_files(wiring_cost.costs(), files, exported_at.replace("+00:00", "Z"))
    except ArchiveError as error:
        logger.error("export not imported", extra={"period": delivery.period, "reason": str(error)})
        return False
    return True


def _allocate(period: str) -> str:
    names = {each.hospital_id: each.name for each in wiring.registry().hospitals()}
    if wiring_cost.costs().imported(period) is None:
        return "no bill"
    try:
        made = reconcile(
            wiring_cost.costs(),
            wiring_cost.metered_usage(),
            wiring_cost.rated_ledger(),
            wiring.invoices(),
            sorted(names),
            period,
            rate(),
        )
    except ArchiveError as error:
        logger.error("bill not allocated", extra={"period": period, "reason": str(error)})
        return "failed"
    _keep(made, sorted(names), period)
    return "allocated"


def rate() -> Decimal | None:
    """Euros for a unit of the bill's currency, as the deployment says; None where the bill is in euros."""
    text = wiring.settings().cost_euro_rate
    return Decimal(text) if text else None


def _keep(made: Reconciliation, hospitals: Sequence[str], period: str) -> None:
    every: Iterable[str] = (*hospitals, REGION)
    for hospital in every:
        billed = billed_of(made.margins, hospital, rate() or Decimal(1), made.bill.exported_at, made.corrections)
        wiring_cost.rollups().put_billed(hospital, period, billed)
