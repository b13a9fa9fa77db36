"""Roll-ups, budgets and alerts in the registry's table: derived or settings, never what is owed.

| item | pk | sk |
|---|---|---|
| roll-up of a month | `ROLLUP#{hospital}`, `ROLLUP#*` | `MONTH#{YYYY-MM}` |
| what AWS billed of it | `ROLLUP#{hospital}`, `ROLLUP#*` | `BILLED#{YYYY-MM}` |
| budget | `BUDGET#{hospital}` | `BUDGET` |
| alert that was sent | `BUDGET#{hospital}` | `ALERT#{YYYY-MM}#{state}#{amount}` |
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, call
from chalicelib.billing.cost.budget import Budget
from chalicelib.billing.cost.rollups import Billed, MonthRollup, from_json, to_json

MONTH, BILLED = "MONTH#", "BILLED#"


class DynamoDBRollups:
    """Implements `billing.cost.rollups.Rollups`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def months(self, hospital: str, count: int) -> list[tuple[MonthRollup, Billed | None]]:
        """The latest months, the last first."""
        rollups = [from_json(each) for each in self._latest(hospital, MONTH, count)]
        billed = {each.pop("period"): Billed(**each) for each in self._latest(hospital, BILLED, count)}
        return [(rollup, billed.get(rollup.period)) for rollup in rollups]

    def put(self, made: MonthRollup) -> None:
        """Keep or replace a roll-up."""
        self._put(made.hospital, f"{MONTH}{made.period}", to_json(made))

    def put_billed(self, hospital: str, period: str, billed: Billed) -> None:
        """Keep or replace what was billed."""
        self._put(hospital, f"{BILLED}{period}", {"period": period, **asdict(billed)})

    def _latest(self, hospital: str, beginning: str, count: int) -> list[dict[str, Any]]:
        answer = call(
            self._dynamodb.query,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :beginning)",
            ExpressionAttributeValues=to_item({":pk": f"ROLLUP#{hospital}", ":beginning": beginning}),
            ScanIndexForward=False,
            Limit=count,
        )
        return [json.loads(from_item(item)["content"]) for item in answer["Items"]]

    def _put(self, hospital: str, sk: str, content: dict[str, Any]) -> None:
        item = to_item({"pk": f"ROLLUP#{hospital}", "sk": sk, "content": json.dumps(content, separators=(",", ":"))})
        call(self._dynamodb.put_item, TableName=self._table, Item=item)


class DynamoDBBudgets:
    """Implements `billing.cost.budget.Budgets`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def budget(self, hospital: str) -> Budget | None:
        """A hospital's budget."""
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=_budget_key(hospital), ConsistentRead=True)
        if "Item" not in answer:
            return None
        values = from_item(answer["Item"])
        return Budget(Decimal(values["amount"]), values["warn_percent"])

    def put_budget(self, hospital: str, budget: Budget | None) -> None:
        """Set or remove it."""
        if budget is None:
            call(self._dynamodb.delete_item, TableName=self._table, Key=_budget_key(hospital))
            return
        values = to_item({"amount": str(budget.amount), "warn_percent": budget.warn_percent})
        call(self._dynamodb.put_item, TableName=self._table, Item={**_budget_key(hospital), **values})

    def claim_alert(self, hospital: str, period: str, state: str, budget: Budget) -> bool:
        """Whether nobody was told yet."""
        item = to_item({"pk": f"BUDGET#{hospital}", "sk": f"ALERT#{period}#{state}#{budget.amount}"})
        try:
            call(
                self._dynamodb.put_item,
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ConditionFailed:
            return False
        return True


def _budget_key(hospital: str) -> dict[str, Any]:
    return to_item({"pk": f"BUDGET#{hospital}", "sk": "BUDGET"})
