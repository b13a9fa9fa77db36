"""Lambda: S3 events from SQS to the index (D4) and, of restores, to the meters, with a partial batch response."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from chalicelib import errors, wiring, wiring_meters
from chalicelib.archive.index_instance import IndexedObject, index_objects
from chalicelib.archive.ports import IndexOutcome
from chalicelib.billing.restores import COMPLETED, restored

log = Logger(service="index")
metrics = Metrics(namespace="SansFilm", service="index")

_METRIC_OF_OUTCOME = {
    IndexOutcome.CREATED: "indexed",
    IndexOutcome.DUPLICATE: "duplicates",
    IndexOutcome.CONFLICT: "conflicts",
}


@metrics.log_metrics
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Index the objects of a batch of SQS messages; name those messages that have to be delivered again."""
    bodies = {record["messageId"]: record.get("body", "") for record in event["Records"]}
    keys_by_message = {message_id: _object_keys(body) for message_id, body in bodies.items()}
    object_keys = list(dict.fromkeys(key for keys in keys_by_message.values() for key in keys or ()))
    results = {result.object_key: result for result in index_objects(wiring.index(), object_keys)}
    _report(list(results.values()))
    failed = [
        message_id
        for message_id, keys in keys_by_message.items()
        if keys is None or any(results[key].error for key in keys) or not _meter_restores(bodies[message_id])
    ]
    for message_id in failed:
        if keys_by_message[message_id] is None:
            log.error("message is not an S3 event", correlation_id=message_id)
    if failed:
        metrics.add_metric("index_failed", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _object_keys(body: str) -> list[str] | None:
    """Keys of created objects that a message names; None if it is no S3 event, empty for S3's test event."""
    try:
        message = json.loads(body)
        if message.get("Event") == "s3:TestEvent":
            return []
        return [
            unquote_plus(record["s3"]["object"]["key"])
            for record in message["Records"]
            if str(record["eventName"]).removeprefix("s3:").startswith("ObjectCreated:")
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _meter_restores(body: str) -> bool:
    """Record the instances of a message that S3 has restored; whether all are."""
    if COMPLETED not in body:
        return True
    try:
        for fact in restored(json.loads(body)["Records"]):
            wiring_meters.facts().record(fact)
    except (errors.ArchiveError, KeyError, TypeError, ValueError) as error:
        log.error("restore was not metered", error=type(error).__name__)
        return False
    return True


def _report(results: Sequence[IndexedObject]) -> None:
    """One line per study and outcome, one per failure; what was written and could not be scheduled is a failure."""
    lines: dict[tuple[str, str, str], list[IndexedObject]] = {}
    for result in results:
        if result.error:
            reason = result.error.reason if isinstance(result.error, errors.InvalidInstance) else ""
            log.error(
                "instance was not indexed",
                correlation_id=result.correlation_id or result.object_key,
                object_key=result.object_key,
                error=type(result.error).__name__,
                reason=reason,
            )
        elif result.record and result.outcome:
            keys = result.record.keys
            lines.setdefault((keys.hospital, keys.study_instance_uid, result.outcome.value), []).append(result)
    counts = Counter(result.outcome for result in results if not result.error)
    for outcome, name in _METRIC_OF_OUTCOME.items():
        metrics.add_metric(name, MetricUnit.Count, counts[outcome])
    for (hospital, study_instance_uid, outcome_name), members in lines.items():
        log.info(
            "instances indexed",
            correlation_id=members[0].correlation_id,
            correlation_ids=sorted({member.correlation_id for member in members}),
            hospital=hospital,
            study_instance_uid=study_instance_uid,
            outcome=outcome_name,
            instances=len(members),
        )
    _report_latency(results)


def _report_latency(results: Sequence[IndexedObject]) -> None:
    now_ms = time.time_ns() // 1_000_000
    for result in results:
        if result.record and result.outcome is IndexOutcome.CREATED:
            metrics.add_metric("index_latency_ms", MetricUnit.Milliseconds, now_ms - result.record.received_at_ms)
