"""JSON text, fast. What orjson refuses (NaN, integers of more than 64 bits, lone surrogates) the json module takes."""

from __future__ import annotations

import json
from typing import Any

import orjson


def parsed(text: bytes | bytearray) -> Any:
    """Value of a JSON text in UTF-8.

    Raises
    ------
    ValueError
        If it is none.

    >>> parsed(b'[1, NaN]')
    [1, nan]
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def encoded(value: Any) -> bytes:
    """JSON text in UTF-8 of a value, without white space.

    >>> encoded({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "LEFÈVRE"}]}}).decode()
    '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"LEFÈVRE"}]}}'
    >>> encoded([2**70, "\\ud800"])
    b'[1180591620717411303424,"?"]'
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
