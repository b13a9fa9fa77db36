"""What the registry shows to everybody who is signed in: `/api/hospitals`."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import handles_errors, respond_json, signed_in

routes = Blueprint(__name__)


@routes.route("/api/hospitals", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_hospitals() -> Response:
    """Names of the region's hospitals."""
    signed_in(routes.current_request)
    hospitals = [{"id": hospital.hospital_id, "name": hospital.name} for hospital in wiring.registry().hospitals()]
    return respond_json({"hospitals": hospitals})


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
