"""URI Service (WADO-URI, PS3.18 9): one instance by query parameters, onto the use cases of WADO-RS."""

from __future__ import annotations

from collections.abc import Mapping

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.archive import presentation, rendered, retrieve
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.rendered import Pictures
from chalicelib.archive.rendering_parameters import MAXIMUM_VIEWPORT_PIXELS, parse_rendering
from chalicelib.archive.visible import visible_instance
from chalicelib.dicom import uid
from chalicelib.dicom.media_types import MediaRange, check_character_set, parse_accept
from chalicelib.errors import BadRequest
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import accept_header, handles_errors
from chalicelib.web.metering import renderer_for
from chalicelib.web.retrieving import (
    IMMUTABLE,
    base_url,
    deliver,
    deliver_report,
    is_known_to_caller,
    not_modified,
    query_of,
    scope_of,
)

routes = Blueprint(__name__)

DICOM = "application/dicom"
DOCUMENT = "00420011"
MANDATORY = ("requestType", "studyUID", "seriesUID", "objectUID")
OF_DICOM = ("anonymize", "transferSyntax")
OF_PICTURES = (
    "frameNumber", "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "annotation",
    "iccprofile", "presentationUID", "presentationSeriesUID",
)  # fmt: skip
PARAMETERS = (*MANDATORY, "contentType", "charset", *OF_DICOM, *OF_PICTURES)
_LARGEST = MAXIMUM_VIEWPORT_PIXELS


