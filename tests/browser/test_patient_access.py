"""The patient's code from the desk to the doctor, in the browser: each page in use, and under axe."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series
from tests.browser.test_accessibility import violations
from tests.platform import RunningPlatform


@pytest.fixture
def patient(platform: RunningPlatform, send: Send) -> str:
    """Patient ID of somebody with an exam."""
    patient_id = f"C{time.time_ns() % 10**9}"
    slices = ct_series(2, PatientName="CODE^Alix", PatientID=patient_id, StudyDate=f"{date.today():%Y%m%d}")
    send(*slices)
    wait_until_indexed(platform, slices[0].StudyInstanceUID, len(slices))
    return patient_id


def wait_for_message(platform: RunningPlatform, number: str, is_it: Callable[[str], bool]) -> str:
    """The text of the message to a number that is the one."""
    deadline = time.monotonic() + 30
    while True:
        for message in reversed(platform.sms_messages()):
            if number in str(message) and is_it(message["Message"]):
                return str(message["Message"])
        assert time.monotonic() < deadline, "no message"
        time.sleep(0.2)


def hand_over(page: Page, patient_id: str, phone: str) -> str:
    """At the desk: the code that was handed over."""
    page.locator("input[name=patient-id]").fill(patient_id)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Aucun code en service.")).to_be_visible()
    page.get_by_role("button", name="Remettre un code").click()
    expect(page.get_by_role("alert")).to_contain_text("date de naissance")
    page.locator("input[name=birth-date]").fill("29/02/1984")
    page.locator("input[name=phone]").fill(phone)
    assert violations(page) == []
    page.get_by_role("button", name="Remettre un code").click()
    expect(page.locator(".code-shown")).to_be_visible(timeout=30_000)
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Télécharger la feuille").click()
    assert download.value.path().read_bytes().startswith(b"%PDF-")
    return page.locator(".code-shown").inner_text()


def test_from_the_desk_to_the_doctor_and_back(portal: Portal, platform: RunningPlatform, patient: str) -> None:
    phone = f"+3363998{int(patient[1:]) % 10_000:04}"
    desk = portal.sign_in("manipulateur.nord")
    code = hand_over(desk, patient, phone)

    own = portal.open(f"/patient#{code}", "phone")
    expect(own.locator("input[name=code]")).to_have_value(code)
    assert code not in own.url
    own.locator("input[name=birth-date]").fill("29 02 1984")
    assert violations(own) == []
    own.get_by_role("button", name="Recevoir un code par SMS").click()
    expect(own.locator("input[name=one-time-password]")).to_be_visible(timeout=30_000)
    assert violations(own) == []
    text = wait_for_message(platform, phone, lambda found: "code de connexion" in found)
    own.locator("input[name=one-time-password]").fill(re.findall("[0-9]{6}", text)[0])
    own.get_by_role("button", name="Voir mes examens").click()
    expect(own.locator("tr[data-study]")).to_have_count(1, timeout=30_000)

    doctor = portal.sign_in("medecin", "/access")
    doctor.locator("input[name=code]").fill(code.lower())
    doctor.locator("input[name=birth-date]").fill("01/01/1984")
    doctor.get_by_role("button", name="Accéder aux examens").click()
    expect(doctor.get_by_role("alert")).to_contain_text("Aucun patient", timeout=30_000)
    doctor.locator("input[name=birth-date]").fill("29/02/1984")
    doctor.get_by_role("button", name="Accéder aux examens").click()
    expect(doctor.get_by_text(f"IPP {patient}")).to_be_visible(timeout=30_000)
    assert violations(doctor) == []
    wait_for_message(platform, phone, lambda found: found.startswith("Médecin traitant a accès"))
    doctor.get_by_role("link", name="Voir les examens").click()
    expect(doctor.locator("tr[data-study]").filter(has_text=patient)).to_have_count(1, timeout=30_000)

    own.get_by_role("link", name="Qui a accès").click()
    expect(own.get_by_text("Médecin traitant")).to_be_visible()
    assert violations(own) == []
    own.get_by_role("button", name="Mettre fin à l’accès de Médecin traitant").click()
    expect(own.get_by_text("Aucun professionnel n’a accès")).to_be_visible()
    assert patient not in doctor.request.get("/dicomweb/studies").text()

    desk.get_by_role("button", name="Révoquer le code").click()
    desk.get_by_role("button", name="Oui, révoquer le code").click()
    expect(desk.get_by_text("Aucun code en service.")).to_be_visible()


def test_a_wrong_one_time_password_is_told_in_french_and_a_way_back_offered(portal: Portal) -> None:
    page = portal.open("/patient", "phone")
    page.get_by_role("button", name="Recevoir un code par SMS").click()
    expect(page.get_by_role("alert")).to_contain_text("10 lettres et chiffres")
    page.locator("input[name=code]").fill("7K4MP-2XR91")
    page.locator("input[name=birth-date]").fill("01/02/1976")
    page.get_by_role("button", name="Recevoir un code par SMS").click()
    page.locator("input[name=one-time-password]").fill("000000")
    page.get_by_role("button", name="Voir mes examens").click()
    expect(page.get_by_role("alert")).to_contain_text("n’est pas le bon")
    expect(page.get_by_text("adressez-vous à l’accueil")).to_be_visible()
    page.get_by_role("button", name="Recommencer").click()
    expect(page.locator("input[name=code]")).to_be_visible()
