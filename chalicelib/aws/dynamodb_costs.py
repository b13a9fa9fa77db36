"""Imported costs: what holds for a billing period in the registry's table, the lines in the archive bucket.

| item | table | pk | sk |
|---|---|---|---|
| import | registry | `COSTS` | `{YYYY-MM}` |

Lines are at `costs/{YYYY-MM}/{digest}.jsonl.gz`: an object is written before the item that names it, and never changed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chalicelib.archive.ports import ObjectStore
from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, call
from chalicelib.billing.cost.model import CostImport

COSTS = "COSTS"


class DynamoDBCosts:
    """Implements `billing.cost.model.CostStore`."""

    def __init__(self, dynamodb: Any, table: str, objects: ObjectStore) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._objects = objects

    def imported(self, period: str) -> CostImport | None:
        """The import that holds for a billing period."""
        key = to_item({"pk": COSTS, "sk": period})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        values = from_item(answer["Item"])
        del values["pk"], values["sk"]
        return CostImport(**{**values, "total": Decimal(values["total"])})

    def keep(self, made: CostImport, lines: bytes) -> bool:
        """Keep an import unless one of a greater or the same rank is there."""
        self._objects.put_if_absent(_key(made), lines, "application/gzip", {})
        item: dict[str, str | int | bool] = {
            "pk": COSTS,
            "sk": made.period,
            "period": made.period,
            "exported_at": made.exported_at,
            "digest": made.digest,
            "kind": made.kind,
            "currency": made.currency,
            "total": f"{made.total:f}",
            "lines": made.lines,
        }
        try:
            call(
                self._dynamodb.put_item,
                TableName=self._table,
                Item=to_item(item),
                ConditionExpression="attribute_not_exists(pk) OR exported_at < :at OR (exported_at = :at AND #d < :d)",
                ExpressionAttributeNames={"#d": "digest"},
                ExpressionAttributeValues=to_item({":at": made.exported_at, ":d": made.digest}),
            )
        except ConditionFailed:
            return False
        return True

    def lines(self, made: CostImport) -> bytes:
        """What was kept of an import."""
        return self._objects.read(_key(made))


def _key(made: CostImport) -> str:
    return f"costs/{made.period}/{made.digest}.jsonl.gz"
