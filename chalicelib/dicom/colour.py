"""Colour for a screen: palettes, supplemental palettes, true colour onto 8 bits (PS3.3 C.7.6.3, C.7.6.23, C.7.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from chalicelib.dicom.grayscale import Transform, gray

Array = NDArray[Any]


_PALETTE = (
    "{}PaletteColorLookupTableDescriptor",
    "{}PaletteColorLookupTableData",
    "Segmented{}PaletteColorLookupTableData",
)


def _palette(dataset: Dataset, little_endian: bool) -> Dataset:
    """The palette alone, as pydicom takes it: it refuses supplemental ones, and reads big endian entries of 16 bits,
    unless they are segmented, as if they were little endian.
    """
    palette = Dataset()
    palette.file_meta = dataset.file_meta
    for colour in ("Red", "Green", "Blue"):
        descriptor, data, segments = (name.format(colour) for name in _PALETTE)
        for name in (descriptor, data, segments):
            if name in dataset:
                palette.add(dataset[name])
        entries = palette.get(data)
        if not little_endian and isinstance(entries, bytes) and palette[descriptor].value[2] > 8:
            setattr(palette, data, np.frombuffer(entries, ">u2").astype("<u2").tobytes())
    return palette


def palette_colours(array: Array, dataset: Dataset, little_endian: bool = True) -> Array:
    """(Rows x Columns x 3) of 8 bits by a palette, segmented or not."""
    array = apply_color_lut(array, _palette(dataset, little_endian))
    return (array >> 8 if array.dtype == np.uint16 else array)[..., :3].astype(np.uint8)


def has_supplemental_palette(dataset: Dataset) -> bool:
    """Whether some values of a grayscale image are colours (PS3.3 C.7.6.23)."""
    return "RedPaletteColorLookupTableDescriptor" in dataset and (
        "RedPaletteColorLookupTableData" in dataset or "SegmentedRedPaletteColorLookupTableData" in dataset
    )


def supplemental_colours(array: Array, dataset: Dataset, transform: Transform, little_endian: bool = True) -> Array:
    """Gray below the first value that the palette maps, colours from there on."""
    first = int(dataset.RedPaletteColorLookupTableDescriptor[1])
    is_colour = array >= first
    if is_colour.any():
        # Shades are spread over the values that are shades.
        low, high = int(array.min()), first - 1
        shades = gray(np.clip(array, low, max(low, high)).astype(array.dtype), transform)
        colours = palette_colours(array, dataset, little_endian)
        mixed: Array = np.where(is_colour[..., np.newaxis], colours, shades[..., np.newaxis]).astype(np.uint8)
        return mixed
    return gray(array, transform)


def true_colours(array: Array, photometric: str, dataset: Dataset) -> Array:
    """(Rows x Columns x 3) of 8 bits."""
    bits = int(dataset.get("BitsStored", 8))
    array = (array >> (bits - 8) if bits > 8 else array)[..., :3].astype(np.uint8)
    colours: Array = _rgb_of_partial(array) if photometric.startswith("YBR_PARTIAL") else array
    return colours


def _rgb_of_partial(ybr: Array) -> Array:
    """CCIR 601-2 with luminance from 16 to 235 (PS3.3 C.7.6.3.1.2), which pydicom leaves as it is."""
    y, b, r = (ybr[..., sample].astype(np.float32) for sample in range(3))
    y, b, r = (y - 16) * (255 / 219), (b - 128) * (255 / 224), (r - 128) * (255 / 224)
    rgb = np.stack([y + 1.402 * r, y - 0.344136 * b - 0.714136 * r, y + 1.772 * b], axis=-1)
    clipped: Array = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    return clipped
