"""RT Structure Set (PS3.3 A.19) with contours of organs and targets on a planning CT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RTStructureSetStorage

from localstack.demo import ct_phantom
from localstack.demo.modules import demo_uid, reference, study_uid
from localstack.demo.region_exams import Exam

STUDY_COMPONENT_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"
"""Referenced SOP Class of the RT Referenced Study Sequence, as the field writes it (retired class)."""
PTV_MARGIN_MM = 8.0
POINTS = 48
Ellipse = tuple[float, float, float, float]
"""Centre x, y and half axes, in mm; the axes are those of the patient."""


@dataclass(frozen=True)
class Roi:
    """A region of interest: an ellipse on each slice that it meets."""

    name: str
    interpreted_type: str
    """RT ROI Interpreted Type (3006,00A4)."""
    color: tuple[int, int, int]
    at: Callable[[float], Ellipse | None]
    """By depth below the top of the chest, in mm."""


def rois(tumour_radius_mm: float) -> tuple[Roi, ...]:
    """What a radiotherapist contours first."""
    target = tumour_radius_mm + PTV_MARGIN_MM
    return (
        Roi("CONTOUR EXTERNE", "EXTERNAL", (0, 200, 120), lambda z: (0, 0, *ct_phantom.outline(z))),
        Roi("GTV", "GTV", (255, 60, 60), _ball(ct_phantom.NODULE_MM, (tumour_radius_mm,) * 3)),
        Roi("PTV", "PTV", (255, 170, 40), _ball(ct_phantom.NODULE_MM, (target,) * 3)),
        Roi("COEUR", "ORGAN", (230, 90, 200), _ball(ct_phantom.HEART_MM, ct_phantom.HEART_RADII_MM)),
        Roi("MOELLE", "ORGAN", (80, 160, 255), lambda z: (0, ct_phantom.spine_y_mm(z) + 19, 6, 5)),
    )


def _ball(centre: tuple[float, float, float], radii: tuple[float, ...]) -> Callable[[float], Ellipse | None]:
    def at(z: float) -> Ellipse | None:
        rest = 1 - ((z - centre[2]) / radii[2]) ** 2
        scale = rest**0.5 if rest > 0.02 else 0
        return (centre[0], centre[1], radii[0] * scale, radii[1] * scale) if scale else None

    return at


def structure_set(exam: Exam, ct: ct_phantom.Series, images: list[Dataset]) -> Dataset:
    """The structure set of a CT series whose slices are `images` (SOP references, head to foot)."""
    instance = Dataset()
    instance.SOPClassUID = RTStructureSetStorage
    instance.Modality = "RTSTRUCT"
    instance.Manufacturer = "Sans Film"
    instance.SeriesDescription = "Contours de radiothérapie"
    instance.StructureSetLabel = "CONTOURS"
    instance.StructureSetName = "Organes à risque et volumes cibles"
    instance.ApprovalStatus = "UNAPPROVED"
    frame_of_reference = demo_uid(exam.key, "frame of reference")
    instance.ReferencedFrameOfReferenceSequence = Sequence([_frame_of_reference(exam, frame_of_reference, images)])
    instance.StructureSetROISequence = Sequence()
    instance.ROIContourSequence = Sequence()
    instance.RTROIObservationsSequence = Sequence()
    for number, roi in enumerate(rois(ct.nodule_radius_mm), start=1):
        instance.StructureSetROISequence.append(_structure(number, roi, frame_of_reference))
        instance.ROIContourSequence.append(_contours(number, roi, ct, images))
        instance.RTROIObservationsSequence.append(_observation(number, roi))
    return instance


def _frame_of_reference(exam: Exam, uid: str, images: list[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = demo_uid(exam.key, 1)
    series.ContourImageSequence = Sequence(images)
    study = reference(STUDY_COMPONENT_MANAGEMENT, study_uid(exam))
    study.RTReferencedSeriesSequence = Sequence([series])
    item = Dataset()
    item.FrameOfReferenceUID = uid
    item.RTReferencedStudySequence = Sequence([study])
    return item


def _structure(number: int, roi: Roi, frame_of_reference: str) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = frame_of_reference
    item.ROIName = roi.name
    item.ROIGenerationAlgorithm = "SEMIAUTOMATIC"
    return item


def _contours(number: int, roi: Roi, ct: ct_phantom.Series, images: list[Dataset]) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(roi.color)
    item.ReferencedROINumber = number
    item.ContourSequence = Sequence()
    angles = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    for index, image in enumerate(images):
        ellipse = roi.at((index + 0.5) * ct.thickness_mm)
        if ellipse is None:
            continue
        x, y, radius_x, radius_y = ellipse
        z = ct.position_mm(index)[2]
        points = np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles), np.full(POINTS, z)], axis=1)
        contour = Dataset()
        contour.ContourImageSequence = Sequence([image])
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = POINTS
        contour.ContourData = [f"{value:.2f}" for value in points.ravel()]
        item.ContourSequence.append(contour)
    return item


def _observation(number: int, roi: Roi) -> Dataset:
    item = Dataset()
    item.ObservationNumber = item.ReferencedROINumber = number
    item.ROIObservationLabel = roi.name
    item.RTROIInterpretedType = roi.interpreted_type
    item.ROIInterpreter = ""
    return item
