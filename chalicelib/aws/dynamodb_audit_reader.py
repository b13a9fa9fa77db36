"""Searching the audit trail in DynamoDB (items: see `dynamodb_audit_trail`)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any

from chalicelib.access.audit import AuditEvent
from chalicelib.access.audit_search import DAY_MS, AuditQuery
from chalicelib.aws.dynamodb_audit_trail import (
    SHARDS,
    day_of,
    event_of,
    partition,
    patient_key,
    shard_of,
    study_key,
)
from chalicelib.aws.dynamodb_items import to_item
from chalicelib.aws.dynamodb_requests import call, query
from chalicelib.aws.tables import BY_PATIENT, BY_STUDY, BY_SUBJECT

PAGE = 200


class DynamoDBAuditReader:
    """Implements `access.audit_search.AuditReader`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def search(self, query: AuditQuery, limit: int, before: str = "") -> list[AuditEvent]:
        """Events that match, newest first."""
        end = before or f"{query.to_ms:013d}"
        events = map(event_of, self._items(query, end))
        return list(islice((event for event in events if query.matches(event)), limit))

    def event(self, chain: str, key: str) -> AuditEvent | None:
        """One event."""
        filed, _, event_id = key.partition("#")
        pk = partition(chain, day_of(int(filed)), shard_of(event_id))
        answer = call(
            self._dynamodb.get_item, TableName=self._table, Key=to_item({"pk": pk, "sk": key}), ConsistentRead=True
        )
        return event_of(answer["Item"]) if "Item" in answer else None

    def _items(self, wanted: AuditQuery, end: str) -> Iterator[dict[str, Any]]:
        start = f"{wanted.from_ms:013d}"
        if wanted.patient:
            return self._query("patient_pk", patient_key(wanted.patient), start, end, BY_PATIENT)
        if wanted.study_instance_uid and wanted.chain:
            return self._query("study_pk", study_key(wanted.chain, wanted.study_instance_uid), start, end, BY_STUDY)
        if wanted.subject:
            return self._query("subject_pk", wanted.subject, start, end, BY_SUBJECT)
        return self._by_day(wanted, start, end)

    def _by_day(self, wanted: AuditQuery, start: str, end: str) -> Iterator[dict[str, Any]]:
        """Day by day from the last one, the shards of a day merged."""
        day_ms = (int(end[:13]) // DAY_MS) * DAY_MS
        while day_ms > wanted.from_ms - DAY_MS:
            shards = [
                self._query("pk", partition(wanted.chain, day_of(day_ms), shard), start, end) for shard in range(SHARDS)
            ]
            yield from heapq.merge(*shards, key=lambda item: str(item["sk"]["S"]), reverse=True)
            day_ms -= DAY_MS

    def _query(self, name: str, pk: str, start: str, end: str, index: str = "") -> Iterator[dict[str, Any]]:
        """Items with `start` <= sk < `end`, newest first."""
        found = query(
            self._dynamodb,
            TableName=self._table,
            **({"IndexName": index} if index else {"ConsistentRead": True}),
            KeyConditionExpression=f"{name} = :pk AND sk BETWEEN :start AND :end",
            ExpressionAttributeValues=to_item({":pk": pk, ":start": start, ":end": end}),
            ScanIndexForward=False,
            Limit=PAGE,
        )
        return (item for item in found if item["sk"]["S"] != end)
