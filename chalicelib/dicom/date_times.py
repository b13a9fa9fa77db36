"""Dates and times as matching keys: ranges of DA, TM and DT (PS3.4 C.2.2.2.5), offsets from UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib.errors import BadRequest

_MONTH, _DAY = r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_HOUR, _MINUTE, _SECOND = r"([01]\d|2[0-3])", r"[0-5]\d", r"([0-5]\d|60)"
# The 31st of any month passes: it ends a range well.
_DATE = re.compile(rf"\d{{4}}({_MONTH}({_DAY})?)?", re.ASCII)
_TIME = re.compile(rf"{_HOUR}({_MINUTE}({_SECOND}(\.\d{{1,6}})?)?)?", re.ASCII)
_DATE_TIME = re.compile(r"\d{4,14}(\.\d{1,6})?([+-]\d{4})?")
_DATE_TIME_RANGE = re.compile(r"(\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4}(?!\d))?)?-(\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?)?")
_DATE_TIME_OFFSET = re.compile(r"(\d{0,14}(?:\.\d{0,6})?)([+-]\d{4})?")
_OFFSET = re.compile(r"[+-](0\d|1[0-4])[0-5]\d")


def range_bounds(vr: str, text: str) -> tuple[str, str]:
    """Lower and upper bound of a date or time key, "" for open (C.2.2.2.1.3 and C.2.2.2.5).

    Raises
    ------
    BadRequest
        If the text is neither a value nor a range of that VR.

    >>> range_bounds("DA", "20260101-")
    ('20260101', '')
    """
    text = text.strip()
    grammar = {"DA": _DATE, "TM": _TIME, "DT": _DATE_TIME}[vr]
    bounds: tuple[str, ...]
    if vr == "DT":
        match = None if grammar.fullmatch(text) else _DATE_TIME_RANGE.fullmatch(text)
        bounds = (match[1] or "", match[2] or "") if match else (text, text)
    else:
        bounds = tuple(text.replace(":", "").split("-")) if "-" in text else (text.replace(":", ""),) * 2
    if len(bounds) != 2 or not any(bounds) or not all(grammar.fullmatch(bound) for bound in bounds if bound):
        raise BadRequest(f"{text!r} is not a value or a range of VR {vr}.")
    return bounds[0], bounds[1]


def comparable(vr: str, value: str, filler: str) -> str:
    """Digits padded to full length, so that text order is time order."""
    return re.sub(r"[^0-9]", "", value).ljust({"DA": 8, "TM": 12, "DT": 20}[vr], filler)


def minutes_of_offset(text: str) -> int:
    """Timezone Offset From UTC in minutes, 0 for "".

    Raises
    ------
    BadRequest
        If it is not `&ZZXX`.

    >>> minutes_of_offset("-0330")
    -210
    """
    if not text:
        return 0
    if not _OFFSET.fullmatch(text):
        raise BadRequest(f"{text[:16]!r} is not an offset from UTC such as +0100.")
    return int(text[0] + "1") * (int(text[1:3]) * 60 + int(text[3:5]))


def moved(moment: str, minutes: int) -> str:
    """A moment of at least fourteen digits at another offset from UTC; one that no calendar has stays."""
    try:
        moved = datetime.strptime(moment[:14], "%Y%m%d%H%M%S") + timedelta(minutes=minutes)
    except (ValueError, OverflowError):
        return moment
    return f"{moved.year:04}{moved:%m%d%H%M%S}{moment[14:]}"


def _date_time_test(text: str) -> Callable[[Any], bool]:
    """DT values at UTC where both sides tell their offset, else as they are written (C.2.2.2.5.3)."""
    lower, upper = range_bounds("DT", text)
    bounds = [_DATE_TIME_OFFSET.fullmatch(bound) for bound in (lower, upper)]

    def compare(own: str, digits: str, bound: re.Match[str] | None, filler: str) -> tuple[str, str]:
        if bound is None or not bound[1]:
            return digits, "" if filler == "0" else "~"
        limit = comparable("DT", bound[1], filler)
        if bound[2] and own and len(bound[1].partition(".")[0]) >= 10:
            return moved(digits, -minutes_of_offset(own)), moved(limit, -minutes_of_offset(bound[2]))
        return digits, limit

    def test(value: Any) -> bool:
        match = _DATE_TIME_OFFSET.fullmatch(str(value).strip())
        if not match or not match[1]:
            return False
        digits = comparable("DT", match[1], "0")
        moment, first = compare(match[2] or "", digits, bounds[0], "0")
        if moment < first:
            return False
        moment, last = compare(match[2] or "", digits, bounds[1], "9")
        return moment <= last

    return test


def range_test(vr: str, text: str) -> Callable[[Any], bool]:
    """Test of values of VR DA, TM or DT against a key; raises as `range_bounds`."""
    if vr == "DT":
        return _date_time_test(text)
    lower, upper = range_bounds(vr, text)
    first = comparable(vr, lower, "0") if lower else ""
    last = comparable(vr, upper, "9") if upper else "~"
    if first > last:
        raise BadRequest(f"{text!r} ends before it begins.")

    def test(value: Any) -> bool:
        text = str(value)
        return any(character.isdigit() for character in text) and first <= comparable(vr, text, "0") <= last

    return test
