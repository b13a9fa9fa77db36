"""Priors of another hospital, an emergency and its review, an opposition at the desk; under axe's rules."""

from __future__ import annotations

import time
from datetime import date

import requests
from playwright.sync_api import expect

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series
from tests.browser.test_accessibility import violations
from tests.platform import RunningPlatform


def wait_for_study(platform: RunningPlatform, hospital: str, study: str) -> None:
    headers = {"Authorization": f"Bearer {platform.token('radiologist', hospital)}"}
    deadline = time.monotonic() + 60
    while True:
        url = f"{platform.dicomweb_url}/studies?StudyInstanceUID={study}"
        if requests.get(url, headers=headers, timeout=30).status_code == 200:
            return
        assert time.monotonic() < deadline, "not indexed"
        time.sleep(0.3)


def test_priors_by_care_relation_an_emergency_and_its_review(
    platform: RunningPlatform, portal: Portal, send: Send
) -> None:
    number = time.time_ns() % 10**9
    who = {"PatientName": f"SOINS{number}^Nour", "PatientBirthDate": "19760201", "StudyDate": f"{date.today():%Y%m%d}"}
    there = ct_series(2, PatientID=f"N{number}", StudyDescription="Scanner du Nord", **who)
    here = ct_series(2, PatientID=f"S{number}", StudyDescription="Scanner du Sud", **who)
    send(*there)
    send(*here, calling_ae_title="SUD_CT1")
    wait_until_indexed(platform, there[0].StudyInstanceUID, 2)
    wait_for_study(platform, "hopital-sud", here[0].StudyInstanceUID)

    page = portal.sign_in("radiologue.sud", f"/studies/{here[0].StudyInstanceUID}")
    region = page.get_by_role("region", name="Examens antérieurs dans d’autres hôpitaux")
    region.get_by_role("button", name="Déclarer une prise en charge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").first.select_option("Hopital Nord")
    dialog.get_by_label("IPP du patient").fill("INCONNU")
    dialog.get_by_label("Le patient est informé").check()
    dialog.get_by_role("button", name="Déclarer").click()
    expect(dialog.get_by_role("alert")).to_contain_text("ne connaît pas")
    assert violations(page) == []
    dialog.get_by_label("IPP du patient").fill(f"N{number}")
    dialog.get_by_role("button", name="Déclarer").click()
    relation = region.locator("[data-relation]")
    expect(relation).to_contain_text("Scanner du Nord")
    expect(relation.get_by_role("link")).to_have_count(0)
    assert violations(page) == []
    worklist = portal.sign_in("radiologue.sud", "/", "phone")
    prior = worklist.locator(f"tr[data-study='{here[0].StudyInstanceUID}']").get_by_role("link", name="1 antérieur")
    expect(prior).to_contain_text("Hopital Nord")
    assert violations(worklist) == []
    prior.click()
    expect(worklist.locator("[data-relation]")).to_be_in_viewport()
    relation.get_by_role("button", name="Ouvrir").click()
    relation.get_by_role("link", name="Scanner du Nord").click()
    expect(page.locator(".series-thumbnail img")).to_be_visible()
    expect(page.get_by_role("region", name="Confidentialité")).to_have_count(0)

    desk = portal.sign_in("manipulateur.nord", "/desk")
    desk.get_by_label("IPP").first.fill(f"N{number}")
    desk.get_by_role("button", name="Chercher le patient").click()
    desk.get_by_role("button", name="Enregistrer l’opposition").click()
    expect(desk.get_by_text("Le patient s’oppose.")).to_be_visible()
    assert violations(desk) == []
    page.reload()
    expect(page.get_by_role("alert")).to_be_visible()

    page.goto(f"/studies/{here[0].StudyInstanceUID}")
    region.get_by_role("button", name="Accès en urgence").click()
    dialog.get_by_role("combobox").first.select_option("Hopital Nord")
    dialog.get_by_label("Motif").select_option("Urgence vitale")
    dialog.get_by_label("Précisez").fill("Douleur thoracique, antérieurs utiles")
    assert violations(page) == []
    dialog.get_by_role("button", name="Ouvrir les examens").click()
    expect(dialog.get_by_role("status")).to_contain_text("dans votre liste")
    page.goto(f"/studies/{there[0].StudyInstanceUID}")
    expect(page.locator(".series-thumbnail img")).to_be_visible()

    officer = portal.sign_in("dpo.nord")
    card = officer.locator(".share-card", has_text=f"N{number}")
    expect(card).to_contain_text("Urgence vitale")
    card.get_by_role("button", name="Non justifié").click()
    expect(card.get_by_role("alert")).to_contain_text("pourquoi")
    assert violations(officer) == []
    card.get_by_label("Commentaire").fill("Le patient n’était pas aux urgences")
    card.get_by_role("button", name="Non justifié").click()
    expect(card).to_have_attribute("data-review", "not-justified")
    page.reload()
    expect(page.get_by_role("alert")).to_be_visible()

    phone = portal.sign_in("dpo.nord", size="phone", language="en")
    expect(phone.get_by_role("heading", name="Emergency accesses to review")).to_be_visible()
    assert violations(phone) == []
