"""A study is shared by a link, opened on a phone, listed, revoked; each page under axe's rules."""

from __future__ import annotations

import time

from playwright.sync_api import expect

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series, pdf_report
from tests.browser.test_accessibility import violations
from tests.platform import RunningPlatform


def test_a_link_from_the_studys_page_to_a_phone_and_its_end(
    platform: RunningPlatform, portal: Portal, send: Send
) -> None:
    number = time.time_ns() % 10**9
    patient = {"PatientName": f"PARTAGE{number}^Nour", "PatientID": f"S{number}"}
    slices = ct_series(2, **patient)
    study = slices[0].StudyInstanceUID
    send(*slices, pdf_report("Compte rendu", ["Conclusion"], StudyInstanceUID=study, **patient))
    wait_until_indexed(platform, study, 3)

    page = portal.sign_in(path=f"/studies/{study}")
    page.get_by_role("button", name="Partager").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Destinataire").fill(f"Cabinet {number}")
    dialog.get_by_label("Comptes rendus").uncheck()
    dialog.get_by_label("Téléchargement").uncheck()
    dialog.get_by_label("Code d’accès").fill("marée-42")
    assert violations(page) == []
    dialog.get_by_role("button", name="Partager").click()
    link = dialog.get_by_label("Lien du partage").input_value()
    expect(dialog.get_by_role("img", name="Code QR du lien")).to_be_visible()
    assert violations(page) == []

    guest = portal.open(link.removeprefix(portal.url), "phone")
    passcode, enter = guest.get_by_label("Code d’accès"), guest.get_by_role("button", name="Ouvrir")
    expect(enter).to_be_visible()
    assert "PARTAGE" not in guest.content()
    assert violations(guest) == []
    passcode.fill("faux-42")
    enter.click()
    expect(guest.get_by_role("alert")).to_contain_text("faux")
    passcode.fill("marée-42")
    enter.click()
    expect(guest.locator("tr[data-study]")).to_have_count(1)
    guest.locator(".patient-link").click()
    expect(guest.locator(".series-thumbnail img")).to_be_visible()
    expect(guest.locator(".document-link")).to_have_count(0)
    expect(guest.get_by_role("button", name="Partager")).to_have_count(0)
    assert guest.evaluate(f"fetch('/dicomweb/studies/{study}').then(answer => answer.status)") == 403

    page.goto("/shares")
    card = page.locator(".share-card", has_text=f"Cabinet {number}")
    expect(card).to_contain_text("Ouvert 1 fois")
    assert violations(page) == []
    card.get_by_role("button", name="Révoquer").click()
    expect(card).to_contain_text("Révoqué")
    again = portal.open(link.removeprefix(portal.url), language="en")
    expect(again.get_by_role("alert")).to_contain_text("was revoked")
    assert violations(again) == []
