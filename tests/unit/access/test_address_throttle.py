from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access import address_throttle
from chalicelib.access.address_throttle import REMEMBERED_S, AddressThrottle
from chalicelib.access.addresses import place_of
from chalicelib.errors import TooManyAttempts

BEGINNING = 900 * 2_000_000


class Counters:
    """The registry's counters."""

    def __init__(self) -> None:
        self.attempts: Counter[tuple[str, int]] = Counter()
        self.writes = 0

    def count_attempt(self, key: str, window: int, window_s: int, by: int = 1) -> int:
        self.attempts[key, window] += by
        self.writes += 1
        return self.attempts[key, window]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    clock = SimpleNamespace(now=float(BEGINNING))
    monkeypatch.setattr(address_throttle, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


def admitted(throttle: AddressThrottle, address: str = "192.0.2.1") -> bool:
    try:
        throttle.count(address)
    except TooManyAttempts:
        return False
    return True


def test_so_many_and_no_more_until_the_window_ends(clock: Any) -> None:
    throttle = AddressThrottle(Counters(), "X", 3)  # type: ignore[arg-type]
    assert [admitted(throttle) for _ in range(5)] == [True] * 3 + [False] * 2
    assert admitted(throttle, "192.0.2.2")
    clock.now += 100.5
    with pytest.raises(TooManyAttempts) as refused:
        throttle.count("192.0.2.1")
    assert refused.value.retry_after_s == 799
    clock.now += 800
    assert admitted(throttle)


def test_a_flood_costs_a_process_one_write_in_a_while(clock: Any) -> None:
    counters = Counters()
    throttle = AddressThrottle(counters, "X", 3)  # type: ignore[arg-type]
    for _ in range(1000):
        admitted(throttle)
    assert counters.writes == 4
    clock.now += REMEMBERED_S
    admitted(throttle)
    assert counters.writes == 5


def test_those_who_succeed_make_room_for_others(clock: Any) -> None:
    throttle = AddressThrottle(Counters(), "X", 3)  # type: ignore[arg-type]
    for _ in range(20):
        assert admitted(throttle)
        throttle.take_back("192.0.2.1")
    assert [admitted(throttle) for _ in range(4)] == [True] * 3 + [False]
    for _ in range(2):
        throttle.take_back("192.0.2.1")
    clock.now += REMEMBERED_S
    assert admitted(throttle)


def test_no_address_is_kept(clock: Any) -> None:
    counters = Counters()
    AddressThrottle(counters, "X", 3).count("192.0.2.1")  # type: ignore[arg-type]
    assert "192.0.2.1" not in str(counters.attempts)


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_every_address_of_a_subscriber_is_one_place(address: Any, other: int) -> None:
    neighbour = type(address)(int(address) >> 64 << 64 | other)
    if address.ipv4_mapped is None and neighbour.ipv4_mapped is None:
        assert place_of(str(address)) == place_of(str(neighbour))
    assert place_of(place_of(str(address))) == place_of(str(address))


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_addresses_of_version_4_are_places_of_their_own(first: Any, second: Any) -> None:
    assert (place_of(str(first)) == place_of(str(second))) == (first == second)
    assert place_of(f"::ffff:{first}") == place_of(str(first))
