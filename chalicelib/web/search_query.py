"""Query parameters of a search to a search request (PS3.18 8.3.4): none is ever ignored."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.archive.search import MAXIMUM_RESULTS, SearchRequest
from chalicelib.archive.search_results import Level
from chalicelib.dicom.attributes import Attribute, resolve_path
from chalicelib.dicom.date_times import minutes_of_offset
from chalicelib.dicom.matching import Condition, DateTimeCondition, EmptyCondition
from chalicelib.dicom.uid import is_valid
from chalicelib.errors import BadRequest

MOST_MATCHES = 64
MOST_INCLUDE_FIELDS = 1000
DEEPEST_PATH = 8
CONTROL_PARAMETERS = frozenset(
    {"includefield", "limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching", "accept",
     "charset", "hospital"}
)  # fmt: skip
TIMEZONE_OFFSET = "00080201"
_TIME_OF_DATE = {
    "00080020": "00080030", "00080021": "00080031", "00080022": "00080032", "00080023": "00080033",
    "00400244": "00400245",
}  # fmt: skip
"""Dates and the times that make moments of them (PS3.4 C.2.2.2.5.3)."""
_MULTIPLE_VALUE_VRS = frozenset({"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"})

Query = Mapping[str, Sequence[str]]


def parse_search(
    level: Level, query: Query, study_instance_uid: str = "", series_instance_uid: str = ""
) -> SearchRequest:
    """Build a search from query parameters (PS3.18 8.3.4 and table 10.6.1-2).

    Raises
    ------
    BadRequest
        Naming the parameter that is unknown or malformed.
    """
    if not all(is_valid(uid) for uid in (study_instance_uid, series_instance_uid) if uid):
        raise BadRequest("The path names something that is not a UID.")
    include_tags, include_all = _include_fields(query.get("includefield", []))
    conditions = tuple(_conditions(query))
    return SearchRequest(
        level,
        study_instance_uid,
        series_instance_uid,
        conditions,
        include_tags | {condition.tag for condition in conditions},
        include_all,
        min(_count(query, "limit", MAXIMUM_RESULTS), MAXIMUM_RESULTS),
        _count(query, "offset", 0),
    )


def _one(query: Query, name: str, default: str) -> str:
    values = set(query.get(name) or [default])
    if len(values) > 1:
        raise BadRequest(f"{name} is given more than once.")
    return values.pop()


def _count(query: Query, name: str, default: int) -> int:
    text = _one(query, name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(f"{name} must be a non-negative integer.")
    return int(text)


def _flag(query: Query, name: str) -> bool:
    text = _one(query, name, "false").lower()
    if text not in ("true", "false"):
        raise BadRequest(f"{name} must be true or false.")
    return text == "true"


def _include_fields(values: Sequence[str]) -> tuple[frozenset[str], bool]:
    """Tags named by `includefield`, comma lists and repetitions alike; within a sequence the whole sequence."""
    names = {name.strip() for value in values for name in value.split(",") if name.strip()}
    if len(names) > MOST_INCLUDE_FIELDS:
        raise BadRequest(f"includefield names more than {MOST_INCLUDE_FIELDS} attributes: ask for all.")
    tags: set[str] = set()
    for name in names - {"all"}:
        tag = _path(name, "includefield names an unknown attribute")[0].tag
        tags.add(tag)
        if int(tag[3], 16) & 1 and int(tag[4:6], 16):
            # A private attribute means nothing without its creator (PS3.18 10.6.3.3).
            tags.add(f"{tag[:4]}00{tag[4:6]}")
    return frozenset(tags), "all" in names


def _path(name: str, problem: str) -> tuple[Attribute, ...]:
    path = resolve_path(name) if name.count(".") < DEEPEST_PATH else None
    if path is None or any(attribute.vr not in ("SQ", "") for attribute in path[:-1]):
        raise BadRequest(f"{problem}: {name[:64]}.")
    return path


def _conditions(query: Query) -> list[Condition]:
    fuzzy, empty, multiple = (
        _flag(query, name) for name in ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
    )
    found: dict[str, Condition] = {}
    more: list[Condition] = []
    names = [name for name in query if name not in CONTROL_PARAMETERS]
    if len(names) > MOST_MATCHES:
        raise BadRequest(f"A search matches at most {MOST_MATCHES} attributes.")
    offset = ""
    for name in names:
        path = _path(name, "Unknown query parameter")
        if path[0].tag == TIMEZONE_OFFSET and len(path) == 1:
            # A plus sign that was not percent-encoded arrives as a space.
            offset = re.sub(r"^ ", "+", _one(query, name, ""))
            _named(name, minutes_of_offset, offset)
            continue
        text = _text(name, path[-1].vr, query[name])
        if empty and text == '""':
            more.append(EmptyCondition(path, ""))
        elif multiple and "\\" in text and path[-1].vr in _MULTIPLE_VALUE_VRS:
            more += [_condition(name, path, value, fuzzy) for value in text.split("\\") if value.strip()]
        elif ".".join(attribute.tag for attribute in path) in found:
            raise BadRequest(f"{name[:64]} is given more than once.")
        else:
            found[".".join(attribute.tag for attribute in path)] = _condition(name, path, text, fuzzy)
    return [*_moments(found, offset), *more]


def _text(name: str, vr: str, values: Sequence[str]) -> str:
    """The value to match; lists of UIDs and of code strings may be repeated parameters and comma lists."""
    if vr == "UI":
        text = ",".join(values)
    elif vr == "CS":
        text = "\\".join(value.replace(",", "\\") for value in values)
    elif len(set(values)) > 1:
        raise BadRequest(f"{name[:64]} is given more than once.")
    else:
        text = values[0]
    return text


def _condition(name: str, path: tuple[Attribute, ...], text: str, fuzzy: bool) -> Condition:
    condition = Condition(path, text, fuzzy and path[-1].vr == "PN")
    _named(name, Condition.check, condition)
    return condition


def _named(name: str, check: Callable[[Any], object], value: object) -> None:
    """Run a check; its complaint names the parameter."""
    try:
        check(value)
    except BadRequest as error:
        raise BadRequest(f"{name[:64]}: {error}") from None


def _moments(found: Mapping[str, Condition], offset: str) -> list[Condition]:
    """Pairs of a date and a time as one range of moments each (PS3.4 C.2.2.2.5.3); the rest as it is."""
    conditions = dict(found)
    for date, time in _TIME_OF_DATE.items():
        if date in found and time in found and not (found[date].is_universal or found[time].is_universal):
            moment = DateTimeCondition(
                found[date].path, found[date].text, time_tag=time, time_text=found[time].text, offset=offset
            )
            conditions[date] = moment.check()
            del conditions[time]
    return list(conditions.values())
