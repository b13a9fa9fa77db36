"""How patients may be reached: `/api/hospitals/{hospital}/contacts/{patient}`."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring
from chalicelib.access.contacts import register_contact
from chalicelib.access.model import Permission
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, respond_json
from chalicelib.web.schemas import json_body

routes = Blueprint(__name__)


@routes.route("/api/hospitals/{hospital}/contacts/{patient}", methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_contact(hospital: str, patient: str) -> Response:
    """Register a patient's mobile number; repeating it, or with another number, replaces the first."""
    request = routes.current_request
    session = current_session(request, Permission.REGISTER_CONTACTS)
    if path_value(hospital) != session.hospital:
        raise errors.NotAllowed("Contacts are registered by the patient's own hospital.")
    body = json_body(request, "Contact")
    contact = register_contact(
        wiring.registry(),
        session.hospital,
        path_value(patient),
        body.get("issuer", ""),
        body["phone_number"],
        consent=body["consent"],
    )
    shown = {
        "hospital": contact.hospital,
        "patient_id": contact.patient_id,
        "issuer": contact.issuer,
        "phone_number": contact.phone_number,
        "consent": contact.consent,
    }
    return respond_json(shown, 200, {"Cache-Control": "no-store"})
