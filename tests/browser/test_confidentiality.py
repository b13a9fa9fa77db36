"""Documents are masked and delayed on a study's page, and lifted; under axe's rules."""

from __future__ import annotations

import time

from playwright.sync_api import expect

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series, pdf_report
from tests.browser.test_accessibility import violations
from tests.platform import RunningPlatform


def test_a_report_is_delayed_and_lifted_and_the_study_masked(
    platform: RunningPlatform, portal: Portal, send: Send
) -> None:
    number = time.time_ns() % 10**9
    patient = {"PatientName": f"ANNONCE{number}^Nour", "PatientID": f"C{number}"}
    slices = ct_series(2, **patient)
    study = slices[0].StudyInstanceUID
    send(*slices, pdf_report("Compte rendu", ["Conclusion"], StudyInstanceUID=study, **patient))
    wait_until_indexed(platform, study, 3)

    page = portal.sign_in(path=f"/studies/{study}")
    region = page.get_by_role("region", name="Confidentialité")
    expect(region).to_contain_text("Rien n’est masqué")
    region.get_by_role("button", name="Masquer ou différer").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Qui fera l’annonce").fill("Dr Moreau")
    assert violations(page) == []
    dialog.get_by_role("button", name="Ne plus montrer").click()
    delayed = region.locator("[data-mark=delayed]")
    expect(delayed).to_contain_text("Tous les comptes rendus")
    expect(delayed).to_contain_text("Annonce : Dr Moreau")
    assert violations(page) == []

    region.get_by_role("button", name="Masquer ou différer").click()
    dialog.get_by_label("Aux professionnels d’autres établissements").check()
    dialog.get_by_label("Quoi ?").select_option("Tout l’examen")
    dialog.get_by_role("button", name="Ne plus montrer").click()
    expect(region.locator("[data-mark=masked]")).to_contain_text("Masqué aux autres professionnels")

    delayed.get_by_role("button", name="Lever").click()
    expect(delayed).to_have_count(0)

    phone = portal.sign_in(path=f"/studies/{study}", size="phone", language="en")
    region = phone.get_by_role("region", name="Confidentiality")
    expect(region).to_contain_text("Masked from other professionals")
    assert violations(phone) == []
