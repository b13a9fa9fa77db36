"""The worklist: search, pages, language, phones, what arrives while it is open."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import RADIOLOGIST, SIZES, Portal, Send, fill_credentials, wait_until_indexed
from tests.browser.instances import ct_series, plain_instance
from tests.platform import RunningPlatform

pytestmark = pytest.mark.usefixtures("some_study")


def search(page: Page, label: str, value: str) -> None:
    """Fill one criterion and search."""
    page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Rechercher").click()


def shown_patients(page: Page) -> list[str]:
    """Names in the list, once the search has been answered."""
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    return page.locator(".patient-link").all_inner_texts()


def test_study_just_received_appears_within_ten_seconds(portal: Portal, send: Send) -> None:
    page = portal.sign_in()
    expect(page.locator("table.worklist")).to_be_visible()
    # One answer of the list before the arrival, as for somebody who has been looking at it.
    with page.expect_response(lambda response: "/dicomweb/studies" in response.url):
        pass
    now = datetime.now()
    name = f"ARRIVEE{now:%H%M%S%f}^Élodie"
    slices = ct_series(
        5, PatientName=name, PatientID=f"A{now:%f}", StudyDate=f"{now:%Y%m%d}", StudyTime=f"{now:%H%M%S}"
    )
    send(*slices)
    sent_at = time.monotonic()
    row = page.locator(f"[data-study='{slices[0].StudyInstanceUID}']")
    expect(row).to_be_visible(timeout=10_000)
    assert time.monotonic() - sent_at < 10
    expect(row).to_contain_text("Nouveau")
    expect(row).to_contain_text("5 objets", timeout=15_000)
    expect(page.get_by_role("status").first).to_contain_text("nouvel examen reçu")


@pytest.fixture(scope="module")
def patient(platform: RunningPlatform, send: Send) -> str:
    """Family name of a patient with one CT of 2024-03-15, known to the index."""
    number = time.time_ns() % 10**9
    name = f"OGÉRÈS{number}"
    (image,) = ct_series(1, PatientName=f"{name}^Zoé", PatientID=f"ID{number}", AccessionNumber=f"ACC{number}")
    send(image)
    wait_until_indexed(platform, image.StudyInstanceUID, 1)
    return name


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Nom du patient", "ogeres{number}"),
        ("Nom du patient", "zoe ogeres{number}"),
        ("IPP", "ID{number}"),
        ("N° de demande", "ACC{number}"),
    ],
)
def test_search_finds_the_patient(portal: Portal, patient: str, label: str, value: str) -> None:
    page = portal.sign_in()
    search(page, label, value.format(number=patient[6:]))
    expect(page.locator(".patient-link")).to_have_text([f"{patient} Zoé"])


def test_criteria_narrow_each_other_and_are_cleared(portal: Portal, patient: str) -> None:
    page = portal.sign_in()
    page.get_by_label("Nom du patient").fill(patient)
    page.get_by_label("Modalité").select_option("MR")
    page.get_by_role("button", name="Rechercher").click()
    expect(page.get_by_text("Aucun examen ne correspond à cette recherche.")).to_be_visible()
    page.get_by_label("Modalité").select_option("CT")
    page.get_by_label("Du", exact=True).fill("2024-03-15")
    page.get_by_label("Au", exact=True).fill("2024-03-15")
    page.get_by_role("button", name="Rechercher").click()
    expect(page.locator(".patient-link")).to_have_text([f"{patient} Zoé"])
    page.get_by_label("Du", exact=True).fill("2024-03-16")
    page.get_by_label("Au", exact=True).fill("2024-03-20")
    page.get_by_role("button", name="Rechercher").click()
    expect(page.locator(".patient-link")).to_have_count(0)
    page.get_by_role("button", name="Effacer").click()
    expect(page.locator(".patient-link").first).to_be_visible()
    expect(page.get_by_label("Nom du patient")).to_have_value("")


def test_search_survives_a_visit_to_a_study_but_leaves_no_trace(portal: Portal, patient: str) -> None:
    page = portal.sign_in()
    search(page, "Nom du patient", patient)
    page.get_by_role("link", name=f"{patient} Zoé", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{patient} Zoé")
    page.get_by_role("link", name="Retour aux examens").click()
    expect(page.locator(".patient-link")).to_have_text([f"{patient} Zoé"])
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")
    assert patient not in kept
    assert page.evaluate("Object.keys(localStorage)") in ([], ["i18nextLng"])


def test_pages_follow_each_other_newest_first(portal: Portal, platform: RunningPlatform, send: Send) -> None:
    prefix = f"PAGES{time.time_ns() % 10**9}"
    exams = [
        plain_instance(PatientName=f"{prefix}^N{n:02d}", PatientID=prefix, StudyDate=f"202401{n:02d}")
        for n in range(1, 32)
    ]
    send(*exams)
    for exam in exams[-2:]:
        wait_until_indexed(platform, exam.StudyInstanceUID, 1)
    newest_first = [f"{prefix} N{n:02d}" for n in range(31, 0, -1)]
    page = portal.sign_in()
    search(page, "IPP", prefix)
    expect(page.locator(".patient-link")).to_have_text(newest_first[:25])
    expect(page.get_by_role("button", name="Plus récents")).to_be_disabled()
    page.get_by_role("button", name="Plus anciens").click()
    expect(page.locator(".patient-link")).to_have_text(newest_first[25:])
    expect(page.get_by_role("button", name="Plus anciens")).to_be_disabled()
    page.get_by_role("button", name="Plus récents").click()
    expect(page.locator(".patient-link")).to_have_text(newest_first[:25])


def test_language_is_kept(portal: Portal) -> None:
    page = portal.sign_in()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Exams")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Exams")
    assert page.title() == "Exams · Sans Film"
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Examens")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_phone_shows_cards_that_fit(portal: Portal, language: str) -> None:
    page = portal.sign_in(size="phone", language=language)
    expect(page.locator("tr[data-study]").first).to_be_visible()
    width = SIZES["phone"]["viewport"]["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("tr[data-study]").first.evaluate("row => getComputedStyle(row).display") == "grid"
    expect(page.locator("thead")).to_be_hidden()
    expect(page.locator(".cell-actions").first).to_be_hidden()
    page.locator("tr[data-study]").first.tap()
    expect(page.locator(".study-summary")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_network_failure_is_told_and_heals(portal: Portal) -> None:
    page = portal.sign_in()
    expect(page.locator("table.worklist")).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("La liste n’est plus à jour : Connexion au réseau perdue.")
    expect(page.locator("table.worklist")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_another_hospital_sees_nothing_of_it(portal: Portal, patient: str) -> None:
    page = portal.sign_in("radiologue.sud")
    search(page, "Nom du patient", patient)
    expect(page.get_by_text("Aucun examen ne correspond à cette recherche.")).to_be_visible()


def test_keyboard_alone_reaches_a_study(portal: Portal) -> None:
    page = portal.open()
    expect(page.locator("input[name=username]")).to_be_focused()
    page.keyboard.type(RADIOLOGIST)
    page.keyboard.press("Tab")
    page.keyboard.type(portal.passwords[RADIOLOGIST])
    page.keyboard.press("Enter")
    expect(page.locator(".patient-link").first).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.patient-link')"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".study-summary")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()


def test_skip_link_leads_to_the_content(portal: Portal) -> None:
    page = portal.open()
    fill_credentials(page, RADIOLOGIST, portal.passwords[RADIOLOGIST])
    expect(page.locator(".patient-link").first).to_be_visible()
    page.reload()
    expect(page.locator(".patient-link").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
