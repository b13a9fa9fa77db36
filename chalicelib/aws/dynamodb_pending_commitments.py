"""Storage Commitment requests in the registry table.

| item | pk | sk |
|---|---|---|
| request | `STORAGE-COMMITMENTS` | `{ae title}#{transaction uid}` |
| its references, zlib-compressed | `STORAGE-COMMITMENT-REFERENCES` | `{ae title}#{transaction uid}#{request id}` |

Few are pending at a time, so that one small partition is looked through for those that are due.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from chalicelib import errors
from chalicelib.archive.storage_commitment import CommitmentRequest, Reference
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, call, query

REQUESTS, REFERENCES = "STORAGE-COMMITMENTS", "STORAGE-COMMITMENT-REFERENCES"
LARGEST_BODY_BYTES = 350_000
KEPT_S = 7 * 24 * 3600
"""What nobody answered in this time is forgotten."""


class DynamoDBPendingCommitments:
    """Implements `archive.storage_commitment.PendingCommitments`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, request: CommitmentRequest) -> None:
        """Keep a request."""
        references = [[each.sop_class_uid, each.sop_instance_uid] for each in request.references]
        body = zlib.compress(json.dumps(references, separators=(",", ":")).encode(), 9)
        if len(body) > LARGEST_BODY_BYTES:
            raise errors.TooMuch("The request names too many instances.")
        expires_at = request.requested_at_ms // 1000 + KEPT_S
        values: dict[str, Value] = {
            "hospital": request.hospital,
            "requested_at_ms": request.requested_at_ms,
            "request_id": request.request_id,
            "due_ms": request.due_ms,
            "attempts": request.attempts,
            "expires_at": expires_at,
        }
        of_references = {**_references_key(request), **to_item({"expires_at": expires_at}), "body": {"B": body}}
        items = [{**_key(request), **to_item(values)}, of_references]
        puts = [{"Put": {"TableName": self._table, "Item": item}} for item in items]
        call(self._dynamodb.transact_write_items, TransactItems=puts)

    def due(self, now_ms: int) -> Iterator[CommitmentRequest]:
        """Requests that may be taken up, without their references."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            FilterExpression="due_ms <= :now",
            ExpressionAttributeValues=to_item({":pk": REQUESTS, ":now": now_ms}),
            ConsistentRead=True,
        )
        for item in items:
            values = from_item(item)
            ae_title, _, transaction_uid = values["sk"].rpartition("#")
            yield CommitmentRequest(
                values["hospital"], ae_title, transaction_uid, (), values["requested_at_ms"], values["request_id"],
                values["due_ms"], values["attempts"],
            )  # fmt: skip

    def take(self, request: CommitmentRequest, until_ms: int) -> CommitmentRequest | None:
        """Take one up until then, with its references."""
        try:
            self._move(request, until_ms, request.attempts + 1, unless_moved=True)
        except ConditionFailed:
            return None
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=_references_key(request), ConsistentRead=True)
        if "Item" not in answer:
            return None
        body = json.loads(zlib.decompress(answer["Item"]["body"]["B"]))
        references = tuple(Reference(*each) for each in body)
        return replace(request, references=references, due_ms=until_ms, attempts=request.attempts + 1)

    def postpone(self, request: CommitmentRequest, due_ms: int) -> None:
        """Let it be taken up again then."""
        with suppress(ConditionFailed):
            self._move(request, due_ms, request.attempts, unless_moved=False)

    def remove(self, request: CommitmentRequest) -> None:
        """It is answered."""
        with suppress(ConditionFailed):
            call(
                self._dynamodb.delete_item,
                TableName=self._table,
                Key=_key(request),
                ConditionExpression="request_id = :id",
                ExpressionAttributeValues=to_item({":id": request.request_id}),
            )
            call(self._dynamodb.delete_item, TableName=self._table, Key=_references_key(request))

    def _move(self, request: CommitmentRequest, due_ms: int, attempts: int, *, unless_moved: bool) -> None:
        values: dict[str, Value] = {":id": request.request_id, ":due": due_ms, ":attempts": attempts}
        condition = "request_id = :id"
        if unless_moved:
            condition += " AND due_ms = :seen"
            values[":seen"] = request.due_ms
        call(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=_key(request),
            UpdateExpression="SET due_ms = :due, attempts = :attempts",
            ConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
        )


def _key(request: CommitmentRequest) -> dict[str, Any]:
    return to_item({"pk": REQUESTS, "sk": f"{request.ae_title}#{request.transaction_uid}"})


def _references_key(request: CommitmentRequest) -> dict[str, Any]:
    sk = f"{request.ae_title}#{request.transaction_uid}#{request.request_id}"
    return to_item({"pk": REFERENCES, "sk": sk})
