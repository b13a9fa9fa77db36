"""Rendered resources (PS3.18 8.3.5, 10.4.1.1.5 and 10.4.1.1.6): requests to the Lambda that decodes and renders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.archive.delivery import Body, Part, Piece, etag_of, multipart_body
from chalicelib.archive.model import ByteRange, InstanceRecord, RenderedBody
from chalicelib.archive.ports import Renderer
from chalicelib.archive.rendering_parameters import RenderingParameters
from chalicelib.dicom.media_types import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    MediaRange,
    Representation,
    best_offer,
)
from chalicelib.dicom.multipart import PartHeader
from chalicelib.errors import NotAcceptable, NotFound, TooMuch

JPEG, PNG, WEBP, GIF = "image/jpeg", "image/png", "image/webp", "image/gif"
STILL, ANIMATED = (JPEG, PNG, WEBP, GIF), (GIF, WEBP)
MAXIMUM_PICTURES = 200
"""Pictures of one answer, so that the Lambda makes them within its time."""
MAXIMUM_PIXELS = 150_000_000
"""Pixels of all of them as stored; one picture alone may have more."""
MAXIMUM_TRANSCODED_BYTES = 256 << 20
"""Stored and decoded size of an instance that is re-encoded in the Lambda's memory."""
DOCUMENT = "00420011"
"""Encapsulated Document."""
_PIXEL_DATA_TAGS = ("7FE00010", "7FE00008", "7FE00009")


@dataclass(frozen=True)
class Pictures:
    """Frames (zero-based) of an instance."""

    record: InstanceRecord
    frames: tuple[int, ...]


def every_frame(record: InstanceRecord) -> Pictures:
    """All frames of an instance."""
    return Pictures(record, tuple(range(record.number_of_frames)))


# What is given ----------------------------------------------------------------------------------------------------


def rendered_form(accept: Iterable[MediaRange], count: int, first_alone: bool = False) -> Representation:
    """The form of `count` pictures: one by itself, several as parts or as an animation; JPEG unless another is wanted.

    `first_alone`: a still picture of the first is a form of several, for a multi-frame instance in a page.

    Raises
    ------
    NotAcceptable
        Listing the forms.
    """
    parts = [Representation(media_type, multipart=True) for media_type in STILL]
    if count == 1:
        offers = [*map(Representation, STILL), *parts]
    elif first_alone:
        offers = [*map(Representation, (JPEG, PNG, *ANIMATED)), *parts]
    else:
        offers = [*parts, *map(Representation, ANIMATED)]
    return best_offer(accept, offers)


def shown_in(form: Representation, pictures: Sequence[Pictures]) -> list[Pictures]:
    """Which of some pictures a form shows: all of them as parts or as an animation, otherwise the first alone."""
    if form.multipart or form.media_type in ANIMATED:
        return list(pictures)
    return [Pictures(pictures[0].record, pictures[0].frames[:1])]


def rendered_etag(
    pictures: Sequence[Pictures], parameters: RenderingParameters, form: Representation, state: InstanceRecord | None
) -> str:
    """Validator of rendered frames, known before they are rendered."""
    which = [f"{one.record.object_key} {one.frames}" for one in pictures]
    return etag_of(*which, repr(parameters), str(form), state.object_key if state else "")


# Rendering --------------------------------------------------------------------------------------------------------


def render(
    renderer: Renderer,
    pictures: Sequence[Pictures],
    parameters: RenderingParameters,
    form: Representation,
    base_url: str = "",
    state: InstanceRecord | None = None,
) -> Body:
    """Render frames for a screen: Modality LUT, VOI LUT, colour, overlays, scaling, text; by a presentation state.

    `pictures` are those that the form shows, see `shown_in`.

    Raises
    ------
    NotFound
        If there is no such frame.
    NotAcceptable
        If a frame cannot be decoded.
    TooMuch
        If there are too many pictures.
    """
    is_animation = not form.multipart and form.media_type in ANIMATED
    _check(pictures)
    answer = renderer.render(
        {
            "operation": "animate" if is_animation and _count(pictures) > 1 else "render",
            "pictures": [_pixel_source(one.record, one.frames) for one in pictures],
            "media_type": form.media_type,
            "quality": parameters.quality,
            "window": parameters.window,
            "viewport": parameters.viewport,
            "region": parameters.region,
            "annotation": parameters.annotation,
            "icc_profile": parameters.icc_profile,
            "presentation_state_key": state.object_key if state else "",
        }
    )
    etag = rendered_etag(pictures, parameters, form, state)
    if not form.multipart:
        return Body(form.media_type, (_whole(answer),), etag, answer.object_key)
    headers = [PartHeader(form.media_type, _location(base_url, one.record, frame)) for one in pictures
               for frame in one.frames]  # fmt: skip
    parts = [Part(header, (piece,)) for header, piece in zip(headers, _pieces(answer), strict=True)]
    return multipart_body(parts, form.media_type, etag)


