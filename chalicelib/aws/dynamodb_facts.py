"""Metered facts in DynamoDB and the bucket under Object Lock (docs/adr/0030). Nothing but markers is ever deleted.

| item | pk | sk |
|---|---|---|
| fact | `F#{id}` | `FACT` |
| marker of a fact that no block has yet, with its content | `NEW#{hospital}#{shard}` | `{id}` |
| header of a block | `B#{hospital}` | `{seq, 12 digits}` |
| head | `HEAD#{hospital}` | `HEAD` |
| sums of a month, `USED#{name of rating}#{modalities}` each | `HEAD#{hospital}` | `PERIOD#{YYYY-MM}` |

| object | key |
|---|---|
| facts of a block, gzip | `facts/blocks/{hospital}/{seq, 12 digits}/{hash of the block}.json.gz` |

The key of a fact is the digest of what happened: facts spread over all partitions whatever a hospital does. Markers of
a hospital spread over `SHARDS` partitions.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.access.audit import canonical
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, RequestRefused, TransactionCancelled, call, pause, query
from chalicelib.billing.fact_blocks import FactBlock, FactHead, usage_of
from chalicelib.billing.facts import Event, MeterFact, to_event
from chalicelib.billing.ledger import Usage
from chalicelib.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from chalicelib.aws.s3_object_store import S3ObjectStore

SHARDS = 32
"""A partition takes 1,000 write units a second; a marker takes two and its removal one: 10,600 facts a second."""
USED = "USED#"
BATCH_DELETE = 25
ATTEMPTS = 10
PARALLEL = 8


class DynamoDBFacts:
    """Implements `billing.facts.FactStore` and `billing.fact_blocks.FactBlocks`.

    Parameters
    ----------
    objects
        Bucket of blocks; who only records facts does not need it.
    """

    def __init__(self, dynamodb: Any, table: str, objects: S3ObjectStore) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._objects = objects

    # Recording ----------------------------------------------------------------------------------------------------

    def record(self, fact: MeterFact) -> bool:
        """Fact and marker in one transaction: a marker is what gets the fact into a block."""
        body = canonical(to_event(fact, int(time.time() * 1000))).decode("ascii")
        item = to_item({"pk": f"F#{fact.fact_id}", "sk": "FACT", "event": body})
        marker = to_item({"pk": _markers(fact.hospital, shard_of(fact.fact_id)), "sk": fact.fact_id, "event": body})
        writes = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}},
            {"Put": {"TableName": self._table, "Item": marker}},
        ]
        for attempt in range(ATTEMPTS):
            try:
                call(self._dynamodb.transact_write_items, TransactItems=writes)
                return True
            except RequestRefused as error:
                raise Unavailable("The fact cannot be recorded.") from error
            except TransactionCancelled:
                if self.event(fact.fact_id) is not None:
                    return False
                pause(attempt)
        raise Unavailable("The meters are busy.")

    def event(self, fact_id: str) -> Event | None:
        """What was recorded."""
        values = self._get(f"F#{fact_id}", "FACT")
        return _event(values) if values else None

    # Sealing ------------------------------------------------------------------------------------------------------

    def head(self, hospital: str) -> FactHead:
        """The end of a chain."""
        values = self._get(f"HEAD#{hospital}", "HEAD")
        return (
            FactHead(values["seq"], values["hash"], values["sealed_at_ms"], values["cleared"]) if values else FactHead()
        )

    def unsealed(self, hospital: str, limit: int) -> list[Event]:
        """Facts that have a marker, some of every shard."""
        each = -(-limit // SHARDS)

        def of_shard(shard: int) -> list[Event]:
            items = query(
                self._dynamodb,
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=to_item({":pk": _markers(hospital, shard)}),
                ConsistentRead=True,
                Limit=each,
            )
            return [_event(from_item(item)) for item in islice(items, each)]

        with ThreadPoolExecutor(PARALLEL) as pool:
            return [event for found in pool.map(of_shard, range(SHARDS)) for event in found]

    def append(self, block: FactBlock, events: Sequence[Event]) -> bool:
        """Facts first, then header, head and month together: a header never names facts that are not there."""
        body = canonical({"block": block.to_json(), "events": list(events)})
        self._objects.put_if_absent(_object_key(block), gzip.compress(body, mtime=0), "application/gzip", {})
        header = {
            "TableName": self._table,
            "Item": to_item({"pk": f"B#{block.hospital}", "sk": _seq_key(block.seq), "header": _json(block)}),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        try:
            call(
                self._dynamodb.transact_write_items,
                TransactItems=[{"Put": header}, {"Update": self._move_head(block)}, {"Update": self._add_up(block)}],
            )
        except TransactionCancelled:
            return False
        return True

    def _move_head(self, block: FactBlock) -> dict[str, Any]:
        is_first = block.seq == 1
        values: dict[str, Value] = {
            ":seq": block.seq,
            ":hash": block.hash,
            ":sealed_at_ms": block.sealed_at_ms,
            ":cleared": False,
        }
        if not is_first:
            values |= {":previous": block.previous_hash, ":before": block.seq - 1}
        return {
            "TableName": self._table,
            "Key": to_item({"pk": f"HEAD#{block.hospital}", "sk": "HEAD"}),
            "UpdateExpression": "SET seq = :seq, #hash = :hash, sealed_at_ms = :sealed_at_ms, cleared = :cleared",
            "ConditionExpression": "attribute_not_exists(pk)" if is_first else "seq = :before AND #hash = :previous",
            "ExpressionAttributeNames": {"#hash": "hash"},
            "ExpressionAttributeValues": to_item(values),
        }

    def _add_up(self, block: FactBlock) -> dict[str, Any]:
        kinds = list(block.totals.items())
        return {
            "TableName": self._table,
            "Key": to_item({"pk": f"HEAD#{block.hospital}", "sk": f"PERIOD#{block.period}"}),
            "UpdateExpression": "ADD " + ", ".join(f"#k{n} :k{n}" for n in range(len(kinds))),
            "ConditionExpression": "attribute_not_exists(closed)",
            "ExpressionAttributeNames": {f"#k{n}": USED + kind for n, (kind, _) in enumerate(kinds)},
            "ExpressionAttributeValues": to_item({f":k{n}": quantity for n, (_, quantity) in enumerate(kinds)}),
        }

    def clear(self, block: FactBlock, events: Sequence[Event]) -> None:
        """Delete markers, then note that this is done."""
        keys = [to_item({"pk": _markers(block.hospital, shard_of(each["id"])), "sk": each["id"]}) for each in events]
        batches = [keys[start : start + BATCH_DELETE] for start in range(0, len(keys), BATCH_DELETE)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._delete, batches))
        try:
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=to_item({"pk": f"HEAD#{block.hospital}", "sk": "HEAD"}),
                UpdateExpression="SET cleared = :yes",
                ConditionExpression="seq = :seq",
                ExpressionAttributeValues=to_item({":yes": True, ":seq": block.seq}),
            )
        except ConditionFailed:
            return  # another sealer finished this block and went on

    def _delete(self, keys: Sequence[dict[str, Any]]) -> None:
        pending: dict[str, Any] = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys]}
        for attempt in range(ATTEMPTS):
            pending = call(self._dynamodb.batch_write_item, RequestItems=pending).get("UnprocessedItems") or {}
            if not pending:
                return
            pause(attempt)
        raise Unavailable("The meters are overloaded.")

    # Reading ------------------------------------------------------------------------------------------------------

    def block(self, hospital: str, seq: int) -> FactBlock | None:
        """One header."""
        values = self._get(f"B#{hospital}", _seq_key(seq))
        return _block(values) if values else None

    def blocks(self, hospital: str, after_seq: int = 0) -> Iterator[FactBlock]:
        """Headers in order."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues=to_item({":pk": f"B#{hospital}", ":after": _seq_key(after_seq)}),
            ConsistentRead=True,
        )
        return (_block(from_item(item)) for item in items)

    def events(self, block: FactBlock) -> list[Event]:
        """Facts of a block."""
        try:
            content = json.loads(gzip.decompress(self._objects.read(_object_key(block))))
        except (NotFound, ValueError, OSError, EOFError):
            return []
        return list(content["events"])

    def close(self, hospital: str, period: str) -> None:
        """No block is added to that month any more."""
        call(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=to_item({"pk": f"HEAD#{hospital}", "sk": f"PERIOD#{period}"}),
            UpdateExpression="SET closed = :yes",
            ExpressionAttributeValues=to_item({":yes": True}),
        )

    def usage(self, hospital: str, period: str) -> list[Usage]:
        """Sums of a month."""
        values = self._get(f"HEAD#{hospital}", f"PERIOD#{period}") or {}
        return usage_of({name.removeprefix(USED): sum_ for name, sum_ in values.items() if name.startswith(USED)})

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = call(
            self._dynamodb.get_item, TableName=self._table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None


def shard_of(fact_id: str) -> int:
    """Shard that the marker of a fact is in."""
    return int(fact_id[:8], 16) % SHARDS


def _markers(hospital: str, shard: int) -> str:
    return f"NEW#{hospital}#{shard:02d}"


def _seq_key(seq: int) -> str:
    return f"{seq:012d}"


def _object_key(block: FactBlock) -> str:
    return f"facts/blocks/{block.hospital}/{_seq_key(block.seq)}/{block.hash}.json.gz"


def _json(block: FactBlock) -> str:
    return canonical(block.to_json()).decode("ascii")


def _block(values: dict[str, Any]) -> FactBlock:
    return FactBlock(**json.loads(values["header"]))


def _event(values: dict[str, Any]) -> Event:
    event: Event = json.loads(values["event"])
    return event
