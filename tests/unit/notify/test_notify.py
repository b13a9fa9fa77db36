"""The text of an SMS and the hours in which it is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.notify.gsm7 import BASIC, EXTENSION, folded, septets
from chalicelib.notify.message import exam_available
from chalicelib.notify.quiet_hours import wait_s
from localstack.region import HOSPITALS

PARIS = ZoneInfo("Europe/Paris")


def test_alphabet_has_the_size_of_the_standard() -> None:
    # 128 positions less the escape and the capital C with cedilla, which is left out; form feed and nine others.
    assert (len(BASIC), len(EXTENSION)) == (126, 10)


@pytest.mark.parametrize("character", "êëçâîïôûœÀÈ«»’–Ç")
def test_french_characters_outside_the_alphabet_are_refused(character: str) -> None:
    with pytest.raises(ValueError, match="not in the GSM"):
        septets(character)


@given(st.text(alphabet=st.characters(max_codepoint=0x17F, categories=("L", "N", "P", "Zs"))))
def test_folded_latin_text_reads_the_same_length_or_longer_by_ligatures(text: str) -> None:
    assert len(folded(text)) >= len(text) * 0.9
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize("hospital", [hospital.sms_name or hospital.name for hospital in HOSPITALS])
@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://imagerie.sans-film.example.fr"])
def test_messages_are_one_segment_and_say_nothing_about_health(hospital: str, url: str) -> None:
    text = exam_available(hospital, url)
    assert septets(text) <= 160
    assert text.endswith(url)


def test_a_message_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        exam_available("Centre hospitalier " * 6, "https://sansfilm.example")
    with pytest.raises(ValueError, match="not in the GSM"):
        exam_available("病院", "https://sansfilm.example")


@pytest.mark.parametrize(
    ("local", "hours"),
    [
        (datetime(2026, 6, 1, 7, 59), 1 / 60),
        (datetime(2026, 6, 1, 8, 0), 0),
        (datetime(2026, 6, 1, 19, 59), 0),
        (datetime(2026, 6, 1, 20, 0), 12),
        (datetime(2026, 12, 31, 23, 0), 9),
        (datetime(2026, 3, 28, 23, 0), 8),  # an hour is missing in the night to 29 March
        (datetime(2026, 10, 24, 23, 0), 10),  # and comes twice in the night to 25 October
    ],
)
def test_quiet_hours(local: datetime, hours: float) -> None:
    assert wait_s(local.replace(tzinfo=PARIS), "20-8") == hours * 3600


def test_quiet_hours_within_a_day_and_none() -> None:
    noon = datetime(2026, 6, 1, 12, 30, tzinfo=PARIS)
    assert wait_s(noon, "12-14") == 5400
    assert wait_s(noon, "14-16") == 0
    assert wait_s(noon.replace(hour=3), "") == 0


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_after_the_wait_it_is_day(now: datetime) -> None:
    wait = wait_s(now, "20-8")
    assert 0 <= wait <= 13 * 3600
    assert 8 <= (now + timedelta(seconds=wait + 1)).astimezone(PARIS).hour < 20
