"""Search transaction over HTTP (QIDO-RS, PS3.18 10.6)."""

from __future__ import annotations

import json
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.access.model import Permission
from chalicelib.archive.search import MAXIMUM_RESULTS, SearchRequest, search
from chalicelib.archive.search_results import Level
from chalicelib.archive.series_metadata import dicomweb_url
from chalicelib.dicom.attributes import resolve_path
from chalicelib.dicom.matching import Condition
from chalicelib.dicom.media_types import accepted, json_type
from chalicelib.dicom.uid import is_valid
from chalicelib.errors import BadRequest, TooMuch
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    BUFFERED_BODY_LIMIT_BYTES,
    accept_header,
    current_session,
    gzipped,
    handles_errors,
    path_value,
    query_multi,
    respond,
)

routes = Blueprint(__name__)

_WARNING_MORE = '299 sansfilm "There are additional results that can be requested"'
_CONTROL_PARAMETERS = frozenset({"includefield", "limit", "offset", "fuzzymatching", "accept", "charset"})


def parse_search(
    level: Level, query: dict[str, list[str]], study_instance_uid: str = "", series_instance_uid: str = ""
) -> SearchRequest:
    """Build a search from query parameters (PS3.18 8.3.4 and table 10.6.1-2).

    Raises
    ------
    BadRequest
        Naming the parameter that is unknown or malformed: none is ever ignored.
    """
    if not all(is_valid(uid) for uid in (study_instance_uid, series_instance_uid) if uid):
        raise BadRequest("The path names something that is not a UID.")
    fuzzy = _one(query, "fuzzymatching", "false").lower()
    if fuzzy not in ("true", "false"):
        raise BadRequest("fuzzymatching must be true or false.")
    include_tags, include_all = _include_fields(query.get("includefield", []))
    return SearchRequest(
        level,
        study_instance_uid,
        series_instance_uid,
        tuple(_conditions(query, fuzzy == "true")),
        include_tags,
        include_all,
        min(_count(query, "limit", MAXIMUM_RESULTS), MAXIMUM_RESULTS),
        _count(query, "offset", 0),
    )


def _one(query: dict[str, list[str]], name: str, default: str) -> str:
    values = set(query.get(name) or [default])
    if len(values) > 1:
        raise BadRequest(f"{name} is given more than once.")
    return values.pop()


def _count(query: dict[str, list[str]], name: str, default: int) -> int:
    text = _one(query, name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(f"{name} must be a non-negative integer.")
    return int(text)


def _include_fields(values: list[str]) -> tuple[frozenset[str], bool]:
    """Tags named by `includefield`, comma lists and repetitions alike; within a sequence the whole sequence."""
    names = [name.strip() for value in values for name in value.split(",") if name.strip()]
    tags: set[str] = set()
    for name in names:
        if name == "all":
            continue
        path = resolve_path(name)
        if path is None:
            raise BadRequest(f"includefield names an unknown attribute: {name[:64]}.")
        tags.add(path[0].tag)
    return frozenset(tags), "all" in names


def _conditions(query: dict[str, list[str]], fuzzy: bool) -> list[Condition]:
    conditions: list[Condition] = []
    for name, values in query.items():
        if name in _CONTROL_PARAMETERS:
            continue
        path = resolve_path(name)
        if path is None:
            raise BadRequest(f"Unknown query parameter: {name[:64]}.")
        if path[-1].vr != "UI" and len(set(values)) > 1:
            raise BadRequest(f"{name} is given more than once.")
        text = ",".join(values) if path[-1].vr == "UI" else values[0]
        conditions.append(Condition(path, text, fuzzy and path[-1].vr == "PN").check())
    return conditions


def _answer(level: Level, study: str = "", series: str = "") -> Response:
    request: Any = routes.current_request
    scope = current_session(request, Permission.READ_IMAGES).scope
    query = query_multi(request)
    media_type = json_type(accepted(accept_header(request), query))
    parsed = parse_search(level, query, path_value(study), path_value(series))
    result = search(wiring.index_reader(), scope, parsed, dicomweb_url(wiring.settings().public_url))
    headers = {"Cache-Control": "private, no-store"}
    if not result.is_complete:
        headers["Warning"] = _WARNING_MORE
    body = json.dumps(result.matches, ensure_ascii=False, separators=(",", ":")).encode()
    response = gzipped(respond(body, media_type, headers=headers), request)
    if len(response.body) > BUFFERED_BODY_LIMIT_BYTES:
        raise TooMuch("The answer is too large. Ask for fewer results by limit, or for fewer attributes.")
    return response


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
