"""OHIF opens exams of the demonstration region, and draws over their images what the exams hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import expect
from pydicom.dataset import Dataset

from localstack.demo import ct_phantom, enhanced_mr, oncology, structure_set
from localstack.demo.exams import instances_of
from localstack.demo.modules import study_uid
from localstack.demo.region_exams import EXAMS
from localstack.demo.send import send_instances
from tests.browser.conftest import wait_until_indexed
from tests.browser.pictures import assert_drawn
from tests.browser.viewer import Viewer
from tests.platform import RunningPlatform

OpenExam = Callable[..., list[Dataset]]
TUMOUR_SLICE = round(ct_phantom.NODULE_MM[2] / oncology.CT.thickness_mm - 0.5)


@pytest.fixture
def open_exam(viewer: Viewer, platform: RunningPlatform, tmp_path: Path) -> OpenExam:
    """Send an exam of the demonstration region as a modality does, or those instances of it that are wanted, and open
    it.
    """

    def open_one(key: str, wanted: Callable[[Dataset], bool] = lambda _: True) -> list[Dataset]:
        exam = next(exam for exam in EXAMS if exam.key == key)
        sent = [instance for instance in instances_of(exam, date.today(), tmp_path) if wanted(instance)]
        send_instances(sent, "NORD_PACS", "127.0.0.1", platform.dicom_port)
        wait_until_indexed(platform, study_uid(exam), len(sent))
        viewer.open(study_uid(exam))
        return sent

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


def test_pet_of_a_pet_ct(viewer: Viewer, open_exam: OpenExam) -> None:
    """Some slices of it, in SUV."""
    sent = open_exam("pt-francois", lambda each: each.Modality in ("CT", "PT") and 30 < each.InstanceNumber <= 40)
    images = {each.SOPInstanceUID: each for each in sent if each.Modality == "PT"}
    viewer.show("TEP")
    viewer.wait_for_series(next(iter(images.values())).SeriesInstanceUID)
    assert viewer.slice_counts() == [len(images)]
    assert_drawn(viewer, images[viewer.sop_instance_uid()])


def test_ultrasound_cine_plays(viewer: Viewer, open_exam: OpenExam) -> None:
    loop = open_exam("us-gisele")[0]
    viewer.wait_for_series(loop.SeriesInstanceUID)
    assert viewer.slice_counts() == [loop.NumberOfFrames]
    assert viewer.image_index() == 0
    assert_drawn(viewer, loop, tolerance=6)
    viewer.page.locator("[data-cy=cine-player-play-pause]").click()
    viewer.wait_for_image(3)


def test_ultrasound_with_segmented_palette(viewer: Viewer, open_exam: OpenExam) -> None:
    image = open_exam("us-elodie")[0]
    assert "SegmentedRedPaletteColorLookupTableData" in image
    viewer.wait_for_series(image.SeriesInstanceUID)
    assert_drawn(viewer, image)


def test_radiograph_with_its_report(viewer: Viewer, open_exam: OpenExam) -> None:
    """The image's Pixel Spacing is zero, as some senders have it: drawn, and measured in pixels."""
    radiograph, report = open_exam("cr-helene")
    assert list(radiograph.PixelSpacing) == [0, 0]
    assert_drawn(viewer, radiograph)
    viewer.page.locator("[data-cy=MeasurementTools-split-button-primary]").click()
    canvas = viewer.page.locator("canvas").first.bounding_box()
    assert canvas
    middle = canvas["y"] + canvas["height"] / 2
    viewer.page.mouse.move(canvas["x"] + 400, middle)
    viewer.page.mouse.down()
    viewer.page.mouse.move(canvas["x"] + 600, middle, steps=3)
    viewer.page.mouse.up()
    expect(viewer.page.locator("svg.svg-layer text")).to_contain_text(" px")
    viewer.show(report.SeriesDescription)
    expect(viewer.page.get_by_text("un scanner thoracique est recommandé")).to_be_visible()
