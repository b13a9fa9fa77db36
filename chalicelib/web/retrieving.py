"""What the routes of the Retrieve transaction share: reading the request, delivering a body (PS3.18 10.4, D7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chalice.app import Request, Response

from chalicelib import wiring
from chalicelib.access.model import Permission
from chalicelib.archive.delivery import Body, byte_range_of, object_of, read_body
from chalicelib.archive.scope import Scope
from chalicelib.archive.series_metadata import dicomweb_url
from chalicelib.dicom.media_types import MediaRange, accepted
from chalicelib.errors import BadRequest, PreconditionFailed
from chalicelib.web.http import (
    BUFFERED_BODY_LIMIT_BYTES,
    accept_header,
    current_session,
    path_value,
    problem,
    query_multi,
    query_value,
    respond,
)
from chalicelib.web.metering import HANDED_OVER

STUDY = "/dicomweb/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
FRAMES = INSTANCE + "/frames/{frames}"

VARY = "Accept, Accept-Encoding, Authorization, Cookie"
IMMUTABLE = "private, max-age=86400, immutable"
"""An instance never changes (D3); a day bounds how long a shared workstation keeps it."""
REVALIDATED = "private, no-cache"
"""May grow while a study is received."""

REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"

_ONE_RANGE = re.compile(r"bytes=(?=[0-9]|-[0-9])([0-9]{0,18})-([0-9]{0,18})")


class RangeNotSatisfiable(Exception):
    """416."""


def scope_of(request: Request) -> Scope:
    """What the caller may see, within the hospital that `hospital` names. Raises as `web.http.current_session`."""
    scope = current_session(request, Permission.READ_IMAGES, "retrieve").scope
    hospital = query_value(request, "hospital")
    return scope.within(hospital) if hospital else scope


def query_of(request: Request, *allowed: str) -> dict[str, list[str]]:
    """Query parameters, none of them unknown.

    Raises
    ------
    BadRequest
        Naming those that the resource does not have.
    """
    query = query_multi(request)
    unknown = sorted(set(query) - {"accept", "charset", "hospital", *allowed})
    if unknown:
        raise BadRequest(f"Unknown query parameter: {', '.join(unknown)[:200]}.")
    return query


def accept_of(request: Request, query: Mapping[str, Sequence[str]]) -> list[MediaRange]:
    """Media ranges that the caller accepts, by header or query parameter."""
    return accepted(accept_header(request), query)


def base_url() -> str:
    """The DICOMweb base URL."""
    return dicomweb_url(wiring.settings().public_url)


def uids_of(study: str, series: str, instance: str) -> tuple[str, str, str]:
    """UIDs of the path, decoded."""
    return path_value(study), path_value(series), path_value(instance)


def is_known_to_caller(request: Request, etag: str) -> bool:
    """Whether If-None-Match names the representation (RFC 9110 13.1.2).

    Raises
    ------
    PreconditionFailed
        If If-Match names others alone (13.1.1).
    """
    wanted = (request.headers.get("if-match") or "*").strip()
    if wanted != "*" and f'"{etag}"' not in map(str.strip, wanted.split(",")):
        raise PreconditionFailed("There is another representation than If-Match names.")
    header = (request.headers.get("if-none-match") or "").strip()
    known = {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}
    return header == "*" or etag in known


def validators(etag: str, cache_control: str) -> dict[str, str]:
    """Headers of a representation that may be kept."""
    return {"ETag": f'"{etag}"', "Cache-Control": cache_control, "Vary": VARY}


def not_modified(etag: str, cache_control: str) -> Response:
    """304."""
    return Response(body=b"", status_code=304, headers={**validators(etag, cache_control)})


def redirect(key: str) -> Response:
    """307 to a signed address on the same host (D7). Never cached: the signature ages."""
    headers = {"Location": wiring.object_url_signer().signed_url(key), "Cache-Control": "private, no-store"}
    return respond(b"", "application/octet-stream", 307, headers)


def requested_range(request: Request, body: Body) -> tuple[int, int] | None:
    """Start and length of the one byte range that is asked for (RFC 9110 14.2); None for the whole.

    As the standard allows, what is no valid single range is ignored, and so is one of another representation
    (If-Range).

    Raises
    ------
    RangeNotSatisfiable
        If it begins behind the end.
    """
    condition = (request.headers.get("if-range") or "").strip()
    found = _ONE_RANGE.fullmatch((request.headers.get("range") or "").strip())
    if not found or condition not in ("", f'"{body.etag}"'):
        return None
    first, last = found.groups()
    size = body.size_bytes
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise RangeNotSatisfiable
    return start, end - start


def deliver(request: Request, body: Body, cache_control: str = IMMUTABLE) -> Response:
    """The body or a range of it, or where it lies when that is too big for a buffered answer."""
    if is_known_to_caller(request, body.etag):
        return not_modified(body.etag, cache_control)
    headers = validators(body.etag, cache_control) | {"Accept-Ranges": "bytes"}
    size = body.size_bytes
    try:
        wanted = requested_range(request, body)
    except RangeNotSatisfiable:
        return problem(416, "The range begins behind the end.", {"Content-Range": f"bytes */{size}"})
    if (wanted[1] if wanted else size) > BUFFERED_BODY_LIMIT_BYTES:
        request.context[HANDED_OVER] = wanted[1] if wanted else size
        return redirect(object_of(wiring.object_store(), body))
    if request.method == "HEAD":
        return respond(b"", body.content_type, headers=headers)
    if wanted is None:
        return respond(read_body(wiring.object_store(), body), body.content_type, headers=headers)
    start, length = wanted
    content = read_body(wiring.object_store(), byte_range_of(body, start, length))
    headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    return respond(content, body.content_type, 206, headers)


def deliver_report(request: Request, body: Body) -> Response:
    """A report (`archive.presentation.report_body`) as a page that can do nothing but be read."""
    if is_known_to_caller(request, body.etag):
        return not_modified(body.etag, IMMUTABLE)
    headers = {**validators(body.etag, IMMUTABLE), "Content-Security-Policy": REPORT_POLICY}
    return respond(read_body(wiring.object_store(), body), body.content_type, headers=headers)
