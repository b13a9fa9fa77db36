"""Grayscale pipeline for a screen (PS3.4 N.2): Modality LUT, VOI LUT, Presentation LUT, onto 8 bits.

A LUT or a window maps every stored value by itself, so that for integers the pipeline runs over the values there can
be, a few thousand, and the frame is looked up in what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from chalicelib.dicom.functional_groups import functional_group

Array = NDArray[Any]
Mapping = Callable[[Array], Array]
Window = tuple[float, float, str]
"""Center, width and VOI LUT function."""


@dataclass(frozen=True)
class Transform:
    """From stored values to shades. Every mapping works element by element."""

    modality: Mapping
    """Stored values to output units of the modality."""
    voi: Mapping | None
    """Output units onto 0 to 1; None: the range of values there are."""
    presentation: Mapping | None = None
    """0 to 1 onto P-Values, again as 0 to 1."""
    inverse: bool = False
    padding: tuple[int, int] | None = None
    """Smallest and largest stored value that stand for no pixel."""


# LUTs -------------------------------------------------------------------------------------------------------------


def _lut_entries(item: Dataset, little_endian: bool) -> Array:
    """Entries of a LUT, whether pydicom gives numbers or bytes."""
    data = item.LUTData
    if isinstance(data, bytes):
        entries = int(item.LUTDescriptor[0]) or 65536
        width = 1 if len(data) <= entries + 1 else 2
        kind = np.dtype("u1" if width == 1 else f"{'<' if little_endian else '>'}u2")
        return np.frombuffer(data[: len(data) // width * width], kind)
    return np.atleast_1d(np.asarray(data))


def _look_up(values: Array, item: Dataset, little_endian: bool) -> Array:
    """Map values by a LUT; values beyond its ends get its first or last entry (PS3.3 C.11.1.1)."""
    entries = _lut_entries(item, little_endian)
    first = int(item.LUTDescriptor[1])
    index = np.clip(np.nan_to_num(np.rint(values)).astype(np.int64) - first, 0, len(entries) - 1)
    mapped: Array = entries[index]
    return mapped


def lut_onto_unit(item: Dataset, little_endian: bool) -> Mapping:
    """A VOI or Presentation LUT whose output is scaled onto 0 to 1."""
    top = float(2 ** (int(item.LUTDescriptor[2]) or 16) - 1)
    return lambda values: np.clip(_look_up(values, item, little_endian) / top, 0, 1)


def modality_of(source: Dataset, frame: int, little_endian: bool) -> Mapping:
    """Modality LUT or rescale slope and intercept (PS3.3 C.11.1) of an image or presentation state."""
    if source.get("ModalityLUTSequence"):
        item = source.ModalityLUTSequence[0]
        return lambda values: _look_up(values, item, little_endian)
    group = functional_group(source, frame, "PixelValueTransformationSequence")
    slope, intercept = group.get("RescaleSlope"), group.get("RescaleIntercept")
    if slope is None or intercept is None:
        return lambda values: values
    return lambda values: values.astype(np.float64) * float(slope) + float(intercept)


# Values of interest -----------------------------------------------------------------------------------------------


def windowed(values: Array, center: float, width: float, function: str = "LINEAR") -> Array:
    """VOI LUT function (PS3.3 C.11.2.1.2 and C.11.2.1.3) onto 0 to 1.

    >>> windowed(np.array([-100.0, 40.0, 500.0]), 40.5, 401).tolist()
    [0.15, 0.5, 1.0]
    """
    x = values.astype(np.float64)
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (x - center) / width, -700, 700)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width <= 0:
        return (x > center).astype(np.float64)
    return np.clip((x - center) / width + 0.5, 0, 1)


def window_of(group: Dataset) -> Window | None:
    """First window of a VOI LUT module or macro, None if there is none that can be applied."""

    def first(keyword: str) -> float | None:
        value = group.get(keyword)
        if value is None or isinstance(value, str):
            return None
        try:
            return float(value if isinstance(value, (int, float)) else value[0])
        except (TypeError, ValueError, IndexError):
            return None

    center, width = first("WindowCenter"), first("WindowWidth")
    function = str(group.get("VOILUTFunction") or "LINEAR").upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    if center is None or width is None or not np.isfinite([center, width]).all():
        return None
    smallest = 1 if function == "LINEAR" else np.nextafter(0, 1)
    return (center, width, function) if width >= smallest else None


def window_mapping(window: Window) -> Mapping:
    """A window as a mapping onto 0 to 1."""
    return lambda values: windowed(values, *window)


def voi_of(group: Dataset, little_endian: bool) -> Mapping | None:
    """First VOI LUT, else first window, of a module or macro (PS3.3 C.11.2)."""
    if group.get("VOILUTSequence"):
        return lut_onto_unit(group.VOILUTSequence[0], little_endian)
    window = window_of(group)
    return window_mapping(window) if window else None


def _padding_of(dataset: Dataset) -> tuple[int, int] | None:
    """Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((value, limit if isinstance(limit, int) else value))
    return low, high


