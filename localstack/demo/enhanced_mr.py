"""Enhanced MR Image (PS3.3 A.36) of the phantom's abdomen: one multi-frame instance with functional groups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage

from localstack.demo import ct_phantom
from localstack.demo.modules import coded, demo_uid, put_pixels
from localstack.demo.region_exams import Exam

ABDOMEN = ct_phantom.Series(32, 256, 4.5, "", 41, length_mm=144.0)
FIRST_MM = 228.0
HOUNSFIELD = (-1000, -950, -860, -150, -100, 0, 20, 48, 55, 85, 112, 125, 175, 210, 240, 400, 620)
SIGNAL = (0, 2, 25, 760, 820, 240, 300, 420, 380, 360, 520, 330, 400, 180, 300, 200, 60)
"""T1 signal by tissue, looked up by the Hounsfield value that the phantom gives it."""


def series(exam: Exam, today: date) -> Iterator[tuple[int, int, Dataset]]:
    """(series number, instance number, instance): one."""
    yield 1, 1, image(exam)


def image(exam: Exam) -> Dataset:
    """Every slice of the series as one instance, frames from head to foot."""
    generator = np.random.default_rng(43)
    planes = [_signal(plane, generator) for plane in ct_phantom.anatomy(ABDOMEN, FIRST_MM)]
    instance = Dataset()
    instance.SOPClassUID = EnhancedMRImageStorage
    instance.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMEN", "NONE"]
    instance.Modality = "MR"
    instance.SeriesDescription = "Axiale T1 écho de gradient, multi-image"
    instance.Manufacturer = "Sans Film"
    instance.ManufacturerModelName = "Thorax phantom"
    instance.DeviceSerialNumber = instance.SoftwareVersions = "1"
    instance.BodyPartExamined = exam.body_part
    instance.PatientPosition = "HFS"
    instance.FrameOfReferenceUID = demo_uid(exam.key, "frame of reference")
    instance.PositionReferenceIndicator = ""
    instance.AcquisitionNumber = 1
    instance.ContentQualification = "PRODUCT"
    instance.MagneticFieldStrength, instance.ResonantNucleus, instance.KSpaceFiltering = 1.5, "1H", "NONE"
    instance.PixelPresentation, instance.VolumetricProperties = "MONOCHROME", "VOLUME"
    instance.VolumeBasedCalculationTechnique = "NONE"
    instance.ComplexImageComponent, instance.AcquisitionContrast = "MAGNITUDE", "T1"
    instance.BurnedInAnnotation, instance.LossyImageCompression = "NO", "00"
    instance.PresentationLUTShape = "IDENTITY"
    instance.AcquisitionContextSequence = Sequence([])
    _put_dimensions(instance, exam)
    instance.SharedFunctionalGroupsSequence = Sequence([_shared()])
    instance.PerFrameFunctionalGroupsSequence = Sequence(_frame(index) for index in range(ABDOMEN.count))
    put_pixels(instance, np.concatenate(planes), 12)
    instance.Rows, instance.NumberOfFrames = ABDOMEN.size, ABDOMEN.count
    return instance


def _signal(hounsfield: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.uint16]:
    """T1 signal with the noise of a magnitude image, brighter near the coil's middle."""
    signal = np.interp(hounsfield, HOUNSFIELD, SIGNAL)
    across = np.linspace(-1, 1, hounsfield.shape[1])
    coil = 1 - 0.18 * across[np.newaxis, :] ** 2 - 0.12 * across[:, np.newaxis] ** 2
    noise = generator.normal(0, 9, (2, *signal.shape))
    pixels: NDArray[np.uint16] = np.clip(np.hypot(signal * coil + noise[0], noise[1]), 0, 4095).astype(np.uint16)
    return pixels


def _put_dimensions(instance: Dataset, exam: Exam) -> None:
    """Frames are ordered by stack, then by position in it (PS3.3 C.7.6.17)."""
    uid = demo_uid(exam.key, "dimensions")
    organization = Dataset()
    organization.DimensionOrganizationUID = uid
    instance.DimensionOrganizationSequence = Sequence([organization])
    instance.DimensionOrganizationType = "3D"
    instance.DimensionIndexSequence = Sequence()
    for pointer in (0x00209056, 0x00209057):
        index = Dataset()
        index.DimensionOrganizationUID = uid
        index.DimensionIndexPointer, index.FunctionalGroupPointer = pointer, 0x00209111
        instance.DimensionIndexSequence.append(index)


def _shared() -> Dataset:
    """Functional groups that all frames share (PS3.3 C.7.6.16.2, C.8.13.5)."""
    measures = _with(PixelSpacing=[ABDOMEN.spacing_mm] * 2, SliceThickness=ABDOMEN.thickness_mm,
                     SpacingBetweenSlices=ABDOMEN.thickness_mm)  # fmt: skip
    anatomy = _with(AnatomicRegionSequence=[coded("818981001", "SCT", "Abdomen")], FrameLaterality="U")
    kind = _with(FrameType=["ORIGINAL", "PRIMARY", "ABDOMEN", "NONE"], PixelPresentation="MONOCHROME",
                 VolumetricProperties="VOLUME", VolumeBasedCalculationTechnique="NONE",
                 ComplexImageComponent="MAGNITUDE", AcquisitionContrast="T1")  # fmt: skip
    timing = _with(RepetitionTime="150", FlipAngle="70", EchoTrainLength="1", RFEchoTrainLength=0,
                   GradientEchoTrainLength=1)  # fmt: skip
    return _with(
        PixelMeasuresSequence=[measures],
        PlaneOrientationSequence=[_with(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        FrameAnatomySequence=[anatomy],
        MRImageFrameTypeSequence=[kind],
        MRTimingAndRelatedParametersSequence=[timing],
        MREchoSequence=[_with(EffectiveEchoTime=4.6)],
        PixelValueTransformationSequence=[_with(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")],
        FrameVOILUTSequence=[_with(WindowCenter="470", WindowWidth="860")],
    )


def _frame(index: int) -> Dataset:
    x, y, _ = ABDOMEN.position_mm(index)
    content = _with(StackID="1", InStackPositionNumber=index + 1, DimensionIndexValues=[1, index + 1],
                    FrameAcquisitionNumber=1)  # fmt: skip
    position = [x, y, -FIRST_MM - index * ABDOMEN.thickness_mm]
    return _with(FrameContentSequence=[content], PlanePositionSequence=[_with(ImagePositionPatient=position)])


def _with(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