def render_document(
    renderer: Renderer, record: InstanceRecord, parameters: RenderingParameters, form: Representation
) -> Body:
    """First page of an encapsulated PDF as a picture.

    Raises
    ------
    NotAcceptable
        If it cannot be shown so.
    """
    if record.frame_table.deflated or DOCUMENT not in record.bulk_data or form.multipart:
        raise NotAcceptable("The document cannot be shown as a picture.")
    answer = renderer.render(
        {
            "operation": "render_document",
            "object_key": record.object_key,
            "document_range": record.bulk_data[DOCUMENT],
            "media_type": form.media_type,
            "quality": parameters.quality,
            "viewport": parameters.viewport,
        }
    )
    etag = etag_of(record.object_key, DOCUMENT, repr(parameters), str(form))
    return Body(form.media_type, (_whole(answer),), etag, answer.object_key)


def _count(pictures: Iterable[Pictures]) -> int:
    return sum(len(one.frames) for one in pictures)


def _check(pictures: Sequence[Pictures]) -> None:
    for one in pictures:
        if max(one.frames) >= one.record.number_of_frames:
            raise NotFound("The instance has no such frame.")
    count = _count(pictures)
    pixels = sum(_pixels_of(one.record) * len(one.frames) for one in pictures)
    if count > MAXIMUM_PICTURES or (count > 1 and pixels > MAXIMUM_PIXELS):
        raise TooMuch(
            f"These are {count} pictures of {pixels // 1_000_000} million pixels; one answer has at most "
            f"{MAXIMUM_PICTURES} of {MAXIMUM_PIXELS // 1_000_000} million together. "
            "Ask for series, instances or frames."
        )


def _number(record: InstanceRecord, tag: str) -> int:
    value = (record.dicom_json.get(tag, {}).get("Value") or [0])[0]
    return value if isinstance(value, int) else 0


def _pixels_of(record: InstanceRecord) -> int:
    return _number(record, "00280010") * _number(record, "00280011")


def _location(base_url: str, record: InstanceRecord, frame: int) -> str:
    keys = record.keys
    return (
        f"{base_url}/studies/{keys.study_instance_uid}/series/{keys.series_instance_uid}"
        f"/instances/{keys.sop_instance_uid}/frames/{frame + 1}/rendered"
    )


def _pixel_source(record: InstanceRecord, frames: Sequence[int]) -> dict[str, Any]:
    """Where the renderer finds the frames: byte ranges, or the whole object when there are none."""
    # The words of big endian 8 bit pixels straddle frames of odd length: pydicom gets the whole.
    table = () if record.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else record.frame_table.frames
    ranges = [table[frame] for frame in frames] if max(frames) < len(table) else []
    if not ranges and record.size_bytes > MAXIMUM_TRANSCODED_BYTES:
        raise TooMuch("The instance is too large to be decoded as a whole.")
    return {
        "object_key": record.object_key,
        "transfer_syntax_uid": record.transfer_syntax_uid,
        "frames": list(frames),
        "frame_ranges": ranges,
        "pixel_data_tag": next((tag for tag in _PIXEL_DATA_TAGS if tag in record.dicom_json), _PIXEL_DATA_TAGS[0]),
        "first_frame_offset": min((offset for frame in table for offset, _ in frame), default=0),
    }


# Transcoding ------------------------------------------------------------------------------------------------------


def transcoded_frames(
    renderer: Renderer, record: InstanceRecord, frames: Sequence[int], transfer_syntax_uid: str = EXPLICIT_LITTLE_ENDIAN
) -> list[Piece]:
    """Frames (zero-based) in another transfer syntax: uncompressed, in the layout that the metadata describes."""
    source = _pixel_source(record, frames)
    answer = renderer.render(
        {"operation": "transcode_frames", "pictures": [source], "target_syntax_uid": transfer_syntax_uid}
    )
    return _pieces(answer)


def transcoded_instance(
    renderer: Renderer, record: InstanceRecord, transfer_syntax_uid: str = EXPLICIT_LITTLE_ENDIAN
) -> Piece:
    """The instance re-encoded in another transfer syntax, its UIDs kept.

    Raises
    ------
    TooMuch
        If it does not fit the renderer's memory.
    NotAcceptable
        If it cannot be re-encoded.
    """
    if record.size_bytes > MAXIMUM_TRANSCODED_BYTES:
        raise TooMuch("The instance is too large to be given in another transfer syntax than transfer-syntax=*.")
    return _whole(
        renderer.render(
            {
                "operation": "transcode",
                "object_key": record.object_key,
                "transfer_syntax_uid": record.transfer_syntax_uid,
                "target_syntax_uid": transfer_syntax_uid,
            }
        )
    )


def _whole(answer: RenderedBody) -> Piece:
    return ByteRange(answer.object_key, 0, answer.size_bytes) if answer.object_key else answer.body


def _pieces(answer: RenderedBody) -> list[Piece]:
    """The pieces of an answer, in its order."""
    pieces: list[Piece] = []
    start = 0
    for size in answer.sizes_bytes:
        if answer.object_key:
            pieces.append(ByteRange(answer.object_key, start, size))
        else:
            pieces.append(answer.body[start : start + size])
        start += size
    return pieces
