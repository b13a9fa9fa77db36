"""Study ready: a quiet study gets its prebuilt metadata, packs, state, ledger line, metered facts and SMS.

The index schedules a message for each study it touched, to be delivered after the quiet time. SQS delivers at least
once and a Lambda may die at any instruction, so each step may be repeated and the one that may not (the SMS) is
claimed first. During the quiet hours of SMS the message is put off, at most 15 minutes at a time.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chalicelib import wiring, wiring_meters
from chalicelib.access.ports import Registry
from chalicelib.archive import pack, series_metadata
from chalicelib.archive.confidentiality import DOCUMENT_MODALITIES, Kind
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.ports import IndexReader, IndexWriter, ObjectStore, PackQueue, StudyReadyQueue
from chalicelib.billing import facts
from chalicelib.billing import ledger as billing
from chalicelib.notify.announce import CLAIMABLE, Notifications, SmsSender, State, announce_exam
from chalicelib.notify.quiet_hours import wait_s
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MAX_DELAY_S = 900
PATIENT_ID, ISSUER_OF_PATIENT_ID, ACCESSION_NUMBER = "00100020", "00100021", "00080050"
MODALITY = "00080060"
LONGEST_MODALITIES, LONGEST_ACCESSION_NUMBER = 1000, 64
"""Of a fact; instances may hold anything."""

log = wiring.logger("study-ready")
metrics = Metrics(namespace="SansFilm", service="study-ready")


@dataclass(frozen=True)
class Parts:
    """What finishing a study needs."""

    reader: IndexReader
    writer: IndexWriter
    objects: ObjectStore
    queue: StudyReadyQueue
    packs: PackQueue
    ledger: billing.Ledger
    meters: facts.FactStore
    registry: Registry
    notifications: Notifications
    sms: SmsSender
    settings: Settings


def parts() -> Parts:
    """From the settings of this process."""
    return Parts(
        wiring.index_reader(),
        wiring.index_writer(),
        wiring.object_store(),
        wiring.study_ready_queue(),
        wiring.pack_queue(),
        wiring.ledger(),
        wiring_meters.facts(),
        wiring.registry(),
        wiring.notifications(),
        wiring.sms(),
        wiring.settings(),
    )


def finish_study(parts: Parts, hospital: str, study_instance_uid: str, last_received_at_ms: int, now: datetime) -> str:
    """Finish a study that was quiet since `last_received_at_ms`; return what was done.

    Raises
    ------
    errors.Unavailable
        If a service did not answer: deliver the message again.
    """
    study = parts.reader.study(hospital, study_instance_uid)
    if study is None:
        return "forgotten"
    if study.last_received_at_ms > last_received_at_ms:
        return "superseded"
    remaining_ms = study.last_received_at_ms + parts.settings.study_quiet_s * 1000 - int(now.timestamp() * 1000)
    if remaining_ms > 0:
        _put_off(parts, study, -(-remaining_ms // 1000))
        return "not-quiet-yet"
    series_metadata.build(parts.reader, parts.writer, parts.objects, study, parts.settings.public_url)
    _request_packs(parts, study, now)
    if not parts.writer.set_study_ready(hospital, study_instance_uid, study.last_received_at_ms):
        return "superseded"
    _record_exam(parts, study)
    _meter_what_came(parts, study)
    outcome = _announce(parts, study, now)
    _meter_sms(parts, study)
    return outcome


def _request_packs(parts: Parts, study: StudyRecord, now: datetime) -> None:
    """Ask for packs once for what arrives; a rebuild of the index is no arrival, and old exams are packed on demand."""
    age_s = now.timestamp() - study.last_received_at_ms / 1000
    if study.state == "ready" or age_s > pack.USED_FOR_S or not pack.is_answered_by_packs(study):
        return
    base_url = series_metadata.dicomweb_url(parts.settings.public_url)
    for series in parts.reader.series_of_study(study.hospital, study.study_instance_uid):
        parts.packs.request(series, pack.series_etag(series, base_url))


def _record_exam(parts: Parts, study: StudyRecord) -> None:
    fact = billing.Fact(
        study.hospital,
        billing.EXAM_ARCHIVED,
        study.study_instance_uid,
        study.value(ACCESSION_NUMBER),
        study.first_received_at_ms,
        "\\".join(study.modalities),
    )
    _, is_new = billing.append(parts.ledger, fact)
    metrics.add_metric("ledger_lines", MetricUnit.Count, int(is_new))


def _meter_what_came(parts: Parts, study: StudyRecord) -> None:
    """What the study has grown by since it was last looked at: a late instance is a fact of its own."""
    totals = {
        facts.INSTANCES_IN: study.instance_count,
        facts.BYTES_IN: study.size_bytes,
        facts.REPORTS: _report_count(parts, study),
    }
    for meter, total in totals.items():
        whole = facts.MeterFact(
            study.hospital,
            meter,
            study.study_instance_uid,
            total,
            study.last_received_at_ms,
            subject=study.study_instance_uid,
            modalities="\\".join(study.modalities)[:LONGEST_MODALITIES],
            accession_number=study.value(ACCESSION_NUMBER)[:LONGEST_ACCESSION_NUMBER],
        )
        facts.record_growth(parts.meters, whole)


def _report_count(parts: Parts, study: StudyRecord) -> int:
    """Instances in series of reports and documents."""
    if DOCUMENT_MODALITIES.isdisjoint(study.modalities):
        return 0
    return sum(
        series.instance_count
        for series in parts.reader.series_of_study(study.hospital, study.study_instance_uid)
        if (series.attributes.get(MODALITY, {}).get("Value") or [""])[0] in DOCUMENT_MODALITIES
    )


def _meter_sms(parts: Parts, study: StudyRecord) -> None:
    """The SMS that was certainly sent; what is unknown is not billed. Its text is one segment (docs/adr/0005)."""
    known = parts.notifications.of_study(study.hospital, study.study_instance_uid)
    if known is None or known.state is not State.SENT:
        return
    uid = study.study_instance_uid
    fact = facts.MeterFact(study.hospital, facts.SMS_SEGMENTS, known.detail, 1, known.changed_at_ms, subject=uid)
    parts.meters.record(fact)


def _announce(parts: Parts, study: StudyRecord, now: datetime) -> str:
    arrived = datetime.fromtimestamp(study.first_received_at_ms / 1000, UTC)
    if now - arrived > timedelta(days=parts.settings.sms_within_days):
        return "arrived-long-ago"
    if _is_kept_back(parts, study):
        return "kept-back"
    wait = wait_s(now, parts.settings.sms_quiet_hours)
    if wait and _may_be_announced(parts, study):
        _put_off(parts, study, wait)
        return "quiet-hours"
    state = announce_exam(
        parts.registry,
        parts.notifications,
        parts.sms,
        hospital=study.hospital,
        study_instance_uid=study.study_instance_uid,
        patient_id=study.value(PATIENT_ID),
        issuer=study.value(ISSUER_OF_PATIENT_ID),
        public_url=parts.settings.public_url,
    )
    metrics.add_metric("sms_sent", MetricUnit.Count, int(state is State.SENT))
    metrics.add_metric("sms_unknown", MetricUnit.Count, int(state is State.UNKNOWN))
    return state.value if state else "settled"


def _is_kept_back(parts: Parts, study: StudyRecord) -> bool:
    """Whether nobody may be told of the study; it is looked at again when that is lifted (docs/adr/0027).

    The number may be a parent's: of what is secret to parents it is told nothing either (docs/adr/0035).
    """
    marks = parts.reader.live_marks(study.hospital, [study.study_instance_uid]).get(study.study_instance_uid, ())
    return any(mark.kind in (Kind.DELAYED, Kind.PRIVATE) and mark.target.is_study for mark in marks)


def _may_be_announced(parts: Parts, study: StudyRecord) -> bool:
    known = parts.notifications.of_study(study.hospital, study.study_instance_uid)
    return known is None or known.state in CLAIMABLE


def _put_off(parts: Parts, study: StudyRecord, delay_s: int) -> None:
    parts.queue.schedule(study.hospital, study.study_instance_uid, study.last_received_at_ms, min(delay_s, MAX_DELAY_S))


def _handle_record(record: SQSRecord) -> None:
    message = json.loads(record.body)
    started = time.perf_counter()
    outcome = finish_study(
        parts(),
        message["hospital"],
        message["study_instance_uid"],
        int(message["last_received_at_ms"]),
        datetime.now(UTC),
    )
    log.info(
        "study",
        extra={
            "correlation_id": record.message_id,
            "hospital": message["hospital"],
            "study_instance_uid": message["study_instance_uid"],
            "outcome": outcome,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )


@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Lambda entry point: an SQS event, answered with the messages to deliver again."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    response = process_partial_response(
        event=event, record_handler=_handle_record, processor=processor, context=context
    )
    for record, (kind, _, _) in zip(processor.fail_messages, processor.exceptions, strict=False):
        log.error(
            "study failed",
            extra={
                "correlation_id": getattr(record, "message_id", ""),
                "error": kind.__name__ if kind else "",
            },
        )
    return dict(response)
