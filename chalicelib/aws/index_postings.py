"""Items by which searches find studies: lists of terms, and where a series is (docs/adr/0013). Shapes only."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.archive.levels import date_key
from chalicelib.archive.model import DicomJson, Posting
from chalicelib.archive.search_terms import study_terms
from chalicelib.aws.index_items import Item, bounded, key

LONGEST_POSTED_NAME = 128
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def term_pk(hospital: str, term: str) -> str:
    """Partition of the studies of a hospital that have a term (`archive.search_terms`)."""
    return f"H#{hospital}#T#{bounded(term)}"


def posting_items(
    hospital: str, study_instance_uid: str, attributes: DicomJson, modalities: Iterable[str]
) -> list[Item]:
    """Items that list a study under each of its terms, by date, with what tells early that its name does not match."""
    when = {"sk": {"S": date_key(attributes, study_instance_uid)}}
    if name := _posted_name(attributes):
        when["name"] = {"S": name}
    return [{"pk": {"S": term_pk(hospital, term)}, **when} for term in sorted(study_terms(attributes, modalities))]


def _posted_name(attributes: DicomJson) -> str:
    """The one Patient's Name with its groups, "" where there is none, several, or a long one."""
    values = attributes.get("00100010", {}).get("Value") or [""]
    if len(values) != 1 or not isinstance(values[0], dict):
        return ""
    name = "=".join(values[0].get(group, "") for group in NAME_GROUPS).rstrip("=")
    return name if len(name) <= LONGEST_POSTED_NAME else ""


def posting(item: Item) -> Posting:
    """A listed study; inverse of `posting_items`."""
    groups: list[str] = item["name"]["S"].split("=") if "name" in item else []
    name = {group: part for group, part in zip(NAME_GROUPS, groups, strict=False) if part}
    return Posting(item["sk"]["S"], name or None)


def series_locator(hospital: str, study_instance_uid: str, series_instance_uid: str) -> Item:
    """Item that tells in which study a series is."""
    return key(series_locator_pk(hospital, series_instance_uid), study_instance_uid)


def series_locator_pk(hospital: str, series_instance_uid: str) -> str:
    """Partition of the studies that have a series of that UID: one, unless somebody used it twice."""
    return f"H#{hospital}#SERIES#{series_instance_uid}"
