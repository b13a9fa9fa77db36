"""Retrieve Metadata over HTTP (WADO-RS, PS3.18 10.4.1.1.2)."""

from __future__ import annotations

import gzip

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.archive import series_metadata
from chalicelib.dicom.media_types import json_type
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import BUFFERED_BODY_LIMIT_BYTES, handles_errors, path_value, respond
from chalicelib.web.retrieving import (
    INSTANCE,
    REVALIDATED,
    SERIES,
    STUDY,
    accept_of,
    is_known_to_caller,
    not_modified,
    query_of,
    redirect,
    scope_of,
    uids_of,
    validators,
)

routes = Blueprint(__name__)


def _deliver_metadata(metadata: series_metadata.Metadata, media_type: str) -> Response:
    request = routes.current_request
    if is_known_to_caller(request, metadata.etag):
        return not_modified(metadata.etag, REVALIDATED)
    headers = validators(metadata.etag, REVALIDATED)
    takes_gzip = "gzip" in (request.headers.get("accept-encoding") or "").lower()
    content = metadata.gzipped if takes_gzip else gzip.decompress(metadata.gzipped)
    if len(content) > BUFFERED_BODY_LIMIT_BYTES:
        return redirect(series_metadata.stored(wiring.object_store(), metadata, gzipped=takes_gzip))
    if takes_gzip:
        headers["Content-Encoding"] = "gzip"
    return respond(content, media_type, headers=headers)


@routes.route(STUDY + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_study_metadata(study: str) -> Response:
    """Retrieve Metadata of a study."""
    request = routes.current_request
    media_type = json_type(accept_of(request, query_of(request)))
    reader, objects, url = wiring.index_reader(), wiring.object_store(), wiring.settings().public_url
    found = series_metadata.retrieve_study_metadata(reader, objects, scope_of(request), path_value(study), url)
    return _deliver_metadata(found, media_type)


@routes.route(SERIES + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_series_metadata(study: str, series: str) -> Response:
    """Retrieve Metadata of a series."""
    request = routes.current_request
    media_type = json_type(accept_of(request, query_of(request)))
    reader, objects, url = wiring.index_reader(), wiring.object_store(), wiring.settings().public_url
    found = series_metadata.retrieve_series_metadata(
        reader, objects, scope_of(request), path_value(study), path_value(series), url
    )
    return _deliver_metadata(found, media_type)


@routes.route(INSTANCE + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance_metadata(study: str, series: str, instance: str) -> Response:
    """Retrieve Metadata of an instance."""
    request = routes.current_request
    media_type = json_type(accept_of(request, query_of(request)))
    uids = uids_of(study, series, instance)
    url = wiring.settings().public_url
    found = series_metadata.retrieve_instance_metadata(wiring.index_reader(), scope_of(request), uids, url)
    return _deliver_metadata(found, media_type)
