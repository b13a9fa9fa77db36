"""Disputes in the registry's table: pk `DISPUTES#{hospital}`, sk `{dispute}`; decided once, never deleted."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, call, query
from chalicelib.billing.disputes import Dispute, Reason, State, Step


class DynamoDBDisputes:
    """Implements `billing.disputes.Disputes`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def of_hospital(self, hospital: str) -> list[Dispute]:
        """Every dispute of a hospital, the latest first."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": f"DISPUTES#{hospital}"}),
            ConsistentRead=True,
        )
        return sorted(map(_dispute, items), key=lambda each: (each.history[0].at_ms, each.dispute_id), reverse=True)

    def dispute(self, hospital: str, dispute_id: str) -> Dispute | None:
        """One of them."""
        key = to_item({"pk": f"DISPUTES#{hospital}", "sk": dispute_id})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return _dispute(answer["Item"]) if "Item" in answer else None

    def add(self, dispute: Dispute) -> bool:
        """Keep a new one."""
        return self._put(dispute, ConditionExpression="attribute_not_exists(pk)")

    def decide(self, dispute: Dispute) -> bool:
        """Replace an open one."""
        return self._put(
            dispute,
            ConditionExpression="#state = :open",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=to_item({":open": State.OPEN.value}),
        )

    def _put(self, dispute: Dispute, **condition: Any) -> bool:
        item = {
            "pk": f"DISPUTES#{dispute.hospital}",
            "sk": dispute.dispute_id,
            "state": dispute.state.value,
            "content": json.dumps(asdict(dispute), default=lambda value: value.value, ensure_ascii=False),
        }
        try:
            call(self._dynamodb.put_item, TableName=self._table, Item=to_item(item), **condition)
        except ConditionFailed:
            return False
        return True


def _dispute(item: dict[str, Any]) -> Dispute:
    content = json.loads(from_item(item)["content"])
    history = tuple(Step(**{**step, "state": State(step["state"])}) for step in content["history"])
    return Dispute(**{**content, "reason": Reason(content["reason"]), "history": history})
