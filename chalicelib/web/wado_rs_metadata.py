"""Retrieve Metadata over HTTP (WADO-RS, PS3.18 10.4.1.1.2)."""

from __future__ import annotations

import gzip
import json

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.archive import series_metadata
from chalicelib.dicom import xml_model
from chalicelib.dicom.media_types import DICOM_JSON, Representation, choose
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import BUFFERED_BODY_LIMIT_BYTES, gzipped, handles_errors, path_value, respond, takes_gzip
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

XML = Representation(xml_model.MEDIA_TYPE, multipart=True)
OFFERS = (*DICOM_JSON, XML)


def _deliver_metadata(metadata: series_metadata.Metadata, representation: Representation) -> Response:
    request = routes.current_request
    etag = metadata.etag + ("-xml" if representation == XML else "")
    if is_known_to_caller(request, etag):
        return not_modified(etag, REVALIDATED)
    headers = validators(etag, REVALIDATED)
    if representation == XML:
        return _deliver_xml(request, metadata, headers)
    as_gzip = takes_gzip(request)
    content = metadata.gzipped if as_gzip else gzip.decompress(metadata.gzipped)
    if len(content) > BUFFERED_BODY_LIMIT_BYTES:
        return redirect(series_metadata.stored(wiring.object_store(), metadata, gzipped=as_gzip))
    if as_gzip:
        headers["Content-Encoding"] = "gzip"
    return respond(content, representation.media_type, headers=headers)


def _deliver_xml(request: Request, metadata: series_metadata.Metadata, headers: dict[str, str]) -> Response:
    """One document of the Native DICOM Model an instance, as multipart/related (PS3.18 8.7.3.2)."""
    content, content_type = xml_model.to_multipart(json.loads(gzip.decompress(metadata.gzipped)))
    response = gzipped(respond(content, content_type, headers=headers), request)
    if len(response.body) > BUFFERED_BODY_LIMIT_BYTES:
        key = f"assembled/{metadata.etag}.xml"
        wiring.object_store().put(key, content, content_type)
        return redirect(key)
    return response


@routes.route(STUDY + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_study_metadata(study: str) -> Response:
    """Retrieve Metadata of a study."""
    request = routes.current_request
    representation = choose(accept_of(request, query_of(request)), OFFERS)
    reader, objects, url = wiring.index_reader(), wiring.object_store(), wiring.settings().public_url
    found = series_metadata.retrieve_study_metadata(reader, objects, scope_of(request), path_value(study), url)
    return _deliver_metadata(found, representation)


@routes.route(SERIES + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_series_metadata(study: str, series: str) -> Response:
    """Retrieve Metadata of a series."""
    request = routes.current_request
    representation = choose(accept_of(request, query_of(request)), OFFERS)
    reader, objects, url = wiring.index_reader(), wiring.object_store(), wiring.settings().public_url
    found = series_metadata.retrieve_series_metadata(
        reader, objects, scope_of(request), path_value(study), path_value(series), url
    )
    return _deliver_metadata(found, representation)


@routes.route(INSTANCE + "/metadata", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_instance_metadata(study: str, series: str, instance: str) -> Response:
    """Retrieve Metadata of an instance."""
    request = routes.current_request
    representation = choose(accept_of(request, query_of(request)), OFFERS)
    uids = uids_of(study, series, instance)
    url = wiring.settings().public_url
    found = series_metadata.retrieve_instance_metadata(wiring.index_reader(), scope_of(request), uids, url)
    return _deliver_metadata(found, representation)
