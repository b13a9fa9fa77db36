"""Names of Data Elements: keyword, tag and Value Representation (PS3.6; attribute IDs of PS3.18 8.3.4.1)."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

_TAG = re.compile(r"[0-9A-Fa-f]{8}")


class Attribute(NamedTuple):
    """A Data Element's name; `tag` is eight capital hexadecimal digits, `vr` and `keyword` are "" if unknown."""

    tag: str
    vr: str
    keyword: str


@cache
def _tables() -> tuple[dict[str, Attribute], dict[str, Attribute]]:
    from chalicelib.dicom.attributes_table import TABLE

    by_tag: dict[str, Attribute] = {}
    by_keyword: dict[str, Attribute] = {}
    for line in TABLE.splitlines():
        attribute = Attribute(*line.split(" "))
        by_tag[attribute.tag] = by_keyword[attribute.keyword] = attribute
    return by_tag, by_keyword


def resolve(name: str) -> Attribute | None:
    """Attribute named by keyword or by tag; None if it is neither.

    A tag that the standard does not know (private, repeating group) is an attribute of unknown VR.

    >>> resolve("PatientID")
    Attribute(tag='00100020', vr='LO', keyword='PatientID')
    >>> resolve("0020000d").keyword
    'StudyInstanceUID'
    """
    by_tag, by_keyword = _tables()
    if _TAG.fullmatch(name):
        tag = name.upper()
        return by_tag.get(tag, Attribute(tag, "", ""))
    return by_keyword.get(name)


def resolve_path(path: str) -> tuple[Attribute, ...] | None:
    """Attributes of a dotted path into sequences, outermost first; None if a part names nothing.

    >>> [part.tag for part in resolve_path("RequestAttributesSequence.00400009")]
    ['00400275', '00400009']
    """
    parts = tuple(resolve(part) for part in path.split("."))
    return None if None in parts else tuple(part for part in parts if part)
