"""Flat DynamoDB items of the low-level client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Value = str | int | bool
Item = dict[str, dict[str, Any]]


def to_item(values: Mapping[str, Value]) -> Item:
    """Attribute values of a flat item.

    >>> to_item({"name": "Nord", "port": 104, "consent": True})
    {'name': {'S': 'Nord'}, 'port': {'N': '104'}, 'consent': {'BOOL': True}}
    """
    return {name: _to_attribute(value) for name, value in values.items()}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Inverse of `to_item`.

    >>> from_item({"name": {"S": "Nord"}, "port": {"N": "104"}})
    {'name': 'Nord', 'port': 104}
    """
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def _to_attribute(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _from_attribute(attribute: Mapping[str, Any]) -> Value:
    ((kind, value),) = attribute.items()
    return int(value) if kind == "N" else value
