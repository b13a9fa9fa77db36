"""Makes roll-ups: each hospital's months from the first that lacks one, the region's, then alerts (ADR 0033)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from chalicelib.billing.cost.budget import Alerts, Budgets, alert
from chalicelib.billing.cost.forecast import Forecast, forecast
from chalicelib.billing.cost.rollups import MonthRollup, Rollups, month_rollup, together
from chalicelib.billing.cost.shares import CENT
from chalicelib.billing.cost.usage import LedgerUsage, day_of, days_of
from chalicelib.billing.ledger import Ledger, Usage, modality_values
from chalicelib.billing.price_list import in_force

MONTHS_OF_FORECAST = 3
"""So many months of days are looked at."""


@dataclass(frozen=True)
class Parts:
    """Ports of the use case."""

    ledger: Ledger
    usage: LedgerUsage
    rollups: Rollups
    budgets: Budgets
    alerts: Alerts


def roll_up(parts: Parts, names: Mapping[str, str], today: date, now: str) -> int:
    """Bring every roll-up up to date and send alerts; how many were made. Safe to repeat.

    Parameters
    ----------
    names
        Name of each hospital by its identifier.
    """
    made: dict[str, list[MonthRollup]] = defaultdict(list)
    for hospital in sorted(names):
        for rollup in of_hospital(parts, hospital, f"{today:%Y-%m}", now):
            made[rollup.period].append(rollup)
    for period in sorted(made):
        parts.rollups.put(together(period, _of_all(parts.rollups, sorted(names), period), now))
    for hospital in sorted(names):
        _alert(parts, hospital, names[hospital], today)
    return sum(map(len, made.values()))


def of_hospital(parts: Parts, hospital: str, this_month: str, now: str) -> Iterator[MonthRollup]:
    """Make the roll-ups of a hospital that are missing or no longer what its ledger says."""
    latest = [rollup for rollup, _ in parts.rollups.months(hospital, 2)]
    if latest:
        period = latest[0].period
        before = dict(latest[1].stored_bytes) if len(latest) > 1 else {}
    else:
        first = next(parts.ledger.lines(hospital), None)
        if first is None:
            return
        period, before = first.period, {}
    known = {rollup.period: rollup for rollup in latest}
    while period <= this_month:
        rollup = known.get(period)
        state = _state(parts.ledger, hospital, period)
        if rollup is None or rollup.state != state:
            rollup = _made(parts, hospital, period, before, state, now)
            parts.rollups.put(rollup)
            yield rollup
        before = dict(rollup.stored_bytes)
        period = _next(period)


def _made(parts: Parts, hospital: str, period: str, before: Mapping[str, int], state: str, now: str) -> MonthRollup:
    first, last = parts.ledger.period(hospital, period) or (1, 0)
    lines = list(parts.ledger.lines(hospital, first - 1, last))
    facts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for line in lines:
        facts[day_of(line)][line.event, line.modalities] += 1
    usages = {
        day: [Usage(event, modality_values(kinds), count) for (event, kinds), count in sorted(own.items())]
        for day, own in facts.items()
    }
    used = list(parts.usage.of_lines(hospital, period, lines, before))
    return month_rollup(hospital, period, used, usages, in_force(period, hospital), state, now)


def _state(ledger: Ledger, hospital: str, period: str) -> str:
    found = ledger.period(hospital, period)
    return str(found[1]) if found else ""


def _of_all(rollups: Rollups, hospitals: Sequence[str], period: str) -> list[MonthRollup]:
    """Each hospital's roll-up of a month; hospitals without one are left out."""
    found = (rollup for hospital in hospitals for rollup, _ in rollups.months(hospital, 25))
    return [rollup for rollup in found if rollup.period == period]


def expected_price(months: Sequence[MonthRollup], today: date) -> tuple[Forecast, Decimal]:
    """The forecast of the rest of the current month, and what the month then costs, in euros without VAT.

    Parameters
    ----------
    months
        The latest first, that of `today` among them.
    """
    values = daily_values(months, today, "price")
    last = days_of(f"{today:%Y-%m}")[-1]
    ahead = (date.fromisoformat(last) - today).days
    made = forecast(values, ahead)
    spent = next((each.price for each in months if each.period == f"{today:%Y-%m}"), Decimal("0.00"))
    return made, (spent + Decimal(made.total)).quantize(CENT, ROUND_HALF_UP)


def daily_values(months: Sequence[MonthRollup], today: date, field: str) -> list[float]:
    """A value for each day before `today`, from the first day that has one, at most of the latest months.

    Today is not over: taking it for a whole day would bend the forecast.
    """
    days = {day: float(getattr(own, field)) for each in months[:MONTHS_OF_FORECAST] for day, own in each.days.items()}
    if not days:
        return []
    day, values = date.fromisoformat(min(days)), []
    while day < today:
        values.append(days.get(day.isoformat(), 0.0))
        day += timedelta(days=1)
    return values


def _alert(parts: Parts, hospital: str, name: str, today: date) -> None:
    months = [rollup for rollup, _ in parts.rollups.months(hospital, MONTHS_OF_FORECAST)]
    if not months or parts.budgets.budget(hospital) is None:
        return
    _, expected = expected_price(months, today)
    period = f"{today:%Y-%m}"
    spent = next((each.price for each in months if each.period == period), Decimal("0.00"))
    alert(parts.budgets, parts.alerts, hospital, name, period, spent, expected)


def _next(period: str) -> str:
    return (date.fromisoformat(f"{period}-01") + timedelta(days=31)).strftime("%Y-%m")
