"""Generated digital mammograms in the four standard views."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from localstack.demo.modules import coded, put_pixels
from localstack.demo.region_exams import Exam

ROWS, COLUMNS, SPACING_MM = 1536, 1152, 0.15
VIEWS = (
    ("R", "CC", "399162004", "cranio-caudal"),
    ("L", "CC", "399162004", "cranio-caudal"),
    ("R", "MLO", "399368009", "medio-lateral oblique"),
    ("L", "MLO", "399368009", "medio-lateral oblique"),
)
Image = NDArray[np.float32]


def images(exam: Exam) -> Iterator[Dataset]:
    """RCC, LCC, RMLO, LMLO, one series."""
    for number, (laterality, view, code, meaning) in enumerate(VIEWS):
        pixels = _breast(np.random.default_rng([19, number]), oblique=view == "MLO")
        if laterality == "R":
            pixels = pixels[:, ::-1]
        instance = Dataset()
        instance.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
        instance.ImageType = ["DERIVED", "PRIMARY"]
        instance.Modality = "MG"
        instance.PresentationIntentType = "FOR PRESENTATION"
        instance.Manufacturer = "Sans Film"
        instance.ManufacturerModelName = "Mammography phantom"
        instance.BodyPartExamined = "BREAST"
        instance.ImageLaterality = laterality
        instance.ViewPosition = view
        instance.PatientOrientation = [
            "P" if laterality == "R" else "A",
            ("L" if laterality == "R" else "R") if view == "CC" else "FR" if laterality == "L" else "FL",
        ]
        instance.ViewCodeSequence = Sequence([coded(code, "SCT", meaning)])
        instance.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence([])
        instance.KVP = "29"
        instance.OrganExposed = "BREAST"
        instance.CompressionForce = "110"
        instance.BodyPartThickness = "52"
        instance.ImagerPixelSpacing = [SPACING_MM, SPACING_MM]
        instance.PixelIntensityRelationship = "LOG"
        instance.PixelIntensityRelationshipSign = -1
        instance.RescaleIntercept, instance.RescaleSlope, instance.RescaleType = "0", "1", "US"
        instance.PresentationLUTShape = "IDENTITY"
        instance.LossyImageCompression = "00"
        instance.BurnedInAnnotation = "NO"
        instance.WindowCenter, instance.WindowWidth = "2048", "4096"
        put_pixels(instance, np.ascontiguousarray(pixels), 12)
        yield instance


def _breast(generator: np.random.Generator, oblique: bool) -> NDArray[np.uint16]:
    """A left breast, chest wall at the left edge; 0 (air) to 4095."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    middle = ROWS * (0.56 if oblique else 0.5)
    height = ROWS * (0.42 if oblique else 0.40)
    reach = COLUMNS * 0.72
    vertical = (rows - middle) / height
    # Fuller below than above, as under compression.
    profile = reach * np.sqrt(np.clip(1 - np.abs(vertical) ** 2.2, 0, 1)) * (1 + 0.10 * np.clip(vertical, -1, 1))
    if oblique:
        profile = np.maximum(profile, (0.30 * COLUMNS) * np.clip((middle - rows) / ROWS * 2.2, 0, 1))
    depth = np.clip((profile - columns) / (0.16 * COLUMNS), 0, 1)
    thickness = np.sqrt(1 - (1 - depth) ** 2)
    nipple_row = middle + 0.04 * ROWS
    nipple = np.hypot((rows - nipple_row) / 15, (columns - profile[int(nipple_row)][0] * 0.985) / 17) < 1
    gland = _fractal(generator, 3.2)
    strands = np.abs(_fractal(generator, 2.4))
    cone = np.exp(-(((rows - nipple_row) / (0.26 * ROWS)) ** 2) - ((columns - 0.42 * COLUMNS) / (0.30 * COLUMNS)) ** 2)
    fibroglandular = np.clip(0.55 * cone + 0.28 * gland * (0.35 + cone), 0, None)
    cooper = np.clip(0.35 - strands, 0, 0.35) * (0.25 + 0.6 * cone)
    image = thickness * (900 + 1750 * fibroglandular + 900 * cooper + 130 * gland)
    rim = (columns < profile) & (columns > profile - 9)
    image[rim] += 260
    image[nipple] = np.maximum(image[nipple], 900)
    if oblique:
        muscle = np.clip((0.36 * COLUMNS * (1 - rows / (0.62 * ROWS)) - columns) / 26, 0, 1)
        image += muscle * thickness * (1250 + 120 * gland)
    image += generator.normal(0, 22, image.shape) * (image > 20)
    pixels: NDArray[np.uint16] = np.clip(image, 0, 4095).astype(np.uint16)
    return pixels


def _fractal(generator: np.random.Generator, exponent: float) -> Image:
    """Noise whose power falls with frequency, as that of breast tissue does; deviation 1."""
    size = 512
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(generator.normal(size=(size, size))) / frequency ** (exponent / 2)
    plane = np.fft.irfft2(spectrum, (size, size))
    plane = plane / plane.std()
    # Three times larger, with linear interpolation along both axes.
    for axis, target in ((0, ROWS), (1, COLUMNS)):
        position = np.linspace(0, size - 1.001, target) if axis == 0 else np.linspace(0, size * 0.75, target)
        low = position.astype(int)
        weight = (position - low)[:, None] if axis == 0 else (position - low)[None, :]
        plane = np.take(plane, low, axis) * (1 - weight) + np.take(plane, low + 1, axis) * weight
    fractal: Image = plane.astype(np.float32)
    return fractal
