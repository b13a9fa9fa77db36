"""Retrieve Capabilities (PS3.18 8.9), and what API Gateway has no route for: HEAD, unknown resources and methods."""

from __future__ import annotations

import json

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.dicom.media_types import Representation, accepted, choose
from chalicelib.web import openapi_dicomweb, wadl
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.dicomweb_operations import BASE, JSON, OPERATIONS, WADL, matching, methods
from chalicelib.web.http import accept_header, gzipped, handles_errors, problem, respond
from chalicelib.web.retrieving import query_of

routes = Blueprint(__name__)

ANYTHING_ELSE = BASE + "/{proxy+}"
"""API Gateway's name for every path and method below that no route is more specific for."""
ANY_CONTENT: list[str] = []
"""A body's type does not matter where no body is taken: chalice would answer 415 first."""
_OFFERS = (Representation(WADL), Representation(JSON))
_CACHE = {"Cache-Control": "public, max-age=300", "Vary": "Accept, Accept-Encoding"}


def _capabilities(template: str, allow: list[str]) -> Response:
    """The description of a resource and of those below it."""
    request = routes.current_request
    query = query_of(request)
    chosen = choose(accepted(accept_header(request), query), _OFFERS).media_type
    below = [each for each in OPERATIONS if each.path == template or each.path.startswith(template + "/")]
    described = wadl.description(wiring.settings().public_url + BASE, below)
    body = wadl.to_xml(described) if chosen == WADL else json.dumps(described).encode()
    return gzipped(respond(body, chosen, headers={"Allow": ", ".join(allow), **_CACHE}), request)


@routes.route(BASE, methods=["GET", "HEAD", "OPTIONS"])
@handles_errors
def retrieve_capabilities() -> Response:
    """Retrieve Capabilities of the service; public, like the standard that it names."""
    return without_body_for_head(_capabilities("", methods("")))


@routes.route(BASE + "/openapi.json", methods=["GET", "HEAD"])
@handles_errors
def describe() -> Response:
    """The OpenAPI document of DICOMweb."""
    request = routes.current_request
    query_of(request)
    body = json.dumps(openapi_dicomweb.document(), ensure_ascii=False).encode()
    return without_body_for_head(gzipped(respond(body, JSON, headers=dict(_CACHE)), request))


def without_body_for_head(answer: Response) -> Response:
    """The answer to HEAD says what that to GET would, without its body (RFC 9110 9.3.2)."""
    if routes.current_request.method == "HEAD":
        answer.body = b""
    return answer


@routes.route(ANYTHING_ELSE, methods=["OPTIONS"])
@handles_errors
def retrieve_capabilities_of_resource() -> Response:
    """Retrieve Capabilities of one resource."""
    found = matching(_path_below_base())
    return _capabilities(found[0], methods(found[0])) if found else _not_found()


@routes.route(
    ANYTHING_ELSE,
    methods=["HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"],
    authorizer=sessions_authorizer,
    content_types=ANY_CONTENT,
)
@handles_errors
def anything_else() -> Response:
    """HEAD of what has GET; 404 for what there is not; 405 for what cannot be done with what there is.

    Instances are neither replaced nor deleted here, and Store has its own server (D7): a POST that comes here has none.
    """
    found = matching(_path_below_base())
    if found is None:
        return _not_found()
    template, captured = found
    view = routes.current_app.routes[BASE + template].get("GET")
    if routes.current_request.method == "HEAD" and view is not None:
        return without_body_for_head(view.view_function(**captured))
    return _not_allowed(template)


@routes.route(
    BASE, methods=["POST", "PUT", "PATCH", "DELETE"], authorizer=sessions_authorizer, content_types=ANY_CONTENT
)
@handles_errors
def nothing_else() -> Response:
    """405 for the service itself."""
    return _not_allowed("")


def _path_below_base() -> str:
    return "/" + str((routes.current_request.uri_params or {}).get("proxy", ""))


def _not_allowed(template: str) -> Response:
    method = str(routes.current_request.method)
    allowed = [each for each in methods(template) if each != method]
    return problem(405, f"{method} is not offered for this resource.", {"Allow": ", ".join(allowed)})


def _not_found() -> Response:
    return problem(404, "There is no such resource: GET /dicomweb/ lists those that there are.")
