"""What OHIF shows against what pydicom decodes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut

from tests.browser.viewer import Viewer

Array = np.ndarray[Any, Any]
GRID = 24
"""Points a side at which the picture is compared."""


def decoded(instance: Dataset) -> Array:
    """First frame as pydicom decodes it: modality values (SUV of a PET image), or RGB."""
    pixels = instance.pixel_array
    frame = pixels[0] if int(instance.get("NumberOfFrames", 1)) > 1 else pixels
    if instance.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(frame, instance)
        return np.asarray(colours >> 8 * (colours.itemsize - 1), dtype=np.float64)
    if instance.SamplesPerPixel == 3:
        return np.asarray(frame, dtype=np.float64)
    return apply_modality_lut(frame, instance).astype(np.float64) * suv_of_1_bq_per_ml(instance)


def suv_of_1_bq_per_ml(instance: Dataset) -> float:
    """SUV by body weight of a PET image that is corrected for decay to its series' start (PS3.3 C.8.9.1.1.3); 1 for
    another image.
    """
    if instance.get("Units") != "BQML":
        return 1
    dose = instance.RadiopharmaceuticalInformationSequence[0]
    injected = datetime.strptime(dose.RadiopharmaceuticalStartDateTime[:14], "%Y%m%d%H%M%S")
    started = datetime.strptime(instance.SeriesDate + instance.SeriesTime[:6], "%Y%m%d%H%M%S")
    half_lives = (started - injected).total_seconds() / float(dose.RadionuclideHalfLife)
    return float(instance.PatientWeight) * 1000 / (float(dose.RadionuclideTotalDose) * 0.5**half_lives)


def as_shown(values: Array, voi_range: dict[str, float] | None) -> Array:
    """RGB, 0 to 255, of modality values under a linear window; RGB stays what it is."""
    if values.ndim == 3:
        return values
    assert voi_range
    lower, upper = voi_range["lower"], voi_range["upper"]
    gray = np.clip((values - lower) / (upper - lower), 0, 1) * 255
    return np.repeat(gray[..., np.newaxis], 3, axis=-1)


def assert_drawn(viewer: Viewer, instance: Dataset, tolerance: int = 0) -> None:
    """The first viewport holds the values of an instance and shows them.

    `tolerance` is for values: two decoders of a lossy syntax, or two conversions to RGB, may differ by little.
    """
    picture = viewer.picture(GRID)
    expected = decoded(instance)
    assert (picture["rows"], picture["columns"]) == expected.shape[:2]
    values = picture["values"].reshape(expected.shape)
    # The viewer computes in single precision.
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=tolerance + 1e-6)

    samples = np.array(picture["samples"])
    rows, columns, drawn = samples[:, 0], samples[:, 1], samples[:, 2:]
    assert picture["invert"] == (instance.PhotometricInterpretation == "MONOCHROME1")
    shown = as_shown(expected, picture["voiRange"])
    shown = 255 - shown if picture["invert"] else shown
    difference = np.abs(shown[rows, columns] - drawn).max(axis=1)
    # The screen's pixel is not exactly in the middle of the image's, so that edges differ a little.
    assert np.median(difference) <= 3
    assert np.percentile(difference, 90) <= 24
    assert drawn.std() > 10, "the picture has something in it"
