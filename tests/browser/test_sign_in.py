"""Signing in, out, and a session that ends."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import RADIOLOGIST, Portal, fill_credentials

pytestmark = pytest.mark.usefixtures("some_study")


def test_wrong_password_is_told_in_french(portal: Portal) -> None:
    page = portal.open()
    fill_credentials(page, RADIOLOGIST, "wrong")
    expect(page.get_by_role("alert")).to_have_text("Identifiant ou mot de passe incorrect.")
    expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_empty_form_asks_for_what_is_missing(portal: Portal) -> None:
    page = portal.open()
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_role("alert")).to_contain_text("Saisissez")
    expect(page.locator("input[name=username]")).to_have_attribute("aria-invalid", "true")


def test_signing_out_ends_the_session(portal: Portal) -> None:
    page = portal.sign_in()
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("heading", name="Connexion")).to_be_visible()
    assert page.request.get("/api/session").status == 401
    page.goto("/")
    expect(page.get_by_role("heading", name="Connexion")).to_be_visible()


def test_expired_session_leads_to_sign_in_and_back(portal: Portal) -> None:
    page = portal.sign_in()
    page.locator(".patient-link").first.click()
    expect(page.locator(".study-summary")).to_be_visible()
    study = page.url
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("status")).to_contain_text("Votre session a expiré")
    fill_credentials(page, RADIOLOGIST, portal.passwords[RADIOLOGIST])
    expect(page.locator(".study-summary")).to_be_visible()
    assert page.url == study


def test_address_of_a_study_asks_for_a_session_first(portal: Portal) -> None:
    page = portal.sign_in(path="/studies/1.2.3.999")
    expect(page.get_by_role("alert")).to_contain_text("Introuvable")
    assert page.url.endswith("/studies/1.2.3.999")


def test_expired_session_in_the_viewer_leads_to_sign_in(portal: Portal) -> None:
    page = portal.open("/ohif/viewer?StudyInstanceUIDs=1.2.3")
    expect(page.get_by_role("heading", name="Connexion")).to_be_visible(timeout=30_000)
    assert "return=%2Fohif%2Fviewer" in page.url
    # OHIF tells the console of each request that was refused.
    portal.complaints.clear()


def test_return_address_never_leaves_the_host(portal: Portal) -> None:
    page = portal.sign_in(path="/sign-in?return=https%3A%2F%2Fexample.org%2F")
    expect(page.get_by_role("heading", name="Examens")).to_be_visible()
    assert page.url == f"{portal.url}/"
