"""The one writer of the index, on DynamoDB: read, decide, commit in one transaction, or read again (D4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.ports import IndexOutcome, ObjectStore
from chalicelib.aws import index_items as shape
from chalicelib.aws import index_transaction as transaction
from chalicelib.aws.dynamodb_requests import (
    ConditionFailed,
    TransactionCancelled,
    batch_delete,
    batch_get,
    call,
    pause,
    query,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INSTANCES_PER_TRANSACTION = 38
"""Two items each, and room for study, series and name tokens within the 100 of a transaction."""
BODY_BYTES_PER_TRANSACTION = 3_000_000
"""A transaction may have 4 MB."""
ATTEMPTS = 40
"""Of a transaction; the writers of one busy study compete, and one of them always wins."""


class DynamoDBIndexWriter:
    """`archive.ports.IndexWriter` on one table. Safe to share between threads."""

    def __init__(self, client: DynamoDBClient, table: str, objects: ObjectStore) -> None:
        self._client: Any = client
        self._table = table
        self._objects = objects

    def add_instances(self, records: Sequence[InstanceRecord]) -> list[IndexOutcome]:
        """Index instances of one series; see `archive.ports.IndexWriter`.

        Raises
        ------
        ValueError
            If they are not of one series.
        errors.Unavailable
            If the index does not answer; what was committed until then stays and is a duplicate next time.
        """
        if len({_series_of(record) for record in records}) > 1:
            raise ValueError("instances of more than one series")
        bodies = [shape.instance_body(record) for record in records]
        outcomes: dict[int, IndexOutcome] = {}
        for group in _groups(records, bodies):
            group_bodies = {records[index].keys.sop_instance_uid: bodies[index] for index in group}
            group_outcomes = self._add_group([records[index] for index in group], group_bodies)
            outcomes.update(zip(group, group_outcomes, strict=True))
        return [outcomes[index] for index in range(len(records))]

    def _add_group(self, records: Sequence[InstanceRecord], bodies: dict[str, bytes]) -> list[IndexOutcome]:
        kept: dict[str, bytes | None] = dict(bodies)
        for attempt in range(ATTEMPTS):
            plan = transaction.decide(records, self._read(records))
            for record in plan.created:
                body = kept[record.keys.sop_instance_uid]
                if body is not None and len(body) > shape.LARGEST_BODY_BYTES:
                    self._objects.put(shape.spill_key(record), body, "application/octet-stream")
                    kept[record.keys.sop_instance_uid] = None
            members = transaction.writes(plan, self._table, kept)
            if not members:
                return plan.outcomes
            try:
                call(self._client.transact_write_items, TransactItems=members)
            except TransactionCancelled:
                pause(attempt)
            else:
                return plan.outcomes
        raise errors.Unavailable("Too many writers compete for one study.")

    def _read(self, records: Sequence[InstanceRecord]) -> transaction.Current:
        keys = records[0].keys
        pk = shape.study_pk(keys.hospital, keys.study_instance_uid)
        series_sk = shape.series_sk(keys.series_instance_uid)
        guard_sks = [transaction.guard_sk(record.keys.sop_instance_uid) for record in records]
        items = self._items_by_sk(pk, ["STUDY", series_sk, *guard_sks])
        current = transaction.Current(
            items.get("STUDY"),
            items.get(series_sk),
            {sk.partition("#")[2]: item for sk, item in items.items() if sk.startswith("SOP#")},
            frozenset(),
        )
        conflicts = [shape.conflict_sk(record) for record, _ in transaction.decide(records, current).conflicts]
        if not conflicts:
            return current
        known = frozenset(self._items_by_sk(pk, conflicts))
        return transaction.Current(current.study, current.series, current.guards, known)

    def _items_by_sk(self, pk: str, sks: Sequence[str]) -> dict[str, Any]:
        found = batch_get(self._client, self._table, [shape.key(pk, sk) for sk in sks], consistent=True)
        return {item["sk"]["S"]: item for item in found}

    def set_series_metadata(
        self,
        hospital: str,
        study_instance_uid: str,
        series_instance_uid: str,
        key: str,
        instance_count: int,
        public_url: str,
    ) -> None:
        """Record the prebuilt metadata object of a series; nothing happens if the series is gone."""
        try:
            call(
                self._client.update_item,
                TableName=self._table,
                Key=shape.key(shape.study_pk(hospital, study_instance_uid), shape.series_sk(series_instance_uid)),
                UpdateExpression="SET metadata_key = :k, metadata_instance_count = :n, metadata_public_url = :u",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={
                    ":k": {"S": key},
                    ":n": {"N": str(instance_count)},
                    ":u": {"S": public_url},
                },
            )
        except ConditionFailed:
            return

    def set_study_ready(self, hospital: str, study_instance_uid: str, last_received_at_ms: int) -> bool:
        """Turn `receiving` into `ready` unless an instance has come since; return whether it is ready."""
        try:
            call(
                self._client.update_item,
                TableName=self._table,
                Key=shape.key(shape.study_pk(hospital, study_instance_uid), "STUDY"),
                UpdateExpression="SET #state = :ready",
                ConditionExpression="last_received_at_ms <= :last",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":ready": {"S": "ready"}, ":last": {"N": str(last_received_at_ms)}},
            )
        except ConditionFailed:
            return False
        return True

    def remove_study(self, hospital: str, study_instance_uid: str) -> None:
        """Forget a study's index items; bodies that were spilled stay, a rebuild writes the same again."""
        pk = shape.study_pk(hospital, study_instance_uid)
        keys = []
        for item in query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        ):
            keys.append({"pk": item["pk"], "sk": item["sk"]})
            if item["sk"]["S"] == "STUDY":
                attributes = shape.unpack(item["attributes"]["B"])
                tokens = transaction.study_name_token_items(hospital, study_instance_uid, attributes)
                keys += [{"pk": token["pk"], "sk": token["sk"]} for token in tokens]
        batch_delete(self._client, self._table, keys)


def _series_of(record: InstanceRecord) -> tuple[str, str, str]:
    return record.keys.hospital, record.keys.study_instance_uid, record.keys.series_instance_uid


def _groups(records: Sequence[InstanceRecord], bodies: Sequence[bytes]) -> Iterator[list[int]]:
    """Indices of records for one transaction each; no SOP Instance UID comes twice in one, order is kept for each."""
    group: list[int] = []
    uids: set[str] = set()
    size_bytes = 0
    for index, record in enumerate(records):
        body_bytes = min(len(bodies[index]), shape.LARGEST_BODY_BYTES)
        sop_instance_uid = record.keys.sop_instance_uid
        full = len(group) == INSTANCES_PER_TRANSACTION or size_bytes + body_bytes > BODY_BYTES_PER_TRANSACTION
        if group and (full or sop_instance_uid in uids):
            yield group
            group, uids, size_bytes = [], set(), 0
        group.append(index)
        uids.add(sop_instance_uid)
        size_bytes += body_bytes
    if group:
        yield group
