"""Pictures of shown frames: region, mirroring, scaling with square pixels, encoding (PS3.18 8.3.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image
from pydicom.dataset import Dataset

from chalicelib.errors import NotAcceptable

Size = tuple[int, int]
FALLBACK_FRAME_TIME_MS = 100.0
_SHORTEST_FRAME_MS = 20
"""Viewers of GIF take anything shorter for a tenth of a second."""


@dataclass(frozen=True)
class View:
    """What part of a frame is shown and how large; see `archive.rendering_parameters.RenderingParameters`."""

    viewport: Size | None = None
    region: tuple[float, float, float, float] | None = None


def pixel_aspect(dataset: Dataset) -> float:
    """Height of a pixel in units of its width."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        ratio = dataset.get(keyword)
        try:
            vertical, horizontal = float(ratio[0]), float(ratio[1])
        except (TypeError, ValueError, IndexError):
            continue
        if vertical > 0 and horizontal > 0:
            return min(16.0, max(1 / 16, vertical / horizontal))
    return 1.0


def cut(image: Image.Image, region: tuple[float, float, float, float]) -> Image.Image:
    """The region, mirrored where its width or height is negative.

    Raises
    ------
    NotAcceptable
        If it lies outside the image.
    """
    left, top, width, height = region
    right = min(image.width, left + (abs(width) or image.width))
    bottom = min(image.height, top + (abs(height) or image.height))
    if left >= right or top >= bottom:
        raise NotAcceptable("The viewport lies outside the image.")
    x, y = int(left), int(top)
    image = image.crop((x, y, max(x + 1, round(right)), max(y + 1, round(bottom))))
    if width < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if height < 0:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def fitted_size(size: Size, viewport: Size, aspect: float) -> Size:
    """Largest size within a viewport that shows pixels of that aspect as squares.

    >>> fitted_size((100, 50), (200, 200), 2.0)
    (200, 200)
    """
    height = size[1] * aspect
    scale = min(viewport[0] / size[0], viewport[1] / height)
    return max(1, round(size[0] * scale)), max(1, round(height * scale))


def scaled(image: Image.Image, size: Size) -> Image.Image:
    """The picture at another size: smooth when larger, without aliasing when smaller."""
    if size == image.size:
        return image
    is_smaller = size[0] * size[1] < image.width * image.height
    return image.resize(size, Image.Resampling.HAMMING if is_smaller else Image.Resampling.BICUBIC)


def picture(array: Any, dataset: Dataset, view: View) -> Image.Image:
    """Cut to the region, mirror, and scale to fit the viewport with square pixels; as it is without a viewport."""
    image = Image.fromarray(array)
    if view.region:
        image = cut(image, view.region)
    if view.viewport:
        image = scaled(image, fitted_size(image.size, view.viewport, pixel_aspect(dataset)))
    return image


def encoded_picture(image: Image.Image, media_type: str, quality: int, icc_profile: bytes = b"") -> bytes:
    """JPEG, PNG, GIF or WebP bytes; GIF has no room for a profile.

    Raises
    ------
    NotAcceptable
        If the picture is larger than its format can be.
    """
    output = BytesIO()
    options: dict[str, Any] = {"icc_profile": icc_profile} if icc_profile and media_type != "image/gif" else {}
    try:
        if media_type == "image/png":
            image.save(output, "PNG", compress_level=4, **options)
        elif media_type == "image/gif":
            image.save(output, "GIF")
        elif media_type == "image/webp":
            image.save(output, "WEBP", quality=quality, method=2, **options)
        else:
            image.save(output, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2, **options)
    except (ValueError, OSError) as error:
        raise NotAcceptable(f"The picture is too large for {media_type}: give a viewport.") from error
    return output.getvalue()


def frame_time_ms(dataset: Dataset) -> float:
    """How long a frame of a cine is shown (PS3.3 C.7.6.5, C.7.6.1)."""
    for keyword, is_rate in (
        ("FrameTime", False),
        ("RecommendedDisplayFrameRate", True),
        ("CineRate", True),
        ("ActualFrameDuration", False),
    ):
        try:
            value = float(dataset.get(keyword) or "nan")
            duration = 1000 / value if is_rate else value
        except (TypeError, ValueError, ZeroDivisionError):
            continue
        if 1 <= duration <= 10_000:
            return duration
    return FALLBACK_FRAME_TIME_MS


def animation(images: Sequence[Image.Image], media_type: str, quality: int, duration_ms: float) -> bytes:
    """Animated GIF or WebP that repeats; pictures of other sizes than the first are fitted into it."""
    size = images[0].size
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    frames = [_on_canvas(image.convert(mode), size) for image in images]
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "loop": 0}
    duration = max(_SHORTEST_FRAME_MS, round(duration_ms))
    output = BytesIO()
    if media_type == "image/gif":
        frames[0].save(output, "GIF", duration=duration, optimize=False, **options)
    else:
        frames[0].save(output, "WEBP", duration=duration, quality=quality, method=0, **options)
    return output.getvalue()


def _on_canvas(image: Image.Image, size: Size) -> Image.Image:
    if image.size == size:
        return image
    fitted = scaled(image, fitted_size(image.size, size, 1.0))
    canvas = Image.new(image.mode, size)
    canvas.paste(fitted, ((size[0] - fitted.width) // 2, (size[1] - fitted.height) // 2))
    return canvas
