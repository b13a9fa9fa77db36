"""Every request that reads, changes or is refused something leaves a trace (D10, docs/adr/0024).

Around all routes, so that none can forget it. A read that cannot be recorded is not answered (503): who reads health
data must be traceable. A viewer asks for thousands of frames: one event per session, study and kind of access is
recorded in a quarter of an hour, and a warm process knows by one look-up that it was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Request, Response

from chalicelib import errors, wiring
from chalicelib.access.audit import Action, AuditEvent, Outcome, Who, event_now, who_of
from chalicelib.access.audit_basis import basis_of
from chalicelib.access.model import Session
from chalicelib.archive.scope import PatientRef
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID, visible_study
from chalicelib.web.audit_rules import RULES, TELLS_ITSELF
from chalicelib.web.audit_searches import subject_of_search
from chalicelib.web.capabilities import ANYTHING_ELSE
from chalicelib.web.dicomweb_operations import BASE, matching
from chalicelib.web.http import client_address, path_value, problem, query_multi, signed_in
from chalicelib.web.share_uses import note_use

WINDOW_S = 900
WINDOW_MS = WINDOW_S * 1000
LARGEST_MEMORY = 20_000
"""Accesses that a process remembers: some MB."""
LONGEST_DETAIL, LONGEST_UID = 1000, 64

_NAMED = frozenset({"ae_title", "number", "machine", "provider", "session", "account"})
"""Parameters of a path that an event tells."""

EXPORTED = ("text/csv", "application/fhir+json")
"""The trail in these forms is made to leave the archive."""

_recorded: dict[tuple[str, ...], int] = {}


def record_access(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """Record what was read, changed or refused before the answer leaves."""
    response = next_handler(request)
    route = request.context.get("resourcePath", "")
    admitted = (request.context.get("authorizer") or {}).get("session")
    if not isinstance(admitted, str) or (request.method, route) in TELLS_ITSELF:
        return response
    parameters: dict[str, str] = request.uri_params or {}
    if route == ANYTHING_ELSE:
        route, parameters = _resource_of(parameters.get("proxy", ""))
    action = _action(request.method, route, response.status_code)
    if action is None:
        return response
    if action is Action.READ_AUDIT and str(response.headers.get("Content-Type", "")).startswith(EXPORTED):
        action = Action.EXPORT
    key = _key(request, admitted, action, route, parameters.get("study", ""))
    if _recorded.get(key) == int(time.time()) // WINDOW_S:
        return response
    try:
        session = signed_in(request)  # with what patients granted a professional
        event = _event(request, session, action, key, route, parameters, response.status_code)
        wiring.audit_trail().record(event)
    except errors.ArchiveError as error:
        wiring.logger("api").error("access not recorded", extra={"route": route, "error": type(error).__name__})
        return problem(503, "The access could not be recorded in the audit trail. Try again later.")
    _remember(key)
    note_use(request, session, event)
    return response


def _action(method: str, route: str, status: int) -> Action | None:
    """What happened; None when nothing was read, changed or refused."""
    if status == 403 or (status == 404 and "{study}" in route) or (status == 404 and route.endswith("/wado")):
        return Action.ACCESS_REFUSED
    return RULES.get((method, route)) if status < 400 else None


def _resource_of(path: str) -> tuple[str, dict[str, str]]:
    """The resource that a request came for which has a route for GET alone (HEAD)."""
    found = matching("/" + path)
    return (BASE + found[0], found[1]) if found else ("", {})


def _key(request: Request, admitted: str, action: Action, route: str, study: str) -> tuple[str, ...]:
    """What tells one access from another."""
    where = route if action in _LISTS else ""
    study = _bounded(study)
    if request.method in ("GET", "HEAD"):
        return admitted, action.value, where, study, _bounded(_query_text(action, request.query_params))
    return admitted, action.value, where, study, str(request.context.get("requestId") or time.time_ns())


def _bounded(text: str) -> str:
    """A text as part of a key: what is long by its digest."""
    return text if len(text) <= LONGEST_DETAIL else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


_LISTS = frozenset(
    {
        Action.ACCESS_REFUSED,
        Action.SEARCH,
        Action.READ_REGISTRY,
        Action.READ_LEDGER,
        Action.READ_AUDIT,
        Action.EXPORT,
    }
)
"""Actions of which each route and each query is an access of its own."""


def _query_text(action: Action, query: Any) -> str:
    """The query as far as it tells one access from another: all of it, or the parameters that name a study."""
    names = query if action in _LISTS else ("studyUID", "hospital")
    return "&".join(f"{name}={','.join(query.getlist(name))}" for name in names if name in query) if query else ""


def _remember(key: tuple[str, ...]) -> None:
    if len(_recorded) >= LARGEST_MEMORY:
        _recorded.clear()
    _recorded[key] = int(time.time()) // WINDOW_S


def _event(
    request: Request,
    session: Session,
    action: Action,
    key: tuple[str, ...],
    route: str,
    encoded: Mapping[str, str],
    status: int,
) -> AuditEvent:
    now_ms = int(time.time() * 1000)
    slot_ms = now_ms // WINDOW_MS * WINDOW_MS
    parameters = {name: path_value(value) for name, value in encoded.items()}
    query = query_multi(request)
    study = parameters.get("study", "") or (query.get("studyUID") or [""])[0]
    named = (query.get("hospital") or [""])[0] or parameters.get("hospital", "")
    refused = action is Action.ACCESS_REFUSED
    hospital, patient = ("", None) if refused else _subject_of(session, study, named)
    if action is Action.SEARCH:
        hospital, patient, study = subject_of_search(request, session, hospital, _subject_of)
    if action is Action.CONTACT_CHANGED:
        patient = PatientRef(hospital, parameters.get("patient", ""))
    detail: dict[str, str | int] = {"method": request.method, "route": route}
    if refused:
        detail["status"] = status
    if not refused and (study or action is Action.SEARCH):
        detail |= {"basis": basis} if (basis := basis_of(session, hospital, patient, study)) else {}
    detail |= {name: value[:LONGEST_DETAIL] for name, value in parameters.items() if name in _NAMED}
    if text := _query_text(action, request.query_params):
        detail["query"] = text[:LONGEST_DETAIL]
    return AuditEvent(
        now_ms,
        action,
        who_of(session, client_address(request)),
        Outcome.REFUSED if refused else Outcome.SUCCESS,
        hospital=hospital,
        patient=patient,
        study_instance_uid=study[:LONGEST_UID],
        detail=detail,
        occasion="|".join([session.session_id, *key[1:], str(slot_ms)]),
        slot_ms=slot_ms,
    )


def _subject_of(session: Session, study: str, named: str) -> tuple[str, PatientRef | None]:
    """Hospital and patient that a successful request was about."""
    if not study:
        return named or session.hospital, None
    try:
        found = visible_study(wiring.index_reader(), session.scope.within(named) if named else session.scope, study)
    except (errors.NotFound, errors.Conflict, errors.BadRequest):
        return named or session.hospital, None
    patient_id = found.value(PATIENT_ID)
    patient = PatientRef(found.hospital, patient_id, found.value(ISSUER_OF_PATIENT_ID)) if patient_id else None
    return found.hospital, patient


def record_sign_in(request: Request, session: Session, **detail: str) -> None:
    """Record that somebody signed in. Raises `errors.Unavailable` as `AuditTrail.record`."""
    wiring.audit_trail().record(event_now(Action.SIGN_IN, who_of(session, client_address(request)), detail=detail))


def record_sign_out(request: Request, session: Session) -> None:
    """Record that somebody signed out. Raises as `AuditTrail.record`."""
    wiring.audit_trail().record(event_now(Action.SIGN_OUT, who_of(session, client_address(request))))


def record_once(event: AuditEvent) -> None:
    """Record an event, of those with an occasion one a window: a process that did so asks nobody.

    Raises `errors.Unavailable` as `AuditTrail.record`.
    """
    key = ("occasion", event.action.value, event.occasion)
    if event.occasion and key in _recorded:
        return
    wiring.audit_trail().record(event)
    if event.occasion:
        _remember(key)


def record_refused_sign_in(request: Request, username: str, error: errors.ArchiveError) -> None:
    """Record that somebody could not sign in; once in a quarter of an hour and address for those who have to wait.

    Names that nobody has are kept as a digest: people type passwords in their place.
    """
    name, address = username.strip().lower(), client_address(request)
    user = wiring.registry().user(name)
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    who = (
        Who(name, user.role.value, user.display_name, user.hospital, "", address) if user else Who("", address=address)
    )
    now_ms = int(time.time() * 1000)
    slot_ms = now_ms // WINDOW_MS * WINDOW_MS if isinstance(error, errors.TooManyAttempts) else 0
    detail: dict[str, str | int | bool] = {"reason": type(error).__name__, "name_digest": digest}
    # Whatever the name: there is no end of them, and the work is the same for those that nobody has.
    occasion = f"{address}|{slot_ms}" if slot_ms else ""
    event = AuditEvent(
        now_ms, Action.SIGN_IN_REFUSED, who, Outcome.REFUSED, detail=detail, occasion=occasion, slot_ms=slot_ms
    )
    record_once(event)
