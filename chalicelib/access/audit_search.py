"""Searching the audit trail: who looked, at whose exams, when (docs/adr/0024)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from chalicelib.access.audit import AuditEvent, public_part
from chalicelib.archive.scope import PatientRef

DAY_MS = 86_400_000
LONGEST_PERIOD_DAYS = 31
"""Of a search that names neither patient nor study nor user: each day is a look at every shard."""
COLUMNS = (
    "when", "action", "outcome", "user", "name", "role", "user_hospital", "address", "hospital", "patient_id",
    "issuer_of_patient_id", "study_instance_uid", "detail", "event", "professional_id", "organization",
)  # fmt: skip


@dataclass(frozen=True)
class AuditQuery:
    """What is looked for; everything named must hold."""

    from_ms: int
    to_ms: int
    """Exclusive."""
    chain: str = ""
    """"" for every chain: with a patient, or a user."""
    patient: PatientRef | None = None
    study_instance_uid: str = ""
    subject: str = ""

    def matches(self, event: AuditEvent) -> bool:
        """Whether an event is looked for."""
        return (
            self.chain in ("", event.chain)
            and self.patient in (None, event.patient)
            and self.study_instance_uid in ("", event.study_instance_uid)
            and self.subject in ("", event.who.subject)
            and self.from_ms <= event.filed_ms < self.to_ms
        )


class AuditReader(Protocol):
    """Reads the trail. `errors.Unavailable` when it does not answer."""

    def search(self, query: AuditQuery, limit: int, before: str = "") -> list[AuditEvent]:
        """Events that match, newest first, at most `limit`; `before` is the key of the last one of another page."""

    def event(self, chain: str, key: str) -> AuditEvent | None:
        """One event by the key that `key_of` gives."""


def key_of(event: AuditEvent) -> str:
    """Key of an event within its chain: `{filed ms, 13 digits}#{event id}`."""
    return f"{event.filed_ms:013d}#{event.event_id}"


def time_text(when_ms: int) -> str:
    """UTC, to the millisecond.

    >>> time_text(1_750_000_000_123)
    '2025-06-15T15:06:40.123Z'
    """
    return datetime.fromtimestamp(when_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(event: AuditEvent, *, to_patient: bool = False) -> dict[str, Any]:
    """An event as the API shows it; a patient sees who and why, not from which address."""
    patient = event.patient
    who = {
        "subject": event.who.subject,
        "name": event.who.display_name,
        "role": event.who.role,
        "hospital": event.who.hospital,
    }
    of_profession = {"professional_id": event.who.professional_id, "organization": event.who.organization}
    who |= {name: value for name, value in of_profession.items() if value}
    if not to_patient:
        who |= {"address": event.who.address, "session": event.who.session_id}
    return {
        "key": key_of(event),
        "chain": event.chain,
        "when": time_text(event.when_ms),
        "action": event.action.value,
        "outcome": event.outcome.value,
        "who": who,
        "hospital": event.hospital,
        "patient": {"hospital": patient.hospital, "patient_id": patient.patient_id, "issuer": patient.issuer}
        if patient
        else None,
        "study_instance_uid": event.study_instance_uid,
        "detail": public_part(event).get("detail", {}),
    }


def to_csv(events: Iterable[AuditEvent]) -> bytes:
    """Events for a spreadsheet: UTF-8 with byte order mark, semicolons, no cell that would be run as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for event in events:
        who, patient = event.who, event.patient or PatientRef(event.hospital, "")
        detail = ", ".join(f"{name}={value}" for name, value in sorted(event.detail.items()))
        row = (
            time_text(event.when_ms), event.action.value, event.outcome.value, who.subject, who.display_name, who.role,
            who.hospital, who.address, event.chain, patient.patient_id, patient.issuer, event.study_instance_uid,
            detail, key_of(event), who.professional_id, who.organization,
        )  # fmt: skip
        writer.writerow([_cell(value) for value in row])
    return ("\ufeff" + text.getvalue()).encode("utf-8", "replace")


def _cell(text: str) -> str:
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
