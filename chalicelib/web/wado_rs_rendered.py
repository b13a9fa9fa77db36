"""Retrieve Rendered and Retrieve Thumbnail over HTTP (WADO-RS, PS3.18 10.4.1.1.5 and 10.4.1.1.6)."""

from __future__ import annotations

from collections.abc import Sequence

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.archive import presentation, rendered, retrieve
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.rendered import Pictures
from chalicelib.archive.rendering_parameters import parse_rendering
from chalicelib.archive.visible import pictures_of_series, pictures_of_study, representative_instance, visible_instance
from chalicelib.errors import NotFound
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import handles_errors, path_value, query_multi
from chalicelib.web.retrieving import (
    FRAMES,
    IMMUTABLE,
    INSTANCE,
    REVALIDATED,
    SERIES,
    STUDY,
    accept_of,
    base_url,
    deliver,
    deliver_report,
    is_known_to_caller,
    not_modified,
    query_of,
    scope_of,
    uids_of,
)

routes = Blueprint(__name__)

DOCUMENT_TYPES = (*retrieve.SAFE_DOCUMENT_TYPES, retrieve.OCTETS)


def _deliver(
    pictures: Sequence[Pictures],
    thumbnail: bool = False,
    first_alone: bool = False,
    caching: str = IMMUTABLE,
    state: InstanceRecord | None = None,
) -> Response:
    """Frames as pictures in the form that the caller accepts, by a presentation state if there is one."""
    request = routes.current_request
    query = query_multi(request)
    parameters = parse_rendering(query, thumbnail)
    count = sum(len(one.frames) for one in pictures)
    if not count:
        raise NotFound("There is no picture to show.")
    form = rendered.rendered_form(accept_of(request, query), count, first_alone)
    shown = rendered.shown_in(form, pictures)
    etag = rendered.rendered_etag(shown, parameters, form, state)
    if is_known_to_caller(request, etag):
        return not_modified(etag, caching)
    return deliver(request, rendered.render(wiring.renderer(), shown, parameters, form, base_url(), state), caching)


def _deliver_document(record: InstanceRecord, thumbnail: bool = False) -> Response:
    """A document as itself, or its first page as a picture where the caller wants one."""
    request = routes.current_request
    query = query_multi(request)
    parameters, accept = parse_rendering(query, thumbnail), accept_of(request, query)
    if not thumbnail and any(r.covers(media_type, False) for r in accept for media_type in DOCUMENT_TYPES):
        return deliver(request, retrieve.encapsulated_document(wiring.object_store(), record, accept))
    form = rendered.rendered_form(accept, 1)
    return deliver(request, rendered.render_document(wiring.renderer(), record, parameters, form))


def _deliver_report(record: InstanceRecord) -> Response:
    request = routes.current_request
    query = query_of(request)
    return deliver_report(request, presentation.report_body(record, accept_of(request, query)))


def _instance(study: str, series: str, instance: str) -> InstanceRecord:
    request = routes.current_request
    return visible_instance(wiring.index_reader(), scope_of(request), *uids_of(study, series, instance))


def _middle(record: InstanceRecord) -> list[Pictures]:
    return [Pictures(record, (record.number_of_frames // 2,))]


# Rendered ---------------------------------------------------------------------------------------------------------


@routes.route(STUDY + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_study(study: str) -> Response:
    """Retrieve Rendered Study: every frame of every image, as many as one answer may have."""
    request = routes.current_request
    records = pictures_of_study(wiring.index_reader(), scope_of(request), path_value(study), rendered.MAXIMUM_PICTURES)
    return _deliver([rendered.every_frame(record) for record in records], caching=REVALIDATED)


@routes.route(SERIES + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_series(study: str, series: str) -> Response:
    """Retrieve Rendered Series: every frame of every image, as parts or as an animation."""
    request = routes.current_request
    uids = (path_value(study), path_value(series))
    records = pictures_of_series(wiring.index_reader(), scope_of(request), *uids, rendered.MAXIMUM_PICTURES)
    return _deliver([rendered.every_frame(record) for record in records], caching=REVALIDATED)


@routes.route(INSTANCE + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_instance(study: str, series: str, instance: str) -> Response:
    """Retrieve Rendered Instance: its frames as parts, an animation, or the first alone; its document or its report;
    the images of a presentation state as it shows them.
    """
    record = _instance(study, series, instance)
    if rendered.DOCUMENT in record.bulk_data:
        return _deliver_document(record)
    if record.sop_class_uid in presentation.PRESENTATION_STATES:
        pictures = presentation.referenced_pictures(wiring.index_reader(), scope_of(routes.current_request), record)
        return _deliver(pictures, first_alone=True, caching=REVALIDATED, state=record)
    if presentation.is_report(record):
        return _deliver_report(record)
    return _deliver([rendered.every_frame(record)], first_alone=True)


@routes.route(FRAMES + "/rendered", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_rendered_frames(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Rendered Frames: one, or a list of them as parts or as an animation."""
    numbers = retrieve.frame_numbers(path_value(frames))
    return _deliver([Pictures(_instance(study, series, instance), tuple(numbers))])


# Thumbnails -------------------------------------------------------------------------------------------------------


@routes.route(STUDY + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_study_thumbnail(study: str) -> Response:
    """Retrieve Study Thumbnail: a picture from the middle of its first series with pictures."""
    request = routes.current_request
    record = representative_instance(wiring.index_reader(), scope_of(request), path_value(study))
    return _deliver(_middle(record), thumbnail=True, caching=REVALIDATED)


@routes.route(SERIES + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_series_thumbnail(study: str, series: str) -> Response:
    """Retrieve Series Thumbnail: a picture from its middle."""
    request = routes.current_request
    record = representative_instance(wiring.index_reader(), scope_of(request), path_value(study), path_value(series))
    return _deliver(_middle(record), thumbnail=True, caching=REVALIDATED)


@routes.route(INSTANCE + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance_thumbnail(study: str, series: str, instance: str) -> Response:
    """Retrieve Instance Thumbnail: its middle frame, or the first page of its document."""
    record = _instance(study, series, instance)
    if rendered.DOCUMENT in record.bulk_data:
        return _deliver_document(record, thumbnail=True)
    if record.sop_class_uid in presentation.PRESENTATION_STATES:
        pictures = presentation.referenced_pictures(wiring.index_reader(), scope_of(routes.current_request), record)
        return _deliver(pictures, thumbnail=True, first_alone=True, caching=REVALIDATED, state=record)
    return _deliver(_middle(record), thumbnail=True)


@routes.route(FRAMES + "/thumbnail", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_frame_thumbnail(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Frame Thumbnail: of the first frame of a list."""
    number = retrieve.frame_numbers(path_value(frames))[0]
    return _deliver([Pictures(_instance(study, series, instance), (number,))], thumbnail=True)
