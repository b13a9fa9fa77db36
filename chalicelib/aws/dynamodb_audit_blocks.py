"""Blocks of the audit trail: headers in DynamoDB, leaves and anchors in a bucket under Object Lock (docs/adr/0024).

| item | pk | sk |
|---|---|---|
| header of a block | `B#{chain}` | `{seq, 12 digits}` |
| head | `HEAD#{chain}` | `HEAD` |

| object | key |
|---|---|
| leaves of a block, gzip | `blocks/{chain}/{seq, 12 digits}/{hash of the block}.json.gz` |
| anchor | `anchors/{day}.json` |
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.access.audit import canonical
from chalicelib.access.audit_blocks import Block, Head, Leaf
from chalicelib.aws.dynamodb_audit_trail import SHARDS, day_of, markers, partition, shard_of
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, TransactionCancelled, batch_get, call, pause, query
from chalicelib.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from chalicelib.aws.s3_object_store import S3ObjectStore

BATCH_DELETE = 25
ATTEMPTS = 10
PARALLEL = 8


class DynamoDBAuditBlocks:
    """Implements `access.audit_blocks.BlockStore`."""

    def __init__(self, dynamodb: Any, table: str, objects: S3ObjectStore) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._objects = objects

    def head(self, chain: str) -> Head:
        """The end of a chain."""
        values = self._get(f"HEAD#{chain}", "HEAD")
        if values is None:
            return Head()
        return Head(values["seq"], values["hash"], values["sealed_at_ms"], values["cleared"])

    def unsealed(self, chain: str, limit: int) -> list[Leaf]:
        """Events that have a marker, some of every shard."""
        each = -(-limit // SHARDS)

        def of_shard(shard: int) -> list[Leaf]:
            items = query(
                self._dynamodb,
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=to_item({":pk": markers(chain, shard)}),
                ConsistentRead=True,
            )
            values = (from_item(item) for item in islice(items, each))
            return [Leaf(found["event_sk"], found["leaf"]) for found in values]

        with ThreadPoolExecutor(PARALLEL) as pool:
            return [leaf for found in pool.map(of_shard, range(SHARDS)) for leaf in found]

    def append(self, block: Block, leaves: Sequence[Leaf]) -> bool:
        """Leaves first, then header and head together: a header never names leaves that are not there."""
        body = canonical({"block": block.to_json(), "leaves": [list(leaf) for leaf in leaves]})
        self._objects.put_if_absent(_object_key(block), gzip.compress(body, mtime=0), "application/gzip", {})
        values: dict[str, Value] = {
            "seq": block.seq,
            "hash": block.hash,
            "sealed_at_ms": block.sealed_at_ms,
            "cleared": False,
        }
        previous: dict[str, Value] = {":previous": block.previous_hash, ":before": block.seq - 1}
        head = {
            "TableName": self._table,
            "Key": to_item({"pk": f"HEAD#{block.chain}", "sk": "HEAD"}),
            "UpdateExpression": "SET seq = :seq, #hash = :hash, sealed_at_ms = :sealed_at_ms, cleared = :cleared",
            "ConditionExpression": "attribute_not_exists(pk)"
            if block.seq == 1
            else "seq = :before AND #hash = :previous",
            "ExpressionAttributeNames": {"#hash": "hash"},
            "ExpressionAttributeValues": to_item(
                {f":{name}": value for name, value in values.items()} | ({} if block.seq == 1 else previous)
            ),
        }
        header = {
            "TableName": self._table,
            "Item": to_item({"pk": f"B#{block.chain}", "sk": _seq_key(block.seq), **block.to_json()}),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        try:
            call(self._dynamodb.transact_write_items, TransactItems=[{"Put": header}, {"Update": head}])
        except TransactionCancelled:
            return False
        return True

    def clear(self, block: Block, leaves: Sequence[Leaf]) -> None:
        """Delete markers, then note that this is done."""
        keys = [to_item({"pk": markers(block.chain, shard_of(leaf.event_id)), "sk": leaf.event_id}) for leaf in leaves]
        batches = [keys[start : start + BATCH_DELETE] for start in range(0, len(keys), BATCH_DELETE)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._delete, batches))
        try:
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=to_item({"pk": f"HEAD#{block.chain}", "sk": "HEAD"}),
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
        raise Unavailable("The audit trail is overloaded.")

    def block(self, chain: str, seq: int) -> Block | None:
        """One header."""
        values = self._get(f"B#{chain}", _seq_key(seq))
        return _block(values) if values else None

    def blocks(self, chain: str, after_seq: int = 0) -> Iterator[Block]:
        """Headers in order."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues=to_item({":pk": f"B#{chain}", ":after": _seq_key(after_seq)}),
            ConsistentRead=True,
        )
        return (_block(from_item(item)) for item in items)

    def leaves(self, block: Block) -> list[Leaf]:
        """Leaves of a block."""
        try:
            content = json.loads(gzip.decompress(self._objects.read(_object_key(block))))
        except (NotFound, ValueError, OSError, EOFError):
            return []
        return [Leaf(*leaf) for leaf in content["leaves"]]

    def events(self, chain: str, leaves: Sequence[Leaf]) -> dict[str, str]:
        """Stored JSON of events by the keys of their leaves."""
        keys = [
            to_item({"pk": partition(chain, day_of(leaf.filed_ms), shard_of(leaf.event_id)), "sk": leaf.key})
            for leaf in dict.fromkeys(leaves)
        ]
        found = (from_item(item) for item in batch_get(self._dynamodb, self._table, keys, consistent=True))
        return {values["sk"]: values["event"] for values in found}

    def event_keys(self, chain: str, day: str) -> Iterator[str]:
        """Keys of all events of a day."""
        for shard in range(SHARDS):
            items = query(
                self._dynamodb,
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=to_item({":pk": partition(chain, day, shard)}),
                ProjectionExpression="sk",
                ConsistentRead=True,
            )
            for item in items:
                yield from_item(item)["sk"]

    def put_anchor(self, day: str, content: bytes) -> bool:
        """Write the anchor of a day unless there is one."""
        return self._objects.put_if_absent(f"anchors/{day}.json", content, "application/json", {})

    def anchor(self, day: str) -> bytes | None:
        """The anchor of a day."""
        try:
            return self._objects.read(f"anchors/{day}.json")
        except NotFound:
            return None

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = call(
            self._dynamodb.get_item, TableName=self._table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None


def _seq_key(seq: int) -> str:
    return f"{seq:012d}"


def _object_key(block: Block) -> str:
    return f"blocks/{block.chain}/{_seq_key(block.seq)}/{block.hash}.json.gz"


def _block(values: dict[str, Any]) -> Block:
    return Block(**{name: value for name, value in values.items() if name not in {"pk", "sk"}})
