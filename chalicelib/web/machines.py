"""Machines of a hospital: registered, rotated and revoked by its PACS manager or an operator."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access.machines import OVERLAP_S, Machine, create_machine, revoke_machine, rotate_secret
from chalicelib.access.model import Permission, Role
from chalicelib.access.registration import known_hospital
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, respond, respond_json
from chalicelib.web.schemas import json_body
from chalicelib.web.sessions import NOT_STORED

routes = Blueprint(__name__)

MACHINES = "/api/hospitals/{hospital}/machines"
MACHINE = f"{MACHINES}/{{machine}}"


@routes.route(MACHINES, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_machines(hospital: str) -> Response:
    """A hospital's machines; secrets were shown when they were made."""
    named = managed_hospital(routes.current_request, hospital)
    known_hospital(wiring.registry(), named)
    machines = wiring_accounts.machines().machines(named)
    return respond_json({"machines": [_shown(machine) for machine in machines]}, 200, NOT_STORED)


@routes.route(MACHINES, methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def post_machine(hospital: str) -> Response:
    """Register a machine; the answer alone has its secret."""
    request = routes.current_request
    named = managed_hospital(request, hospital)
    body = json_body(request, "MachineProperties")
    machine, secret = create_machine(
        wiring.registry(), wiring_accounts.machines(), wiring.code_key(), named, body["name"], body["services"]
    )
    return respond_json({**_shown(machine), "client_secret": secret}, 201, NOT_STORED)


@routes.route(f"{MACHINE}/secrets", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def post_machine_secret(hospital: str, machine: str) -> Response:
    """Give a machine a new secret; the one before is good until the machine has it."""
    request = routes.current_request
    named = managed_hospital(request, hospital)
    overlap_s = int(json_body(request, "MachineRotation").get("previous_valid_s", OVERLAP_S))
    rotated, secret = rotate_secret(
        wiring_accounts.machines(), wiring.code_key(), named, path_value(machine), overlap_s
    )
    return respond_json({**_shown(rotated), "client_secret": secret}, 201, NOT_STORED)


@routes.route(MACHINE, methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def delete_machine(hospital: str, machine: str) -> Response:
    """Revoke a machine: its secrets and its sessions end now."""
    named = managed_hospital(routes.current_request, hospital)
    revoke_machine(wiring.registry(), wiring_accounts.machines(), named, path_value(machine))
    return respond(b"", "application/json", 204, NOT_STORED)


def managed_hospital(request: Request, hospital: str) -> str:
    """The hospital of the path, if the caller may manage its accounts.

    Raises
    ------
    errors.NotAllowed
        If the caller is neither its PACS manager nor an operator.
    """
    session = current_session(request, Permission.MANAGE_ACCOUNTS)
    named = path_value(hospital)
    if session.role is not Role.OPERATOR and session.hospital != named:
        raise errors.NotAllowed("Your role does not permit this.")
    return named


def _shown(machine: Machine) -> dict[str, Any]:
    now = time.time()
    return {
        "client_id": machine.client_id,
        "name": machine.name,
        "services": list(machine.services),
        "created_at": _time(machine.created_at),
        "secrets": [
            {"created_at": _time(secret.created_at), "expires_at": _time(secret.expires_at)}
            for secret in machine.secrets
            if secret.is_live(now)
        ],
    }


def _time(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds else None
