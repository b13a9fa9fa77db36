"""Attribute matching (PS3.4 C.2.2.2; PS3.18 8.3.4) of data sets in the DICOM JSON Model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chalicelib.dicom.attributes import Attribute
from chalicelib.dicom.names import fold, tokens
from chalicelib.errors import BadRequest

DicomJson = Mapping[str, Any]

_LIST_VRS = frozenset({"AE", "CS", "LO", "SH"})
"""Text VRs of which a key may list several values: any of them matches (C.2.2.2.8)."""
_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", ""})
_UNMATCHABLE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_DATE = re.compile(r"\d{4}(\d{2}(\d{2})?)?")
_TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")
_DATE_TIME = re.compile(r"\d{4,14}(\.\d{1,6})?([+-]\d{4})?")
_DATE_TIME_RANGE = re.compile(r"(\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4}(?!\d))?)?-(\d{4,14}(?:\.\d{1,6})?(?:[+-]\d{4})?)?")


@dataclass(frozen=True)
class Condition:
    """One matching key: an attribute, or an attribute within sequences, and the text it is matched with."""

    path: tuple[Attribute, ...]
    text: str
    fuzzy: bool = False
    """Person names match by the beginning of any component, in any order (fuzzymatching=true)."""

    @property
    def tag(self) -> str:
        """Tag of the outermost attribute."""
        return self.path[0].tag

    @property
    def is_universal(self) -> bool:
        """Whether everything matches, the absent attribute included (C.2.2.2.3)."""
        return self.text.strip("*") == ""

    def matches(self, dataset: DicomJson) -> bool:
        """Whether a data set satisfies the key."""
        return self.is_universal or any(self._test(value) for value in _values(dataset, self.path))

    @cached_property
    def _test(self) -> Callable[[Any], bool]:
        return _value_test(self.path[-1].vr, self.text, self.fuzzy)

    def check(self) -> Condition:
        """The condition itself.

        Raises
        ------
        BadRequest
            If the text is not a legal value, range or list for the attribute's VR.
        """
        if not self.is_universal:
            _ = self._test
        return self


@dataclass(frozen=True)
class ItemCondition(Condition):
    """Sequence matching (C.2.2.2.6): one item satisfies all the keys of `keys`; `path` names the sequence."""

    keys: tuple[Condition, ...] = ()

    @property
    def is_universal(self) -> bool:
        """Whether every key is."""
        return all(key.is_universal for key in self.keys)

    def matches(self, dataset: DicomJson) -> bool:
        """Whether an item of the sequence satisfies every key."""
        if self.is_universal:
            return True
        items = (dataset.get(self.tag) or {}).get("Value") or ()
        return any(all(key.matches(item) for key in self.keys) for item in items if isinstance(item, dict))

    def check(self) -> Condition:
        """See `Condition.check`."""
        for key in self.keys:
            key.check()
        return self


@dataclass(frozen=True)
class DateTimeCondition(Condition):
    """Combined date-time matching (C.2.2.2.5.3): `path` and `text` are those of the date, as a range or a value."""

    time_tag: str = ""
    time_text: str = ""

    def matches(self, dataset: DicomJson) -> bool:
        """Whether the moment that date and time form lies between the two moments that the keys form."""
        dates = (dataset.get(self.tag) or {}).get("Value") or ()
        times = (dataset.get(self.time_tag) or {}).get("Value") or ("",)
        if not dates or not dates[0]:
            return False
        first_date, last_date = range_bounds("DA", self.text)
        first_time, last_time = range_bounds("TM", self.time_text)
        moment = _comparable("DA", str(dates[0]), "0") + _comparable("TM", str(times[0] or ""), "0")
        first = _comparable("DA", first_date, "0") + _comparable("TM", first_time, "0") if first_date else ""
        last = _comparable("DA", last_date, "9") + _comparable("TM", last_time, "9") if last_date else "~"
        return first <= moment <= last

    def check(self) -> Condition:
        """See `Condition.check`."""
        range_bounds("DA", self.text)
        range_bounds("TM", self.time_text)
        return self


def _values(dataset: DicomJson, path: tuple[Attribute, ...]) -> Iterator[Any]:
    element = dataset.get(path[0].tag)
    for value in (element or {}).get("Value") or ():
        if len(path) == 1:
            yield value
        elif isinstance(value, dict):
            yield from _values(value, path[1:])


def _value_test(vr: str, text: str, fuzzy: bool) -> Callable[[Any], bool]:
    if vr == "PN":
        return _name_test(text, fuzzy)
    if vr == "UI":
        uids = frozenset(part.strip() for part in re.split(r"[,\\]", text) if part.strip())
        return lambda value: str(value).strip("\0 ") in uids
    if vr in ("DA", "TM", "DT"):
        return _range_test(vr, text)
    if vr in ("SQ", *_UNMATCHABLE_VRS):
        raise BadRequest(f"An attribute of VR {vr} cannot be matched.")
    if vr not in _WILDCARD_VRS:
        return _number_test(text)
    if vr in _LIST_VRS and "\\" in text:
        tests = [_value_test(vr, part, fuzzy) for part in text.split("\\") if part.strip()]
        return lambda value: any(test(value) for test in tests)
    if "*" in text or "?" in text:
        pattern = wildcard_pattern(text)
        return lambda value: pattern.fullmatch(str(value).strip()) is not None
    return lambda value: str(value).strip() == text.strip()


def wildcard_pattern(text: str) -> re.Pattern[str]:
    """`*` any characters, `?` exactly one (C.2.2.2.4).

    >>> bool(wildcard_pattern("a?c*").fullmatch("abcd"))
    True
    """
    first, *others = (re.escape(part).replace("\\?", ".") for part in re.sub(r"\*+", "*", text).split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    # Each middle part matches where it first can and is never tried again (as fnmatch does): with plain `.*` a key
    # of many asterisks takes time exponential in their number.
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def _number_test(text: str) -> Callable[[Any], bool]:
    try:
        wanted = {float(part) for part in re.split(r"[,\\]", text)}
    except ValueError:
        return lambda value: str(value).strip() == text.strip()

    def test(value: Any) -> bool:
        try:
            return float(value) in wanted
        except (TypeError, ValueError):
            return False

    return test


def _fold_pattern_text(text: str) -> str:
    """Fold what lies between wildcards and component delimiters, keep those."""
    return "".join(part if part in ("*", "?", "^") else fold(part) for part in re.split(r"([*?^])", text))


def name_words(text: str) -> list[str]:
    """Folded words of what a user typed for a person name.

    >>> name_words("Lefèvre^Anne-Marie")
    ['LEFEVRE', 'ANNE', 'MARIE']
    """
    return [folded for word in re.split(r"[\s^=,*?-]+", text) if (folded := fold(word))]


def _name_groups(value: Any) -> dict[str, str]:
    return value if isinstance(value, dict) else {"Alphabetic": str(value)}


def _name_test(text: str, fuzzy: bool) -> Callable[[Any], bool]:
    if fuzzy:
        wanted = name_words(text)

        def fuzzy_test(value: Any) -> bool:
            present = tokens([_name_groups(value)])
            return all(any(token.startswith(word) for token in present) for word in wanted)

        return fuzzy_test
    return _groups_test(text) if "=" in text else _any_group_test(text)


def _any_group_test(text: str) -> Callable[[Any], bool]:
    pattern = wildcard_pattern(_fold_pattern_text(text).rstrip("^"))

    def test(value: Any) -> bool:
        groups = _name_groups(value).values()
        return any(pattern.fullmatch(_fold_pattern_text(group).rstrip("^")) is not None for group in groups)

    return test


def _groups_test(text: str) -> Callable[[Any], bool]:
    """A key that spells out component groups matches each against its own."""
    keys = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False))
    tests = {name: _any_group_test(key) for name, key in keys.items() if key}
    return lambda value: all(test({name: _name_groups(value).get(name, "")}) for name, test in tests.items())


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


def _comparable(vr: str, value: str, filler: str) -> str:
    """Digits padded to full length, so that text order is time order; offsets from UTC are set aside."""
    digits = value.strip()
    if vr == "DT":
        digits = re.sub(r"[+-]\d{4}$", "", digits)
    digits = re.sub(r"[^0-9]", "", digits)
    return digits.ljust({"DA": 8, "TM": 12, "DT": 20}[vr], filler)


def _range_test(vr: str, text: str) -> Callable[[Any], bool]:
    lower, upper = range_bounds(vr, text)
    first = _comparable(vr, lower, "0") if lower else ""
    last = _comparable(vr, upper, "9") if upper else "~"

    def test(value: Any) -> bool:
        text = str(value)
        return any(character.isdigit() for character in text) and first <= _comparable(vr, text, "0") <= last

    return test
