"""Events of the audit trail and the port that records them (PS3.15 A.5, IHE ATNA; docs/adr/0024).

Every event belongs to one chain: that of the hospital whose data it is about, else of the hospital that acted, else
the region's.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from chalicelib.access.model import Session
from chalicelib.archive.scope import PatientRef

REGION = "_region"
"""Chain of what is about no hospital; no hospital can have that id."""


class Action(Enum):
    """What was done. The value is stored for decades: add members, never change one."""

    SEARCH = "search"
    READ_STUDY = "read-study"
    """Structure and metadata of a study, without pixel data."""
    RETRIEVE = "retrieve"
    """Instances, frames, bulk data; or where they lie."""
    RENDER = "render"
    STORE = "store"
    MOVE = "move"
    """Sent to another application entity."""
    SIGN_IN = "sign-in"
    SIGN_IN_REFUSED = "sign-in-refused"
    SIGN_OUT = "sign-out"
    ACCESS_REFUSED = "access-refused"
    SHARE_CREATED = "share-created"
    SHARE_OPENED = "share-opened"
    SHARE_REFUSED = "share-refused"
    SHARE_CHANGED = "share-changed"
    SHARE_REVOKED = "share-revoked"
    CODE_ISSUED = "code-issued"
    CODE_ROTATED = "code-rotated"
    CODE_REVOKED = "code-revoked"
    CODE_USED = "code-used"
    CODE_REFUSED = "code-refused"
    PROXY_REGISTERED = "proxy-registered"
    """Somebody acts for a patient (docs/adr/0035)."""
    PROXY_ENDED = "proxy-ended"
    SECOND_FACTOR_CHANGED = "second-factor-changed"
    GRANT_CREATED = "grant-created"
    GRANT_CHANGED = "grant-changed"
    GRANT_REVOKED = "grant-revoked"
    CARE_DECLARED = "care-declared"
    """One hospital treats a patient whom another one has exams of (docs/adr/0028)."""
    CARE_ENDED = "care-ended"
    OPPOSITION_RECORDED = "opposition-recorded"
    BREAK_GLASS = "break-glass"
    BREAK_GLASS_REVIEWED = "break-glass-reviewed"
    DOCUMENT_MARKED = "document-marked"
    """Kept back from the patient or from others than its hospital (docs/adr/0027)."""
    MARK_LIFTED = "mark-lifted"
    CORRECTION = "correction"
    EXPORT = "export"
    REGISTRY_CHANGED = "registry-changed"
    CONTACT_CHANGED = "contact-changed"
    READ_REGISTRY = "read-registry"
    READ_LEDGER = "read-ledger"
    READ_AUDIT = "read-audit"
    LINE_DISPUTED = "line-disputed"
    """A line of an invoice is contested (docs/adr/0031)."""
    DISPUTE_ACCEPTED = "dispute-accepted"
    DISPUTE_REFUSED = "dispute-refused"


class Outcome(Enum):
    """What became of it (RFC 3881 5.1.4)."""

    SUCCESS = "success"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Who:
    """Who did it."""

    subject: str
    """User, `ae:{AE title}`, or "" for a stranger."""
    role: str = ""
    display_name: str = ""
    hospital: str = ""
    session_id: str = ""
    """Session, or association."""
    address: str = ""
    professional_id: str = ""
    """RPPS."""
    organization: str = ""
    """Place of work that the professional signed in for."""


@dataclass(frozen=True)
class AuditEvent:
    """One thing that somebody did or was refused."""

    when_ms: int
    """Milliseconds since the epoch."""
    action: Action
    who: Who
    outcome: Outcome = Outcome.SUCCESS
    hospital: str = ""
    """Hospital whose data it is about."""
    patient: PatientRef | None = None
    study_instance_uid: str = ""
    detail: Mapping[str, str | int | bool] = field(default_factory=dict)
    """What else is known, flat."""
    occasion: str = ""
    """What makes a repetition the same event; "" when all of the content does."""
    slot_ms: int = 0
    """Where the event is filed; 0: at `when_ms`. Repetitions of one occasion name the same."""

    @property
    def chain(self) -> str:
        """Chain that the event belongs to."""
        return self.hospital or (self.patient.hospital if self.patient else "") or self.who.hospital or REGION

    @property
    def filed_ms(self) -> int:
        """Time by which it is found."""
        return self.slot_ms or self.when_ms

    @property
    def event_id(self) -> str:
        """32 hexadecimal digits, the same for every repetition of the event."""
        content = [self.chain, self.action.value, self.occasion] if self.occasion else to_json(self)
        return hashlib.sha256(canonical(content)).hexdigest()[:32]


class AuditTrail(Protocol):
    """Where events are recorded. `errors.Unavailable` when it does not answer."""

    def record(self, event: AuditEvent) -> bool:
        """Record an event durably; whether it was new. Safe to repeat: an event is recorded once.

        Raises
        ------
        errors.Unavailable
            If it could not be recorded: what it is about must not happen then, unless harm would come of that.
        """


def who_of(session: Session, address: str = "") -> Who:
    """The one whose session it is."""
    return Who(
        session.subject,
        session.role.value,
        session.display_name,
        session.hospital,
        session.session_id,
        address,
        session.professional_id,
        session.organization,
    )


def event_now(action: Action, who: Who, **values: Any) -> AuditEvent:
    """An event that happens now; `values` are fields of `AuditEvent`."""
    return AuditEvent(int(time.time() * 1000), action, who, **values)


def canonical(content: Any) -> bytes:
    """The one way to write JSON that is hashed: keys sorted, no spaces, ASCII.

    >>> canonical({"b": 1, "a": "é"})
    b'{"a":"\\\\u00e9","b":1}'
    """
    return json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def to_json(event: AuditEvent) -> dict[str, Any]:
    """An event as it is stored, hashed and exported; `from_json` is the inverse."""
    who = {name: value for name, value in vars(event.who).items() if value}
    content: dict[str, Any] = {
        "when_ms": event.when_ms,
        "action": event.action.value,
        "outcome": event.outcome.value,
        "who": who,
        "hospital": event.hospital,
        "study_instance_uid": event.study_instance_uid,
        "detail": dict(event.detail),
        "occasion": event.occasion,
        "slot_ms": event.slot_ms,
    }
    if event.patient:
        content["patient"] = [event.patient.hospital, event.patient.patient_id, event.patient.issuer]
    return {name: value for name, value in content.items() if value or name in ("when_ms", "who")}


PRIVATE = ("address", "session_id")
"""Of who did it: kept from the patient, who can check a receipt all the same."""


def public_part(event: AuditEvent) -> dict[str, Any]:
    """What a patient may be shown: all but address, session and occasion, of which it has a digest.

    The session's or association's id is random, so that nobody finds the address by trying all.
    """
    content = to_json(event)
    private = {name: content["who"].pop(name, "") for name in PRIVATE} | {"occasion": content.pop("occasion", "")}
    return {**content, "private": hashlib.sha256(canonical(private)).hexdigest()}


def entry_of(event: AuditEvent) -> bytes:
    """What of an event goes into the hashes of the chain."""
    return canonical(public_part(event))


def from_json(content: Mapping[str, Any]) -> AuditEvent:
    """Inverse of `to_json`."""
    values = dict(content)
    patient = values.pop("patient", None)
    return AuditEvent(
        values.pop("when_ms"),
        Action(values.pop("action")),
        Who(**{"subject": "", **values.pop("who", {})}),
        Outcome(values.pop("outcome")),
        patient=PatientRef(*patient) if patient else None,
        **values,
    )
