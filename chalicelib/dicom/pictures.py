"""Pictures of decoded frames: region, mirroring, scaling with square pixels, JPEG and PNG (PS3.18 8.3.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset

from chalicelib.errors import NotAcceptable


@dataclass(frozen=True)
class View:
    """How a frame is shown; see `archive.rendered.RenderingParameters`."""

    window: tuple[float, float, str] | None = None
    viewport: tuple[int, int] | None = None
    region: tuple[float, float, float, float] | None = None


def _pixel_aspect(dataset: Dataset) -> float:
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


def picture(array: NDArray[Any], dataset: Dataset, view: View) -> Image.Image:
    """Cut to the region, mirror, and scale to fit the viewport with square pixels; as it is without a viewport."""
    image = Image.fromarray(array)
    if view.region:
        left, top, width, height = view.region
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
    if view.viewport:
        height = image.height * _pixel_aspect(dataset)
        scale = min(view.viewport[0] / image.width, view.viewport[1] / height)
        size = (max(1, round(image.width * scale)), max(1, round(height * scale)))
        if size != image.size:
            image = image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    return image


def encoded_picture(image: Image.Image, media_type: str, quality: int) -> bytes:
    """JPEG or PNG bytes."""
    output = BytesIO()
    if media_type == "image/png":
        image.save(output, "PNG", compress_level=4)
    else:
        image.save(output, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2)
    return output.getvalue()
