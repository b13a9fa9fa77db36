"""Requests to DynamoDB: errors translated, pages followed, unprocessed keys asked for again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors

Answer = TypeVar("Answer")
BATCH_GET_KEYS = 100
ATTEMPTS = 10


class ConditionFailed(Exception):
    """The item is not in the state that the request requires."""


class RequestRefused(Exception):
    """DynamoDB will never take this request, e.g. an item of more than 400 KB: trying again is no use."""


class TransactionCancelled(Exception):
    """Another transaction was faster, or a condition failed: read again and decide again."""


def call(operation: Callable[..., Answer], **parameters: Any) -> Answer:
    """Run an operation, its errors translated."""
    try:
        return operation(**parameters)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed from error
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
        if code == "ValidationException" or "ValidationError" in reasons:
            raise RequestRefused(code) from error
        if code == "TransactionCanceledException":
            raise TransactionCancelled from error
        if code in ("TransactionConflictException", "TransactionInProgressException"):
            raise TransactionCancelled from error
        raise errors.Unavailable(f"The database refused the request ({code}).") from error
    except BotoCoreError as error:
        raise errors.Unavailable("The database does not answer.") from error


def pause(attempt: int) -> None:
    """Wait before the next attempt: full jitter, at most half a second, so that competing writers spread."""
    time.sleep(random.uniform(0, min(0.5, 0.01 * 2**attempt)))  # noqa: S311 - jitter


def query(client: Any, **parameters: Any) -> Iterator[dict[str, Any]]:
    """Items of a query, page by page as they are asked for."""
    start: dict[str, Any] = {}
    while True:
        answer = call(client.query, **parameters, **start)
        yield from answer["Items"]
        if not answer.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def beginning_with(
    client: Any, table: str, pk: str, beginning: str, projection: str = "", limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Items of a partition whose sort key begins so, read consistently, at most `limit` in a request."""
    return query(
        client,
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :beginning)",
        ExpressionAttributeValues={":pk": {"S": pk}, ":beginning": {"S": beginning}},
        ConsistentRead=True,
        **({"ProjectionExpression": projection} if projection else {}),
        **({"Limit": limit} if limit else {}),
    )


def batch_get(client: Any, table: str, keys: Sequence[dict[str, Any]], consistent: bool) -> list[dict[str, Any]]:
    """Items by key in no particular order; those that do not exist are left out."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(keys), BATCH_GET_KEYS):
        pending: dict[str, Any] = {
            table: {"Keys": list(keys[start : start + BATCH_GET_KEYS]), "ConsistentRead": consistent}
        }
        for attempt in range(ATTEMPTS):
            answer = call(client.batch_get_item, RequestItems=pending)
            found += answer["Responses"].get(table, ())
            pending = answer.get("UnprocessedKeys") or {}
            if not pending:
                break
            pause(attempt)
        else:
            raise errors.Unavailable("The database is overloaded.")
    return found
