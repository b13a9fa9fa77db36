"""Building blocks of the JSON Schemas."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}


def object_of(properties: dict[str, Schema], optional: frozenset[str] = frozenset()) -> Schema:
    """An object with these properties and no others; all are required but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def list_of(name: str, items: Schema, **more: Schema) -> Schema:
    """An object with an array."""
    return object_of({name: {"type": "array", "items": items}, **more})
