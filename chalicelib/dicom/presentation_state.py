"""Softcopy presentation states (PS3.3 A.33, PS3.4 N): how somebody left an image, applied to it again.

Grayscale, color and pseudo-color softcopy presentation states: Modality, VOI and Presentation LUT, shutters, displayed
area, rotation and flip, graphic and text annotation, overlays of the image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset

from chalicelib.dicom import colour, overlays
from chalicelib.dicom.graphic_annotation import Placement, draw_annotations
from chalicelib.dicom.grayscale import Transform, Window, lut_onto_unit, modality_of, transform_of, voi_of
from chalicelib.dicom.pictures import View, cut, fitted_size, pixel_aspect, scaled
from chalicelib.dicom.pixels import EXPLICIT_BIG_ENDIAN, decode, read_data_set
from chalicelib.dicom.shown import UNRENDERABLE, shades_or_colours
from chalicelib.errors import NotAcceptable

Array = NDArray[Any]
PSEUDO_COLOR = "1.2.840.10008.5.1.4.1.1.11.3"


class Shown(NamedTuple):
    """A frame that a presentation state is applied to."""

    dataset: Dataset
    decoded_frame: int
    frame: int
    transfer_syntax_uid: str


def read(part10: bytes) -> Dataset:
    """A presentation state; raises `NotAcceptable` if it is none that can be read."""
    return read_data_set(part10)


def applies(item: Dataset, shown: Shown) -> bool:
    """Whether an item of a presentation state is about the frame: it names it, or no image at all (PS3.3 C.11.8)."""
    references = item.get("ReferencedImageSequence")
    if not references:
        return True
    for reference in references:
        if reference.get("ReferencedSOPInstanceUID") != shown.dataset.get("SOPInstanceUID"):
            continue
        frames = reference.get("ReferencedFrameNumber")
        numbers = [frames] if isinstance(frames, (int, str)) else list(frames or [])
        if not numbers or shown.frame + 1 in [int(number) for number in numbers]:
            return True
    return False


def _first(state: Dataset, keyword: str, shown: Shown) -> Dataset | None:
    return next((item for item in state.get(keyword) or [] if applies(item, shown)), None)


def picture(state: Dataset, source: tuple[Dataset, int, int, str], view: View, window: Window | None) -> Image.Image:
    """The frame as the presentation state shows it, scaled to the viewport; the caller's window goes before its own.

    Raises
    ------
    NotAcceptable
        If the frame cannot be decoded or the attributes do not allow rendering it.
    """
    shown = Shown(*source)
    array, photometric = decode(shown.dataset, shown.decoded_frame, shown.transfer_syntax_uid)
    try:
        image = _in_shades(state, shown, array, photometric, window)
        return _placed(state, shown, image, view)
    except UNRENDERABLE as error:
        raise NotAcceptable("The attributes of the presentation state do not allow rendering it.") from error


# Shades -----------------------------------------------------------------------------------------------------------


def _in_shades(state: Dataset, shown: Shown, array: Array, photometric: str, window: Window | None) -> Array:
    """Pixels through the pipeline, overlays and shutters applied."""
    little_endian = shown.transfer_syntax_uid != EXPLICIT_BIG_ENDIAN
    if state.get("SOPClassUID") == PSEUDO_COLOR and array.ndim == 2:
        pixels = colour.palette_colours(array, state, True)
    else:
        transform = _transform(state, shown, photometric, window, little_endian)
        pixels = shades_or_colours(array, photometric, shown.dataset, transform, little_endian)
    pixels = pixels.copy()
    for layer_source in (shown.dataset, state):
        mask = overlays.overlay_mask(layer_source, shown.frame, array.shape[:2])
        if mask is not None:
            pixels[mask] = 255
    hidden = shutter(state, *array.shape[:2])
    if hidden is not None:
        pixels[hidden] = min(255, int(state.get("ShutterPresentationValue", 0) or 0) >> 8)
    return pixels


def _transform(state: Dataset, shown: Shown, photometric: str, window: Window | None, little_endian: bool) -> Transform:
    transform = transform_of(shown.dataset, shown.frame, photometric, window, little_endian)
    if state.get("ModalityLUTSequence") or state.get("RescaleSlope") is not None:
        transform = replace(transform, modality=modality_of(state, 0, True))
    softcopy = _first(state, "SoftcopyVOILUTSequence", shown)
    if window is None and softcopy is not None:
        transform = replace(transform, voi=voi_of(softcopy, True))
    # P-Values already stand for light: MONOCHROME1 of the image plays no part beside the state's own LUT.
    if state.get("PresentationLUTSequence"):
        lut = _presentation_lut(state.PresentationLUTSequence[0])
        return replace(transform, presentation=lut, inverse=False)
    if state.get("PresentationLUTShape"):
        return replace(transform, inverse=state.PresentationLUTShape == "INVERSE")
    return transform


def _presentation_lut(item: Dataset) -> Any:
    """0 to 1 over the entries of the LUT, which cover the whole range of its input (PS3.3 C.11.4)."""
    entries = int(item.LUTDescriptor[0]) or 65536
    first = int(item.LUTDescriptor[1])
    onto_unit = lut_onto_unit(item, True)
    return lambda values: onto_unit(np.rint(values * (entries - 1)) + first)


# Shutters ---------------------------------------------------------------------------------------------------------


def shutter(state: Dataset, rows: int, columns: int) -> Array | None:
    """Pixels that shutters hide (PS3.3 C.7.6.11): outside any of the shapes; None if there is no shutter."""
    raw = state.get("ShutterShape")
    shapes = [raw] if isinstance(raw, str) else list(raw or [])
    hidden = np.zeros((rows, columns), bool)
    for shape in shapes:
        opening = Image.new("1", (columns, rows))
        draw = ImageDraw.Draw(opening)
        if shape == "RECTANGULAR":
            left, right = int(state.ShutterLeftVerticalEdge), int(state.ShutterRightVerticalEdge)
            top, bottom = int(state.ShutterUpperHorizontalEdge), int(state.ShutterLowerHorizontalEdge)
            draw.rectangle((left - 1, top - 1, right - 1, bottom - 1), fill=1)
        elif shape == "CIRCULAR":
            (row, column), radius = (
                (int(n) - 1 for n in state.CenterOfCircularShutter),
                int(state.RadiusOfCircularShutter),
            )
            draw.ellipse((column - radius, row - radius, column + radius, row + radius), fill=1)
        elif shape == "POLYGONAL":
            numbers = [int(n) - 1 for n in state.VerticesOfThePolygonalShutter]
            draw.polygon(list(zip(numbers[1::2], numbers[::2], strict=False)), fill=1)
        else:
            continue
        hidden |= ~np.asarray(opening)
    return hidden if shapes else None


# Space ------------------------------------------------------------------------------------------------------------


def _placed(state: Dataset, shown: Shown, pixels: Array, view: View) -> Image.Image:
    """Displayed area, rotation and flip, scaling, then graphics upright on top."""
    image = Image.fromarray(pixels)
    area = _first(state, "DisplayedAreaSelectionSequence", shown)
    left, top, right, bottom = _corners(area, image.size)
    aspect = _aspect(area, shown.dataset)
    cropped = image.crop((left, top, right, bottom))
    turns, flipped = int(state.get("ImageRotation") or 0) // 90 % 4, state.get("ImageHorizontalFlip") == "Y"
    oriented = _oriented(cropped, turns, flipped)
    if turns % 2:
        aspect = 1 / aspect
    native = (oriented.width, max(1, round(oriented.height * aspect)))
    size = fitted_size(oriented.size, view.viewport, aspect) if view.viewport else native
    final = scaled(oriented, size)
    placement = Placement((left, top), cropped.size, turns, flipped, final.size)
    final = draw_annotations(final, state, placement, lambda item: applies(item, shown))
    return cut(final, view.region) if view.region else final


def _corners(area: Dataset | None, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Displayed area as left, top, right, bottom (exclusive); its corners count from 1 and may lie outside."""
    if area is None:
        return 0, 0, *size
    first, last = area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner
    xs, ys = sorted((int(first[0]), int(last[0]))), sorted((int(first[1]), int(last[1])))
    limit = 4 * max(size)
    left, top = max(-limit, xs[0] - 1), max(-limit, ys[0] - 1)
    return left, top, min(limit, max(left + 1, xs[1])), min(limit, max(top + 1, ys[1]))


def _aspect(area: Dataset | None, dataset: Dataset) -> float:
    if area is not None and (area.get("PresentationPixelSpacing") or area.get("PresentationPixelAspectRatio")):
        ratio = Dataset()
        ratio.PixelAspectRatio = area.get("PresentationPixelAspectRatio")
        ratio.PixelSpacing = area.get("PresentationPixelSpacing")
        return pixel_aspect(ratio)
    return pixel_aspect(dataset)


def _oriented(image: Image.Image, turns: int, flipped: bool) -> Image.Image:
    """Turned clockwise by quarter turns, then flipped left to right (PS3.3 C.10.6)."""
    turn = {1: Image.Transpose.ROTATE_270, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_90}.get(turns)
    image = image.transpose(turn) if turn is not None else image
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else image
