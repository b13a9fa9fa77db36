"""The reads of DynamoDB that a viewer waits for, without botocore's cost (docs/adr/0018-speed-of-reads.md)."""

from __future__ import annotations

import hashlib
from binascii import a2b_base64
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chalicelib.aws.signed_requests import SignedRequests
from chalicelib.dicom.json_text import encoded, parsed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONTENT_TYPE = "application/x-amz-json-1.0"
VERSION = "DynamoDB_20120810"


class DynamoDBReads(SignedRequests):
    """`get_item`, `query` and `batch_get_item` as boto3's client has them. Safe to share between threads.

    Whatever is not a plain success is left to that client: it tries again, and raises what its callers know. Keys and
    values of requests must not hold binary values.
    """

    def __init__(self, client: DynamoDBClient, credentials: Any) -> None:
        super().__init__("dynamodb", client, credentials)
        self._client: Any = client

    def get_item(self, **parameters: Any) -> dict[str, Any]:
        """`Item`, if there is one."""
        answer = self._ask("GetItem", parameters)
        if answer is None:
            return self._client.get_item(**parameters)  # type: ignore[no-any-return]
        if "Item" in answer:
            decode_binaries(answer["Item"])
        return answer

    def query(self, **parameters: Any) -> dict[str, Any]:
        """`Items` of a page, `LastEvaluatedKey` if there are more."""
        answer = self._ask("Query", parameters)
        if answer is None:
            return self._client.query(**parameters)  # type: ignore[no-any-return]
        for item in answer["Items"]:
            decode_binaries(item)
        return answer

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        """`Responses` by table, `UnprocessedKeys`."""
        answer = self._ask("BatchGetItem", parameters)
        if answer is None:
            return self._client.batch_get_item(**parameters)  # type: ignore[no-any-return]
        for items in answer["Responses"].values():
            for item in items:
                decode_binaries(item)
        return answer

    def _ask(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
        """The answer, binary values still in base64; None if there is none to be had this way."""
        body = encoded(parameters)
        headers = {"content-type": CONTENT_TYPE, "x-amz-target": f"{VERSION}.{operation}"}
        with suppress(OSError, ValueError):
            answer = self.request("POST", "/", headers, body, hashlib.sha256(body).hexdigest())
            if answer.status == 200:
                return parsed(answer.body())  # type: ignore[no-any-return]
            answer.forget()
        return None


def decode_binaries(item: dict[str, Any]) -> None:
    """Replace base64 by bytes, in place, in a map of attribute values.

    >>> item = {"a": {"B": "AQI="}, "b": {"L": [{"M": {"c": {"BS": ["AQ=="]}}}, {"S": "x"}]}}
    >>> decode_binaries(item)
    >>> item
    {'a': {'B': b'\\x01\\x02'}, 'b': {'L': [{'M': {'c': {'BS': [b'\\x01']}}}, {'S': 'x'}]}}
    """
    _decode(item.values())


def _decode(values: Iterable[dict[str, Any]]) -> None:
    # One call for all values of an item: a page of the worklist has some thousand.
    for value in values:
        for kind, content in value.items():
            if kind == "B":
                value["B"] = a2b_base64(content)
            elif kind == "M":
                _decode(content.values())
            elif kind == "L":
                _decode(content)
            elif kind == "BS":
                value["BS"] = list(map(a2b_base64, content))
