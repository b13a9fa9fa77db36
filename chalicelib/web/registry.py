"""The registry: names of hospitals for everybody who is signed in, everything else for operators."""

from __future__ import annotations

import re
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring
from chalicelib.access import registration
from chalicelib.access.model import ApplicationEntity, Hospital, Permission, Session
from chalicelib.access.ports import ABSENT, ANY_REVISION
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, respond, respond_json, signed_in
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)

HOSPITAL = "/api/hospitals/{hospital}"
APPLICATION_ENTITIES = f"{HOSPITAL}/application-entities"
APPLICATION_ENTITY = f"{APPLICATION_ENTITIES}/{{ae_title}}"
ETAG = re.compile(r'"([0-9a-f]{16})"')
NO_STORE = {"Cache-Control": "no-store"}


@routes.route("/api/hospitals", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_hospitals() -> Response:
    """Names of the region's hospitals."""
    signed_in(routes.current_request)
    hospitals = [{"id": hospital.hospital_id, "name": hospital.name} for hospital in wiring.registry().hospitals()]
    return respond_json({"hospitals": hospitals})


@routes.route(HOSPITAL, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_hospital(hospital: str) -> Response:
    """A hospital, with its revision as ETag."""
    current_session(routes.current_request, Permission.OPERATE)
    return _hospital(registration.known_hospital(wiring.registry(), path_value(hospital)))


@routes.route(HOSPITAL, methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_hospital(hospital: str) -> Response:
    """Register a hospital, or replace the one that If-Match names."""
    request = routes.current_request
    session = current_session(request, Permission.OPERATE)
    body = json_body(request, "HospitalProperties")
    registered, is_new = registration.register_hospital(
        wiring.registry(),
        Hospital(
            path_value(hospital),
            name=body["name"],
            sms_name=body.get("sms_name", ""),
            maximum_associations=body.get("maximum_associations", 0),
            maximum_instances_per_minute=body.get("maximum_instances_per_minute", 0),
            maximum_bytes_per_day=body.get("maximum_bytes_per_day", 0),
            networks=frozenset(body.get("networks", ())),
        ),
        precondition(request),
        public_url=wiring.settings().public_url,
    )
    _log(request, session, "created" if is_new else "replaced", registered.hospital_id, _hospital_json(registered))
    return _hospital(registered, 201 if is_new else 200)


@routes.route(APPLICATION_ENTITIES, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_application_entities(hospital: str) -> Response:
    """Application entities of a hospital."""
    current_session(routes.current_request, Permission.OPERATE)
    found = registration.application_entities_of(wiring.registry(), path_value(hospital))
    return respond_json({"application_entities": list(map(_application_entity_json, found))}, 200, NO_STORE)


@routes.route(APPLICATION_ENTITY, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_application_entity(hospital: str, ae_title: str) -> Response:
    """An application entity, with its revision as ETag."""
    current_session(routes.current_request, Permission.OPERATE)
    return _application_entity(
        registration.known_application_entity(wiring.registry(), path_value(hospital), path_value(ae_title))
    )


@routes.route(APPLICATION_ENTITY, methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_application_entity(hospital: str, ae_title: str) -> Response:
    """Register an application entity, or replace the one that If-Match names."""
    request = routes.current_request
    session = current_session(request, Permission.OPERATE)
    body = json_body(request, "ApplicationEntityProperties")
    destination = body.get("destination", {"host": "", "port": 0})
    certificates = frozenset(body.get("certificate_fingerprints", ()))
    registered, is_new = registration.register_application_entity(
        wiring.registry(),
        ApplicationEntity(
            ae_title=path_value(ae_title),
            hospital=path_value(hospital),
            services=frozenset(body["services"]),
            host=destination["host"],
            port=destination["port"],
            tls=destination.get("tls", False),
            certificate_fingerprints=certificates,
            # Who has a certificate shows it, unless an operator says otherwise.
            tls_only=body.get("tls_only", bool(certificates)),
            networks=frozenset(body.get("networks", ())),
            enabled=body.get("enabled", True),
        ),
        precondition(request),
    )
    action = "created" if is_new else "replaced"
    _log(request, session, action, registered.hospital, _application_entity_json(registered))
    return _application_entity(registered, 201 if is_new else 200)


@routes.route(APPLICATION_ENTITY, methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def delete_application_entity(hospital: str, ae_title: str) -> Response:
    """Remove the application entity that If-Match names."""
    request = routes.current_request
    session = current_session(request, Permission.OPERATE)
    removed = registration.remove_application_entity(
        wiring.registry(), path_value(hospital), path_value(ae_title), precondition(request)
    )
    _log(request, session, "removed", removed.hospital, _application_entity_json(removed))
    return respond(b"", "application/json", 204, NO_STORE)


def known_hospital(hospital_id: str) -> str:
    """The id, if a hospital is registered by it.

    Raises
    ------
    errors.BadRequest
        Otherwise.
    """
    if hospital_id not in {hospital.hospital_id for hospital in wiring.registry().hospitals()}:
        raise errors.BadRequest("The parameter hospital names one of /api/hospitals.")
    return hospital_id


def precondition(request: Request) -> str | None:
    """Revision that the caller names by If-Match or If-None-Match (RFC 9110 13.1), None if by neither.

    Raises
    ------
    errors.BadRequest
        If it is not `*` or one ETag of the registry; If-None-Match takes `*` alone.
    """
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if none_match is not None:
        if none_match.strip() != "*" or match is not None:
            raise errors.BadRequest("If-None-Match may be *, without If-Match.")
        return ABSENT
    if match is None:
        return None
    if match.strip() == "*":
        return ANY_REVISION
    etag = ETAG.fullmatch(match.strip())
    if etag is None:
        raise errors.BadRequest("If-Match takes one ETag of the registry, or *.")
    return etag[1]


def _log(request: Request, session: Session, action: str, hospital: str, registered: dict[str, Any]) -> None:
    """The one line of a change: who made it, and what is registered now (or was, if it is removed)."""
    wiring.logger("api").info(
        "registry changed",
        extra={
            "correlation_id": request.context.get("requestId", ""),
            "subject": session.subject,
            "session_id": session.session_id,
            "action": action,
            "what": "application entity" if "ae_title" in registered else "hospital",
            "hospital": hospital,
            "registered": registered,
        },
    )


def _hospital_json(hospital: Hospital) -> dict[str, Any]:
    return {
        "id": hospital.hospital_id,
        "name": hospital.name,
        "sms_name": hospital.sms_name,
        "maximum_associations": hospital.maximum_associations,
        "maximum_instances_per_minute": hospital.maximum_instances_per_minute,
        "maximum_bytes_per_day": hospital.maximum_bytes_per_day,
        "networks": sorted(hospital.networks),
        "revision": hospital.revision,
    }


def _application_entity_json(application_entity: ApplicationEntity) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ae_title": application_entity.ae_title,
        "hospital": application_entity.hospital,
        "services": sorted(application_entity.services),
        "certificate_fingerprints": sorted(application_entity.certificate_fingerprints),
        "tls_only": application_entity.tls_only,
        "networks": sorted(application_entity.networks),
        "enabled": application_entity.enabled,
        "revision": application_entity.revision,
    }
    if application_entity.host:
        shown["destination"] = {
            "host": application_entity.host,
            "port": application_entity.port,
            "tls": application_entity.tls,
        }
    return shown


def _hospital(hospital: Hospital, status: int = 200) -> Response:
    return respond_json(_hospital_json(hospital), status, {**NO_STORE, "ETag": f'"{hospital.revision}"'})


def _application_entity(application_entity: ApplicationEntity, status: int = 200) -> Response:
    headers = {**NO_STORE, "ETag": f'"{application_entity.revision}"'}
    return respond_json(_application_entity_json(application_entity), status, headers)
