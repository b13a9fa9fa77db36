"""OHIF draws what was sent: its picture is compared with what pydicom decodes, in each way that pixels are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import pdf_report, real_instance
from tests.browser.viewer import Viewer
from tests.platform import RunningPlatform

Array = np.ndarray[Any, Any]
GRID = 24
"""Points a side at which the picture is compared."""


def decoded(instance: Dataset) -> Array:
    """First frame as pydicom decodes it: modality values, or RGB."""
    pixels = instance.pixel_array
    frame = pixels[0] if int(instance.get("NumberOfFrames", 1)) > 1 else pixels
    if instance.SamplesPerPixel == 3:
        return np.asarray(frame, dtype=np.float64)
    return apply_modality_lut(frame, instance).astype(np.float64)


def as_shown(values: Array, voi_range: dict[str, float] | None) -> Array:
    """RGB, 0 to 255, of modality values under a linear window; RGB stays what it is."""
    if values.ndim == 3:
        return values
    assert voi_range
    lower, upper = voi_range["lower"], voi_range["upper"]
    gray = np.clip((values - lower) / (upper - lower), 0, 1) * 255
    return np.repeat(gray[..., np.newaxis], 3, axis=-1)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("CT_small.dcm", 0),
        ("MR_small_implicit.dcm", 0),
        ("MR_small_RLE.dcm", 0),
        ("MR_small_jp2klossless.dcm", 0),
        ("MR_small_jpeg_ls_lossless.dcm", 0),
        ("JPGLosslessP14SV1_1s_1f_8b.dcm", 0),
        ("JPEG-LL.dcm", 0),
        ("examples_ybr_color.dcm", 3),
        ("SC_rgb_jpeg_dcmtk.dcm", 4),
    ],
)
def test_viewer_draws_what_pydicom_decodes(
    viewer: Viewer, platform: RunningPlatform, send: Send, name: str, tolerance: int
) -> None:
    """`tolerance` is for values: two decoders of a lossy syntax, or two conversions to RGB, may differ by little."""
    instance = real_instance(name, PatientName="PIXELS^Essai", PatientID="PIXELS")
    send(instance)
    wait_until_indexed(platform, instance.StudyInstanceUID, 1)
    viewer.open(instance.StudyInstanceUID)
    picture = viewer.picture(GRID)

    expected = decoded(instance)
    assert (picture["rows"], picture["columns"]) == expected.shape[:2]
    values = np.array(picture["values"], dtype=np.float64).reshape(expected.shape)
    assert np.abs(values - expected).max() <= tolerance

    samples = np.array(picture["samples"])
    rows, columns, drawn = samples[:, 0], samples[:, 1], samples[:, 2:]
    assert not picture["invert"]
    difference = np.abs(as_shown(expected, picture["voiRange"])[rows, columns] - drawn).max(axis=1)
    # The screen's pixel is not exactly in the middle of the image's, so that edges differ a little.
    assert np.median(difference) <= 3
    assert np.percentile(difference, 90) <= 24
    assert drawn.std() > 10, "the picture has something in it"


def test_viewer_speaks_the_language_of_the_portal_and_leads_back(portal: Portal, some_study: str) -> None:
    page = portal.sign_in()
    Viewer(page).open(some_study)
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.get_by_text("Études")).to_be_visible()
    page.get_by_role("link", name="Liste de travail").click()
    expect(page.get_by_role("heading", name="Examens")).to_be_visible()
    page.get_by_role("button", name="English").click()
    page.goto(f"/ohif/viewer?StudyInstanceUIDs={some_study}")
    expect(page.get_by_role("link", name="Worklist")).to_be_visible()
    expect(page.get_by_text("Studies")).to_be_visible()


def test_viewer_opens_a_pdf_report(portal: Portal, platform: RunningPlatform, send: Send) -> None:
    report = pdf_report("Compte rendu", ["Conclusion : examen normal."], PatientName="RAPPORT^Essai", PatientID="R1")
    send(report)
    wait_until_indexed(platform, report.StudyInstanceUID, 1)
    page = portal.sign_in(path=f"/studies/{report.StudyInstanceUID}")
    with page.expect_response(lambda response: "/bulkdata/00420011" in response.url) as answer:
        page.get_by_role("link", name="Ouvrir la visionneuse").click()
    assert answer.value.status == 200
    expect(page.locator("object[type='application/pdf']")).to_be_visible()
