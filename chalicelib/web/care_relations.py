"""Care relations and oppositions: `/api/care-relations`, `/api/oppositions`, `/api/my/opposition` (docs/adr/0028)."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring, wiring_care
from chalicelib.access import care_relations
from chalicelib.access.access_grants import CARE
from chalicelib.access.audit import Action
from chalicelib.access.care_relations import CareRelation, Opposition
from chalicelib.access.contacts import identifier
from chalicelib.access.model import SEES, Permission, Session
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.errors import BadRequest, NotAllowed
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    current_session,
    handles_errors,
    path_value,
    query_value,
    respond,
    respond_json,
)
from chalicelib.web.patient_auditing import record_about_patient
from chalicelib.web.patient_codes import NOT_STORED, shown_time
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)


# Relations ------------------------------------------------------------------------------------------------------------


@routes.route("/api/care-relations", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def declare_care_relation() -> Response:
    """Declare that the session's hospital treats a patient whom another one has exams of."""
    request = routes.current_request
    session = current_session(request, Permission.DECLARE_CARE)
    body = json_body(request, "CareRelationRequest")
    if not body["informed"]:
        raise BadRequest("informed: the patient has been informed and does not oppose, or there is no relation.")
    other = body["other"]
    relation = care_relations.declare(
        wiring_care.care(),
        session,
        _patient(session.hospital, body["patient_id"], body.get("issuer", "")),
        _patient(other["hospital"], other["patient_id"], other.get("issuer", "")),
        valid_days=wiring.settings().care_relation_days,
    )
    _record(request, session, Action.CARE_DECLARED, relation)
    return respond_json(_shown(relation, session), 201, NOT_STORED)


@routes.route("/api/care-relations", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_care_relations() -> Response:
    """Relations of a patient of the session's hospital, with the exams that they lead to before these are opened."""
    request = routes.current_request
    session = current_session(request, Permission.DECLARE_CARE)
    own = _own(request, session)
    found = wiring_care.care_relations().of_own(own)
    for relation in found:
        # Dates of exams are health data of the other hospital's.
        _record(request, session, Action.SEARCH, relation)
    return respond_json({"care_relations": [_shown(one, session) for one in found]}, 200, NOT_STORED)


@routes.route("/api/care-relations/{relation}/opening", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def open_priors(relation: str) -> Response:
    """Open what a relation leads to: the session's user sees it from the next request on."""
    request = routes.current_request
    session = current_session(request, Permission.OPEN_PRIORS)
    care = wiring_care.care()
    found = care_relations.relation_of(care, session, _own(request, session), path_value(relation))
    _record(request, session, Action.GRANT_CREATED, found, basis=CARE, until=shown_time(found.expires_at))
    care_relations.open_priors(care, session, found)
    return respond_json({**_shown(found, session), "is_open": True}, 201, NOT_STORED)


@routes.route("/api/care-relations/{relation}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_care_relation(relation: str) -> Response:
    """End a relation: nobody sees anything by it from the next request on."""
    request = routes.current_request
    session = current_session(request, Permission.DECLARE_CARE)
    care = wiring_care.care()
    found = care_relations.relation_of(care, session, _own(request, session), path_value(relation))
    care_relations.end_relation(care, found)
    _record(request, session, Action.CARE_ENDED, found)
    return respond(b"", "application/json", 204, NOT_STORED)


def _own(request: Request, session: Session) -> PatientRef:
    if not session.hospital:
        raise NotAllowed("Your role is of no hospital.")
    return _patient(session.hospital, query_value(request, "patient_id"), query_value(request, "issuer"))


def _patient(hospital: str, patient_id: str, issuer: str) -> PatientRef:
    issuer = identifier(issuer, "issuer") if issuer else ""
    return PatientRef(hospital, identifier(patient_id, "patient id"), issuer)


def _record(request: Request, session: Session, action: Action, relation: CareRelation, **more: str) -> None:
    """In the trail of the hospital that has the exams, where the patient reads it."""
    record_about_patient(request, session, action, relation.other, care_relation=relation.relation_id, **more)


def _shown(relation: CareRelation, session: Session) -> dict[str, Any]:
    scope = Scope(patients=(relation.other,), sees=SEES.get(session.role, frozenset()))
    studies = care_relations.studies_of(reader_within(wiring.index_reader(), scope), relation.other)
    hospital = wiring.registry().hospital(relation.other.hospital)
    grants = wiring.access_grants().of_professional(session.subject) if session.may(Permission.OPEN_PRIORS) else []
    return {
        "id": relation.relation_id,
        "hospital": relation.other.hospital,
        "hospital_name": hospital.name if hospital else relation.other.hospital,
        "patient_id": relation.other.patient_id,
        "declared_by": relation.declared_by_name,
        "declared_at": shown_time(relation.declared_at),
        "expires_at": shown_time(relation.expires_at),
        "is_open": any(one.reference == relation.relation_id for one in grants),
        "exams": [_exam(study) for study in studies],
    }


def _exam(study: StudyRecord) -> dict[str, Any]:
    return {
        "study_instance_uid": study.study_instance_uid,
        "study_date": study.value("00080020"),
        "description": study.value("00081030"),
        "modalities": list(study.modalities),
    }


# Opposition -----------------------------------------------------------------------------------------------------------


@routes.route("/api/oppositions/{patient}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_opposition(patient: str) -> Response:
    """Whether a patient of the session's hospital opposes that others reach the exams."""
    request = routes.current_request
    session = current_session(request, Permission.DECLARE_CARE)
    return _answer(wiring_care.care_relations().opposition(_named(request, session, patient)))


@routes.route("/api/oppositions/{patient}", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def record_opposition(patient: str) -> Response:
    """Record at the desk whether a patient opposes; an opposition ends every access by a care relation."""
    request = routes.current_request
    session = current_session(request, Permission.DECLARE_CARE)
    return _change(request, session, _named(request, session, patient))


@routes.route("/api/my/opposition", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_my_opposition() -> Response:
    """Whether the signed-in patient opposes."""
    session = current_session(routes.current_request, Permission.DECIDE_FOR_ONESELF)
    return _answer(wiring_care.care_relations().opposition(_only_patient(session)))


@routes.route("/api/my/opposition", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def record_my_opposition() -> Response:
    """The signed-in patient opposes, or does no more."""
    request = routes.current_request
    session = current_session(request, Permission.DECIDE_FOR_ONESELF)
    return _change(request, session, _only_patient(session))


def _named(request: Request, session: Session, patient: str) -> PatientRef:
    if not session.hospital:
        raise NotAllowed("Your role is of no hospital.")
    return _patient(session.hospital, path_value(patient), query_value(request, "issuer"))


def _only_patient(session: Session) -> PatientRef:
    if len(session.scope.patients) != 1:
        raise NotAllowed("The session is not that of one patient.")
    return session.scope.patients[0]


def _change(request: Request, session: Session, patient: PatientRef) -> Response:
    opposes = bool(json_body(request, "OppositionRequest")["opposes"])
    recorded = care_relations.record_opposition(wiring_care.care(), session, patient, opposes=opposes)
    record_about_patient(request, session, Action.OPPOSITION_RECORDED, patient, opposes=opposes)
    return _answer(recorded)


def _answer(recorded: Opposition | None) -> Response:
    answer = {
        "opposes": recorded.opposes if recorded else False,
        "recorded_by": recorded.recorded_by_name if recorded else "",
        "recorded_at": shown_time(recorded.recorded_at) if recorded else None,
    }
    return respond_json(answer, 200, NOT_STORED)
