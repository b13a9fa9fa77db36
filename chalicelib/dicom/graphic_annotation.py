"""Graphic and text annotation of presentation states (PS3.3 C.10.5), drawn upright on the finished picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from chalicelib.dicom.burned_in import ascii_text

Point = tuple[float, float]
MAXIMUM_POINTS = 100_000
_MAXIMUM_TEXT = 1024


class Placement(NamedTuple):
    """Where pixels of the image are in the picture."""

    origin: Point
    """Left and top of the displayed area in pixels of the image (zero-based)."""
    area: tuple[int, int]
    """Width and height of the displayed area in pixels of the image."""
    turns: int
    """Quarter turns clockwise, before the flip."""
    flipped: bool
    size: tuple[int, int]
    """Width and height of the picture."""

    def of_pixel(self, x: float, y: float) -> Point:
        """A point of the image, whose first pixel's centre is (1, 1) (PS3.3 C.10.5.1.2)."""
        return self._of_fraction((x - 0.5 - self.origin[0]) / self.area[0], (y - 0.5 - self.origin[1]) / self.area[1])

    def of_display(self, x: float, y: float) -> Point:
        """A point in fractions of the displayed area as it is shown."""
        return x * self.size[0], y * self.size[1]

    def _of_fraction(self, x: float, y: float) -> Point:
        x, y = ((x, y), (1 - y, x), (1 - x, 1 - y), (y, 1 - x))[self.turns]
        return self.of_display(1 - x if self.flipped else x, y)


def draw_annotations(
    image: Image.Image, state: Dataset, placement: Placement, applies: Callable[[Dataset], bool]
) -> Image.Image:
    """The picture with the annotations that are about it, layer by layer; colour only if a layer has one."""
    annotations = [item for item in state.get("GraphicAnnotationSequence") or [] if applies(item)]
    if not annotations:
        return image
    layers = {str(layer.get("GraphicLayer")): layer for layer in state.get("GraphicLayerSequence") or []}
    annotations.sort(key=lambda item: _order(layers.get(str(item.get("GraphicLayer")))))
    colours = [_colour(layers.get(str(item.get("GraphicLayer")))) for item in annotations]
    if any(len(set(colour)) > 1 for colour in colours) and image.mode == "L":
        image = image.convert("RGB")
    draw = ImageDraw.Draw(image)
    for item, rgb in zip(annotations, colours, strict=True):
        ink: Any = rgb if image.mode == "RGB" else rgb[0]
        for graphic in item.get("GraphicObjectSequence") or []:
            _draw_graphic(draw, graphic, placement, ink)
        for text in item.get("TextObjectSequence") or []:
            _draw_text(draw, text, placement, ink)
    return image


def _order(layer: Dataset | None) -> int:
    return int(layer.get("GraphicLayerOrder") or 0) if layer is not None else 0


def _colour(layer: Dataset | None) -> tuple[int, int, int]:
    """Recommended colour of a layer (CIELab as in PS3.3 C.10.7.1.1) or shade; white without one."""
    if layer is None:
        return 255, 255, 255
    lab = layer.get("GraphicLayerRecommendedDisplayCIELabValue")
    if lab is not None and len(lab) == 3:
        return rgb_of_lab(*(int(value) for value in lab))
    shade = layer.get("GraphicLayerRecommendedDisplayGrayscaleValue")
    gray = int(shade) >> 8 if shade is not None else 255
    return gray, gray, gray


def rgb_of_lab(lightness: int, a: int, b: int) -> tuple[int, int, int]:
    """sRGB of a CIELab value that is encoded in 16 bits, white point D50 (PS3.3 C.10.7.1.1).

    >>> rgb_of_lab(65535, 32896, 32896)
    (255, 255, 255)
    """
    fy = (lightness / 65535 * 100 + 16) / 116
    fx, fz = fy + (a / 257 - 128) / 500, fy - (b / 257 - 128) / 200
    x, y, z = (white * (f**3 if f > 6 / 29 else (f - 16 / 116) / 7.787)
               for white, f in ((0.9642, fx), (1.0, fy), (0.8249, fz)))  # fmt: skip
    linear = (
        3.1341 * x - 1.6174 * y - 0.4907 * z,
        -0.9788 * x + 1.9161 * y + 0.0334 * z,
        0.0719 * x - 0.2290 * y + 1.4052 * z,
    )
    red, green, blue = (
        round(255 * min(1.0, max(0.0, 12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055))) for c in linear
    )
    return red, green, blue


