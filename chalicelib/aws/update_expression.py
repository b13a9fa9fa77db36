"""An update of a DynamoDB transaction in the making."""

from __future__ import annotations

from typing import Any

AttributeValue = dict[str, Any]


def number(value: int) -> AttributeValue:
    """A number as the low-level API has it."""
    return {"N": str(value)}


class Update:
    """Clauses and conditions; every name is a placeholder, because many are reserved words."""

    def __init__(self) -> None:
        self._clauses: dict[str, list[str]] = {"SET": [], "ADD": [], "REMOVE": []}
        self._conditions: list[str] = []
        self._names: dict[str, str] = {}
        self._values: AttributeValue = {}

    def _name(self, name: str) -> str:
        self._names[f"#{name}"] = name
        return f"#{name}"

    def _value(self, value: AttributeValue) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def set(self, name: str, value: AttributeValue) -> None:
        """Set an attribute."""
        self._clauses["SET"].append(f"{self._name(name)} = {self._value(value)}")

    def set_if_absent(self, name: str, value: AttributeValue) -> None:
        """Set an attribute that the item lacks."""
        self._clauses["SET"].append(f"{self._name(name)} = if_not_exists({self._name(name)}, {self._value(value)})")

    def add(self, name: str, value: AttributeValue) -> None:
        """Add to a number or to a set."""
        self._clauses["ADD"].append(f"{self._name(name)} {self._value(value)}")

    def remove(self, *names: str) -> None:
        """Remove attributes."""
        self._clauses["REMOVE"] += map(self._name, names)

    def require(self, name: str, comparison: str, value: AttributeValue) -> None:
        """Commit only if an attribute compares so."""
        self._conditions.append(f"{self._name(name)} {comparison} {self._value(value)}")

    def require_present(self) -> None:
        """Commit only if the item exists."""
        self._conditions.append("attribute_exists(pk)")

    def require_absent(self) -> None:
        """Commit only if there is no such item."""
        self._conditions.append("attribute_not_exists(pk)")

    @property
    def names(self) -> frozenset[str]:
        """Attributes that the update or its conditions mention."""
        return frozenset(self._names.values())

    def deletion(self, table: str, key: AttributeValue) -> dict[str, Any]:
        """Member of a transaction that deletes the item on the same conditions."""
        delete = {"TableName": table, "Key": key, "ConditionExpression": " AND ".join(self._conditions)}
        if self._names:
            delete |= {"ExpressionAttributeNames": self._names, "ExpressionAttributeValues": self._values}
        return {"Delete": delete}

    def member(self, table: str, key: AttributeValue) -> dict[str, Any]:
        """Member of a transaction."""
        clauses = [f"{verb} {', '.join(parts)}" for verb, parts in self._clauses.items() if parts]
        update = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": " ".join(clauses),
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
            "ConditionExpression": " AND ".join(self._conditions),
        }
        return {"Update": update}
