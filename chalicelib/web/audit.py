"""Who looked at what: `/api/audit-events` for operators and privacy officers, `/api/my/audit-events` for patients."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring
from chalicelib.access.audit import REGION, AuditEvent
from chalicelib.access.audit_fhir import to_bundle
from chalicelib.access.audit_receipt import receipt
from chalicelib.access.audit_search import DAY_MS, LONGEST_PERIOD_DAYS, AuditQuery, key_of, to_csv
from chalicelib.access.model import Permission, Role, Session
from chalicelib.archive.confidentiality import Kind, Mark
from chalicelib.archive.scope import PatientRef
from chalicelib.web.audit_answers import events_answer
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    BUFFERED_BODY_LIMIT_BYTES,
    accept_header,
    current_session,
    gzipped,
    handles_errors,
    path_value,
    query_multi,
    query_value,
    respond,
    respond_json,
    signed_in,
)

routes = Blueprint(__name__)

PAGE = 100
MOST_ROWS = 10_000
"""Of one CSV document."""
CSV, FHIR = "text/csv", "application/fhir+json"
NOT_STORED = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
PARAMETERS = frozenset(
    {"patient_id", "issuer", "hospital", "study", "subject", "from", "to", "before", "format", "accept"}
)
KEY = re.compile(r"[0-9]{13}#[0-9a-f]{32}")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,12}Z)?")


@routes.route("/api/audit-events", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_audit_events() -> Response:
    """Events of a hospital by patient, study, user and period, newest first: JSON, CSV or FHIR."""
    request = routes.current_request
    session = current_session(request, Permission.READ_AUDIT)
    query = _query(request, session)
    if _format(request) == CSV:
        return _csv(request, query)
    events = wiring.audit_reader().search(query, PAGE, _before(request))
    before = key_of(events[-1]) if len(events) == PAGE else None
    if _format(request) == FHIR:
        body = json.dumps(to_bundle(events, _next_url(request, before)), ensure_ascii=False).encode("utf-8", "replace")
        return gzipped(respond(body, FHIR, headers=NOT_STORED), request)
    return gzipped(respond_json(events_answer(events, before, session), 200, NOT_STORED), request)


@routes.route("/api/my/audit-events", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_my_audit_events() -> Response:
    """Who looked at the patient's own exams, newest first, a page of them."""
    request = routes.current_request
    session = current_session(request, Permission.MANAGE_GRANTS)
    before = _before(request)
    events: list[AuditEvent] = []
    while len(events) < PAGE:
        # What is kept back must not show in the length of a page either.
        page = _of_patients(session, before)
        events += _announced(session, page)
        if len(page) < PAGE:
            break
        before = key_of(page[-1])
    events = events[:PAGE]
    last = key_of(events[-1]) if len(events) == PAGE else None
    return gzipped(respond_json(events_answer(events, last, session, to_patient=True), 200, NOT_STORED), request)


def _of_patients(session: Session, before: str) -> list[AuditEvent]:
    """A page of the events of a session's patients, newest first."""
    now_ms = int(time.time() * 1000) + 1
    found: list[AuditEvent] = []
    for patient in session.scope.patients:
        found += wiring.audit_reader().search(AuditQuery(0, now_ms, patient.hospital, patient), PAGE, before)
    return sorted(found, key=key_of, reverse=True)[:PAGE]


