"""A CT phantom of chest and upper abdomen: tissues at their Hounsfield values, geometry in mm, reproducible noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from localstack.demo.canvas import FIELD_OF_VIEW_MM, Canvas, Image, clouds, noise, soften
from localstack.demo.modules import demo_uid, put_pixels
from localstack.demo.region_exams import Exam

LENGTH_MM = 375.0
FAT, MUSCLE, WATER, LUNG, AIR, BONE, MARROW = -100, 55, 5, -860, -1000, 620, 220
LIVER, SPLEEN, KIDNEY, BLOOD, HEART, DISC = 112, 125, 175, 210, 130, 85
NODULE_MM = (-82.0, -28.0, 96.0)
HEART_MM, HEART_RADII_MM = (24.0, -22.0, 198.0), (66.0, 56.0, 56.0)
"""Centre (x, y, depth below the top of the chest) and radii."""


@dataclass(frozen=True)
class Series:
    """What differs between phantom series."""

    count: int
    size: int
    """Rows and columns."""
    nodule_radius_mm: float
    kernel: str
    seed: int
    length_mm: float = LENGTH_MM
    """Extent from the first slice to the last."""

    @property
    def thickness_mm(self) -> float:
        """Distance between slices."""
        return self.length_mm / self.count

    @property
    def spacing_mm(self) -> float:
        """Distance between pixels."""
        return FIELD_OF_VIEW_MM / self.size

    @property
    def corner_mm(self) -> float:
        """X and y of the first pixel's centre."""
        return -(self.size - 1) / 2 * self.spacing_mm

    def position_mm(self, index: int) -> list[float]:
        """Image Position (Patient) of a slice."""
        return [self.corner_mm, self.corner_mm, -index * self.thickness_mm]


def slices(exam: Exam, series: Series, planes: Iterable[Image] = ()) -> Iterator[Dataset]:
    """CT images from head to foot, feet away from the viewer (PatientPosition HFS); `planes` if drawn already."""
    generator = np.random.default_rng(series.seed)
    quantum = noise(generator, series.size, 6)
    for index, plane in enumerate(planes or anatomy(series)):
        shift = int(generator.integers(series.size))
        yield _ct_image(exam, series, index, plane + np.roll(quantum[index % len(quantum)], shift, axis=index % 2))


def anatomy(series: Series, first_mm: float = 0.0) -> Iterator[Image]:
    """Hounsfield values of each slice without noise, from `first_mm` below the top of the chest."""
    generator = np.random.default_rng([series.seed, 1])
    vessels = clouds(generator, series.size, 24, 2.8)
    tissue = clouds(generator, series.size, 4, 14.0)
    for index in range(series.count):
        yield draw(first_mm + (index + 0.5) * series.thickness_mm, series, vessels, tissue)


def lungs(series: Series) -> Iterator[NDArray[np.bool_]]:
    """Where the lungs are in each slice."""
    for index in range(series.count):
        z = (index + 0.5) * series.thickness_mm
        canvas = Canvas(series.size)
        width, depth = outline(z)
        yield _lung_mask(canvas, z, _ring(canvas, width - 24, depth - 22) < 1)


def draw(z: float, series: Series, vessels: Image, tissue: Image) -> Image:
    """Hounsfield values of the slice z mm below the top of the chest, without noise."""
    canvas = Canvas(series.size)
    width, depth = outline(z)
    canvas.ellipse(0, 0, width, depth, FAT)
    canvas.ellipse(0, 2, width - 11, depth - 10, MUSCLE)
    ring = _ring(canvas, width - 24, depth - 22)
    inside = ring < 1
    abdomen = z > 230
    canvas.image[inside] = FAT + 5 if abdomen else 20
    _lungs(canvas, z, inside, vessels, series)
    _mediastinum(canvas, z)
    _organs(canvas, z, inside, tissue)
    _ribs(canvas, z, ring)
    _spine(canvas, z)
    canvas.image += tissue * np.where((canvas.image > -150) & (canvas.image < 300), 1, 0)
    return soften(canvas.image)


def outline(z: float) -> tuple[float, float]:
    """Half width and half depth of the body in mm: shoulders, chest, waist."""
    shoulder = np.clip(z / 60, 0, 1)
    shoulder = shoulder * shoulder * (3 - 2 * shoulder)
    waist = np.clip((z - 230) / 145, 0, 1)
    return 95 + 75 * shoulder - 12 * waist, 78 + 34 * shoulder + 3 * np.sin(z / 60) - 6 * waist


def _ring(canvas: Canvas, radius_x: float, radius_y: float) -> Image:
    """1 on the inner surface of the chest wall, less inside."""
    ring: Image = np.hypot(canvas.x / radius_x, (canvas.y - 2) / radius_y)
    return ring


