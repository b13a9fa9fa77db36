"""A child's parent from the desk to the end of the procuration, and second codes of every kind, in the browser."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta

import pyotp
import pypdfium2
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal
from tests.browser.test_accessibility import violations
from tests.browser.test_patient_access import patient, wait_for_message
from tests.platform import RunningPlatform

__all__ = ["patient"]
BORN = date.today() - timedelta(days=3300)


def register(desk: Page, patient_id: str, phone: str) -> str:
    """At the desk: the code that was handed over to a parent."""
    desk.locator("input[name=patient-id]").fill(patient_id)
    desk.keyboard.press("Enter")
    expect(desk.get_by_text("Personne n’agit pour ce patient.")).to_be_visible()
    desk.get_by_role("button", name="Enregistrer un représentant").click()
    desk.get_by_role("button", name="Enregistrer et remettre la feuille").click()
    expect(desk.get_by_role("alert")).to_contain_text("Il manque quelque chose")
    desk.locator("input[name=proxy-name]").fill("Karim BENALI")
    desk.locator("input[name=proxy-basis]").fill("Livret de famille")
    desk.locator("input[name=proxy-phone]").fill(phone)
    desk.locator("input[name=proxy-birth-date]").fill(f"{BORN:%d/%m/%Y}")
    desk.get_by_label("J’ai vérifié la pièce d’identité").check()
    assert violations(desk) == []
    desk.get_by_role("button", name="Enregistrer et remettre la feuille").click()
    expect(desk.locator(".code-shown")).to_be_visible(timeout=30_000)
    expect(desk.locator(".desk-proxy")).to_contain_text("Titulaire de l’autorité parentale")
    return desk.locator(".code-shown").inner_text()


def begin(page: Page, means: str) -> None:
    """The first step of a sign-in; the code is in the address."""
    page.locator("input[name=birth-date]").fill(f"{BORN:%d %m %Y}")
    page.get_by_label(means).check()
    page.locator("main button[type=submit]").click()
    expect(page.locator("input[name=one-time-password]")).to_be_visible(timeout=30_000)


def finish(page: Page, password: str) -> None:
    page.locator("input[name=one-time-password]").fill(password)
    page.get_by_role("button", name="Voir mes examens").click()


def test_a_parent_s_whole_path(portal: Portal, platform: RunningPlatform, patient: str) -> None:
    phone = f"+3363998{int(patient[1:]) % 10_000:04}"
    desk = portal.sign_in("manipulateur.nord")
    code = register(desk, patient, phone)

    # By SMS to the parent's number, with the child's birth date.
    parent = portal.open(f"/patient#{code}", "phone")
    assert violations(parent) == []
    begin(parent, "Par SMS")
    text = wait_for_message(platform, phone, lambda found: "code de connexion" in found)
    finish(parent, re.findall("[0-9]{6}", text)[0])
    expect(parent.locator("tr[data-study]")).to_have_count(1, timeout=30_000)
    expect(parent.get_by_text("Vous agissez par procuration, au nom de Karim BENALI")).to_be_visible()
    assert violations(parent) == []

    # An application, added on the own page.
    parent.goto("/sessions")
    parent.get_by_role("button", name="Ajouter une application").click()
    secret = parent.locator(".totp-secret").inner_text().replace(" ", "")
    assert violations(parent) == []
    parent.locator("input[name=totp]").fill(pyotp.TOTP(secret).now())
    parent.get_by_role("button", name="Confirmer").click()
    expect(parent.get_by_text("Application d’authentification : ajoutée.")).to_be_visible()

    # A printed list, handed over at the desk; two of its codes open a session, none of them twice.
    desk.get_by_role("button", name="Second code de Karim BENALI").click()
    desk.locator(".desk-proxy").get_by_role("button", name="Remettre une liste de codes imprimée").click()
    desk.locator(".desk-proxy").get_by_label("J’ai vérifié la pièce d’identité").check()
    assert violations(desk) == []
    desk.get_by_role("button", name="Imprimer la liste").click()
    with desk.expect_download() as download:
        desk.locator(".desk-proxy").get_by_role("link", name="Télécharger la feuille").click()
    page = pypdfium2.PdfDocument(io.BytesIO(download.value.path().read_bytes()))[0]
    printed = re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", page.get_textpage().get_text_range())
    elsewhere = portal.open(f"/patient#{code}")
    begin(elsewhere, "Un code de ma liste imprimée")
    assert violations(elsewhere) == []
    finish(elsewhere, printed[0].lower())
    expect(elsewhere.locator("tr[data-study]")).to_have_count(1, timeout=30_000)
    again = portal.open(f"/patient#{code}")
    begin(again, "Un code de ma liste imprimée")
    finish(again, printed[0])
    expect(again.get_by_role("alert")).to_contain_text("il a déjà servi")

    # Seen by name in the trail, and ended at the desk: the next request is refused.
    elsewhere.goto("/who-looked")
    expect(elsewhere.get_by_text("Karim BENALI, par procuration").first).to_be_visible()
    assert violations(elsewhere) == []
    desk.get_by_role("button", name="Mettre fin à la procuration de Karim BENALI").click()
    desk.get_by_role("button", name="Oui, mettre fin à la procuration").click()
    expect(desk.get_by_text("Personne n’agit pour ce patient.")).to_be_visible()
    assert parent.request.get("/api/session").status == 401
    parent.goto("/")
    expect(parent.get_by_role("heading", level=1)).to_be_visible()
    assert patient not in parent.content()
