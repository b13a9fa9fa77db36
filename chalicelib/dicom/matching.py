"""Attribute matching (PS3.4 C.2.2.2; PS3.18 8.3.4) of data sets in the DICOM JSON Model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chalicelib.dicom.attributes import Attribute
from chalicelib.dicom.date_times import comparable, minutes_of_offset, moved, range_bounds, range_test
from chalicelib.dicom.fuzzy_names import MOST_WORDS, fuzzy_match, parts
from chalicelib.dicom.names import fold
from chalicelib.dicom.uid import is_valid
from chalicelib.errors import BadRequest

DicomJson = Mapping[str, Any]

LONGEST_KEY = 1024
"""Characters of a value to match; those of the standard have at most 64, lists and wildcards apart."""
LONGEST_UID_LIST = 650_000
MOST_WILDCARDS = 64
_LIST_VRS = frozenset({"AE", "CS", "LO", "SH"})
"""Text VRs of which a key may list several values: any of them matches (C.2.2.2.8)."""
_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", ""})
_NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_UNMATCHABLE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


TIMEZONE_OFFSET = "00080201"


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
            If the text is not a legal value, range or list for the attribute's VR, or longer than any sensible one.
        """
        vr = self.path[-1].vr
        if len(self.text) > (LONGEST_UID_LIST if vr == "UI" else LONGEST_KEY):
            raise BadRequest("The value to match is too long.")
        if "\ufffd" in self.text:
            raise BadRequest("The value to match is not UTF-8.")
        if vr in _WILDCARD_VRS and self.text.count("*") + self.text.count("?") > MOST_WILDCARDS:
            raise BadRequest(f"The value to match has more than {MOST_WILDCARDS} wildcards.")
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
class EmptyCondition(Condition):
    """Empty Value Matching (C.2.2.2.7): the attribute is absent or has no value."""

    @property
    def is_universal(self) -> bool:
        """It is not."""
        return False

    def matches(self, dataset: DicomJson) -> bool:
        """Whether there is no value."""
        return not any(value not in (None, "", {}) for value in _values(dataset, self.path))

    def check(self) -> Condition:
        """See `Condition.check`: every attribute may be empty."""
        return self


@dataclass(frozen=True)
class DateTimeCondition(Condition):
    """Combined date-time matching (C.2.2.2.5.3): `path` and `text` are those of the date, as a range or a value."""

    time_tag: str = ""
    time_text: str = ""
    offset: str = ""
    """Timezone Offset From UTC in which the keys are given; counts where the data set tells its own."""

    def matches(self, dataset: DicomJson) -> bool:
        """Whether the moment that date and time form lies between the two moments that the keys form."""
        dates = (dataset.get(self.tag) or {}).get("Value") or ()
        times = (dataset.get(self.time_tag) or {}).get("Value") or ("",)
        if not dates or not dates[0]:
            return False
        first_date, last_date = range_bounds("DA", self.text)
        first_time, last_time = range_bounds("TM", self.time_text)
        moment = comparable("DA", str(dates[0]), "0") + comparable("TM", str(times[0] or ""), "0")
        first = comparable("DA", first_date, "0") + comparable("TM", first_time, "0") if first_date else ""
        last = comparable("DA", last_date, "9") + comparable("TM", last_time, "9") if last_date else "~"
        own = str(((dataset.get(TIMEZONE_OFFSET) or {}).get("Value") or [""])[0] or "")
        if self.offset and own:
            moment = moved(moment, minutes_of_offset(self.offset) - minutes_of_offset(own))
        return first <= moment <= last

    def check(self) -> Condition:
        """See `Condition.check`."""
        _ = range_test("DA", self.text)
        range_bounds("TM", self.time_text)
        minutes_of_offset(self.offset)
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
        if not all(map(is_valid, uids)):
            raise BadRequest("A value to match is not a UID.")
        return lambda value: str(value).strip("\0 ") in uids
    if vr in ("DA", "TM", "DT"):
        return range_test(vr, text)
    if vr in ("SQ", *_UNMATCHABLE_VRS):
        raise BadRequest(f"An attribute of VR {vr} cannot be matched.")
    if vr in _NUMBER_VRS:
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
    values = re.split(r"[,\\]", text)
    if not all(map(_NUMBER.fullmatch, values)):
        raise BadRequest("A value to match is not a number.")
    wanted = set(map(float, values))

    def test(value: Any) -> bool:
        try:
            return float(value) in wanted
        except (TypeError, ValueError):
            return False

    return test


def folded_pattern(text: str) -> str:
    """A name, or a key for names: what lies between wildcards and component delimiters folded, those kept.

    >>> folded_pattern("Le Goff^J?an*")
    'LEGOFF^J?AN*'
    """
    return "".join(part if part in ("*", "?", "^") else fold(part) for part in re.split(r"([*?^])", text))


def _name_groups(value: Any) -> dict[str, str]:
    return value if isinstance(value, dict) else {"Alphabetic": str(value)}


def _name_test(text: str, fuzzy: bool) -> Callable[[Any], bool]:
    if fuzzy:
        wanted = parts(text)
        if len(wanted) > MOST_WORDS:
            raise BadRequest(f"A name has at most {MOST_WORDS} words.")
        return lambda value: fuzzy_match(wanted, [_name_groups(value)])
    return _groups_test(text) if "=" in text else _any_group_test(text)


def _any_group_test(text: str) -> Callable[[Any], bool]:
    pattern = wildcard_pattern(folded_pattern(text).rstrip("^"))

    def test(value: Any) -> bool:
        groups = _name_groups(value).values()
        return any(pattern.fullmatch(folded_pattern(group).rstrip("^")) is not None for group in groups)

    return test


def _groups_test(text: str) -> Callable[[Any], bool]:
    """A key that spells out component groups matches each against its own."""
    keys = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False))
    tests = {name: _any_group_test(key) for name, key in keys.items() if key}
    return lambda value: all(test({name: _name_groups(value).get(name, "")}) for name, test in tests.items())