def _point(placement: Placement, units: object, x: float, y: float) -> Point:
    return placement.of_display(x, y) if units == "DISPLAY" else placement.of_pixel(x, y)


def _draw_graphic(draw: ImageDraw.ImageDraw, graphic: Dataset, placement: Placement, ink: Any) -> None:
    numbers = [float(number) for number in graphic.get("GraphicData") or []][: 2 * MAXIMUM_POINTS]
    points = [_point(placement, graphic.get("GraphicAnnotationUnits"), *pair)
              for pair in zip(numbers[::2], numbers[1::2], strict=False)]  # fmt: skip
    kind, width = graphic.get("GraphicType"), max(1, round(min(placement.size) / 400))
    if not points:
        return
    if kind == "POINT":
        (x, y), r = points[0], width + 1
        draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)
        return
    if kind == "CIRCLE" and len(points) >= 2:
        points = _circle(points[0], points[1])
    elif kind == "ELLIPSE" and len(points) >= 4:
        points = _ellipse_of_axes(points)
    elif kind == "INTERPOLATED" and len(points) > 2:
        points = _interpolated(points)
    if graphic.get("GraphicFilled") == "Y" and len(points) > 2:
        draw.polygon(points, fill=ink)
    draw.line(points, fill=ink, width=width, joint="curve")


def _circle(center: Point, edge: Point) -> list[Point]:
    dx, dy = edge[0] - center[0], edge[1] - center[1]
    return [(center[0] + dx * math.cos(a) - dy * math.sin(a), center[1] + dx * math.sin(a) + dy * math.cos(a))
            for a in (math.tau * step / 90 for step in range(91))]  # fmt: skip


def _ellipse_of_axes(points: Sequence[Point]) -> list[Point]:
    """Ends of the major axis, then of the minor one."""
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points[:4]
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    ax, ay, bx, by = (x2 - x1) / 2, (y2 - y1) / 2, (x4 - x3) / 2, (y4 - y3) / 2
    return [(cx + ax * math.cos(a) + bx * math.sin(a), cy + ay * math.cos(a) + by * math.sin(a))
            for a in (math.tau * step / 90 for step in range(91))]  # fmt: skip


def _interpolated(points: Sequence[Point]) -> list[Point]:
    """A smooth curve through all points (Catmull-Rom)."""
    closed = points[0] == points[-1]
    around = [points[-2] if closed else points[0], *points, points[1] if closed else points[-1]]
    curve: list[Point] = []
    for p0, p1, p2, p3 in zip(around, around[1:], around[2:], around[3:], strict=False):
        for step in range(8):
            t = step / 8
            curve.append((_spline(p0[0], p1[0], p2[0], p3[0], t), _spline(p0[1], p1[1], p2[1], p3[1], t)))
    return [*curve, points[-1]]


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _draw_text(draw: ImageDraw.ImageDraw, text: Dataset, placement: Placement, ink: Any) -> None:
    lines = [ascii_text(line) for line in str(text.get("UnformattedTextValue") or "")[:_MAXIMUM_TEXT].splitlines()]
    size = max(10, min(40, placement.size[1] // 32))
    font = ImageFont.load_default(size)
    black: Any = 0 if draw.mode == "L" else (0, 0, 0)
    if "BoundingBoxTopLeftHandCorner" in text:
        units = text.get("BoundingBoxAnnotationUnits")
        corners = [_point(placement, units, *map(float, text[name].value)) for name in
                   ("BoundingBoxTopLeftHandCorner", "BoundingBoxBottomRightHandCorner")]  # fmt: skip
        at: Point = min(c[0] for c in corners), min(c[1] for c in corners)
    elif "AnchorPoint" in text:
        at = _point(placement, text.get("AnchorPointAnnotationUnits"), *map(float, text.AnchorPoint))
    else:
        return
    draw.multiline_text(at, "\n".join(lines), ink, font, stroke_width=max(1, size // 12), stroke_fill=black)
    if text.get("AnchorPointVisibility") == "Y" and "BoundingBoxTopLeftHandCorner" in text and "AnchorPoint" in text:
        anchor = _point(placement, text.get("AnchorPointAnnotationUnits"), *map(float, text.AnchorPoint))
        draw.line([at, anchor], fill=ink, width=1)
