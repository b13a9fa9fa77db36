"""The forecast is the data where the data is plain, and honest where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing.cost.forecast import HOLT_WINTERS, MEAN, NONE, forecast

VALUES = st.floats(0, 1e6, allow_nan=False)
WEEK = [10.0, 12.0, 11.0, 9.0, 14.0, 3.0, 0.0]


def test_a_week_that_repeats_goes_on() -> None:
    found = forecast(WEEK * 5, 10)
    assert found.method == HOLT_WINTERS
    assert found.days == pytest.approx([*WEEK, *WEEK[:3]])
    assert found.low == pytest.approx(found.total) == pytest.approx(found.high)


def test_a_week_is_followed_from_the_day_it_is() -> None:
    assert forecast([*WEEK * 4, *WEEK[:2]], 3).days == pytest.approx(WEEK[2:5])


def test_few_days_are_a_mean_and_none_are_nothing() -> None:
    found = forecast([2.0, 4.0], 2)
    assert (found.method, found.days, found.total) == (MEAN, (3.0, 3.0), 6.0)
    assert found.low < 6 < found.high
    assert forecast([], 3).method == forecast(WEEK * 3, 0).method == NONE


@given(st.lists(VALUES, max_size=70), st.integers(0, 31))
def test_days_are_never_negative_and_the_total_lies_within_its_interval(values: list[float], ahead: int) -> None:
    found = forecast(values, ahead)
    assert len(found.days) == ahead
    assert all(day >= 0 for day in found.days)
    assert 0 <= found.low <= found.total <= found.high
    assert found == forecast(values, ahead)


def test_the_interval_holds_about_four_times_in_five() -> None:
    import random

    draw = random.Random(7)
    within = 0
    for _ in range(300):
        days = [max(0.0, day + draw.gauss(0, 2)) for day in WEEK * 8]
        found = forecast(days[:42], 14)
        within += found.low <= sum(days[42:]) <= found.high
    assert 0.65 < within / 300 < 0.95
