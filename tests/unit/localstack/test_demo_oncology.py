"""The demonstration region's PET/CT and planning CT: what refers to an image refers to one of the exam."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from localstack.demo import ct_phantom, oncology, pet
from localstack.demo.exams import instances_of
from localstack.demo.region_exams import EXAMS

TUMOUR_SLICE = round(ct_phantom.NODULE_MM[2] / oncology.CT.thickness_mm - 0.5)


def exam(key: str) -> list[Dataset]:
    """Instances of an exam, made on one day."""
    chosen = next(exam for exam in EXAMS if exam.key == key)
    return list(instances_of(chosen, date(2026, 3, 2), Path("unused")))


@pytest.fixture(scope="module")
def planning() -> list[Dataset]:
    return exam("rt-francois")


@pytest.fixture(scope="module")
def pet_ct() -> list[Dataset]:
    return exam("pt-francois")


def references(dataset: Dataset) -> Iterator[str]:
    """Every SOP Instance UID that a dataset refers to, at any depth."""
    for element in dataset:
        if element.keyword == "ReferencedSOPInstanceUID":
            yield element.value
        elif element.VR == "SQ":
            for item in element.value:
                yield from references(item)


def test_every_reference_is_to_an_image_of_the_exam(planning: list[Dataset], pet_ct: list[Dataset]) -> None:
    for instances in (planning, pet_ct):
        images = {instance.SOPInstanceUID for instance in instances if instance.Modality == "CT"}
        study = instances[0].StudyInstanceUID
        for instance in instances:
            if instance.Modality in {"SEG", "RTSTRUCT", "SR"}:
                referred = set(references(instance)) - {study}
                assert referred
                assert referred <= images


def test_segments_cover_air_and_tumour(planning: list[Dataset]) -> None:
    segmentation = next(instance for instance in planning if instance.Modality == "SEG")
    frames = segmentation.pixel_array
    assert frames.shape == (segmentation.NumberOfFrames, oncology.CT.size, oncology.CT.size)
    groups = segmentation.PerFrameFunctionalGroupsSequence
    volumes_ml = {1: 0.0, 2: 0.0, 3: 0.0}
    for frame, group in zip(frames, groups, strict=True):
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        volumes_ml[number] += frame.sum() * oncology.CT.spacing_mm**2 * oncology.CT.thickness_mm / 1000
    radius_cm = oncology.CT.nodule_radius_mm / 10
    assert volumes_ml[3] == pytest.approx(4 / 3 * np.pi * radius_cm**3, rel=0.15)
    assert 1500 < volumes_ml[1] < 4000, "a right lung, in ml"
    assert 1500 < volumes_ml[2] < 4000, "a left lung, in ml"


def test_standardised_uptake_value_of_the_tumour(pet_ct: list[Dataset]) -> None:
    """SUV by body weight, as viewers compute it from the attributes (decay from injection to the series' start)."""
    image = next(
        instance for instance in pet_ct if instance.Modality == "PT" and instance.ImageIndex == TUMOUR_SLICE + 1
    )
    tracer = image.RadiopharmaceuticalInformationSequence[0]
    injected = datetime.strptime(tracer.RadiopharmaceuticalStartDateTime, "%Y%m%d%H%M%S")
    started = datetime.strptime(image.SeriesDate + image.SeriesTime, "%Y%m%d%H%M%S")
    acquired = datetime.strptime(image.AcquisitionDate + image.AcquisitionTime, "%Y%m%d%H%M%S")
    assert injected < started <= acquired
    decayed = float(tracer.RadionuclideTotalDose) * 0.5 ** (
        (started - injected).total_seconds() / float(tracer.RadionuclideHalfLife)
    )
    suv = image.pixel_array * float(image.RescaleSlope) * float(image.PatientWeight) * 1000 / decayed
    assert suv.max() == pytest.approx(pet.TUMOUR_SUV, rel=0.15)
