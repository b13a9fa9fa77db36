"""Pack series (D6): one message, one series, or one ZIP file; see `archive.pack` and `archive.zip_exam`.

Safe to repeat: what there is already is left.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from chalicelib import wiring
from chalicelib.archive.pack import build_pack
from chalicelib.archive.series_metadata import dicomweb_url
from chalicelib.archive.zip_exam import build_zip

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

log = wiring.logger("pack-series")
metrics = Metrics(namespace="SansFilm", service="pack-series")


def _handle(message_id: str, body: str) -> None:
    message = json.loads(body)
    started = time.perf_counter()
    url = dicomweb_url(wiring.settings().public_url)
    if "zipped_series" in message:
        _zip(message_id, message, url, started)
        return
    uids = (message["hospital"], message["study_instance_uid"], message["series_instance_uid"])
    outcome, built = build_pack(wiring.index_reader(), wiring.object_store(), uids, url)
    if outcome == "packed" and built:
        metrics.add_metric("packed_bytes", MetricUnit.Bytes, built.size_bytes)
    log.info(
        "series",
        extra={
            "correlation_id": message_id,
            "hospital": uids[0],
            "study_instance_uid": uids[1],
            "series_instance_uid": uids[2],
            "outcome": outcome,
            "size_bytes": built.size_bytes if built else 0,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )


def _zip(message_id: str, message: dict[str, Any], url: str, started: float) -> None:
    study = (message["hospital"], message["study_instance_uid"])
    outcome, size_bytes = build_zip(wiring.index_reader(), wiring.object_store(), study, message["zipped_series"], url)
    if outcome == "zipped":
        metrics.add_metric("zipped_bytes", MetricUnit.Bytes, size_bytes)
    log.info(
        "zip",
        extra={
            "correlation_id": message_id,
            "hospital": study[0],
            "study_instance_uid": study[1],
            "outcome": outcome,
            "size_bytes": size_bytes,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )


@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point: an SQS event, answered with the messages to deliver again."""
    failed = []
    for record in event["Records"]:
        try:
            _handle(record["messageId"], record["body"])
        except Exception as error:
            failed.append(record["messageId"])
            metrics.add_metric("pack_failed", MetricUnit.Count, 1)
            log.error("series was not packed", extra={"correlation_id": failed[-1], "error": type(error).__name__})
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
