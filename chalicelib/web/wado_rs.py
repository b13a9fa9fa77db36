"""Retrieve transaction over HTTP (WADO-RS, PS3.18 10.4)."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.access.model import Permission
from chalicelib.archive import rendered, retrieve, series_metadata
from chalicelib.archive.delivery import Body, object_of, read_body
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.scope import Scope
from chalicelib.archive.visible import representative_instance, visible_instance
from chalicelib.dicom.media_types import MediaRange, accepted, json_type
from chalicelib.errors import BadRequest
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    BUFFERED_BODY_LIMIT_BYTES,
    accept_header,
    current_session,
    handles_errors,
    path_value,
    problem,
    query_multi,
    respond,
)

routes = Blueprint(__name__)

_STUDY = "/dicomweb/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_FRAMES = _INSTANCE + "/frames/{frames}"

_VARY = "Accept, Accept-Encoding, Authorization, Cookie"
IMMUTABLE = "private, max-age=86400, immutable"
"""An instance never changes (D3); a day bounds how long a shared workstation keeps it."""
REVALIDATED = "private, no-cache"
"""May grow while a study is received."""


# Answering --------------------------------------------------------------------------------------------------------


def _scope() -> Scope:
    return current_session(routes.current_request, Permission.READ_IMAGES).scope


def _query(*allowed: str) -> dict[str, list[str]]:
    query = query_multi(routes.current_request)
    unknown = sorted(set(query) - {"accept", "charset", *allowed})
    if unknown:
        raise BadRequest(f"Unknown query parameter: {', '.join(unknown)[:200]}.")
    return query


def _accept(query: Mapping[str, Sequence[str]]) -> list[MediaRange]:
    return accepted(accept_header(routes.current_request), query)


def _base_url() -> str:
    return series_metadata.dicomweb_url(wiring.settings().public_url)


def _uids(study: str, series: str, instance: str) -> tuple[str, str, str]:
    return path_value(study), path_value(series), path_value(instance)


def _is_known_to_caller(etag: str) -> bool:
    """Whether If-None-Match names the representation (RFC 9110 13.1.2)."""
    header = (routes.current_request.headers.get("if-none-match") or "").strip()
    known = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return header == "*" or etag in known


def _headers(etag: str, cache_control: str) -> dict[str, str]:
    return {"ETag": f'"{etag}"', "Cache-Control": cache_control, "Vary": _VARY}


def _not_modified(etag: str, cache_control: str) -> Response:
    return Response(body=b"", status_code=304, headers={**_headers(etag, cache_control)})


def _redirect(key: str) -> Response:
    """307 to a signed address on the same host (D7). Never cached: the signature ages."""
    headers = {"Location": wiring.object_url_signer().signed_url(key), "Cache-Control": "private, no-store"}
    return respond(b"", "application/octet-stream", 307, headers)


def _deliver(body: Body, cache_control: str = IMMUTABLE) -> Response:
    """The body itself, or where it lies when it is too big for a buffered answer."""
    if _is_known_to_caller(body.etag):
        return _not_modified(body.etag, cache_control)
    if body.size_bytes > BUFFERED_BODY_LIMIT_BYTES:
        return _redirect(object_of(wiring.object_store(), body))
    content = read_body(wiring.object_store(), body)
    return respond(content, body.content_type, headers=_headers(body.etag, cache_control))


# Studies, series, instances ---------------------------------------------------------------------------------------


@routes.route(_STUDY, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_study(study: str) -> Response:
    """Retrieve Study."""
    accept = _accept(_query())
    body = retrieve.retrieve_study(wiring.index_reader(), _scope(), path_value(study), accept, _base_url())
    return _deliver(body, REVALIDATED)


@routes.route(_SERIES, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_series(study: str, series: str) -> Response:
    """Retrieve Series."""
    accept = _accept(_query())
    body = retrieve.retrieve_series(
        wiring.index_reader(), _scope(), path_value(study), path_value(series), accept, _base_url()
    )
    return _deliver(body, REVALIDATED)


@routes.route(_INSTANCE, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance(study: str, series: str, instance: str) -> Response:
    """Retrieve Instance."""
    uids, accept = _uids(study, series, instance), _accept(_query())
    reader, renderer = wiring.index_reader(), wiring.renderer()
    return _deliver(retrieve.retrieve_instance(reader, renderer, _scope(), uids, accept, _base_url()))


@routes.route(_FRAMES, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_frames(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Frames."""
    uids, accept = _uids(study, series, instance), _accept(_query())
    numbers = retrieve.frame_numbers(path_value(frames))
    reader, renderer = wiring.index_reader(), wiring.renderer()
    return _deliver(retrieve.retrieve_frames(reader, renderer, _scope(), uids, numbers, accept))


