"""Links with a one-time password, shares by RPPS, and where others end shares; each page under axe's rules."""

from __future__ import annotations

import re
import time
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series
from tests.browser.test_accessibility import violations
from tests.browser.test_patient_access import hand_over, wait_for_message
from tests.platform import RunningPlatform


@pytest.fixture
def exams(platform: RunningPlatform, send: Send) -> tuple[str, str]:
    """Two exams of one patient: id and the first's UID."""
    patient_id = f"L{time.time_ns() % 10**9}"
    patient = {"PatientName": f"LIEN{patient_id[1:]}^Sacha", "PatientID": patient_id}
    studies = [ct_series(1, StudyDate=f"{date.today():%Y%m%d}", **patient) for _ in range(2)]
    send(*(one for slices in studies for one in slices))
    for slices in studies:
        wait_until_indexed(platform, slices[0].StudyInstanceUID, 1)
    return patient_id, str(studies[0][0].StudyInstanceUID)


def share(page: Page, kind: str, fields: dict[str, str]) -> None:
    page.get_by_role("button", name="Partager").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(kind).check()
    for label, value in fields.items():
        dialog.get_by_label(label).fill(value)
    assert violations(page) == []
    dialog.get_by_role("button", name="Partager").click()


def test_a_link_with_a_code_by_sms_and_its_end_by_the_hospital(
    platform: RunningPlatform, portal: Portal, exams: tuple[str, str]
) -> None:
    patient_id, study = exams
    phone = f"063998{int(patient_id[1:]) % 10_000:04}"
    page = portal.sign_in(path=f"/studies/{study}")
    page.get_by_role("button", name="Partager").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Autres examens du patient : 0 ajouté").click()
    dialog.locator("details", has_text="Autres examens").get_by_role("checkbox").check()
    dialog.get_by_label("Destinataire").fill(f"Cabinet {patient_id}")
    dialog.get_by_label("Mobile qui reçoit").fill("01 42 00 00 00")
    dialog.get_by_role("button", name="Partager").click()
    expect(dialog.get_by_role("alert")).to_contain_text("mobile")
    dialog.get_by_label("Mobile qui reçoit").fill(phone)
    assert violations(page) == []
    dialog.get_by_role("button", name="Partager").click()
    link = dialog.get_by_label("Lien du partage").input_value()
    expect(dialog).to_contain_text(f"se termine par {phone[-2:]}")

    guest = portal.open(link.removeprefix(portal.url), "phone")
    expect(guest.get_by_text(f"se termine par {phone[-2:]}")).to_be_visible()
    assert phone[1:] not in guest.content()
    assert violations(guest) == []
    guest.get_by_role("button", name="Recevoir le code par SMS").click()
    field = guest.locator("input[name=one-time-password]")
    expect(field).to_be_visible(timeout=30_000)
    assert violations(guest) == []
    text = wait_for_message(platform, f"+33{phone[1:]}", lambda found: "code du partage" in found)
    code = re.findall("[0-9]{6}", text)[0]
    field.fill(f"{(int(code) + 1) % 10**6:06}")
    guest.get_by_role("button", name="Ouvrir").click()
    expect(guest.get_by_role("alert")).to_contain_text("est faux")
    field.fill(code)
    guest.get_by_role("button", name="Ouvrir").click()
    expect(guest.locator("tr[data-study]")).to_have_count(2)

    manager = portal.sign_in("pacs.nord", "/hospital-shares")
    card = manager.locator(".share-card", has_text=f"Cabinet {patient_id}")
    expect(card).to_contain_text("Ouvert 1 fois")
    assert violations(manager) == []
    reference = str(card.get_attribute("data-share"))
    card.get_by_role("button").click()
    expect(card).to_have_count(0)
    assert guest.evaluate("fetch('/dicomweb/studies').then(answer => answer.status)") == 401

    operator = portal.sign_in("exploitation", "/operations", language="en")
    operator.get_by_role("tab", name="Shares").click()
    operator.get_by_label("Reference of the share").fill(reference)
    operator.get_by_role("button", name="Find").click()
    expect(operator.locator(".share-card")).to_contain_text("Revoked")
    assert violations(operator) == []
    page.goto("/shares")
    mine = page.locator(".share-card", has_text=f"Cabinet {patient_id}")
    expect(mine).to_contain_text("L’hôpital des examens y a mis fin.")
    assert violations(page) == []


def test_a_colleague_by_rpps_until_the_patient_ends_it(
    platform: RunningPlatform, portal: Portal, exams: tuple[str, str]
) -> None:
    patient_id, study = exams
    page = portal.sign_in(path=f"/studies/{study}")
    colleague = {"Numéro RPPS du confrère": "1010 0000 017", "Nom du confrère": f"Dr {patient_id}"}
    share(page, "par son numéro RPPS", colleague)
    expect(page.get_by_role("dialog")).to_contain_text(f"Dr {patient_id} · RPPS 10100000017")

    doctor = portal.open("/sign-in")
    doctor.get_by_role("link", name="Se connecter avec Pro Santé Connect").click()
    doctor.get_by_role("button", name="Médecin traitant").click()
    received = doctor.locator(".received .share-card", has_text=f"LIEN{patient_id[1:]}")
    received.get_by_role("link").click()
    expect(doctor.locator(".series-thumbnail img")).to_be_visible()
    page.goto("/shares")
    card = page.locator(".share-card", has_text=f"Dr {patient_id}")
    card.get_by_text("Consulté en 1 session").click()
    expect(card).to_contain_text("RPPS 10100000017 :")

    phone = f"+3363998{(int(patient_id[1:]) + 1) % 10_000:04}"
    printed = hand_over(portal.sign_in("manipulateur.nord"), patient_id, phone)
    own = portal.open(f"/patient#{printed}", "phone")
    own.locator("input[name=birth-date]").fill("29021984")
    own.get_by_role("button", name="Recevoir un code par SMS").click()
    text = wait_for_message(platform, phone, lambda found: "code de connexion" in found)
    own.locator("input[name=one-time-password]").fill(re.findall("[0-9]{6}", text)[0])
    own.get_by_role("button", name="Voir mes examens").click()
    expect(own.locator("tr[data-study]")).to_have_count(2)
    own.goto("/shares")
    card = own.locator(".share-card", has_text=f"Dr {patient_id}")
    expect(card).to_be_visible()
    assert violations(own) == []
    card.get_by_role("button").click()
    expect(own.get_by_text("Personne d’autre ne partage vos examens.")).to_be_visible()
    assert doctor.evaluate(f"fetch('/dicomweb/studies/{study}/metadata').then(answer => answer.status)") == 404
    portal.complaints.clear()  # the provider is another host
