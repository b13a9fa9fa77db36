"""The one writer of the index, on DynamoDB: read, decide, commit in one transaction, or read again (D4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.ports import IndexOutcome, ObjectStore
from chalicelib.aws import index_items as shape
from chalicelib.aws import index_rebuild as rebuild
from chalicelib.aws import index_transaction as transaction
from chalicelib.aws.dynamodb_requests import (
    ConditionFailed,
    TransactionCancelled,
    batch_get,
    beginning_with,
    call,
    pause,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INSTANCES_PER_TRANSACTION = 38
"""Two items each, and room for study and series; a new study with its postings takes two transactions."""
MEMBERS_PER_TRANSACTION = 100
BODY_BYTES_PER_TRANSACTION = 3_000_000
"""A transaction may have 4 MB."""
ATTEMPTS = 40
"""Of a transaction; the writers of one busy study compete, and one of them always wins."""
REFRESHING = 8
"""Items written at once: a rebuild waits for the table, not for the processor."""


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
        kept: dict[str, bytes | None] = {}
        for attempt in range(ATTEMPTS):
            plan = transaction.decide(records, self._read(records))
            for record in plan.created:
                sop_instance_uid = record.keys.sop_instance_uid
                if sop_instance_uid not in kept:
                    kept[sop_instance_uid] = self._spill(record, bodies[sop_instance_uid])
            members = transaction.writes(plan, self._table, kept)
            if not members:
                return plan.outcomes
            if len(members) > MEMBERS_PER_TRANSACTION:
                half = len(records) // 2
                return self._add_group(records[:half], bodies) + self._add_group(records[half:], bodies)
            try:
                call(self._client.transact_write_items, TransactItems=members)
            except TransactionCancelled:
                pause(attempt)
            else:
                self._tidy(transaction.housekeeping(plan, self._table))
                return plan.outcomes
        raise errors.Unavailable("Too many writers compete for one study.")

    def _tidy(self, members: list[dict[str, Any]]) -> None:
        """Remove obsolete postings unless the study changed meanwhile; they mislead nobody."""
        if not members:
            return
        try:
            call(self._client.transact_write_items, TransactItems=members)
        except (TransactionCancelled, errors.Unavailable):
            return

    def _read(self, records: Sequence[InstanceRecord]) -> transaction.Current:
        keys = records[0].keys
        pk = shape.study_pk(keys.hospital, keys.study_instance_uid)
        series_sk = shape.series_sk(keys.series_instance_uid)
        wanted = [shape.key(pk, sk) for sk in ("STUDY", series_sk, *map(shape.conflict_sk, records))]
        wanted += [shape.guard_key(keys.hospital, record.keys.sop_instance_uid) for record in records]
        items = batch_get(self._client, self._table, wanted, consistent=True)
        of_study = {item["sk"]["S"]: item for item in items if item["pk"]["S"] == pk}
        guards = {item["pk"]["S"].rpartition("#")[2]: item for item in items if item["sk"]["S"] == "SOP"}
        known_conflicts = frozenset(sk for sk in of_study if sk.startswith("CONFLICT#"))
        return transaction.Current(of_study.get("STUDY"), of_study.get(series_sk), guards, known_conflicts)

    def set_series_metadata(
        self,
        hospital: str,
        study_instance_uid: str,
        series_instance_uid: str,
        key: str,
        instance_count: int,
        public_url: str,
        representative_sop_instance_uid: str,
    ) -> None:
        """Record what was prebuilt of a series; nothing happens if the series is gone."""
        try:
            call(
                self._client.update_item,
                TableName=self._table,
                Key=shape.key(shape.study_pk(hospital, study_instance_uid), shape.series_sk(series_instance_uid)),
                UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in shape.PREBUILT),
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={
                    ":metadata_key": {"S": key},
                    ":metadata_instance_count": {"N": str(instance_count)},
                    ":metadata_public_url": {"S": public_url},
                    ":representative_sop_instance_uid": {"S": representative_sop_instance_uid},
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

    def refresh_instances(self, records: Sequence[InstanceRecord]) -> None:
        """Write anew what the index holds of instances; those that it does not serve are left alone."""
        with ThreadPoolExecutor(max_workers=REFRESHING) as writers:
            list(writers.map(self._refresh, records))

    def _refresh(self, record: InstanceRecord) -> None:
        body = self._spill(record, shape.instance_body(record))
        try:
            call(
                self._client.put_item,
                TableName=self._table,
                Item=shape.instance_item(record, body),
                ConditionExpression="object_key = :served",
                ExpressionAttributeValues={":served": {"S": record.object_key}},
            )
        except ConditionFailed:
            return

    def _spill(self, record: InstanceRecord, body: bytes) -> bytes | None:
        """The body for the item, or None once it is in the archive bucket because it is too big for one."""
        if len(body) <= shape.LARGEST_BODY_BYTES:
            return body
        self._objects.put(shape.spill_key(record), body, "application/octet-stream")
        return None

    def forget_objects(self, hospital: str, study_instance_uid: str, object_keys: Collection[str]) -> None:
        """Remove instances and conflicts whose objects are gone; counters move in the same transactions."""
        self._forget(hospital, study_instance_uid, object_keys.__contains__)

    def remove_study(self, hospital: str, study_instance_uid: str) -> None:
        """Forget a study; bodies that were spilled stay, a rebuild writes the same again."""
        self._forget(hospital, study_instance_uid, lambda _: True)
        self.refresh_levels(hospital, study_instance_uid)

    def _forget(self, hospital: str, study_instance_uid: str, is_gone: Callable[[str], bool]) -> None:
        for attempt in range(ATTEMPTS):
            items = chain.from_iterable(
                self._of_study(hospital, study_instance_uid, kind, rebuild.NEEDED_OF_GONE)
                for kind in ("INSTANCE#", "CONFLICT#")
            )
            gone = [item for item in items if is_gone(item["object_key"]["S"])]
            try:
                for members in rebuild.forgetting(gone, self._table):
                    call(self._client.transact_write_items, TransactItems=members)
            except TransactionCancelled:
                pause(attempt)
            else:
                return
        raise errors.Unavailable("Too many writers compete for one study.")

    def refresh_levels(self, hospital: str, study_instance_uid: str) -> None:
        """Derive study and series anew from their instances, or remove them when there are none.

        Commits only if no instance came or went meanwhile, else reads again.
        """
        for attempt in range(ATTEMPTS):
            # Study and series first: what comes after them changes their counts, which the commit compares.
            study = next(self._of_study(hospital, study_instance_uid, "STUDY"), None)
            series = {
                item["sk"]["S"].partition("#")[2]: item
                for item in self._of_study(hospital, study_instance_uid, "SERIES#")
            }
            levels = rebuild.Levels(hospital, study_instance_uid, study, series)
            for item in self._of_study(hospital, study_instance_uid, "INSTANCE#"):
                spilled = self._objects.read(item["body_key"]["S"]) if "body_key" in item else None
                levels.count(shape.instance_record(item, spilled))
            levels.conflict_count = sum(1 for _ in self._of_study(hospital, study_instance_uid, "CONFLICT#", "sk"))
            try:
                for members in rebuild.level_writes(levels, self._table):
                    call(self._client.transact_write_items, TransactItems=members)
            except TransactionCancelled:
                pause(attempt)
            else:
                return
        raise errors.Unavailable("Too many writers compete for one study.")

    def _of_study(
        self, hospital: str, study_instance_uid: str, beginning: str, projection: str = ""
    ) -> Iterator[dict[str, Any]]:
        pk = shape.study_pk(hospital, study_instance_uid)
        return beginning_with(self._client, self._table, pk, beginning, projection)


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
