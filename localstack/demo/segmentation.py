"""Segmentation (PS3.3 A.51): lungs and tumour on a CT series, one bit a pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import SegmentationStorage

from localstack.demo import ct_phantom
from localstack.demo.canvas import Canvas
from localstack.demo.modules import coded, demo_uid
from localstack.demo.region_exams import Exam

AIR_BELOW, WATER_FROM = -400, 0
"""Hounsfield values."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Segment:
    """A segment and its mask of each slice, shape (rows, columns)."""

    label: str
    category: tuple[str, str, str]
    type: tuple[str, str, str]
    cielab: tuple[int, int, int]
    """Recommended Display CIELab Value, as unsigned 16-bit integers (PS3.3 C.10.7.1.1)."""
    masks: list[Mask]


def lungs_and_tumour(
    exam: Exam, ct: ct_phantom.Series, images: list[Dataset], anatomy: Iterable[NDArray[np.float32]]
) -> Dataset:
    """The segmentation of a CT series whose slices are `images` (SOP references, head to foot)."""
    canvas = Canvas(ct.size)
    right, tumour, lungs = np.broadcast_to(canvas.x < 0, (ct.size, ct.size)), [], []
    for index, (plane, lung) in enumerate(zip(anatomy, ct_phantom.lungs(ct), strict=True)):
        x, y, depth = ct_phantom.NODULE_MM
        away = np.sqrt((canvas.x - x) ** 2 + (canvas.y - y) ** 2 + ((index + 0.5) * ct.thickness_mm - depth) ** 2)
        tumour.append((away < ct.nodule_radius_mm) & (plane > AIR_BELOW))
        # Heart, great vessels and ribs are drawn over the lungs; the lungs' own vessels are theirs.
        lungs.append(lung & ~tumour[-1] & (plane < WATER_FROM))
    organ, lung_type = ("123037004", "SCT", "Anatomical Structure"), ("39607008", "SCT", "Lung")
    abnormal = ("49755003", "SCT", "Morphologically Abnormal Structure")
    segments = (
        Segment("Poumon droit", organ, lung_type, (40000, 25000, 42000), [m & right for m in lungs]),
        Segment("Poumon gauche", organ, lung_type, (40000, 30000, 20000), [m & ~right for m in lungs]),
        Segment("Tumeur", abnormal, ("4147007", "SCT", "Mass"), (38000, 52000, 46000), tumour),
    )
    return _segmentation(exam, ct, images, segments)


def _segmentation(exam: Exam, ct: ct_phantom.Series, images: list[Dataset], segments: tuple[Segment, ...]) -> Dataset:
    frames = [
        (number, index, mask)
        for number, segment in enumerate(segments, start=1)
        for index, mask in enumerate(segment.masks)
        if mask.any()
    ]
    instance = Dataset()
    instance.SOPClassUID = SegmentationStorage
    instance.Modality = "SEG"
    instance.SeriesDescription = "Segmentation des poumons et de la tumeur"
    instance.ImageType = ["DERIVED", "PRIMARY"]
    instance.Manufacturer = "Sans Film"
    instance.ManufacturerModelName = "Thorax phantom"
    instance.DeviceSerialNumber = "1"
    instance.SoftwareVersions = "1"
    instance.ContentLabel = "SEGMENTATION"
    instance.ContentDescription = "Poumons et tumeur"
    instance.ContentCreatorName = ""
    instance.FrameOfReferenceUID = demo_uid(exam.key, "frame of reference")
    instance.PositionReferenceIndicator = ""
    instance.SegmentationType = "BINARY"
    instance.LossyImageCompression = "00"
    instance.SegmentSequence = Sequence(_segment(number, segment) for number, segment in enumerate(segments, start=1))
    instance.ReferencedSeriesSequence = Sequence([_referenced_series(exam, images)])
    _put_dimensions(instance, exam)
    instance.SharedFunctionalGroupsSequence = Sequence([_shared(ct)])
    instance.PerFrameFunctionalGroupsSequence = Sequence(
        _frame(number, index, ct, images[index]) for number, index, _ in frames
    )
    instance.NumberOfFrames = len(frames)
    instance.SamplesPerPixel = 1
    instance.PhotometricInterpretation = "MONOCHROME2"
    instance.Rows = instance.Columns = ct.size
    instance.BitsAllocated = instance.BitsStored = 1
    instance.HighBit = instance.PixelRepresentation = 0
    instance.PixelData = pack_bits(np.stack([mask for _, _, mask in frames]).astype(np.uint8))
    return instance


def _segment(number: int, segment: Segment) -> Dataset:
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = segment.label
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = "Thorax phantom"
    item.SegmentedPropertyCategoryCodeSequence = Sequence([coded(*segment.category)])
    item.SegmentedPropertyTypeCodeSequence = Sequence([coded(*segment.type)])
    item.RecommendedDisplayCIELabValue = list(segment.cielab)
    return item


def _referenced_series(exam: Exam, images: list[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = demo_uid(exam.key, 1)
    item.ReferencedInstanceSequence = Sequence(images)
    return item


def _put_dimensions(instance: Dataset, exam: Exam) -> None:
    """Frames are ordered by segment, then by position (PS3.3 C.7.6.17)."""
    uid = demo_uid(exam.key, "dimensions of the segmentation")
    organization = Dataset()
    organization.DimensionOrganizationUID = uid
    instance.DimensionOrganizationSequence = Sequence([organization])
    instance.DimensionOrganizationType = "3D"
    instance.DimensionIndexSequence = Sequence()
    for pointer, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113)):
        index = Dataset()
        index.DimensionOrganizationUID = uid
        index.DimensionIndexPointer, index.FunctionalGroupPointer = pointer, group
        instance.DimensionIndexSequence.append(index)


def _shared(ct: ct_phantom.Series) -> Dataset:
    measures, orientation, group = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [ct.spacing_mm, ct.spacing_mm]
    measures.SliceThickness = measures.SpacingBetweenSlices = ct.thickness_mm
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    group.PixelMeasuresSequence = Sequence([measures])
    group.PlaneOrientationSequence = Sequence([orientation])
    return group


def _frame(number: int, index: int, ct: ct_phantom.Series, image: Dataset) -> Dataset:
    content, position, identification, source, derivation, group = (Dataset() for _ in range(6))
    content.DimensionIndexValues = [number, index + 1]
    position.ImagePositionPatient = ct.position_mm(index)
    identification.ReferencedSegmentNumber = number
    source.update(image)
    source.PurposeOfReferenceCodeSequence = Sequence(
        [coded("121322", "DCM", "Source image for image processing operation")]
    )
    derivation.SourceImageSequence = Sequence([source])
    derivation.DerivationCodeSequence = Sequence([coded("113076", "DCM", "Segmentation")])
    group.FrameContentSequence = Sequence([content])
    group.PlanePositionSequence = Sequence([position])
    group.SegmentIdentificationSequence = Sequence([identification])
    group.DerivationImageSequence = Sequence([derivation])
    return group