def _lung_mask(canvas: Canvas, z: float, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    lung = np.zeros_like(inside)
    bases = {-1: 258.0, 1: 272.0}
    for side in (-1, 1):
        top, base = 18.0, bases[side]
        height = np.clip((z - top) / 90, 0, 1) ** 0.5 if z > top else 0.0
        # The dome of the diaphragm rises into the base of the lung.
        dome = 78 * np.sqrt(max(0.0, min(1.0, (z - (base - 62)) / 75))) if z > base - 62 else 0.0
        if z >= base + 14 or height <= 0:
            continue
        x = side * (28 + 52 * height)
        distance = ((canvas.x - x) / (20 + 38 * height)) ** 2 + ((canvas.y - 4) / (24 + 62 * height)) ** 2
        below = ((canvas.x - side * 74) / max(dome, 1)) ** 2 + ((canvas.y + 12) / max(dome * 1.05, 1)) ** 2
        lung |= (distance < 1) & (below > 1)
    return lung & inside


def _lungs(canvas: Canvas, z: float, inside: NDArray[np.bool_], vessels: Image, series: Series) -> None:
    lung = _lung_mask(canvas, z, inside)
    density = LUNG + 25 * canvas.y / 100
    fine = np.roll(vessels, int(z * 1.7), axis=0)
    hilum = np.exp(-((np.abs(canvas.x) - 45) ** 2 + canvas.y**2) / 2600)
    branches = np.where(fine > 34 - 14 * hilum, 820 * np.clip((fine - 34 + 14 * hilum) / 10, 0, 1), 0)
    canvas.image[lung] = (density + branches)[lung]
    radius = series.nodule_radius_mm
    canvas.ball(z, NODULE_MM, (radius, radius, radius), 45)


def _mediastinum(canvas: Canvas, z: float) -> None:
    if 30 < z < 250:
        half = 17 + 12 * min(1.0, max(0.0, (z - 60) / 60))
        canvas.ellipse(0, 12, half, 62, 10)
        canvas.ellipse(0, -40, 20, 40, -60)
    canvas.ball(z, HEART_MM, HEART_RADII_MM, HEART - 15)
    canvas.ball(z, (40, -16, 202), (36, 32, 42), BLOOD)
    canvas.ball(z, (2, -30, 196), (30, 28, 40), BLOOD - 15)
    canvas.ball(z, (12, 16, 182), (32, 18, 26), BLOOD - 5)
    if 92 < z < 170:
        canvas.ellipse(-9, -20, 16, 16, BLOOD + 20)
        canvas.ellipse(14, -28, 14, 13, BLOOD + 10)
        canvas.ellipse(-30, -8, 9, 10, BLOOD + 30)
    if 80 < z <= 100:
        for step in np.linspace(0, 1, 9):
            canvas.ellipse(-6 + 27 * step, -18 + 58 * step, 12, 12, BLOOD + 20)
    if z > 88:
        canvas.ellipse(20 - 14 * min(1.0, max(0.0, (z - 230) / 60)), 46, 12.5, 12.5, BLOOD + 20)
    if z <= 88:
        for x, y in ((-16, 0), (6, 2), (22, 10)):
            canvas.ellipse(x, y, 5.5, 5.5, BLOOD + 15)
    if z < 125:
        canvas.ellipse(0, 20, 9.5, 8.5, AIR + 20)
    elif z < 160:
        apart = (z - 125) * 0.9
        for side in (-1, 1):
            canvas.ellipse(side * (6 + apart), 18 + apart * 0.25, 7, 6, AIR + 30)
    canvas.ellipse(6, 36, 6, 5, 35)
    if z > 150:
        canvas.ellipse(-20, 12 + 0.1 * max(0.0, z - 200), 12, 10, BLOOD - 40)


def _organs(canvas: Canvas, z: float, inside: NDArray[np.bool_], tissue: Image) -> None:
    if z < 195:
        return
    not_lung = inside & (canvas.image > -400)
    canvas.ball(z, (-62, -14, 285), (82, 84, 82), LIVER, not_lung)
    canvas.ball(z, (8, -48, 272), (60, 34, 48), LIVER, not_lung)
    for x, y, radius in ((-70, -8, 4.5), (-48, -30, 4.0), (-92, 12, 3.5), (-55, 14, 5.5)):
        canvas.ball(z, (x, y, 275), (radius, radius, 55), LIVER + 55, not_lung)
    canvas.ball(z, (-46, -62, 318), (17, 20, 24), 12, not_lung)
    canvas.ball(z, (100, 34, 282), (30, 46, 48), SPLEEN, not_lung)
    canvas.ball(z, (58, -34, 302), (46, 40, 48), 30, not_lung)
    rows, columns = canvas.window(58, -34, 46, 40)
    bubble = np.hypot((canvas.x[:, columns] - 58) / 40, (canvas.y[rows] + 46) / 24) < 1 - abs(z - 303) / 48
    stomach = canvas.image[rows, columns]
    stomach[bubble & (np.abs(stomach - 30) < 1) & (canvas.y[rows] < -40)] = -950
    for side in (-1, 1):
        centre = (side * 64, 44, 326 + 8 * side)
        canvas.ball(z, centre, (27, 24, 54), KIDNEY, not_lung)
        canvas.ball(z, (side * 56, 38, centre[2]), (14, 10, 26), FAT + 30, not_lung)
        canvas.ball(z, (side * 58, 38, centre[2]), (6, 5, 18), 20, not_lung)
    canvas.ball(z, (16, -4, 322), (62, 14, 16), 92, not_lung)
    if z > 318:
        _bowel(canvas, z, not_lung, tissue)


def _bowel(canvas: Canvas, z: float, where: NDArray[np.bool_], tissue: Image) -> None:
    """Loops in the fat of the front half."""
    for x, y, radius, phase in (
        (-8, -58, 15, 0.0), (28, -62, 13, 1.1), (62, -52, 14, 2.0), (88, -22, 13, 2.9), (-100, -20, 17, 0.7),
        (36, -32, 12, 4.2), (10, -34, 11, 5.1), (104, 8, 14, 3.6),
    ):  # fmt: skip
        sway = 6 * np.sin(z / 17 + phase)
        canvas.ellipse(x + sway, y, radius, radius * 0.8, 48, where)
        canvas.ellipse(x + sway, y, radius - 3, radius * 0.8 - 3, 18, where)
        if radius > 13:
            canvas.ellipse(x + sway, y - 3, radius - 6, radius * 0.8 - 6, -880, where)


def _ribs(canvas: Canvas, z: float, ring: Image) -> None:
    """Ribs run downwards from the spine to the front; a cortex around marrow."""
    angle = np.abs(np.arctan2(canvas.x, canvas.y))
    wall = (ring - 1.06) * 92
    for number in range(12):
        reach = 2.55 if number < 8 else 2.2 - 0.3 * (number - 8)
        height = 8 + 25 * number + 46 * np.clip(angle, 0, 2.4) ** 1.15
        along = np.hypot(wall / 4.6, (z - height) / 7.0)
        rib = (along < 1) & (angle < reach) & (angle > 0.22)
        if rib.any():
            canvas.image[rib] = np.where(along[rib] < 0.62, MARROW, BONE - 80)
    if 55 < z < 215:
        front = -(outline(z)[1] - 17)
        canvas.ellipse(0, front, 19, 6.5, BONE - 180)
        canvas.ellipse(0, front, 16.5, 4.2, MARROW - 60)
    if 25 < z < 150:
        for side in (-1, 1):
            t = (z - 25) / 125
            for step in np.linspace(0, 1, 14):
                x = side * (62 + 52 * step * (1 - 0.35 * t))
                canvas.ellipse(x, 84 - 30 * step * step + 4 * t, 5.2, 3.4, BONE - 160)


def spine_y_mm(z: float) -> float:
    """Middle of the vertebral bodies."""
    return float(min(74 - 5 * np.sin(z / 120), outline(z)[1] - 52))


def _spine(canvas: Canvas, z: float) -> None:
    y = spine_y_mm(z)
    canvas.ellipse(0, y + 22, 46, 22, MUSCLE)
    within = z % 25.0
    if within < 4.5:
        canvas.ellipse(0, y, 19, 14.5, DISC)
    else:
        canvas.ellipse(0, y, 20, 15.5, BONE - 60)
        canvas.ellipse(0, y, 18, 13.6, MARROW)
    if 8 < within < 20:
        for side in (-1, 1):
            canvas.ellipse(side * 13, y + 16, 5.5, 10, BONE - 140)
            canvas.ellipse(side * 26, y + 22, 15, 4.6, BONE - 160)
        canvas.ellipse(0, y + 25, 16, 5, BONE - 120)
    if 4 < within < 22:
        canvas.ellipse(0, y + 36, 3.6, 12, BONE - 150)
    canvas.ellipse(0, y + 19, 10.5, 8, 15)
    canvas.ellipse(0, y + 19, 6, 5, 42)


def _ct_image(exam: Exam, series: Series, index: int, image: Image) -> Dataset:
    instance = Dataset()
    instance.SOPClassUID = CTImageStorage
    instance.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    instance.Modality = "CT"
    instance.Manufacturer = "Sans Film"
    instance.ManufacturerModelName = "Thorax phantom"
    instance.BodyPartExamined = exam.body_part
    instance.PatientPosition = "HFS"
    instance.FrameOfReferenceUID = demo_uid(exam.key, "frame of reference")
    instance.PositionReferenceIndicator = ""
    instance.KVP = "120"
    instance.XRayTubeCurrent = "210"
    instance.ConvolutionKernel = series.kernel
    instance.PixelSpacing = [series.spacing_mm, series.spacing_mm]
    instance.SliceThickness = instance.SpacingBetweenSlices = series.thickness_mm
    instance.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    instance.ImagePositionPatient = series.position_mm(index)
    instance.SliceLocation = -index * series.thickness_mm
    instance.RescaleIntercept, instance.RescaleSlope, instance.RescaleType = "-1024", "1", "HU"
    instance.WindowCenter, instance.WindowWidth = ["40", "-600"], ["400", "1500"]
    instance.WindowCenterWidthExplanation = ["ABDOMEN", "POUMON"]
    put_pixels(instance, np.clip(image + 1024, 0, 4095).astype(np.uint16), 12)
    return instance
