"""A study: its images on a phone, its reports."""

from __future__ import annotations

import io
import re
import time
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from pydicom.dataset import Dataset

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series, pdf_report, structured_report
from tests.platform import RunningPlatform

SLICES = 9


@pytest.fixture(scope="module")
def study(platform: RunningPlatform, send: Send) -> list[Dataset]:
    """A CT series with a PDF and a structured report, known to the index."""
    number = time.time_ns() % 10**9
    patient = {"PatientName": f"DOSSIER{number}^Anaïs", "PatientID": f"D{number}", "PatientBirthDate": "19800229"}
    slices = ct_series(SLICES, SeriesNumber=3, SeriesDescription="Thorax", StudyDescription="Scanner", **patient)
    same_study = {"StudyInstanceUID": slices[0].StudyInstanceUID, "StudyDescription": "Scanner", **patient}
    pdf = pdf_report("Compte rendu", ["Conclusion : examen normal."], **same_study)
    report = structured_report("Synthèse", "Aucune anomalie décelée.", **same_study)
    instances = [*slices, pdf, report]
    send(*instances)
    wait_until_indexed(platform, slices[0].StudyInstanceUID, len(instances))
    return instances


def middle_gray(page: Page) -> float:
    """Mean gray in the middle of the picture on screen, 0 to 255."""
    return middle_gray_of(page, page.locator(".picture img"))


def middle_gray_of(page: Page, image: Locator) -> float:
    """Mean gray in the middle of an image, asked for as a browser does."""
    url = image.get_attribute("src")
    answer = page.request.get(str(url), headers={"Accept": "image/avif,image/webp,image/*,*/*;q=0.8"})
    assert answer.headers["content-type"] == "image/jpeg"
    gray = np.asarray(Image.open(io.BytesIO(answer.body())).convert("L"))
    rows, columns = gray.shape
    return float(gray[rows * 2 // 5 : rows * 3 // 5, columns * 2 // 5 : columns * 3 // 5].mean())


def expected_gray(number: int) -> float:
    """Gray of the middle of slice `number` under its own window, 0 to 1000 HU."""
    return number * 40 / 1000 * 255


def test_study_page_shows_series_and_documents(portal: Portal, study: list[Dataset]) -> None:
    page = portal.sign_in(path=f"/studies/{study[0].StudyInstanceUID}")
    expect(page.locator(".study-summary")).to_contain_text("29 févr. 1980")
    card = page.get_by_role("link", name="Série 3, Scanner, Thorax")
    expect(card).to_contain_text("9 images")
    thumbnail = card.locator("img")
    expect(thumbnail).to_be_visible()
    loaded = "image => image.complete && image.naturalWidth > 0"
    page.wait_for_function(loaded, arg=thumbnail.element_handle(), timeout=30_000)
    assert abs(middle_gray_of(page, thumbnail) - expected_gray(5)) < 3, "the middle slice stands for the series"
    expect(page.get_by_role("link", name="Compte rendu", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Synthèse")).to_be_visible()


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_exam_is_downloaded_as_a_file(portal: Portal, study: list[Dataset], size: str) -> None:
    page = portal.sign_in(path=f"/studies/{study[0].StudyInstanceUID}", size=size)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Télécharger l’examen").click()
    assert re.fullmatch(r"examen(-\d{8})?\.zip", downloading.value.suggested_filename)
    with zipfile.ZipFile(downloading.value.path()) as file:
        assert file.testzip() is None
        assert sum(name.endswith(".dcm") for name in file.namelist()) == len(study)
        assert file.read("COMPTES-RENDUS/compte-rendu-1.pdf").startswith(b"%PDF")


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_images_by_slider_buttons_and_keys(portal: Portal, study: list[Dataset], size: str) -> None:
    address = f"/studies/{study[0].StudyInstanceUID}/series/{study[0].SeriesInstanceUID}"
    page = portal.sign_in(path=address, size=size)
    image = page.locator(".picture img")
    expect(image).to_have_attribute("alt", f"Scanner, Thorax : image 5 sur {SLICES}")
    assert abs(middle_gray(page) - expected_gray(5)) < 3
    page.get_by_role("button", name="Image suivante").click()
    expect(image).to_have_attribute("data-index", "5")
    page.get_by_role("slider").fill("9")
    expect(image).to_have_attribute("data-index", "8")
    assert abs(middle_gray(page) - expected_gray(9)) < 3
    page.locator(".picture").focus()
    for key, index in (("Home", 0), ("ArrowDown", 1), ("ArrowUp", 0), ("End", 8)):
        page.keyboard.press(key)
        expect(image).to_have_attribute("data-index", str(index))
    page.get_by_text("Os", exact=True).click()
    expect(image).to_have_attribute("src", re.compile("window=400,1800,linear"))


def test_pdf_report_is_drawn_and_readable(portal: Portal, study: list[Dataset]) -> None:
    page = portal.sign_in(path=f"/studies/{study[0].StudyInstanceUID}", size="phone")
    page.get_by_role("link", name="Compte rendu", exact=True).click()
    expect(page.locator(".pdf-page[data-drawn=true]")).to_have_count(1)
    expect(page.locator(".pdf-text")).to_contain_text("Conclusion : examen normal.")
    darkest = page.locator("canvas").evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.reduce((darkest, value) => Math.min(darkest, value), 255)"
    )
    assert darkest < 60
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger le PDF").click()
    assert download.value.path().read_bytes().startswith(b"%PDF-")


def test_structured_report_is_readable(portal: Portal, study: list[Dataset]) -> None:
    page = portal.sign_in(path=f"/studies/{study[0].StudyInstanceUID}")
    page.get_by_role("link", name="Synthèse").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Synthèse")
    expect(page.locator(".report")).to_contain_text("Aucune anomalie décelée.")
