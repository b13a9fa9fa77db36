"""Contested lines of invoices: `/api/disputes`, `/api/disputes/{dispute}/decision` (docs/adr/0031)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring, wiring_billing
from chalicelib.access.audit import Action, event_now, who_of
from chalicelib.access.model import Permission, Role, Session
from chalicelib.billing import disputes
from chalicelib.billing.disputes import Contested, Dispute, Reason, State
from chalicelib.billing.invoice import Invoice
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import client_address, current_session, handles_errors, path_value, respond_json
from chalicelib.web.ledger import hospital_of_reader
from chalicelib.web.registry import known_hospital
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

NO_STORE = {"Cache-Control": "no-store"}
_ACTION = {
    State.OPEN: Action.LINE_DISPUTED,
    State.ACCEPTED: Action.DISPUTE_ACCEPTED,
    State.REFUSED: Action.DISPUTE_REFUSED,
}


@routes.route("/api/disputes", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_disputes() -> Response:
    """Contested lines of a hospital, the latest first."""
    hospital = hospital_of_reader(routes.current_request)
    found = wiring_billing.disputes().of_hospital(hospital)
    documents = wiring.invoices().of_hospital(hospital) if found else []
    return respond_json({"disputes": [_shown(dispute, documents) for dispute in found]}, 200, NO_STORE)


@routes.route("/api/disputes", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def contest_line() -> Response:
    """Contest a line of an invoice of the session's own hospital."""
    request = routes.current_request
    session = current_session(request, Permission.READ_LEDGER)
    if session.role is Role.OPERATOR:
        raise errors.NotAllowed("Invoices are contested by the hospital that they are sent to.")
    body = json_body(request, "DisputeRequest")
    wanted = Contested(**{**body, "reason": Reason(body["reason"])})
    stores = (wiring.ledger(), wiring.invoices(), wiring_billing.disputes())
    made = disputes.contest(*stores, session.hospital, wanted, session.display_name, _now_ms())
    _record(request, session, made)
    return respond_json(_shown(made, ()), 201, NO_STORE)


@routes.route("/api/disputes/{dispute}/decision", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def decide_dispute(dispute: str) -> Response:
    """Accept a dispute and issue its credit note, or refuse it."""
    request = routes.current_request
    session = current_session(request, Permission.OPERATE)
    body = json_body(request, "DisputeDecision")
    hospital, state, text = known_hospital(body["hospital"]), State(body["outcome"]), body.get("text", "").strip()
    if state is State.REFUSED and not text:
        raise errors.BadRequest("text: a refusal needs a reason.")
    store = wiring_billing.disputes()
    decided = disputes.decide(store, hospital, path_value(dispute), state, text, session.display_name, _now_ms())
    _record(request, session, decided)
    if state is State.ACCEPTED:
        # Where this fails the dispute stays accepted: the next attempt or the monthly run makes the credit note.
        wiring.invoicer().credit(hospital, decided.dispute_id)
    return respond_json(_shown(decided, wiring.invoices().of_hospital(hospital)), 200, NO_STORE)


def _record(request: Request, session: Session, dispute: Dispute) -> None:
    event = event_now(
        _ACTION[dispute.state],
        who_of(session, client_address(request)),
        hospital=dispute.hospital,
        study_instance_uid=dispute.study_instance_uid,
        detail={"dispute": dispute.dispute_id, "invoice": dispute.invoice, "reason": dispute.reason.value},
        # A repeated attempt is the same decision.
        occasion=f"{dispute.dispute_id}|{dispute.state.value}",
        slot_ms=dispute.history[-1].at_ms,
    )
    wiring.audit_trail().record(event)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _shown(dispute: Dispute, documents: Iterable[Invoice]) -> dict[str, Any]:
    credits = (each for each in documents if each.corrects and each.corrects.dispute == dispute.dispute_id)
    note = next(credits, None)
    return {
        "id": dispute.dispute_id,
        "hospital": dispute.hospital,
        "invoice": dispute.invoice,
        "period": dispute.origin,
        "seq": dispute.seq,
        "accession_number": dispute.accession_number,
        "study_instance_uid": dispute.study_instance_uid,
        "reason": dispute.reason.value,
        "state": dispute.state.value,
        "history": [
            {"state": step.state.value, "at": _time(step.at_ms), "by": step.by, "text": step.text}
            for step in dispute.history
        ],
        "credit_note": note.number if note else None,
        "credited": str(note.rating.total) if note else None,
    }


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
