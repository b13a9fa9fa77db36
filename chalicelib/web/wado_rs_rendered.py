"""Retrieve Rendered and Retrieve Thumbnail over HTTP (WADO-RS, PS3.18 10.4.1.1.5 and 10.4.1.1.6)."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.archive import rendered, retrieve
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.visible import representative_instance, visible_instance
from chalicelib.errors import BadRequest
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import handles_errors, path_value, query_multi
from chalicelib.web.retrieving import (
    FRAMES,
    IMMUTABLE,
    INSTANCE,
    SERIES,
    STUDY,
    accept_of,
    deliver,
    is_known_to_caller,
    not_modified,
    scope_of,
    uids_of,
)

routes = Blueprint(__name__)


def _deliver_rendered(record: InstanceRecord, frame: int, is_thumbnail: bool) -> Response:
    """One frame as a picture; an encapsulated document as itself."""
    request = routes.current_request
    query = query_multi(request)
    parameters = rendered.parse_rendering(query, is_thumbnail)
    accept = accept_of(request, query)
    if "00420011" in record.bulk_data and not is_thumbnail:
        return deliver(request, retrieve.encapsulated_document(wiring.object_store(), record, accept))
    media_type = rendered.rendered_media_type(accept)
    etag = rendered.rendered_etag(record, frame, parameters, media_type)
    if is_known_to_caller(request, etag):
        return not_modified(etag, IMMUTABLE)
    return deliver(request, rendered.render_frame(wiring.renderer(), record, frame, parameters, media_type))


def _one_frame(frames: str) -> int:
    numbers = retrieve.frame_numbers(path_value(frames))
    if len(numbers) > 1:
        raise BadRequest("Rendered frames are given one at a time.")
    return numbers[0]


def _instance(study: str, series: str, instance: str) -> InstanceRecord:
    request = routes.current_request
    return visible_instance(wiring.index_reader(), scope_of(request), *uids_of(study, series, instance))


@routes.route(INSTANCE + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_instance(study: str, series: str, instance: str) -> Response:
    """Retrieve Rendered Instance: its first frame, or its document."""
    return _deliver_rendered(_instance(study, series, instance), 0, is_thumbnail=False)


@routes.route(FRAMES + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_frame(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Rendered Frames, one at a time."""
    frame = _one_frame(frames)
    return _deliver_rendered(_instance(study, series, instance), frame, is_thumbnail=False)


@routes.route(STUDY + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_study_thumbnail(study: str) -> Response:
    """Retrieve Study Thumbnail: a picture from the middle of its first series with pictures."""
    request = routes.current_request
    record = representative_instance(wiring.index_reader(), scope_of(request), path_value(study))
    return _deliver_rendered(record, record.number_of_frames // 2, is_thumbnail=True)


@routes.route(SERIES + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_series_thumbnail(study: str, series: str) -> Response:
    """Retrieve Series Thumbnail: a picture from its middle."""
    request = routes.current_request
    record = representative_instance(wiring.index_reader(), scope_of(request), path_value(study), path_value(series))
    return _deliver_rendered(record, record.number_of_frames // 2, is_thumbnail=True)


@routes.route(INSTANCE + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance_thumbnail(study: str, series: str, instance: str) -> Response:
    """Retrieve Instance Thumbnail: its middle frame."""
    record = _instance(study, series, instance)
    return _deliver_rendered(record, record.number_of_frames // 2, is_thumbnail=True)


@routes.route(FRAMES + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_frame_thumbnail(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Frame Thumbnail."""
    frame = _one_frame(frames)
    return _deliver_rendered(_instance(study, series, instance), frame, is_thumbnail=True)
