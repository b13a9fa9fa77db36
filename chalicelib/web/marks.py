"""What is kept back of a study: `/api/studies/{study}/marks`, for the hospital that archived it (docs/adr/0027)."""

from __future__ import annotations

import time
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.access import marking
from chalicelib.access.audit import Action, event_now, who_of
from chalicelib.access.model import Permission, Session
from chalicelib.archive.confidentiality import Kind, Mark, Target
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.scope import PatientRef
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID
from chalicelib.errors import Unavailable
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import client_address, current_session, handles_errors, path_value, respond_json
from chalicelib.web.patient_codes import NOT_STORED, shown_time
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)


@routes.route("/api/studies/{study}/marks", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_marks(study: str) -> Response:
    """What is kept back of a study, and what was, newest first."""
    _, found = _study(routes.current_request, study)
    marks, _ = wiring.marks().of_study(found.hospital, found.study_instance_uid)
    return respond_json({"marks": [_shown(mark) for mark in reversed(marks)]}, 200, NOT_STORED)


@routes.route("/api/studies/{study}/marks", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def set_mark(study: str) -> Response:
    """Keep something of a study back, from the next request on."""
    request = routes.current_request
    session, found = _study(request, study)
    body = json_body(request, "MarkRequest")
    target = Target(body.get("series", ""), body.get("instance", ""), bool(body.get("reports")))
    wanted = marking.Wanted(Kind(body["kind"]), target, body.get("until", ""), body.get("announcer", ""))
    mark = marking.set_mark(wiring.marks(), wiring.index_reader(), session, found, wanted)
    # Where this fails the mark stays: what is kept back in vain does less harm than what is not.
    _record(request, session, Action.DOCUMENT_MARKED, found, mark)
    return respond_json(_shown(mark), 201, NOT_STORED)


@routes.route("/api/studies/{study}/marks/{mark}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def lift_mark(study: str, mark: str) -> Response:
    """Lift a mark: what it kept back is shown from the next request on."""
    request = routes.current_request
    session, found = _study(request, study)
    marks, mark_id = wiring.marks(), path_value(mark)
    # Recorded first: nothing is shown of which nobody could say who showed it.
    _record(request, session, Action.MARK_LIFTED, found, marking.live_mark(marks, found, mark_id))
    lifted = marking.lift_mark(marks, session, found, mark_id)
    if lifted.kind in (Kind.DELAYED, Kind.PRIVATE) and lifted.target.is_study:
        _announce(found)
    return respond_json(_shown(lifted), 200, NOT_STORED)


def _announce(study: StudyRecord) -> None:
    """Have the study looked at again: its patient was not told of it by SMS while it was kept back."""
    try:
        wiring.study_ready_queue().schedule(study.hospital, study.study_instance_uid, study.last_received_at_ms, 0)
    except Unavailable:
        wiring.logger("api").error("study not announced", extra={"hospital": study.hospital})


def _study(request: Request, study: str) -> tuple[Session, StudyRecord]:
    session = current_session(request, Permission.MARK_DOCUMENTS)
    return session, marking.study_of_hospital(wiring.index_reader(), session, path_value(study))


def _record(request: Request, session: Session, action: Action, study: StudyRecord, mark: Mark) -> None:
    patient = PatientRef(study.hospital, study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID))
    event = event_now(
        action,
        who_of(session, client_address(request)),
        hospital=study.hospital,
        patient=patient if patient.patient_id else None,
        study_instance_uid=study.study_instance_uid,
        detail={
            "mark": mark.mark_id,
            "kind": mark.kind.value,
            "of": _covered(mark.target),
            **({"series": mark.target.series_instance_uid} if mark.target.series_instance_uid else {}),
            **({"instance": mark.target.sop_instance_uid} if mark.target.sop_instance_uid else {}),
        },
    )
    wiring.audit_trail().record(event)


def _covered(target: Target) -> str:
    if target.is_study:
        return "study"
    return "reports" if target.reports else "instance" if target.sop_instance_uid else "series"


def _shown(mark: Mark) -> dict[str, Any]:
    return {
        "id": mark.mark_id,
        "kind": mark.kind.value,
        "of": _covered(mark.target),
        "series": mark.target.series_instance_uid,
        "instance": mark.target.sop_instance_uid,
        "announcer": mark.announcer,
        "set_by": mark.set_by_name,
        "set_at": shown_time(mark.set_at),
        "until": shown_time(mark.until) if mark.until else None,
        "is_live": mark.is_live(time.time()),
        "lifted_by": mark.lifted_by_name,
        "lifted_at": shown_time(mark.lifted_at) if mark.lifted_at else None,
    }
