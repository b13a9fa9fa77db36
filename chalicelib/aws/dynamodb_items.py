"""Flat DynamoDB items of the low-level client, and its failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable

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


@contextmanager
def service_failures(what: str) -> Iterator[None]:
    """Turn what the service did not do into `Unavailable`; conditions that failed pass for the caller to read."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionCanceledException"}:
            raise
        raise Unavailable(f"{what} did not answer.") from error
    except BotoCoreError as error:
        raise Unavailable(f"{what} did not answer.") from error


def failed_condition(error: ClientError) -> bool:
    """Whether a single write was refused by its condition."""
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


def cancellation_reasons(error: ClientError) -> list[str]:
    """Codes by position of the writes of a transaction that was cancelled, `None` for those that were fine."""
    return [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]


def _to_attribute(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _from_attribute(attribute: Mapping[str, Any]) -> Value:
    ((kind, value),) = attribute.items()
    return int(value) if kind == "N" else value
