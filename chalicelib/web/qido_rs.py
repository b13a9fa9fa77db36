"""Search transaction over HTTP (QIDO-RS, PS3.18 10.6)."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.access.model import Permission
from chalicelib.archive.scope import Scope
from chalicelib.archive.search import SearchRequest, SearchResult, search
from chalicelib.archive.search_patients import PATIENT_COUNTS, search_patients
from chalicelib.archive.search_results import Level, level_of
from chalicelib.archive.series_metadata import dicomweb_url
from chalicelib.dicom import xml_model
from chalicelib.dicom.json_text import encoded
from chalicelib.dicom.media_types import DICOM_JSON, Representation, accepted, choose
from chalicelib.errors import TooMuch
from chalicelib.web.audit_searches import note_found
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    BUFFERED_BODY_LIMIT_BYTES,
    accept_header,
    current_session,
    gzipped,
    handles_errors,
    path_value,
    query_multi,
    query_value,
    respond,
)
from chalicelib.web.search_query import parse_search

routes = Blueprint(__name__)

XML = Representation(xml_model.MEDIA_TYPE, multipart=True)
OFFERS = (*DICOM_JSON, XML)
PATIENT_LEVEL = Level.STUDY
"""Patients are found among the rows of studies."""
_MORE = '299 sansfilm "There are additional results that can be requested"'


def _answer(level: Level, study: str = "", series: str = "") -> Response:
    request: Any = routes.current_request
    scope, query, representation = _read(request)
    parsed = parse_search(level, query, path_value(study), path_value(series))
    result = search(wiring.index_reader(), scope, parsed, dicomweb_url(wiring.settings().public_url))
    return _found(request, result, parsed, representation)


def _read(request: Any) -> tuple[Scope, dict[str, list[str]], Representation]:
    scope = current_session(request, Permission.READ_IMAGES, "query").scope
    query = query_multi(request)
    representation = choose(accepted(accept_header(request), query), OFFERS)
    if "hospital" in query:
        scope = scope.within(query_value(request, "hospital"))
    return scope, query, representation


def _found(request: Any, result: SearchResult, parsed: SearchRequest, representation: Representation) -> Response:
    """The matches as the caller wants them; 204 when there are none (PS3.18 table 10.6.3-1)."""
    note_found(request, result.matches)
    headers = {"Cache-Control": "private, no-store"}
    if result.is_complete and (result.matches or not parsed.offset):
        headers["X-Total-Count"] = str(parsed.offset + len(result.matches))
    if warnings := _warnings(result, parsed):
        headers["Warning"] = ", ".join(warnings)
    if not result.matches:
        return Response(body=b"", status_code=204, headers={**headers})
    if representation == XML:
        body, content_type = xml_model.to_multipart(result.matches)
    else:
        body = encoded(result.matches)
        content_type = representation.media_type
    response = gzipped(respond(body, content_type, headers=headers), request)
    if len(response.body) > BUFFERED_BODY_LIMIT_BYTES:
        raise TooMuch("The answer is too large. Ask for fewer results by limit, or for fewer attributes.")
    return response


def _warnings(result: SearchResult, parsed: SearchRequest) -> list[str]:
    warnings = [] if result.is_complete else [_MORE]
    depth = list(Level).index(parsed.level)
    lower = sorted(tag for tag in parsed.include_tags - set(PATIENT_COUNTS) if list(Level).index(level_of(tag)) > depth)
    if lower:
        warnings.append(f'299 sansfilm "Not returned at this level: {", ".join(lower[:20])}"')
    return warnings


@routes.route("/dicomweb/patients", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_for_patients() -> Response:
    """Patients of the studies that match: not of the standard, by the rules of C-FIND at PATIENT level."""
    request: Any = routes.current_request
    scope, query, representation = _read(request)
    parsed = parse_search(PATIENT_LEVEL, query)
    return _found(request, search_patients(wiring.index_reader(), scope, parsed), parsed, representation)


@routes.route("/dicomweb/studies", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_for_studies() -> Response:
    """All studies (PS3.18 table 10.6.1-1)."""
    return _answer(Level.STUDY)


@routes.route("/dicomweb/series", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_for_all_series() -> Response:
    """All series."""
    return _answer(Level.SERIES)


@routes.route("/dicomweb/instances", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_for_all_instances() -> Response:
    """All instances."""
    return _answer(Level.INSTANCE)


@routes.route("/dicomweb/studies/{study}/series", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_for_series_of_study(study: str) -> Response:
    """Series of a study."""
    return _answer(Level.SERIES, study)


@routes.route("/dicomweb/studies/{study}/instances", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_for_instances_of_study(study: str) -> Response:
    """Instances of a study."""
    return _answer(Level.INSTANCE, study)


@routes.route("/dicomweb/studies/{study}/series/{series}/instances", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def search_for_instances_of_series(study: str, series: str) -> Response:
    """Instances of a series."""
    return _answer(Level.INSTANCE, study, series)
