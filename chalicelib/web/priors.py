"""Priors at other hospitals for a page of the worklist: `/api/priors` (docs/adr/0028)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring, wiring_care
from chalicelib.access.access_grants import CARE
from chalicelib.access.audit import Action, AuditEvent, who_of
from chalicelib.access.model import Permission, Session
from chalicelib.access.priors import Priors, priors_of
from chalicelib.dicom.uid import is_valid
from chalicelib.errors import BadRequest
from chalicelib.web.auditing import WINDOW_MS, record_once
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import client_address, current_session, handles_errors, query_value, respond_json
from chalicelib.web.sessions import NOT_STORED

routes = Blueprint(__name__)

MOST_STUDIES = 50
"""Of a page of the worklist."""


@routes.route("/api/priors", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_priors() -> Response:
    """How many exams other hospitals have, that may be seen by a care relation, for studies of the session's own."""
    request = routes.current_request
    session = current_session(request, Permission.DECLARE_CARE)
    found = priors_of(wiring_care.care(), session, _studies(request))
    relations = {one.relation.relation_id: one for some in found.values() for one in some}
    _record(request, session, relations.values())
    opened = _opened(session) if relations else set()
    names = _hospital_names({one.relation.other.hospital for one in relations.values()})
    answer = [
        {"study_instance_uid": uid, "priors": [_shown(one, names, opened) for one in some]}
        for uid, some in found.items()
    ]
    return respond_json({"studies": answer}, 200, NOT_STORED)


def _studies(request: Request) -> list[str]:
    """Study Instance UIDs that are asked for, separated by commas."""
    uids = [uid for uid in query_value(request, "studies").split(",") if uid]
    if not uids or len(uids) > MOST_STUDIES:
        raise BadRequest(f"studies: 1 to {MOST_STUDIES} Study Instance UIDs, separated by commas.")
    if not all(map(is_valid, uids)):
        raise BadRequest("studies: something is not a UID.")
    return uids


def _record(request: Request, session: Session, priors: Iterable[Priors]) -> None:
    """Once a quarter of an hour in the trail of each hospital that has exams; a list of many patients names none."""
    now_ms = int(time.time() * 1000)
    slot_ms = now_ms // WINDOW_MS * WINDOW_MS
    hospitals = [one.relation.other.hospital for one in priors]
    for hospital in sorted(set(hospitals)):
        record_once(
            AuditEvent(
                now_ms,
                Action.SEARCH,
                who_of(session, client_address(request)),
                hospital=hospital,
                detail={"basis": CARE, "route": "/api/priors", "relations": hospitals.count(hospital)},
                occasion=f"priors|{session.session_id}|{hospital}|{slot_ms}",
                slot_ms=slot_ms,
            )
        )


def _opened(session: Session) -> set[str]:
    """Ids of the relations that the session's user has opened."""
    if not session.may(Permission.OPEN_PRIORS):
        return set()
    return {grant.reference for grant in wiring.access_grants().of_professional(session.subject)}


def _hospital_names(hospitals: Iterable[str]) -> dict[str, str]:
    found = {hospital: wiring.registry().hospital(hospital) for hospital in sorted(hospitals)}
    return {hospital: one.name if one else hospital for hospital, one in found.items()}


def _shown(priors: Priors, names: Mapping[str, str], opened: set[str]) -> dict[str, Any]:
    hospital = priors.relation.other.hospital
    return {
        "hospital": hospital,
        "hospital_name": names[hospital],
        "exams": priors.exams,
        "is_at_least": priors.is_at_least,
        "newest": priors.newest,
        "is_open": priors.relation.relation_id in opened,
    }
