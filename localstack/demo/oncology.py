"""Two exams of one chest with a tumour: a PET/CT with measurements, a planning CT with contours and a segmentation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from localstack.demo import ct_phantom, measurement_report, pet, segmentation, structure_set
from localstack.demo.modules import demo_uid, reference
from localstack.demo.region_exams import Exam

CT = ct_phantom.Series(75, 256, 14.0, "B", 23)
PET_CT_INSTANCES = 2 * CT.count + 1
PLANNING_INSTANCES = CT.count + 2


def pet_ct(exam: Exam, today: date) -> Iterator[tuple[int, int, Dataset]]:
    """(series number, instance number, instance): CT, PET in the same frame of reference, measurements on the CT."""
    for number, image in enumerate(ct_phantom.slices(exam, CT, anatomy()), start=1):
        image.SeriesDescription = "TDM basse dose"
        yield 1, number, image
    for number, image in enumerate(pet.slices(exam, CT, anatomy(), today), start=1):
        yield 2, number, image
    yield 3, 1, measurement_report.tumour_diameter(exam, CT, ct_references(exam), today)


def planning(exam: Exam, today: date) -> Iterator[tuple[int, int, Dataset]]:
    """(series number, instance number, instance): CT, RT Structure Set, Segmentation."""
    for number, image in enumerate(ct_phantom.slices(exam, CT, anatomy()), start=1):
        image.SeriesDescription = "Scanner de centrage 5 mm"
        yield 1, number, image
    yield 2, 1, structure_set.structure_set(exam, CT, ct_references(exam))
    yield 3, 1, segmentation.lungs_and_tumour(exam, CT, ct_references(exam), anatomy())


def ct_references(exam: Exam) -> list[Dataset]:
    """SOP references of the exam's CT slices, from head to foot."""
    return [reference(CTImageStorage, demo_uid(exam.key, 1, number)) for number in range(1, CT.count + 1)]


@lru_cache(maxsize=1)
def anatomy() -> list[NDArray[np.float32]]:
    """Hounsfield values of every slice: both exams show the same chest."""
    return list(ct_phantom.anatomy(CT))
