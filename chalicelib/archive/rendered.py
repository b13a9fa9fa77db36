"""Rendered resources (PS3.18 8.3.5, 10.4.1.1.5 and 10.4.1.1.6): requests to the Lambda that decodes and renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.archive.delivery import Body, Piece, etag_of
from chalicelib.archive.model import ByteRange, InstanceRecord, RenderedBody
from chalicelib.archive.ports import Renderer
from chalicelib.dicom.media_types import EXPLICIT_BIG_ENDIAN, MediaRange, Representation, choose
from chalicelib.errors import BadRequest, NotFound

JPEG, PNG = "image/jpeg", "image/png"
DEFAULT_QUALITY = 90
THUMBNAIL_PIXELS = 256
MAXIMUM_VIEWPORT_PIXELS = 8192
VOI_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_PIXEL_DATA_TAGS = ("7FE00010", "7FE00008", "7FE00009")
_PARAMETERS = frozenset({"accept", "charset", "window", "viewport", "quality", "annotation", "iccprofile"})


@dataclass(frozen=True)
class RenderingParameters:
    """Query parameters of a rendered resource, checked."""

    quality: int = DEFAULT_QUALITY
    window: tuple[float, float, str] | None = None
    """Center, width and VOI LUT function."""
    viewport: tuple[int, int] | None = None
    """Width and height in pixels that the picture is scaled to fit."""
    region: tuple[float, float, float, float] | None = None
    """Left, top, width and height in pixels of the source; negative width or height mirrors."""


def parse_rendering(query: Mapping[str, Sequence[str]], is_thumbnail: bool = False) -> RenderingParameters:
    """Check the query parameters of PS3.18 8.3.5.1; a thumbnail is small unless a viewport says otherwise.

    Raises
    ------
    BadRequest
        Naming the parameter that is malformed or not supported.
    """
    unknown = set(query) - _PARAMETERS
    if unknown:
        raise BadRequest(f"Unknown query parameter: {', '.join(sorted(unknown))}.")
    values = {name: texts[-1] for name, texts in query.items()}
    if values.get("annotation"):
        raise BadRequest("annotation is not supported: pictures carry no burned-in text.")
    if values.get("iccprofile", "no") not in ("no", "yes"):
        raise BadRequest("iccprofile must be no or yes.")
    viewport, region = _viewport(values["viewport"]) if "viewport" in values else (None, None)
    if is_thumbnail and viewport is None:
        viewport = (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)
    quality = values.get("quality", str(DEFAULT_QUALITY))
    if not (quality.isascii() and quality.isdigit() and len(quality) <= 3 and 1 <= int(quality) <= 100):
        raise BadRequest("quality must be an integer from 1 to 100.")
    return RenderingParameters(
        int(quality), _window(values["window"]) if "window" in values else None, viewport, region
    )


def _numbers(name: str, texts: Sequence[str]) -> list[float]:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        raise BadRequest(f"{name} must hold numbers.") from None
    if not all(abs(number) < 1e12 for number in numbers):
        raise BadRequest(f"{name} holds a number out of range.")
    return numbers


def _window(text: str) -> tuple[float, float, str]:
    parts = text.split(",")
    if len(parts) == 2:
        parts.append("linear")
    if len(parts) != 3 or parts[2].lower() not in VOI_FUNCTIONS:
        raise BadRequest("window must be center,width,function with function linear, linear-exact or sigmoid.")
    center, width = _numbers("window", parts[:2])
    function = VOI_FUNCTIONS[parts[2].lower()]
    if width < 1 and (function == "LINEAR" or width <= 0):
        raise BadRequest("window has too small a width.")
    return center, width, function


def _viewport(text: str) -> tuple[tuple[int, int], tuple[float, float, float, float] | None]:
    parts = text.split(",")
    if len(parts) not in (2, 6):
        raise BadRequest("viewport must be width,height or width,height,left,top,source width,source height.")
    size = _numbers("viewport", parts[:2])
    if not all(1 <= number <= MAXIMUM_VIEWPORT_PIXELS for number in size):
        raise BadRequest(f"viewport must be between 1 and {MAXIMUM_VIEWPORT_PIXELS} pixels wide and high.")
    if len(parts) == 2:
        return (int(size[0]), int(size[1])), None
    left, top, width, height = _numbers("viewport", [part or "0" for part in parts[2:]])
    if left < 0 or top < 0:
        raise BadRequest("viewport must begin within the image.")
    return (int(size[0]), int(size[1])), (left, top, width, height)


def rendered_media_type(accept: Sequence[MediaRange]) -> str:
    """JPEG unless PNG is wanted more."""
    return choose(accept, [Representation(JPEG), Representation(PNG)]).media_type


def _pixel_source(record: InstanceRecord, frames: Sequence[int]) -> dict[str, Any]:
    """Where the renderer finds the frames: byte ranges, or the whole object when there are none."""
    # The words of big endian 8 bit pixels straddle frames of odd length: pydicom gets the whole.
    table = () if record.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else record.frame_table.frames
    ranges = [table[frame] for frame in frames] if max(frames) < len(table) else []
    return {
        "object_key": record.object_key,
        "transfer_syntax_uid": record.transfer_syntax_uid,
        "frames": list(frames),
        "frame_ranges": ranges,
        "pixel_data_tag": next((tag for tag in _PIXEL_DATA_TAGS if tag in record.dicom_json), _PIXEL_DATA_TAGS[0]),
        "first_frame_offset": min((offset for frame in table for offset, _ in frame), default=0),
    }


def render_frame(
    renderer: Renderer, record: InstanceRecord, frame: int, parameters: RenderingParameters, media_type: str
) -> Body:
    """Render one frame (zero-based) for a screen: Modality LUT, VOI LUT, colour, scaling, JPEG or PNG.

    Raises
    ------
    NotFound
        If there is no such frame.
    NotAcceptable
        If the frame cannot be decoded.
    """
    if frame >= record.number_of_frames:
        raise NotFound("The instance has no such frame.")
    answer = renderer.render(
        {
            "operation": "render",
            **_pixel_source(record, [frame]),
            "media_type": media_type,
            "quality": parameters.quality,
            "window": parameters.window,
            "viewport": parameters.viewport,
            "region": parameters.region,
        }
    )
    etag = rendered_etag(record, frame, parameters, media_type)
    return Body(media_type, (_piece(answer),), etag, answer.object_key)


def rendered_etag(record: InstanceRecord, frame: int, parameters: RenderingParameters, media_type: str) -> str:
    """Validator of a rendered frame, known before it is rendered."""
    return etag_of(record.object_key, str(frame), repr(parameters), media_type)


def decoded_frames(renderer: Renderer, record: InstanceRecord, frames: Sequence[int]) -> list[Piece]:
    """Frames (zero-based) as uncompressed little endian octets in the layout that the metadata describes."""
    answer = renderer.render({"operation": "decode", **_pixel_source(record, frames)})
    length = answer.size_bytes // len(frames)
    if answer.object_key:
        return [ByteRange(answer.object_key, number * length, length) for number in range(len(frames))]
    return [answer.body[number * length : (number + 1) * length] for number in range(len(frames))]


def transcoded_instance(renderer: Renderer, record: InstanceRecord, implicit_vr: bool = False) -> Piece:
    """The instance re-encoded as Explicit VR Little Endian, or Implicit VR for those who know nothing else."""
    request: dict[str, object] = {"operation": "transcode", "object_key": record.object_key}
    answer = renderer.render({**request, "implicit_vr": True} if implicit_vr else request)
    return _piece(answer)


def _piece(answer: RenderedBody) -> Piece:
    return ByteRange(answer.object_key, 0, answer.size_bytes) if answer.object_key else answer.body
