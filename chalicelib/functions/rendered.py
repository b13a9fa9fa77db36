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

from pydicom.dataset import Dataset

from chalicelib import wiring
from chalicelib.archive.ports import ObjectStore
from chalicelib.dicom import pictures, pixels
from chalicelib.errors import ArchiveError

INLINE_LIMIT_BYTES = 4_400_000
"""Largest answer that passes Lambda's 6 MB once in base64."""

# pydicom's warnings quote values of the data set, which must not reach a log.
warnings.simplefilter("ignore")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

Request = dict[str, Any]


def _frames(objects: ObjectStore, request: Request) -> list[tuple[Dataset, int]]:
    """For each frame asked for, a data set that has it and its number there."""
    key, ranges = request["object_key"], request["frame_ranges"]
    if not ranges:
        whole = pixels.read_data_set(objects.read(key))
        return [(whole, frame) for frame in request["frames"]]
    header = objects.read(key, 0, request["first_frame_offset"])
    return [
        (
            pixels.with_frame(
                pixels.read_data_set(header, before_pixels=True),
                _joined(objects, key, fragments),
                request["transfer_syntax_uid"],
                request["pixel_data_tag"],
            ),
            0,
        )
        for fragments in ranges
    ]


def _joined(objects: ObjectStore, key: str, fragments: list[list[int]]) -> bytes:
    """The fragments of a frame, read as one range."""
    start = fragments[0][0]
    content = objects.read(key, start, fragments[-1][0] + fragments[-1][1] - start)
    return b"".join(content[offset - start : offset - start + length] for offset, length in fragments)


def _render(objects: ObjectStore, request: Request) -> tuple[str, bytes]:
    (dataset, decoded_frame) = _frames(objects, request)[0]
    view = pictures.View(*(tuple(v) if (v := request.get(name)) else None for name in ("window", "viewport", "region")))
    array = pixels.shown_frame(dataset, decoded_frame, request["frames"][0], request["transfer_syntax_uid"], view)
    image = pictures.picture(array, dataset, view)
    return request["media_type"], pictures.encoded_picture(image, request["media_type"], request["quality"])


def _decode(objects: ObjectStore, request: Request) -> tuple[str, bytes]:
    octets = []
    for dataset, frame in _frames(objects, request):
        array, _ = pixels.decode(dataset, frame, request["transfer_syntax_uid"], raw=True)
        octets.append(pixels.native_octets(array, dataset))
    return "application/octet-stream", b"".join(octets)


def _transcode(objects: ObjectStore, request: Request) -> tuple[str, bytes]:
    return "application/dicom", pixels.transcoded(
        objects.read(request["object_key"]), request.get("implicit_vr", False)
    )


_OPERATIONS: dict[str, Callable[[ObjectStore, Request], tuple[str, bytes]]] = {
    "render": _render,
    "decode": _decode,
    "transcode": _transcode,
}


def handler(event: Request, context: object) -> dict[str, Any]:
    """Answer one request; errors that a caller may be told about are part of the answer."""
    started = time.perf_counter()
    logger = wiring.logger("rendered")
    facts: dict[str, Any] = {"operation": event["operation"], "transfer_syntax_uid": event.get("transfer_syntax_uid")}
    try:
        media_type, content = _OPERATIONS[event["operation"]](wiring.object_store(), event)
    except ArchiveError as error:
        logger.warning("not rendered", extra={**facts, "error": type(error).__name__, "cause": _cause(error)})
        return {"error": type(error).__name__, "message": str(error)}
    duration_ms = round((time.perf_counter() - started) * 1000, 1)
    logger.info("rendered", extra={**facts, "size_bytes": len(content), "duration_ms": duration_ms})
    answer: dict[str, Any] = {"media_type": media_type, "size_bytes": len(content)}
    if len(content) <= INLINE_LIMIT_BYTES:
        return {**answer, "body_base64": base64.b64encode(content).decode()}
    key = f"assembled/{hashlib.sha256(content).hexdigest()}"
    wiring.object_store().put(key, content, media_type)
    return {**answer, "object_key": key}


def _cause(error: ArchiveError) -> str:
    """Kind of the failure beneath, without its text, which may quote the data set."""
    return type(error.__cause__).__name__ if error.__cause__ else ""
