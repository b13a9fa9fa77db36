"""Every page of the portal under axe's rules for WCAG 2.2 A and AA, at two sizes.

OHIF's own pages fail them (viewer_static/README.md): reports and images are also there in the portal's pages.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset

from tests.browser.conftest import SIZES, Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series, pdf_report, structured_report
from tests.platform import RunningPlatform

AXE = Path(__file__).parents[2] / "viewer_static/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
pytestmark = pytest.mark.parametrize("size", SIZES)


def violations(page: Page) -> list[str]:
    """What axe finds, one line each."""
    page.evaluate(AXE.read_text())
    options = {"runOnly": {"type": "tag", "values": RULES}}
    result: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    assert len(result["passes"]) > 5
    return [f"{found['id']}: {node['html'][:200]}" for found in result["violations"] for node in found["nodes"]]


@pytest.fixture(scope="module")
def study(platform: RunningPlatform, send: Send) -> list[Dataset]:
    """Two slices, a PDF and a structured report."""
    number = time.time_ns() % 10**9
    patient = {"PatientName": f"AXE{number}^Nour", "PatientID": f"X{number}", "PatientBirthDate": "19800101"}
    slices = ct_series(2, **patient)
    same_study = {"StudyInstanceUID": slices[0].StudyInstanceUID, **patient}
    pdf = pdf_report("Compte rendu", ["Conclusion"], **same_study)
    instances = [*slices, pdf, structured_report("Synthèse", "Rien", **same_study)]
    send(*instances)
    wait_until_indexed(platform, slices[0].StudyInstanceUID, len(instances))
    return instances


def test_sign_in(portal: Portal, size: str) -> None:
    page = portal.open("/sign-in?reason=expired", size)
    expect(page.get_by_role("status")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("language", ["fr", "en"])
def test_worklist(portal: Portal, size: str, language: str, study: list[Dataset]) -> None:
    page = portal.sign_in(size=size, language=language)
    expect(page.locator("tr[data-study]").first).to_be_visible()
    assert violations(page) == []
    if size == "phone":
        page.locator(".search-more").click()
        expect(page.locator("select")).to_be_visible()
        assert violations(page) == []


def test_study(portal: Portal, size: str, study: list[Dataset]) -> None:
    page = portal.sign_in(path=f"/studies/{study[0].StudyInstanceUID}", size=size)
    expect(page.locator(".document-link")).to_have_count(2)
    assert violations(page) == []


def test_images(portal: Portal, size: str, study: list[Dataset]) -> None:
    path = f"/studies/{study[0].StudyInstanceUID}/series/{study[0].SeriesInstanceUID}"
    page = portal.sign_in(path=path, size=size)
    expect(page.locator(".picture img")).to_be_visible(timeout=60_000)
    assert violations(page) == []


@pytest.mark.parametrize("position", [2, 3])
def test_documents(portal: Portal, size: str, study: list[Dataset], position: int) -> None:
    document = study[position]
    path = (
        f"/studies/{document.StudyInstanceUID}/series/{document.SeriesInstanceUID}/instances/{document.SOPInstanceUID}"
    )
    page = portal.sign_in(path=path, size=size)
    expect(page.locator(".report, .pdf-page[data-drawn=true]")).to_be_visible(timeout=30_000)
    assert violations(page) == []


def test_ledger(portal: Portal, size: str, study: list[Dataset]) -> None:
    page = portal.sign_in("finance.nord", size=size)
    expect(page.get_by_role("heading", name="Facturation")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Examen archivé").first).to_be_visible(timeout=30_000)
    assert violations(page) == []


def test_operations(portal: Portal, size: str) -> None:
    page = portal.sign_in("exploitation", size=size)
    expect(page.get_by_role("tab", name="Refus")).to_be_visible()
    for name in ("Refus", "Conflits", "SMS à vérifier", "Files"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tabpanel").locator("table, .empty")).to_be_visible()
        assert violations(page) == []
    page.get_by_role("link", name="Facturation").click()
    expect(page.get_by_role("heading", name="Facturation")).to_be_visible()
    assert violations(page) == []


def test_page_that_does_not_exist(portal: Portal, size: str) -> None:
    page = portal.open("/nowhere", size)
    expect(page.get_by_role("heading", name="Page introuvable")).to_be_visible()
    assert violations(page) == []
