"""Counts what this process asks of AWS: calls by operation, bytes, DynamoDB request units."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.aws.clients import client
from chalicelib.aws.dynamodb_reads import DynamoDBReads
from chalicelib.aws.signed_requests import Answer, SignedRequests
from chalicelib.aws.tables import INDEX

Item = Mapping[str, Mapping[str, Any]]
_ALL_PROJECTED = [gsi for gsi in INDEX.indexes if gsi.projection == "ALL"]
_KEYS_PROJECTED = [gsi for gsi in INDEX.indexes if gsi.projection != "ALL"]


class Meter:
    """Hooks into the clients of `aws.clients`; `counts` is cleared by whoever begins a measurement.

    Units are computed by DynamoDB's published rules from what went over the wire, because an emulator does not bill:
    reads by the size of what came back (a projection is therefore counted too low), writes by the item (an update by
    what it sets, at least 1 KB), doubled in a transaction, once more for every index the item is in.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._request, self._ask = SignedRequests.request, DynamoDBReads._ask
        self._count_own_requests()
        for service in ("s3", "dynamodb", "sqs"):
            for name, hook in self._hooks:
                client(service).meta.events.register(name, hook)

    @property
    def _hooks(self) -> list[tuple[str, Callable[..., None]]]:
        return [
            ("before-send", self._sent),
            ("before-parameter-build", self._asked),
            ("after-call", self._answered),
        ]

    def close(self) -> None:
        """Count no longer: counting costs CPU."""
        SignedRequests.request, DynamoDBReads._ask = self._request, self._ask  # type: ignore[method-assign]
        for service in ("s3", "dynamodb", "sqs"):
            for name, hook in self._hooks:
                client(service).meta.events.unregister(name, hook)

    def _count_own_requests(self) -> None:
        meter = self

        def request(self: SignedRequests, method: str, path: str, *arguments: Any) -> Answer:
            if self._service == "s3":
                meter.counts["s3.GetObject" if method == "GET" else "s3.PutObject"] += 1
                meter.counts["bytes sent"] += sum(len(each) for each in arguments[1:2])
            return meter._request(self, method, path, *arguments)

        def ask(self: DynamoDBReads, operation: str, parameters: dict[str, Any]) -> dict[str, Any] | None:
            answer = meter._ask(self, operation, parameters)
            if answer is not None:
                meter.counts[f"dynamodb.{operation}"] += 1
                meter._count_read(operation, answer, meter._is_consistent(parameters))
            return answer

        SignedRequests.request = request  # type: ignore[method-assign]
        DynamoDBReads._ask = ask  # type: ignore[method-assign]

    def _sent(self, event_name: str, request: Any, **_: Any) -> None:
        self.counts[event_name.split(".", 1)[1]] += 1
        body = request.body
        self.counts["bytes sent"] += len(body) if isinstance(body, bytes | str) else 0

    def _asked(self, event_name: str, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if event_name.startswith("before-parameter-build.dynamodb"):
            context["consistent"] = self._is_consistent(params)
            self.counts["write units"] += sum(map(_member_units, params.get("TransactItems", ())))

    def _answered(self, event_name: str, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if event_name.startswith("after-call.dynamodb"):
            self._count_read(event_name.rpartition(".")[2], parsed, bool(context.get("consistent")))

    @staticmethod
    def _is_consistent(parameters: Mapping[str, Any]) -> bool:
        tables = parameters.get("RequestItems", {}).values()
        return bool(parameters.get("ConsistentRead")) or any(
            table.get("ConsistentRead") for table in tables if isinstance(table, dict)
        )

    def _count_read(self, operation: str, parsed: Mapping[str, Any], is_consistent: bool) -> None:
        share = 1.0 if is_consistent else 0.5
        if operation == "Query":
            self.counts["read units"] += share * _blocks(sum(map(item_bytes, parsed.get("Items", ()))), 4096)  # type: ignore[assignment]
        else:
            found = [parsed["Item"]] if "Item" in parsed else []
            found += [item for items in parsed.get("Responses", {}).values() for item in items]
            self.counts["read units"] += share * sum(_blocks(item_bytes(item), 4096) for item in found)  # type: ignore[assignment]

    def total(self, *operations: str) -> float:
        """Calls of some operations."""
        return sum(self.counts[operation] for operation in operations)

    def of_service(self, service: str) -> float:
        """Calls of a service."""
        return sum(count for name, count in self.counts.items() if name.startswith(f"{service}."))


def _blocks(size_bytes: int, block_bytes: int) -> int:
    return max(1, math.ceil(size_bytes / block_bytes))


def item_bytes(item: Item) -> int:
    """Size of an item as DynamoDB counts it: names and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return len(content) // 2 + 2
    if kind == "B":
        return len(content)
    if kind in ("SS", "NS"):
        return sum(len(each.encode()) for each in content) + 3
    return 1


def _member_units(member: Mapping[str, Any]) -> int:
    """Write units of a member of a transaction."""
    ((kind, write),) = member.items()
    if kind == "Put":
        return 2 * _blocks(item_bytes(write["Item"]), 1024) + _index_units(
            write["Item"].keys(), item_bytes(write["Item"])
        )
    if kind == "Update":
        size = item_bytes(write["Key"]) + item_bytes(write.get("ExpressionAttributeValues", {}))
        names = write.get("ExpressionAttributeNames", {}).values()
        return 2 * _blocks(size, 1024) + _index_units(names, size)
    return 2


def _index_units(names: Iterable[str], size_bytes: int) -> int:
    """Units of the indexes that an item is written to as well; those of a transaction are not doubled."""
    present = set(names)
    units = sum(_blocks(size_bytes, 1024) for gsi in _ALL_PROJECTED if gsi.partition_key[0] in present)
    return units + sum(1 for gsi in _KEYS_PROJECTED if gsi.partition_key[0] in present)
