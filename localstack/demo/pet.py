"""FDG PET images of the CT phantom, in Bq/ml, with what a viewer needs to show SUV (PS3.3 C.8.9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import PositronEmissionTomographyImageStorage

from localstack.demo import ct_phantom
from localstack.demo.canvas import Canvas
from localstack.demo.modules import coded, demo_uid, put_pixels
from localstack.demo.region_exams import Exam

WEIGHT_KG, SIZE_M = 74.0, 1.72
INJECTED_BQ, HALF_LIFE_S, UPTAKE = 259e6, 6586.2, timedelta(minutes=60)
TUMOUR_SUV = 9.5
DETECTOR_BIN = 2
"""CT pixels along a side of a PET pixel."""
HOUNSFIELD = (-1000, -950, -860, -500, -100, 20, 55, 85, 112, 125, 175, 210, 240, 620)
SUV = (0.0, 0.0, 0.35, 0.5, 0.25, 0.7, 0.8, 1.0, 2.3, 1.9, 3.2, 1.7, 1.8, 1.1)
"""Uptake by tissue, looked up by the Hounsfield value that the phantom gives it."""
Image = NDArray[np.float32]


def slices(exam: Exam, ct: ct_phantom.Series, anatomy: Iterable[Image], today: date) -> Iterator[Dataset]:
    """PET slices at the positions of the CT's, `DETECTOR_BIN` times coarser."""
    generator = np.random.default_rng(31)
    started = datetime.strptime(f"{today - timedelta(days=exam.days_ago):%Y%m%d}{exam.time}", "%Y%m%d%H%M%S")
    series = ct_phantom.Series(ct.count, ct.size // DETECTOR_BIN, ct.nodule_radius_mm, "", ct.seed)
    at_scan = INJECTED_BQ * 0.5 ** (UPTAKE.total_seconds() / HALF_LIFE_S)
    for index, plane in enumerate(anatomy):
        suv = _uptake(plane, series, (index + 0.5) * series.thickness_mm)
        counts = generator.poisson(suv * 90) / 90
        activity = _blurred(counts.astype(np.float32)) * at_scan / (WEIGHT_KG * 1000)
        yield _pet_image(exam, series, index, activity, started)


def _uptake(hounsfield: Image, series: ct_phantom.Series, depth_mm: float) -> Image:
    size, step = series.size, DETECTOR_BIN
    coarse = hounsfield.reshape(size, step, size, step).mean(axis=(1, 3))
    canvas = Canvas(size)
    canvas.image = np.interp(coarse, HOUNSFIELD, SUV).astype(np.float32)
    radius = series.nodule_radius_mm
    canvas.ball(depth_mm, ct_phantom.NODULE_MM, (radius, radius, radius), TUMOUR_SUV)
    return canvas.image


def _blurred(image: Image) -> Image:
    """The scanner's resolution: about 6 mm."""
    for _ in range(2):
        for axis in (0, 1):
            image = 0.5 * image + 0.25 * (np.roll(image, 1, axis) + np.roll(image, -1, axis))
    return image


def _pet_image(exam: Exam, series: ct_phantom.Series, index: int, activity: Image, started: datetime) -> Dataset:
    instance = Dataset()
    instance.SOPClassUID = PositronEmissionTomographyImageStorage
    instance.Modality = "PT"
    instance.ImageType = ["ORIGINAL", "PRIMARY"]
    instance.SeriesDescription = "TEP corrigée de l'atténuation"
    instance.Manufacturer = "Sans Film"
    instance.ManufacturerModelName = "Thorax phantom"
    instance.BodyPartExamined = exam.body_part
    instance.PatientPosition = "HFS"
    instance.PatientWeight, instance.PatientSize = f"{WEIGHT_KG:g}", f"{SIZE_M:g}"
    instance.FrameOfReferenceUID = demo_uid(exam.key, "frame of reference")
    instance.PositionReferenceIndicator = ""
    instance.update(_acquisition(series.count, index, started))
    instance.RadiopharmaceuticalInformationSequence = Sequence([_radiopharmaceutical(started - UPTAKE)])
    instance.PixelSpacing = [series.spacing_mm, series.spacing_mm]
    instance.SliceThickness = series.thickness_mm
    instance.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    instance.ImagePositionPatient = series.position_mm(index)
    instance.SliceLocation = -index * series.thickness_mm
    slope = max(float(activity.max()), 1.0) / 32767
    instance.RescaleIntercept, instance.RescaleSlope = "0", f"{slope:.8g}"
    bq_per_ml = INJECTED_BQ * 0.5 ** (UPTAKE.total_seconds() / HALF_LIFE_S) / (WEIGHT_KG * 1000)
    instance.WindowCenter, instance.WindowWidth = f"{3 * bq_per_ml:.0f}", f"{6 * bq_per_ml:.0f}"
    put_pixels(instance, np.round(activity / float(instance.RescaleSlope)).astype(np.int16), 16)
    return instance


def _acquisition(count: int, index: int, started: datetime) -> Dataset:
    """PET Series and PET Image modules (PS3.3 C.8.9.1, C.8.9.4): two bed positions of three minutes."""
    part = Dataset()
    part.SeriesType = ["WHOLE BODY", "IMAGE"]
    part.Units, part.CountsSource = "BQML", "EMISSION"
    part.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    part.DecayCorrection = "START"
    part.NumberOfSlices, part.ImageIndex = count, index + 1
    part.CollimatorType = "RING"
    part.RandomsCorrectionMethod = "DLYD"
    part.AttenuationCorrectionMethod = "CT"
    part.ScatterCorrectionMethod = "Model-based"
    part.ReconstructionMethod = "OSEM"
    bed = 2 * index // count
    # The series begins with its second hundred seconds (`modules.identify`), the beds after it.
    acquired = started + timedelta(minutes=5 + 3 * bed)
    part.AcquisitionDate, part.AcquisitionTime = f"{acquired:%Y%m%d}", f"{acquired:%H%M%S}"
    part.FrameReferenceTime = str((90 + 180 * bed) * 1000)
    part.ActualFrameDuration = "180000"
    part.DecayFactor = "1.01"
    part.DoseCalibrationFactor = "1"
    return part


def _radiopharmaceutical(injected: datetime) -> Dataset:
    item = Dataset()
    item.Radiopharmaceutical = "FDG"
    item.RadiopharmaceuticalStartTime = f"{injected:%H%M%S}"
    item.RadiopharmaceuticalStartDateTime = f"{injected:%Y%m%d%H%M%S}"
    item.RadionuclideTotalDose = f"{INJECTED_BQ:.0f}"
    item.RadionuclideHalfLife = f"{HALF_LIFE_S:g}"
    item.RadionuclidePositronFraction = "0.967"
    item.RadionuclideCodeSequence = Sequence([coded("77004003", "SCT", "^18^Fluorine")])
    item.RadiopharmaceuticalCodeSequence = Sequence([coded("35321007", "SCT", "Fluorodeoxyglucose F^18^")])
    item.AdministrationRouteCodeSequence = Sequence([coded("47625008", "SCT", "Intravenous route")])
    return item