@routes.route("/dicomweb/wado", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def retrieve_by_uri() -> Response:
    """Retrieve Instance (9.4) or Retrieve Rendered Instance (9.5), by `contentType`."""
    request = routes.current_request
    query = _single_values(query_of(request, *PARAMETERS))
    uids = _uids(query)
    check_character_set({"charset": [query["charset"]]} if "charset" in query else {})
    reader = wiring.index_reader()
    record = visible_instance(reader, scope_of(request), *uids)
    content_type = query.get("contentType", query.get("accept", ""))
    accept = parse_accept(content_type or _default_type(record, accept_header(request)))
    if any(each.covers(DICOM, multipart=False) and not each.bare for each in accept[:1]):
        return _retrieve_instance(query, uids)
    return _retrieve_rendered(query, record, accept)


def _single_values(query: Mapping[str, list[str]]) -> dict[str, str]:
    """Values by name; empty ones count as absent."""
    repeated = sorted(name for name, values in query.items() if len(values) > 1)
    if repeated:
        raise BadRequest(f"Parameters may be given once: {', '.join(repeated)}.")
    return {name: values[0].strip() for name, values in query.items() if values[0].strip()}


def _uids(query: Mapping[str, str]) -> tuple[str, str, str]:
    missing = [name for name in MANDATORY if name not in query]
    if missing:
        raise BadRequest(f"Missing query parameter: {', '.join(missing)}.")
    if query["requestType"] != "WADO":
        raise BadRequest("requestType must be WADO.")
    malformed = [name for name in MANDATORY[1:] if not uid.is_valid(query[name])]
    if malformed:
        raise BadRequest(f"Not a UID: {', '.join(malformed)}.")
    return query["studyUID"], query["seriesUID"], query["objectUID"]


def _default_type(record: InstanceRecord, header: str) -> str:
    """Media types of the Accept header, or the default of the instance's category where all are welcome (9.5.2)."""
    if not header.replace("*/*", "").strip(" ,"):
        is_shown = record.number_of_frames > 0 or DOCUMENT in record.bulk_data or presentation.is_report(record)
        return "*/*" if is_shown else DICOM
    return header


def _retrieve_instance(query: Mapping[str, str], uids: tuple[str, str, str]) -> Response:
    """The instance itself; see `archive.retrieve.retrieve_instance`."""
    request = routes.current_request
    useless = sorted(set(query) & set(OF_PICTURES))
    if useless:
        raise BadRequest(f"Parameters of pictures do not go with {DICOM}: {', '.join(useless)}.")
    if query.get("anonymize", "yes") != "yes":
        raise BadRequest("anonymize must be yes if it is given.")
    if "anonymize" in query:
        raise BadRequest("anonymize is not supported: the archive gives instances as they were received.")
    syntax = query.get("transferSyntax", "")
    if syntax and syntax != "*" and not uid.is_valid(syntax):
        raise BadRequest("transferSyntax must be a UID.")
    accept = [MediaRange(DICOM, transfer_syntax=syntax)]
    reader, renderer = wiring.index_reader(), renderer_for(request)
    return deliver(request, retrieve.retrieve_instance(reader, renderer, scope_of(request), uids, accept, base_url()))


def _retrieve_rendered(query: Mapping[str, str], record: InstanceRecord, accept: list[MediaRange]) -> Response:
    request = routes.current_request
    useless = sorted(set(query) & set(OF_DICOM))
    if useless:
        raise BadRequest(f"Parameters of {DICOM} do not go with rendered media types: {', '.join(useless)}.")
    if presentation.is_report(record):
        return _retrieve_report(query, record, accept)
    parameters = parse_rendering(rendering_query(query, record))
    frame = _positive(query, "frameNumber", 1) - 1
    if DOCUMENT in record.bulk_data:
        return deliver(request, retrieve.encapsulated_document(wiring.object_store(), record, accept))
    pictures, form = [Pictures(record, (frame,))], rendered.rendered_form(accept, 1)
    state = _presentation_state(query)
    etag = rendered.rendered_etag(pictures, parameters, form, state)
    if is_known_to_caller(request, etag):
        return not_modified(etag, IMMUTABLE)
    return deliver(request, rendered.render(wiring.renderer(), pictures, parameters, form, base_url(), state))


def _retrieve_report(query: Mapping[str, str], record: InstanceRecord, accept: list[MediaRange]) -> Response:
    """A structured report as a page or as text (table 8.7.4-1)."""
    useless = sorted(set(query) & set(OF_PICTURES))
    if useless:
        raise BadRequest(f"Parameters of pictures do not go with a report: {', '.join(useless)}.")
    return deliver_report(routes.current_request, presentation.report_body(record, accept))


def _presentation_state(query: Mapping[str, str]) -> InstanceRecord | None:
    """The presentation state of the same study that the picture is to be shown by (9.5.1.2.6, 9.5.1.2.7)."""
    names = ("presentationSeriesUID", "presentationUID")
    if not set(names) & set(query):
        return None
    if not all(name in query and uid.is_valid(query[name]) for name in names):
        raise BadRequest("presentationUID and presentationSeriesUID go together and are UIDs.")
    uids = (query["studyUID"], *(query[name] for name in names))
    state = visible_instance(wiring.index_reader(), scope_of(routes.current_request), uids[0], uids[1], uids[2])
    if state.sop_class_uid not in presentation.PRESENTATION_STATES:
        raise BadRequest("presentationUID names no presentation state that can be applied.")
    return state


# Parameters of pictures in the words of WADO-RS ----------------------------------------------------------------------


def rendering_query(query: Mapping[str, str], record: InstanceRecord) -> dict[str, list[str]]:
    """Query parameters of a rendered resource (8.3.5.1) that say what those of 9.5.1 do.

    Raises
    ------
    BadRequest
        Naming the parameter that is malformed.
    """
    found: dict[str, list[str]] = {}
    for theirs, ours in (("imageQuality", "quality"), ("annotation", "annotation"), ("iccprofile", "iccprofile")):
        if theirs in query:
            found[ours] = [query[theirs]]
    if ("windowCenter" in query) != ("windowWidth" in query):
        raise BadRequest("windowCenter and windowWidth go together.")
    if "windowCenter" in query:
        found["window"] = [f"{query['windowCenter']},{query['windowWidth']}"]
    viewport = _viewport(query, record)
    if viewport:
        found["viewport"] = [viewport]
    return found


def _viewport(query: Mapping[str, str], record: InstanceRecord) -> str:
    """Pictures fit within rows and columns (9.5.1.2.3); a region is given in fractions of the image (9.5.1.2.2)."""
    is_bounded = "rows" in query or "columns" in query
    columns, rows = (_positive(query, name, _LARGEST) for name in ("columns", "rows"))
    if "region" not in query:
        return f"{columns},{rows}" if is_bounded else ""
    left, top, right, bottom = _fractions(query["region"])
    width, height = (_size(record, tag) for tag in ("00280011", "00280010"))
    source = (left * width, top * height, (right - left) * width, (bottom - top) * height)
    if not is_bounded:
        columns, rows = (min(_LARGEST, max(1, round(length))) for length in source[2:])
    return ",".join([str(columns), str(rows), *(f"{number:.6f}" for number in source)])


def _fractions(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not (0 <= numbers[0] < numbers[2] <= 1 and 0 <= numbers[1] < numbers[3] <= 1):
        raise BadRequest("region must be left,top,right,bottom, each from 0.0 to 1.0 and in that order.")
    return numbers


def _size(record: InstanceRecord, tag: str) -> int:
    value = (record.dicom_json.get(tag, {}).get("Value") or [0])[0]
    if not isinstance(value, int) or value < 1:
        raise BadRequest("The instance has no image that a region could be of.")
    return value


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise BadRequest(f"{name} must be a positive integer.")
    return int(text)
