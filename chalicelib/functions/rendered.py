"""The rendering Lambda: decodes frames, renders them, re-encodes instances (PS3.18 8.7.3 and 8.7.4).

Requests are those of `archive.rendered`; answers are read by `aws.lambda_renderer`.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

from PIL import Image

from chalicelib import wiring
from chalicelib.archive.ports import ObjectStore
from chalicelib.archive.store import parse_instance_object_key
from chalicelib.dicom import burned_in, documents, icc_profiles, pictures, presentation_state, shown, transcoding
from chalicelib.errors import ArchiveError, BadRequest, TooMuch
from chalicelib.functions.rendered_sources import Source, sources_of

INLINE_LIMIT_BYTES = 4_400_000
"""Largest answer that passes Lambda's 6 MB once in base64."""
MAXIMUM_ANSWER_BYTES = 512 << 20

# pydicom's warnings quote values of the data set, which must not reach a log.
warnings.simplefilter("ignore")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
# Sizes are checked before anything is decoded; Pillow's own bound is lower than whole slide images and mosaics need.
Image.MAX_IMAGE_PIXELS = None

Request = dict[str, Any]
Pieces = list[bytes]


def _images(objects: ObjectStore, request: Request) -> list[tuple[Source, Image.Image]]:
    """Every picture that a request asks for, scaled and annotated."""
    view = pictures.View(*(tuple(v) if (v := request.get(name)) else None for name in ("viewport", "region")))
    window = tuple(request["window"]) if request.get("window") else None
    key = request.get("presentation_state_key")
    state = presentation_state.read(objects.read(key)) if key else None
    made = []
    for source in sources_of(objects, request["pictures"]):
        if state is None:
            image = pictures.picture(shown.shown_frame(*source, window), source.dataset, view)
        else:
            image = presentation_state.picture(state, source, view, window)
        if request.get("annotation"):
            image = burned_in.annotated(image, source.dataset, request["annotation"])
        made.append((source, image))
    return made


def _render(objects: ObjectStore, request: Request) -> tuple[str, Pieces]:
    media_type, quality, wanted = request["media_type"], request["quality"], request.get("icc_profile", "no")
    pieces = []
    for source, image in _images(objects, request):
        profile = b""
        if wanted != "no":
            image, profile = icc_profiles.with_profile(image, source.dataset, wanted)
        pieces.append(pictures.encoded_picture(image, media_type, quality, profile))
    return media_type, pieces


def _animate(objects: ObjectStore, request: Request) -> tuple[str, Pieces]:
    made = _images(objects, request)
    duration_ms = pictures.frame_time_ms(made[0][0].dataset)
    images = [image for _, image in made]
    return request["media_type"], [pictures.animation(images, request["media_type"], request["quality"], duration_ms)]


def _render_document(objects: ObjectStore, request: Request) -> tuple[str, Pieces]:
    document = objects.read(request["object_key"], *request["document_range"])
    viewport = request.get("viewport")
    image = documents.first_page(document, tuple(viewport) if viewport else None)
    return request["media_type"], [pictures.encoded_picture(image, request["media_type"], request["quality"])]


def _transcode_frames(objects: ObjectStore, request: Request) -> tuple[str, Pieces]:
    pieces, size = [], 0
    for source in sources_of(objects, request["pictures"]):
        piece = transcoding.transcoded_frame(
            source.dataset, source.decoded_frame, source.transfer_syntax_uid, request["target_syntax_uid"]
        )
        size += len(piece)
        if size > MAXIMUM_ANSWER_BYTES:
            raise TooMuch("The frames are too large together: ask for fewer.")
        pieces.append(piece)
    return "application/octet-stream", pieces


def _transcode(objects: ObjectStore, request: Request) -> tuple[str, Pieces]:
    content = objects.read(request["object_key"])
    return "application/dicom", [transcoding.transcoded(content, request["target_syntax_uid"])]


_OPERATIONS: dict[str, Callable[[ObjectStore, Request], tuple[str, Pieces]]] = {
    "render": _render,
    "animate": _animate,
    "render_document": _render_document,
    "transcode_frames": _transcode_frames,
    "transcode": _transcode,
}


def _check_objects(request: Request) -> None:
    """Instances of one hospital, and nothing else of the bucket, whatever its caller made of somebody's request."""
    keys = [request.get("object_key"), request.get("presentation_state_key") or None]
    keys += [picture.get("object_key") for picture in request.get("pictures") or ()]
    if len({parse_instance_object_key(key)[0].hospital for key in keys if key is not None}) != 1:
        raise BadRequest("A request is about instances of one hospital.")


def handler(event: Request, context: object) -> dict[str, Any]:
    """Answer one request; errors that a caller may be told about are part of the answer."""
    started = time.perf_counter()
    logger = wiring.logger("rendered")
    facts: dict[str, Any] = {"operation": event["operation"], "transfer_syntax_uid": _syntax_of(event)}
    try:
        _check_objects(event)
        media_type, pieces = _OPERATIONS[event["operation"]](wiring.object_store(), event)
    except ArchiveError as error:
        logger.warning("not rendered", extra={**facts, "error": type(error).__name__, "cause": _cause(error)})
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        logger.warning("not rendered", extra={**facts, "error": "MemoryError"})
        return {"error": TooMuch.__name__, "message": "The image does not fit memory."}
    content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    duration_ms = round((time.perf_counter() - started) * 1000, 1)
    logger.info("rendered", extra={**facts, "size_bytes": len(content), "duration_ms": duration_ms})
    answer: dict[str, Any] = {
        "media_type": media_type,
        "size_bytes": len(content),
        "sizes_bytes": [len(piece) for piece in pieces],
    }
    if len(content) <= INLINE_LIMIT_BYTES:
        return {**answer, "body_base64": base64.b64encode(content).decode()}
    key = f"assembled/{hashlib.sha256(content).hexdigest()}"
    wiring.object_store().put(key, content, media_type)
    return {**answer, "object_key": key}


def _syntax_of(event: Request) -> object:
    sources = event.get("pictures") or [event]
    return sources[0].get("transfer_syntax_uid")


def _cause(error: ArchiveError) -> str:
    """Kind of the failure beneath, without its text, which may quote the data set."""
    return type(error.__cause__).__name__ if error.__cause__ else ""
