"""Signing in with an identity provider, from the button to the page that was asked for."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SIZES, Portal
from tests.browser.test_accessibility import violations


@pytest.mark.parametrize("size", SIZES)
def test_a_doctor_signs_in_with_pro_sante_connect(portal: Portal, size: str) -> None:
    page = portal.open("/access", size)
    button = page.get_by_role("link", name="Se connecter avec Pro Santé Connect")
    expect(button).to_be_visible()
    assert violations(page) == []
    button.click()
    expect(page.get_by_role("heading", name="Pro Santé Connect (démonstration)")).to_be_visible()
    assert not page.url.startswith(portal.url)
    page.get_by_role("button", name="Médecin traitant").click()
    expect(page.get_by_role("heading", name="Accéder aux examens d’un patient")).to_be_visible()
    assert page.url == f"{portal.url}/access"
    assert page.evaluate("document.cookie").find("sansfilm") == -1
    own = page.request.get("/api/session").json()
    assert (own["role"], own["professional_id"]) == ("gp", "10100000017")
    portal.complaints.clear()  # the provider is another host


def test_who_has_no_access_is_told_so(portal: Portal) -> None:
    page = portal.open("/sign-in", language="en")
    page.get_by_role("link", name="Sign in with Pro Santé Connect").click()
    page.get_by_role("button", name="Infirmier").click()
    expect(page.get_by_role("alert")).to_have_text("Your profession or groups give no access to Sans Film.")
    assert page.request.get("/api/session").status == 401
    assert violations(page) == []
    portal.complaints.clear()


@pytest.mark.parametrize("size", SIZES)
def test_own_sessions_are_shown_and_ended(portal: Portal, size: str) -> None:
    other = portal.sign_in("finance.nord")
    page = portal.sign_in("finance.nord", size=size)
    page.get_by_role("link", name="Mes sessions").click()
    expect(page.get_by_role("heading", name="Mes sessions")).to_be_visible()
    expect(page.locator("[data-session]").nth(1)).to_be_visible()
    expect(page.get_by_text("cette session")).to_have_count(1)
    assert violations(page) == []
    page.get_by_role("button", name="Mettre fin à toutes les autres").click()
    expect(page.locator("[data-session]")).to_have_count(1)
    assert other.request.get("/api/session").status == 401
    assert page.request.get("/api/session").status == 200


def test_a_form_of_another_site_changes_nothing(portal: Portal) -> None:
    page = portal.sign_in("finance.nord")
    attacker = page.context.new_page()
    attacker.goto("data:text/html,<form method=post enctype=text/plain><input name=a value=b><button>x</button></form>")
    attacker.evaluate("url => { document.forms[0].action = url }", f"{portal.url}/api/session")
    with attacker.expect_navigation() as navigation:
        attacker.get_by_role("button", name="x").click()
    assert navigation.value.status == 403
    assert page.request.get("/api/session").status == 200
