"""The ledger in DynamoDB; nothing in it is ever deleted, and only heads and periods are updated.

| item | pk | sk |
|---|---|---|
| line | `H#{hospital}` | `LINE#{seq, 12 digits}` |
| head | `H#{hospital}` | `HEAD` |
| period, with a count `USED#{event}#{modalities}` of each kind of fact | `H#{hospital}` | `PERIOD#{YYYY-MM}` |
| fact | `F#{hospital}|{study}|{event}` | `FACT` |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import TransactionCancelled, call, query
from chalicelib.billing.ledger import Fact, Head, Line, Usage, modality_values, to_json

LAST_SEQ = 10**12 - 1
USED = "USED#"


class DynamoDBLedger:
    """Implements `billing.ledger.Ledger`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def head(self, hospital: str) -> Head:
        """The end of the chain."""
        values = self._get(f"H#{hospital}", "HEAD")
        return Head(values["seq"], values["hash"], values["recorded_at"]) if values else Head()

    def line_of_fact(self, hospital: str, study_instance_uid: str, event: str) -> Line | None:
        """The line of a fact."""
        values = self._get(f"F#{Fact(hospital, event, study_instance_uid, '', 0).key}", "FACT")
        if values is None:
            return None
        line = self._get(f"H#{hospital}", _line_sk(values["seq"]))
        return _line(line) if line else None

    def append(self, line: Line) -> bool:
        """Write line, fact, head and period in one transaction."""
        fact = Fact(line.hospital, line.event, line.study_instance_uid, line.accession_number, 0)
        pk = f"H#{line.hospital}"
        new = "attribute_not_exists(pk)"
        head = to_item({"pk": pk, "sk": "HEAD", "seq": line.seq, "hash": line.hash, "recorded_at": line.recorded_at})
        follows: dict[str, Any] = (
            {"ConditionExpression": new}
            if line.seq == 1
            else {
                "ConditionExpression": "seq = :seq AND #hash = :hash",
                "ExpressionAttributeNames": {"#hash": "hash"},
                "ExpressionAttributeValues": to_item({":seq": line.seq - 1, ":hash": line.previous_hash}),
            }
        )
        period = {
            "TableName": self._table,
            "Key": to_item({"pk": pk, "sk": f"PERIOD#{line.period}"}),
            "UpdateExpression": "SET first_seq = if_not_exists(first_seq, :seq), last_seq = :seq ADD #used :one",
            "ConditionExpression": "attribute_not_exists(closed)",
            "ExpressionAttributeNames": {"#used": f"{USED}{line.event}#{line.modalities}"},
            "ExpressionAttributeValues": to_item({":seq": line.seq, ":one": 1}),
        }
        writes = [
            {"Put": self._put({"pk": pk, "sk": _line_sk(line.seq), **_values(line)}, new)},
            {"Put": self._put({"pk": f"F#{fact.key}", "sk": "FACT", "seq": line.seq}, new)},
            {"Put": {"TableName": self._table, "Item": head, **follows}},
            {"Update": period},
        ]
        try:
            call(self._dynamodb.transact_write_items, TransactItems=writes)
        except TransactionCancelled:
            return False
        return True

    def lines(self, hospital: str, after_seq: int = 0, last_seq: int | None = None) -> Iterator[Line]:
        """Lines in order."""
        last_seq = LAST_SEQ if last_seq is None else last_seq
        if after_seq >= last_seq:
            return
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_item(
                {":pk": f"H#{hospital}", ":first": _line_sk(after_seq + 1), ":last": _line_sk(last_seq)}
            ),
            ConsistentRead=True,
        )
        for item in items:
            yield _line(from_item(item))

    def period(self, hospital: str, period: str) -> tuple[int, int] | None:
        """First and last seq of a month."""
        values = self._get(f"H#{hospital}", f"PERIOD#{period}")
        return (values["first_seq"], values["last_seq"]) if values and "first_seq" in values else None

    def close(self, hospital: str, period: str) -> None:
        """Nothing is recorded in that month any more."""
        call(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=to_item({"pk": f"H#{hospital}", "sk": f"PERIOD#{period}"}),
            UpdateExpression="SET closed = :yes",
            ExpressionAttributeValues=to_item({":yes": True}),
        )

    def usage(self, hospital: str, period: str) -> list[Usage]:
        """What was recorded in a month."""
        values = self._get(f"H#{hospital}", f"PERIOD#{period}") or {}
        used = {name: count for name, count in values.items() if name.startswith(USED)}
        kinds = ((*name.split("#", 2)[1:], count) for name, count in sorted(used.items()))
        return [Usage(event, modality_values(modalities), count) for event, modalities, count in kinds]

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = call(
            self._dynamodb.get_item, TableName=self._table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def _put(self, values: dict[str, Any], condition: str) -> dict[str, Any]:
        return {"TableName": self._table, "Item": to_item(values), "ConditionExpression": condition}


def _line_sk(seq: int) -> str:
    return f"LINE#{seq:012d}"


def _values(line: Line) -> dict[str, Any]:
    return to_json(line)


def _line(values: dict[str, Any]) -> Line:
    return Line(**{name: value for name, value in values.items() if name not in {"pk", "sk"}})
