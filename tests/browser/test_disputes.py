"""Finance contests a line of an invoice, operators decide, both see what became of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SIZES, Portal
from tests.browser.test_accessibility import violations
from tests.platform import RunningPlatform

HOSPITAL, FINANCE = "clinique-ouest", "finance.ouest"


@pytest.fixture(scope="module")
def invoiced(platform: RunningPlatform) -> None:
    """Last month's invoices, as the demonstration has them; nothing was sent by that hospital in tests."""
    platform.command("seed")
    platform.command("issue-invoices")


def _first_accession(page: Page) -> str:
    link = page.get_by_role("link", name=re.compile("^Contester la demande")).first
    return (link.get_attribute("aria-label") or "").rpartition(" ")[2]


def test_from_the_line_to_the_credit_note(portal: Portal, invoiced: None) -> None:
    finance = portal.sign_in(FINANCE, "/disputes", "phone")
    form = finance.locator("form")
    expect(form).to_be_visible()
    assert violations(finance) == []
    finance.get_by_role("button", name="Contester la ligne").click()
    expect(finance.get_by_role("alert")).to_contain_text("numéro de demande")
    finance.locator("input[name=accession]").fill("INCONNU")
    finance.get_by_role("button", name="Contester la ligne").click()
    expect(finance.get_by_role("alert")).to_contain_text("aucun examen")
    period = finance.locator("form option").first.inner_text().partition("(")[2].strip(")")
    finance.goto("/ledger")
    finance.locator("input[type=month]").fill(period)
    accession = _first_accession(finance)
    finance.get_by_role("link", name=f"Contester la demande {accession}").click()
    expect(finance.locator("input[name=accession]")).to_have_value(accession)
    finance.locator("form select").last.select_option("duplicate")
    finance.locator("form textarea").fill("Déjà sur la facture précédente.")
    finance.get_by_role("button", name="Contester la ligne").click()
    expect(finance.get_by_role("status")).to_contain_text(accession)
    expect(finance.locator(".dispute-state")).to_have_text("En cours")
    assert violations(finance) == []

    operator = portal.sign_in("exploitation", "/disputes")
    operator.locator(".filters select").select_option(HOSPITAL)
    expect(operator.get_by_role("heading", name=f"Demande {accession}")).to_be_visible()
    operator.get_by_role("button", name="Refuser").click()
    expect(operator.get_by_role("alert")).to_contain_text("motivé")
    assert violations(operator) == []
    operator.get_by_role("button", name="Accepter et émettre l’avoir").click()
    expect(operator.get_by_role("link", name=re.compile("Avoir AV"))).to_be_visible(timeout=60_000)
    assert violations(operator) == []

    finance.reload()
    expect(finance.locator(".dispute-state")).to_have_text("Acceptée")
    note = finance.get_by_role("link", name=re.compile("Avoir AV")).get_attribute("href")
    assert note
    assert finance.request.get(note).body().startswith(b"%PDF")


@pytest.mark.parametrize("size", SIZES)
def test_in_english_and_empty(portal: Portal, size: str) -> None:
    page = portal.sign_in("exploitation", "/disputes", size, "en")
    page.locator(".filters select").select_option("hopital-sud")
    expect(page.get_by_text("No disputes.")).to_be_visible()
    assert violations(page) == []
