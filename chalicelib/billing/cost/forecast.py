"""Forecast of the rest of a month by additive Holt-Winters smoothing with a week as season (ADR 0033).

Hyndman and Athanasopoulos, "Forecasting: principles and practice", 3rd edition, 8.3 (method) and 8.7 (interval of
ETS(A,A,A)); the trend is damped (8.2). Of a small grid of parameters those with the least squared error of one step are
taken. With less than two weeks of days the mean is taken, with the deviation of days. A day's value is never below
zero. The same days give the same forecast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SEASON = 7
LEVELS, SEASONALS = (0.02, 0.1, 0.3), (0.02, 0.1, 0.3)
TREND, DAMPING = 0.02, 0.9
"""Smoothing of each component."""
Z_80 = 1.2816
"""Of an interval that holds four times in five."""
HOLT_WINTERS, MEAN, NONE = "holt-winters", "mean", "none"


@dataclass(frozen=True)
class Forecast:
    """Days ahead: each one's expected value, and of their sum the expected value and an 80 % interval."""

    method: str
    days: tuple[float, ...]
    total: float
    low: float
    high: float


def forecast(values: Sequence[float], ahead: int) -> Forecast:
    """Forecast the days that follow.

    Parameters
    ----------
    values
        A value a day without gaps, the oldest first.
    ahead
        How many days, 0 for none.

    >>> forecast([2.0] * 14, 2)
    Forecast(method='holt-winters', days=(2.0, 2.0), total=4.0, low=4.0, high=4.0)
    """
    if not values or ahead == 0:
        return Forecast(NONE, (0.0,) * ahead, 0.0, 0.0, 0.0)
    if len(values) < 2 * SEASON:
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))
        return _forecast(MEAN, [mean] * ahead, deviation * math.sqrt(ahead))
    found = min(
        (_smoothed(values, level, seasonal) for level in LEVELS for seasonal in SEASONALS),
        key=lambda each: each.squared_error,
    )
    days = []
    for step in range(1, ahead + 1):
        season = found.season[(len(values) + step - 1) % SEASON]
        days.append(max(0.0, found.level + _damped(step) * found.trend + season))
    return _forecast(HOLT_WINTERS, days, _deviation_of_sum(found, ahead))


@dataclass(frozen=True)
class _Smoothed:
    """Level, trend and season by place in the week after the last day; errors of one step, and with what smoothing."""

    level: float
    trend: float
    season: Sequence[float]
    errors: Sequence[float]
    level_smoothing: float
    season_smoothing: float

    @property
    def squared_error(self) -> float:
        """Sum over the days."""
        return sum(error**2 for error in self.errors)


def _damped(steps: int) -> float:
    return sum(DAMPING**each for each in range(1, steps + 1))


def _smoothed(values: Sequence[float], level_smoothing: float, season_smoothing: float) -> _Smoothed:
    first, second = values[:SEASON], values[SEASON : 2 * SEASON]
    level = sum(first) / SEASON
    trend = (sum(second) - sum(first)) / SEASON**2
    season = [value - level for value in first]
    errors = []
    for place in range(SEASON, len(values)):
        expected = level + DAMPING * trend
        error = values[place] - expected - season[place % SEASON]
        errors.append(error)
        before = level
        level = expected + level_smoothing * error
        trend = TREND * (level - before) + (1 - TREND) * DAMPING * trend
        season[place % SEASON] += season_smoothing * error
    return _Smoothed(level, trend, season, errors, level_smoothing, season_smoothing)


def _deviation_of_sum(found: _Smoothed, ahead: int) -> float:
    """Of the sum of the days: an error of one day moves the level, trend and season of those after it."""
    sigma = math.sqrt(found.squared_error / len(found.errors))
    variance = 0.0
    for step in range(ahead):
        weight = 1.0
        for later in range(1, ahead - step):
            weight += found.level_smoothing * (1 + TREND * _damped(later))
            weight += found.season_smoothing if later % SEASON == 0 else 0
        variance += weight**2
    return sigma * math.sqrt(variance)


def _forecast(method: str, days: Sequence[float], deviation: float) -> Forecast:
    total = sum(days)
    return Forecast(method, tuple(days), total, max(0.0, total - Z_80 * deviation), total + Z_80 * deviation)