@routes.route("/api/audit-events/{event}/receipt", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_receipt(event: str) -> Response:
    """Proof that an event is in the chain of its hospital, for whoever may see the event."""
    request = routes.current_request
    session = signed_in(request)
    if not (session.may(Permission.READ_AUDIT) or session.may(Permission.MANAGE_GRANTS)):
        raise errors.NotAllowed("Your session may not read the audit trail.")
    chain, key = query_value(request, "hospital"), path_value(event)
    if not KEY.fullmatch(key) or not chain:
        raise errors.BadRequest("Name an event by its key, and its chain by the parameter hospital.")
    found = wiring.audit_reader().event(chain, key)
    if found is None or not _may_see(session, found):
        raise errors.NotFound("There is no such event.")
    made = receipt(wiring.audit_blocks(), found)
    return gzipped(respond_json(made, 200, NOT_STORED), request)


def _may_see(session: Session, event: AuditEvent) -> bool:
    if session.may(Permission.READ_AUDIT):
        return session.role is Role.OPERATOR or event.chain == session.hospital
    return event.patient in session.scope.patients and bool(_announced(session, [event]))


def _announced(session: Session, events: list[AuditEvent]) -> list[AuditEvent]:
    """Events but those that tell a patient of what is kept back until it is announced (docs/adr/0027)."""
    sees = session.scope.sees
    kept: dict[tuple[str, str], list[Mark]] = {}
    for hospital in {event.hospital for event in events}:
        studies = [event.study_instance_uid for event in events if event.hospital == hospital]
        live = wiring.marks().live_marks(hospital, {uid for uid in studies if uid}) if any(studies) else {}
        kept |= {(hospital, uid): [mark for mark in marks if mark.kind not in sees] for uid, marks in live.items()}

    def is_told(event: AuditEvent) -> bool:
        # That something was secret is not told to those from whom it was, even once it is no more.
        if event.detail.get("kind") == Kind.PRIVATE.value and Kind.PRIVATE not in sees:
            return False
        marks = kept.get((event.hospital, event.study_instance_uid), [])
        return not any(mark.target.is_study or event.detail.get("mark") == mark.mark_id for mark in marks)

    return [event for event in events if is_told(event)]


def _query(request: Request, session: Session) -> AuditQuery:
    unknown = sorted(set(query_multi(request)) - PARAMETERS)
    if unknown:
        raise errors.BadRequest(f"Unknown query parameter: {', '.join(unknown)[:200]}.")
    chain = query_value(request, "hospital") or session.hospital
    if session.role is not Role.OPERATOR and chain != session.hospital:
        raise errors.NotAllowed("Your session sees the audit trail of its own hospital.")
    patient_id, study = query_value(request, "patient_id"), query_value(request, "study")
    subject = query_value(request, "subject")
    if not chain and (patient_id or study or not subject):
        raise errors.BadRequest(f"Name a hospital, or {REGION} for what is about none.")
    now_ms = int(time.time() * 1000)
    to_ms = min(_time(query_value(request, "to"), until=True) or now_ms + 1, now_ms + DAY_MS)
    narrowed = bool(patient_id or study or subject)
    from_ms = _time(query_value(request, "from")) or (0 if narrowed else to_ms - 7 * DAY_MS)
    if not narrowed and to_ms - from_ms > LONGEST_PERIOD_DAYS * DAY_MS:
        raise errors.TooMuch(f"Name a patient, a study or a user, or a period of at most {LONGEST_PERIOD_DAYS} days.")
    patient = PatientRef(chain, patient_id, query_value(request, "issuer")) if patient_id else None
    return AuditQuery(from_ms, to_ms, chain, patient, study, subject)


def _time(text: str, *, until: bool = False) -> int:
    """Milliseconds of a day or a moment (UTC), 0 for none; `until`: a day counts to its end."""
    if not text:
        return 0
    try:
        if not TIME.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise errors.BadRequest("A time is a day, YYYY-MM-DD, or YYYY-MM-DDThh:mm:ssZ.") from None
    moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000) + (DAY_MS if until and "T" not in text else 0)


def _before(request: Request) -> str:
    before = query_value(request, "before")
    if before and not KEY.fullmatch(before):
        raise errors.BadRequest("before is the key of an event.")
    return before


def _format(request: Request) -> str:
    named = query_value(request, "format")
    if named not in ("", "json", "csv", "fhir"):
        raise errors.BadRequest("format is json, csv or fhir.")
    if named:
        return {"csv": CSV, "fhir": FHIR}.get(named, "")
    accepted = accept_header(request).lower()
    return next((offer for offer in (CSV, FHIR) if offer in accepted), "")


def _csv(request: Request, query: AuditQuery) -> Response:
    events = wiring.audit_reader().search(query, MOST_ROWS + 1)
    body = to_csv(events)
    if len(events) > MOST_ROWS or len(body) > BUFFERED_BODY_LIMIT_BYTES:
        raise errors.TooMuch(f"There are more than {MOST_ROWS} events or too many bytes: ask for a shorter period.")
    headers = {**NOT_STORED, "Content-Disposition": 'attachment; filename="audit.csv"'}
    return gzipped(respond(body, f"{CSV}; charset=utf-8", headers=headers), request)


def _next_url(request: Request, before: str | None) -> str:
    if before is None:
        return ""
    parts: dict[str, Any] = {name: values[0] for name, values in query_multi(request).items()} | {"before": before}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"{wiring.settings().public_url}/api/audit-events?{query}"