@routes.route(_INSTANCE + "/bulkdata/{path}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_bulk_data(study: str, series: str, instance: str, path: str) -> Response:
    """Retrieve Bulk Data."""
    uids, accept = _uids(study, series, instance), _accept(_query())
    reader, objects = wiring.index_reader(), wiring.object_store()
    return _deliver(retrieve.retrieve_bulk_data(reader, objects, _scope(), uids, path_value(path), accept))


# Metadata ---------------------------------------------------------------------------------------------------------


def _deliver_metadata(metadata: series_metadata.Metadata, media_type: str) -> Response:
    if _is_known_to_caller(metadata.etag):
        return _not_modified(metadata.etag, REVALIDATED)
    headers = _headers(metadata.etag, REVALIDATED)
    takes_gzip = "gzip" in (routes.current_request.headers.get("accept-encoding") or "").lower()
    content = metadata.gzipped if takes_gzip else gzip.decompress(metadata.gzipped)
    if len(content) > BUFFERED_BODY_LIMIT_BYTES:
        return _redirect(series_metadata.stored(wiring.object_store(), metadata, gzipped=takes_gzip))
    if takes_gzip:
        headers["Content-Encoding"] = "gzip"
    return respond(content, media_type, headers=headers)


@routes.route(_STUDY + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_study_metadata(study: str) -> Response:
    """Retrieve Metadata of a study."""
    media_type = json_type(_accept(_query()))
    reader, objects, url = wiring.index_reader(), wiring.object_store(), wiring.settings().public_url
    found = series_metadata.retrieve_study_metadata(reader, objects, _scope(), path_value(study), url)
    return _deliver_metadata(found, media_type)


@routes.route(_SERIES + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_series_metadata(study: str, series: str) -> Response:
    """Retrieve Metadata of a series."""
    media_type = json_type(_accept(_query()))
    reader, objects, url = wiring.index_reader(), wiring.object_store(), wiring.settings().public_url
    found = series_metadata.retrieve_series_metadata(
        reader, objects, _scope(), path_value(study), path_value(series), url
    )
    return _deliver_metadata(found, media_type)


@routes.route(_INSTANCE + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance_metadata(study: str, series: str, instance: str) -> Response:
    """Retrieve Metadata of an instance."""
    media_type = json_type(_accept(_query()))
    uids = _uids(study, series, instance)
    url = wiring.settings().public_url
    found = series_metadata.retrieve_instance_metadata(wiring.index_reader(), _scope(), uids, url)
    return _deliver_metadata(found, media_type)


# Rendered ---------------------------------------------------------------------------------------------------------


def _deliver_rendered(record: InstanceRecord, frame: int, is_thumbnail: bool) -> Response:
    """One frame as a picture; an encapsulated document as itself."""
    query = query_multi(routes.current_request)
    parameters = rendered.parse_rendering(query, is_thumbnail)
    accept = _accept(query)
    if "00420011" in record.bulk_data and not is_thumbnail:
        return _deliver(retrieve.encapsulated_document(wiring.object_store(), record, accept))
    media_type = rendered.rendered_media_type(accept)
    etag = rendered.rendered_etag(record, frame, parameters, media_type)
    if _is_known_to_caller(etag):
        return _not_modified(etag, IMMUTABLE)
    return _deliver(rendered.render_frame(wiring.renderer(), record, frame, parameters, media_type))


def _one_frame(frames: str) -> int:
    numbers = retrieve.frame_numbers(path_value(frames))
    if len(numbers) > 1:
        raise BadRequest("Rendered frames are given one at a time.")
    return numbers[0]


def _instance(study: str, series: str, instance: str) -> InstanceRecord:
    return visible_instance(wiring.index_reader(), _scope(), *_uids(study, series, instance))


@routes.route(_INSTANCE + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_instance(study: str, series: str, instance: str) -> Response:
    """Retrieve Rendered Instance: its first frame, or its document."""
    return _deliver_rendered(_instance(study, series, instance), 0, is_thumbnail=False)


@routes.route(_FRAMES + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_frame(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Rendered Frames, one at a time."""
    frame = _one_frame(frames)
    return _deliver_rendered(_instance(study, series, instance), frame, is_thumbnail=False)


@routes.route(_STUDY + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_study_thumbnail(study: str) -> Response:
    """Retrieve Study Thumbnail: a picture from the middle of its first series with pictures."""
    record = representative_instance(wiring.index_reader(), _scope(), path_value(study))
    return _deliver_rendered(record, record.number_of_frames // 2, is_thumbnail=True)


@routes.route(_SERIES + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_series_thumbnail(study: str, series: str) -> Response:
    """Retrieve Series Thumbnail: a picture from its middle."""
    record = representative_instance(wiring.index_reader(), _scope(), path_value(study), path_value(series))
    return _deliver_rendered(record, record.number_of_frames // 2, is_thumbnail=True)


@routes.route(_INSTANCE + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance_thumbnail(study: str, series: str, instance: str) -> Response:
    """Retrieve Instance Thumbnail: its middle frame."""
    record = _instance(study, series, instance)
    return _deliver_rendered(record, record.number_of_frames // 2, is_thumbnail=True)


@routes.route(_FRAMES + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_frame_thumbnail(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Frame Thumbnail."""
    frame = _one_frame(frames)
    return _deliver_rendered(_instance(study, series, instance), frame, is_thumbnail=True)


# What is not offered ----------------------------------------------------------------------------------------------


def _not_allowed(**_: str) -> Response:
    """405: instances are neither replaced nor deleted here; STOW-RS has its own server (D7)."""
    return problem(405, "This resource can only be read.", {"Allow": "GET"})


for _path in ("/dicomweb/studies", _STUDY, _SERIES, _INSTANCE):
    routes.route(
        _path, methods=["POST", "PUT", "PATCH", "DELETE"], authorizer=sessions_authorizer, name=f"not_allowed{_path}"
    )(_not_allowed)
