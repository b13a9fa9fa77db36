"""The audit trail in DynamoDB: recording (docs/adr/0024). Nothing but markers is ever deleted.

| item | pk | sk |
|---|---|---|
| event | `E#{chain}#{day, UTC}#{shard}` | `{filed ms, 13 digits}#{event id}` |
| marker of an event that no block has yet | `NEW#{chain}#{shard}` | `{event id}` |

Indexes by patient, study and subject have the same sort key. See `dynamodb_audit_blocks` for blocks.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from chalicelib.access import audit
from chalicelib.access.audit import AuditEvent
from chalicelib.access.audit_search import key_of
from chalicelib.access.merkle import leaf_hash
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import RequestRefused, TransactionCancelled, call, pause
from chalicelib.errors import Unavailable

SHARDS = 16
"""A partition takes 1,000 write units a second and an event takes 2 of its own and 2 of its marker's."""
ATTEMPTS = 6
YEAR_S = 365 * 86400 + 86400 // 4


class DynamoDBAuditTrail:
    """Implements `access.audit.AuditTrail`.

    Parameters
    ----------
    retention_years
        When an event may be forgotten.
    """

    def __init__(self, dynamodb: Any, table: str, retention_years: int) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._retention_s = retention_years * YEAR_S

    def record(self, event: AuditEvent) -> bool:
        """Event and marker in one transaction: a marker is what gets the event into a block."""
        item, marker = self._items(event)
        if event.slot_ms and self._is_recorded(item):
            return False  # every process asks once: reading costs a tenth of a write that is refused
        new = "attribute_not_exists(pk)"
        writes = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": new}},
            {"Put": {"TableName": self._table, "Item": marker}},
        ]
        for attempt in range(ATTEMPTS):
            try:
                call(self._dynamodb.transact_write_items, TransactItems=writes)
                return True
            except RequestRefused as error:
                raise Unavailable("The event cannot be recorded.") from error
            except TransactionCancelled:
                if self._is_recorded(item):
                    return False
                pause(attempt)
        raise Unavailable("The audit trail is busy.")

    def _is_recorded(self, item: dict[str, Any]) -> bool:
        key = {"pk": item["pk"], "sk": item["sk"]}
        answer = call(
            self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True, ProjectionExpression="pk"
        )
        return "Item" in answer

    def _items(self, event: AuditEvent) -> tuple[dict[str, Any], dict[str, Any]]:
        event_id, body = event.event_id, audit.canonical(audit.to_json(event))
        key = {"pk": partition(event.chain, day_of(event.filed_ms), shard_of(event_id)), "sk": key_of(event)}
        values: dict[str, Any] = {
            **key,
            "event": body.decode("ascii"),
            "expires_at": event.filed_ms // 1000 + self._retention_s,
        }
        if event.patient:
            values["patient_pk"] = patient_key(event.patient)
        if event.study_instance_uid:
            values["study_pk"] = study_key(event.chain, event.study_instance_uid)
        if event.who.subject:
            values["subject_pk"] = event.who.subject
        marker = {
            "pk": markers(event.chain, shard_of(event_id)),
            "sk": event_id,
            "leaf": leaf_hash(audit.entry_of(event)),
            "event_sk": key["sk"],
        }
        return to_item(values), to_item(marker)


def event_of(item: dict[str, Any]) -> AuditEvent:
    """The event of an item."""
    return audit.from_json(json.loads(from_item(item)["event"]))


def partition(chain: str, day: str, shard: int) -> str:
    """Partition of events."""
    return f"E#{chain}#{day}#{shard:02d}"


def shard_of(event_id: str) -> int:
    """Shard that an event is in."""
    return int(event_id[:8], 16) % SHARDS


def day_of(when_ms: int) -> str:
    """Day of a time, UTC.

    >>> day_of(1_750_000_000_000)
    '2025-06-15'
    """
    return datetime.fromtimestamp(when_ms / 1000, UTC).strftime("%Y-%m-%d")


def patient_key(patient: PatientRef) -> str:
    r"""Key of the index by patient; LO and hospital ids have no backslash (PS3.5 6.2)."""
    return f"{patient.hospital}\\{patient.patient_id}\\{patient.issuer}"


def study_key(chain: str, study_instance_uid: str) -> str:
    """Key of the index by study."""
    return f"{chain}\\{study_instance_uid}"


def markers(chain: str, shard: int) -> str:
    """Partition of markers."""
    return f"NEW#{chain}#{shard:02d}"
