"""RPPS numbers: eleven digits by which a health professional is known in all of France.

Whether every number ends with a Luhn key is said of them, but the directory's own published examples
(ansforge/IG-fhir-annuaire: 10003461033, 10102727017) have none. So a missing key refuses nobody; people who type
a number are asked to check it (the portal does).
"""

from __future__ import annotations

import re

from chalicelib.errors import BadRequest

_SEPARATORS = re.compile(r"[\s.\-\u2010-\u2015]+")
_NUMBER = re.compile("8?([0-9]{11})")
"""Alone, or behind the 8 by which national identifiers of professionals say that they are of RPPS."""


def read_rpps(text: str) -> str:
    """The eleven digits of a number as somebody typed it.

    Raises
    ------
    errors.BadRequest
        If it cannot be one.

    >>> read_rpps(" 1010 0000 017 "), read_rpps("810100000017")
    ('10100000017', '10100000017')
    """
    found = _NUMBER.fullmatch(_SEPARATORS.sub("", text))
    if found is None or not found[1].isascii():
        raise BadRequest("An RPPS number is 11 digits.")
    return found[1]
