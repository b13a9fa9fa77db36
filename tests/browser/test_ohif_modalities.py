"""OHIF opens exams of the demonstration region, and draws over their images what the exams hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import expect

from localstack.demo import ct_phantom, enhanced_mr, oncology, structure_set
from localstack.demo.exams import instance_count, instances_of
from localstack.demo.modules import study_uid
from localstack.demo.region_exams import EXAMS
from localstack.demo.send import send_instances
from tests.browser.conftest import wait_until_indexed
from tests.browser.viewer import Viewer
from tests.platform import RunningPlatform

OpenExam = Callable[[str], None]
TUMOUR_SLICE = round(ct_phantom.NODULE_MM[2] / oncology.CT.thickness_mm - 0.5)


@pytest.fixture
def open_exam(viewer: Viewer, platform: RunningPlatform, tmp_path: Path) -> OpenExam:
    """Send an exam of the demonstration region as a modality does, and open it."""

    def open_one(key: str) -> None:
        exam = next(exam for exam in EXAMS if exam.key == key)
        send_instances(instances_of(exam, date.today(), tmp_path), "NORD_PACS", "127.0.0.1", platform.dicom_port)
        wait_until_indexed(platform, study_uid(exam), instance_count(exam))
        viewer.open(study_uid(exam))

    return open_one


def is_gray(color: list[int]) -> bool:
    """Whether a point of the screen shows the image alone."""
    return max(color) - min(color) <= 6


def test_planning_ct_with_segmentation_and_contours(viewer: Viewer, open_exam: OpenExam) -> None:
    open_exam("rt-francois")
    assert viewer.slice_counts() == [oncology.CT.count]
    x, y, _ = ct_phantom.NODULE_MM
    z = oncology.CT.position_mm(TUMOUR_SLICE)[2]
    lung, muscle = (-82.0, 20.0, z), (0.0, 100.0, z)

    viewer.show("Segmentation des poumons")
    viewer.confirm()
    viewer.go_to_slice(TUMOUR_SLICE)
    right, left, tumour = (viewer.color_at(*at) for at in (lung, (82.0, 20.0, z), (x, y, z)))
    assert not any(is_gray(color) for color in (right, left, tumour))
    assert max(abs(a - b) for a, b in zip(right, tumour, strict=True)) > 30, "segments have colours of their own"
    assert is_gray(viewer.color_at(*muscle)), "no segment there"
    assert viewer.segment_labels() == ["Poumon droit", "Poumon gauche", "Tumeur"]

    viewer.show("Contours de radiothérapie")
    viewer.confirm()
    viewer.go_to_slice(TUMOUR_SLICE)
    depth = (TUMOUR_SLICE + 0.5) * oncology.CT.thickness_mm
    rois = structure_set.rois(oncology.CT.nodule_radius_mm)
    assert viewer.segment_labels()[-len(rois) :] == [roi.name for roi in rois]
    contours = viewer.page.locator("svg.svg-layer path")
    expect(contours).to_have_count(sum(roi.at(depth) is not None for roi in rois))


def test_enhanced_mr(viewer: Viewer, open_exam: OpenExam) -> None:
    open_exam("mr-karim")
    assert viewer.slice_counts() == [enhanced_mr.ABDOMEN.count]
    viewer.go_to_slice(enhanced_mr.ABDOMEN.count - 1)
    last = -enhanced_mr.FIRST_MM - (enhanced_mr.ABDOMEN.count - 1) * enhanced_mr.ABDOMEN.thickness_mm
    assert viewer.position_mm()[2] == pytest.approx(last)


def test_mammography_hangs_its_four_views(viewer: Viewer, open_exam: OpenExam) -> None:
    open_exam("mg-mai")
    assert viewer.slice_counts() == [1, 1, 1, 1]