def transform_of(
    dataset: Dataset, frame: int, photometric: str, window: Window | None = None, little_endian: bool = True
) -> Transform:
    """How an image asks to be shown; the caller's window goes before its own.

    `frame` is its number within the instance (zero-based).
    """
    modality = modality_of(dataset, frame, little_endian)
    voi = window_mapping(window) if window else None
    if voi is None:
        voi = voi_of(functional_group(dataset, frame, "FrameVOILUTSequence"), little_endian)
    is_plain_8_bit = dataset.get("BitsStored") == 8 and not dataset.get("PixelRepresentation")
    if voi is None and is_plain_8_bit and not _has_modality(dataset, frame):
        voi = lambda values: values / 255.0  # noqa: E731
    # For MONOCHROME1 a Presentation LUT Shape of INVERSE says the same thing again (PS3.3 C.11.6).
    inverse = photometric == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    return Transform(modality, voi, None, inverse, _padding_of(dataset))


def _has_modality(dataset: Dataset, frame: int) -> bool:
    group = functional_group(dataset, frame, "PixelValueTransformationSequence")
    return bool(dataset.get("ModalityLUTSequence")) or None not in (
        group.get("RescaleSlope"), group.get("RescaleIntercept")
    )  # fmt: skip


# Onto 8 bits ------------------------------------------------------------------------------------------------------


def gray(array: Array, transform: Transform) -> Array:
    """A frame as 8 bit shades; padding is black."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize > 2 or not array.size:
        return _shades(array, _within_range(array, transform))
    low, high = int(array.min()), int(array.max())
    domain = np.arange(low, high + 1, dtype=np.int32)
    if transform.voi is None:
        index = (array.astype(np.int32) - low).reshape(-1)
        present = domain[np.bincount(index, minlength=len(domain)) > 0]
        transform = _within_range(present, transform)
    # Stored values as indices without a copy: negative ones lie at the end of the table, as in two's complement.
    unsigned = array.view(f"u{array.dtype.itemsize}") if array.dtype.isnative else array.astype(np.int64)
    table = np.zeros(1 << 8 * array.dtype.itemsize, np.uint8)
    table[domain] = _shades(domain, transform)
    shown: Array = table.take(unsigned, mode="wrap")
    return shown


def _shades(stored: Array, transform: Transform) -> Array:
    voi = transform.voi or (lambda values: values)
    shown = voi(transform.modality(stored))
    if transform.presentation:
        shown = transform.presentation(shown)
    shown = np.nan_to_num(np.asarray(shown, np.float64))
    shades: Array = np.rint((1 - shown if transform.inverse else shown) * 255).astype(np.uint8)
    if transform.padding:
        shades[(stored >= transform.padding[0]) & (stored <= transform.padding[1])] = 0
    return shades


def _within_range(stored: Array, transform: Transform) -> Transform:
    """Without values of interest the smallest value is black, the largest white; padding does not count."""
    if transform.voi is not None:
        return transform
    values = np.asarray(transform.modality(stored), np.float64)
    counted = np.isfinite(values)
    if transform.padding:
        counted &= (stored < transform.padding[0]) | (stored > transform.padding[1])
    low, high = (values[counted].min(), values[counted].max()) if counted.any() else (0.0, 0.0)
    return replace(transform, voi=lambda shown: np.clip((np.nan_to_num(shown) - low) / ((high - low) or 1.0), 0, 1))
