"""Query parameters of rendered resources (PS3.18 8.3.5.1), checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.errors import BadRequest

DEFAULT_QUALITY = 90
THUMBNAIL_PIXELS = 256
MAXIMUM_VIEWPORT_PIXELS = 8192
VOI_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
ANNOTATIONS = frozenset({"patient", "technique"})
ICC_PROFILES = ("no", "yes", "srgb", "adobergb", "rommrgb")
_PARAMETERS = frozenset({"accept", "charset", "hospital", "window", "viewport", "quality", "annotation", "iccprofile"})


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
    annotation: tuple[str, ...] = ()
    """Of `patient` and `technique`: what is written into the picture."""
    icc_profile: str = "no"
    """`no`, `yes`, `srgb`, `adobergb` or `rommrgb`."""


def parse_rendering(query: Mapping[str, Sequence[str]], is_thumbnail: bool = False) -> RenderingParameters:
    """Check the query parameters of PS3.18 8.3.5.1; a thumbnail is small unless a viewport says otherwise.

    Raises
    ------
    BadRequest
        Naming the parameter that is malformed, repeated or not supported.
    """
    unknown = set(query) - _PARAMETERS
    if unknown:
        raise BadRequest(f"Unknown query parameter: {', '.join(sorted(unknown))}.")
    repeated = sorted(name for name, texts in query.items() if len(texts) > 1 and name not in ("accept", "charset"))
    if repeated:
        raise BadRequest(f"Parameters may be given once: {', '.join(repeated)}.")
    values = {name: texts[-1] for name, texts in query.items()}
    annotation = tuple(dict.fromkeys(kind.strip() for kind in values.get("annotation", "").split(",") if kind.strip()))
    if not ANNOTATIONS.issuperset(annotation):
        raise BadRequest("annotation must be patient, technique or both, separated by a comma.")
    icc_profile = values.get("iccprofile", "no").lower()
    if icc_profile not in ICC_PROFILES:
        raise BadRequest(f"iccprofile must be one of {', '.join(ICC_PROFILES)}.")
    viewport, region = _viewport(values["viewport"]) if "viewport" in values else (None, None)
    if is_thumbnail and viewport is None:
        viewport = (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)
    quality = values.get("quality", str(DEFAULT_QUALITY))
    if not (quality.isascii() and quality.isdigit() and len(quality) <= 3 and 1 <= int(quality) <= 100):
        raise BadRequest("quality must be an integer from 1 to 100.")
    return RenderingParameters(
        int(quality),
        _window(values["window"]) if "window" in values else None,
        viewport,
        region,
        annotation,
        icc_profile,
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
