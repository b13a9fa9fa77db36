"""Retrieve transaction over HTTP: studies, series, instances, frames, bulk data (WADO-RS, PS3.18 10.4)."""

from __future__ import annotations

from collections.abc import Sequence

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.archive import retrieve, retrieve_series, zip_exam
from chalicelib.archive.pack import DICOM
from chalicelib.dicom.media_types import ANY_SYNTAX, MediaRange, Representation, choose
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import handles_errors, path_value
from chalicelib.web.metering import renderer_for
from chalicelib.web.retrieving import (
    FRAMES,
    INSTANCE,
    REVALIDATED,
    SERIES,
    STUDY,
    accept_of,
    base_url,
    deliver,
    query_of,
    scope_of,
    uids_of,
)

routes = Blueprint(__name__)

WHOLE = (Representation(DICOM, multipart=True), Representation(zip_exam.MEDIA_TYPE, False, ANY_SYNTAX))
"""Forms of studies and series; a ZIP file holds instances as they are stored."""


def _answers(request: Request) -> retrieve_series.Answers:
    reader, objects, packs = wiring.index_reader(), wiring.object_store(), wiring.pack_queue()
    return retrieve_series.Answers(reader, objects, packs, renderer_for(request), base_url())


def _wants_zip(accept: Sequence[MediaRange]) -> bool:
    """Whether a ZIP file is what the caller wants most of what there is. Raises as `media_types.choose`."""
    return choose(accept, WHOLE).media_type == zip_exam.MEDIA_TYPE


@routes.route(STUDY, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_whole_study(study: str) -> Response:
    """Retrieve Study."""
    request = routes.current_request
    accept = accept_of(request, query_of(request))
    scope, uid = scope_of(request), path_value(study)
    if _wants_zip(accept):
        return deliver(request, zip_exam.retrieve_zip(_answers(request), scope, uid), REVALIDATED)
    return deliver(request, retrieve_series.retrieve_study(_answers(request), scope, uid, accept), REVALIDATED)


@routes.route(SERIES, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_whole_series(study: str, series: str) -> Response:
    """Retrieve Series."""
    request = routes.current_request
    accept = accept_of(request, query_of(request))
    scope, uids = scope_of(request), (path_value(study), path_value(series))
    if _wants_zip(accept):
        return deliver(request, zip_exam.retrieve_zip(_answers(request), scope, *uids), REVALIDATED)
    return deliver(request, retrieve_series.retrieve_series(_answers(request), scope, *uids, accept), REVALIDATED)


@routes.route(INSTANCE, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance(study: str, series: str, instance: str) -> Response:
    """Retrieve Instance."""
    request = routes.current_request
    uids, accept = uids_of(study, series, instance), accept_of(request, query_of(request))
    reader, renderer = wiring.index_reader(), renderer_for(request)
    return deliver(request, retrieve.retrieve_instance(reader, renderer, scope_of(request), uids, accept, base_url()))


@routes.route(FRAMES, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_frames(study: str, series: str, instance: str, frames: str) -> Response:
    """Retrieve Frames."""
    request = routes.current_request
    uids, accept = uids_of(study, series, instance), accept_of(request, query_of(request))
    numbers = retrieve.frame_numbers(path_value(frames))
    reader, renderer = wiring.index_reader(), renderer_for(request)
    return deliver(request, retrieve.retrieve_frames(reader, renderer, scope_of(request), uids, numbers, accept))


@routes.route(INSTANCE + "/bulkdata/{path}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_bulk_data(study: str, series: str, instance: str, path: str) -> Response:
    """Retrieve Bulk Data."""
    request = routes.current_request
    uids, accept = uids_of(study, series, instance), accept_of(request, query_of(request))
    reader, objects = wiring.index_reader(), wiring.object_store()
    return deliver(
        request, retrieve.retrieve_bulk_data(reader, objects, scope_of(request), uids, path_value(path), accept)
    )
