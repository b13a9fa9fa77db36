"""OHIF draws what was sent: its picture is compared with what pydicom decodes, in each way that pixels are stored."""

from __future__ import annotations

from io import BytesIO

import pytest
from playwright.sync_api import expect
from pydicom import dcmread

from chalicelib.dicom.transcoding import transcoded
from localstack.demo.send import send_instances
from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import pdf_report, real_instance
from tests.browser.pictures import assert_drawn
from tests.browser.viewer import Viewer
from tests.platform import RunningPlatform


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
    instance = real_instance(name, PatientName="PIXELS^Essai", PatientID="PIXELS")
    send(instance)
    wait_until_indexed(platform, instance.StudyInstanceUID, 1)
    viewer.open(instance.StudyInstanceUID)
    assert_drawn(viewer, instance, tolerance)


@pytest.mark.parametrize("target", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202"])
def test_viewer_draws_high_throughput_jpeg_2000(viewer: Viewer, platform: RunningPlatform, target: str) -> None:
    """DCMTK does not know it: sent by pynetdicom."""
    instance = real_instance("CT_small.dcm", PatientName="PIXELS^Essai", PatientID="PIXELS")
    content = BytesIO()
    instance.save_as(content, enforce_file_format=True)
    compressed = dcmread(BytesIO(transcoded(content.getvalue(), target)))
    send_instances([compressed], "NORD_CT1", "127.0.0.1", platform.dicom_port)
    wait_until_indexed(platform, instance.StudyInstanceUID, 1)
    viewer.open(instance.StudyInstanceUID)
    assert_drawn(viewer, instance)


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
