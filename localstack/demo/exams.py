"""Instances of every demonstration exam."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from localstack.demo import ct_phantom, enhanced_mr, mammography, mr_brain, oncology, real_files
from localstack.demo.compression import compressed
from localstack.demo.modules import identify
from localstack.demo.region_exams import Exam
from localstack.demo.reports import report_instance

PHANTOMS = {
    "ct-phantom": (ct_phantom.Series(300, 512, 4.5, "B", 7), "Thorax-abdomen, temps portal 1,25 mm"),
    "ct-phantom-prior": (ct_phantom.Series(150, 256, 2.5, "B", 11), "Thorax 2,5 mm"),
}
MNI_PLANES = {"mni-sagittal": ("sagittal", "3D T1 sagittale"), "mni-axial": ("axial", "3D T1 axiale")}
STORED_AS = {
    ("enhanced-mr", 1): JPEG2000Lossless,
    ("pet-ct", 1): JPEGLSLossless,
    ("pet-ct", 2): RLELossless,
    ("planning", 1): JPEGLSLossless,
}
"""Transfer syntax by exam content and series number; Explicit VR Little Endian or that of the real file elsewhere."""
SEVERAL_SERIES = {"pet-ct": oncology.pet_ct, "planning": oncology.planning, "enhanced-mr": enhanced_mr.series}
IMAGES_OF = {key: series.count for key, (series, _) in PHANTOMS.items()} | {
    "mni-sagittal": 197,
    "mni-axial": 189,
    "mammography": len(mammography.VIEWS),
    "enhanced-mr": 1,
    "pet-ct": oncology.PET_CT_INSTANCES,
    "planning": oncology.PLANNING_INSTANCES,
    **{key: len(files) for key, files in real_files.SOURCES.items()},
}


def instance_count(exam: Exam) -> int:
    """Instances of an exam, its report included."""
    return IMAGES_OF[exam.content] + (exam.report is not None)


def instances_of(exam: Exam, today: date, state_dir: Path) -> Iterator[Dataset]:
    """Every instance of an exam, ready to send; the same bytes for the same `today`.

    Raises
    ------
    localstack.demo.mr_brain.VolumeUnavailable
        If the exam needs the MNI152 volume and it cannot be had.
    """
    series_number = 0
    for series_number, instance_number, instance in _images(exam, today, state_dir):
        identify(instance, exam, today, series_number, instance_number)
        syntax = STORED_AS.get((exam.content, series_number))
        yield compressed(instance, syntax) if syntax else instance
    if exam.report is not None:
        report = report_instance(exam, exam.report, today)
        identify(report, exam, today, series_number + 1, 1)
        yield report


def _images(exam: Exam, today: date, state_dir: Path) -> Iterator[tuple[int, int, Dataset]]:
    """(series number, instance number, instance), the report left out."""
    if exam.content in SEVERAL_SERIES:
        yield from SEVERAL_SERIES[exam.content](exam, today)
        return
    if exam.content in real_files.SOURCES:
        for number, image in enumerate(real_files.images(exam.content), start=1):
            yield number, 1, image
        return
    if exam.content in PHANTOMS:
        series, description = PHANTOMS[exam.content]
        images = ct_phantom.slices(exam, series)
    elif exam.content == "mammography":
        description, images = "Mammographie 4 incidences", mammography.images(exam)
    else:
        plane, description = MNI_PLANES[exam.content]
        images = mr_brain.slices(exam, mr_brain.mni152_t1(state_dir), plane)
    for number, image in enumerate(images, start=1):
        image.SeriesDescription = description
        yield 1, number, image
