"""Frames as a screen shows them: decoded, through the grayscale or colour pipeline, overlays on top (PS3.4 N.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from chalicelib.dicom import colour, overlays
from chalicelib.dicom.grayscale import Transform, Window, gray, transform_of
from chalicelib.dicom.pixels import EXPLICIT_BIG_ENDIAN, decode, is_encapsulated
from chalicelib.errors import NotAcceptable

Array = NDArray[Any]
UNRENDERABLE = (AttributeError, KeyError, TypeError, ValueError, IndexError, NotImplementedError, OverflowError)
"""What broken attributes make pydicom and numpy raise."""


def shown_frame(
    dataset: Dataset, decoded_frame: int, frame: int, transfer_syntax_uid: str, window: Window | None = None
) -> Array:
    """A frame as 8 bit gray (Rows x Columns) or RGB (Rows x Columns x 3).

    `decoded_frame` is its number within the pixel data of `dataset`, `frame` within the instance (both zero-based).

    Raises
    ------
    NotAcceptable
        If it cannot be decoded, or attributes of the image do not allow rendering it.
    """
    array, photometric = decode(dataset, decoded_frame, transfer_syntax_uid)
    try:
        little_endian = transfer_syntax_uid != EXPLICIT_BIG_ENDIAN
        transform = transform_of(dataset, frame, photometric, window, little_endian)
        shown = shades_or_colours(array, photometric, dataset, transform, little_endian)
        unmasked = _unmasked(dataset, decoded_frame, array, transfer_syntax_uid)
        mask = overlays.overlay_mask(dataset, frame, array.shape[:2], unmasked)
        if mask is not None:
            shown = shown.copy()
            shown[mask] = 255
    except UNRENDERABLE as error:
        raise NotAcceptable("The attributes of the image do not allow rendering it.") from error
    return shown


def shades_or_colours(
    array: Array, photometric: str, dataset: Dataset, transform: Transform, little_endian: bool
) -> Array:
    """A decoded frame through the pipeline that its Photometric Interpretation asks for."""
    if photometric == "PALETTE COLOR":
        return colour.palette_colours(array, dataset, little_endian)
    if array.ndim == 3:
        return colour.true_colours(array, photometric, dataset)
    if colour.has_supplemental_palette(dataset):
        return colour.supplemental_colours(array, dataset, transform, little_endian)
    return gray(array, transform)


def _unmasked(dataset: Dataset, frame: int, array: Array, transfer_syntax_uid: str) -> Array | None:
    """The frame with its unused bits if overlays lie there; compressed frames have none."""
    if is_encapsulated(transfer_syntax_uid) or array.ndim != 2 or not overlays.has_embedded_overlays(dataset):
        return None
    order = ">" if transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else "<"
    kind = np.dtype(f"{order}u{array.dtype.itemsize}")
    words = np.frombuffer(dataset.PixelData, kind, array.size, frame * array.size * kind.itemsize)
    return words.reshape(array.shape)
