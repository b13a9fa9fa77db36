"""Who looked: to the patient in plain words with a receipt, to the privacy officer as a list to search and export."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal, Send, wait_until_indexed
from tests.browser.instances import ct_series
from tests.browser.test_accessibility import violations
from tests.browser.test_patient_access import hand_over, wait_for_message
from tests.platform import RunningPlatform


def enter(portal: Portal, platform: RunningPlatform, code: str, phone: str) -> Page:
    """The patient's page on a phone, signed in with code and one-time password."""
    page = portal.open(f"/patient#{code}", "phone")
    page.locator("input[name=birth-date]").fill("29/02/1984")
    page.get_by_role("button", name="Recevoir un code par SMS").click()
    expect(page.locator("input[name=one-time-password]")).to_be_visible(timeout=30_000)
    text = wait_for_message(platform, phone, lambda found: "code de connexion" in found)
    page.locator("input[name=one-time-password]").fill(re.findall("[0-9]{6}", text)[0])
    page.get_by_role("button", name="Voir mes examens").click()
    expect(page.locator("tr[data-study]")).to_have_count(1, timeout=30_000)
    return page


def seal(platform: RunningPlatform) -> None:
    """Have the trail sealed now, as it is every five minutes."""
    functions = platform.client("lambda")
    (name,) = [
        function["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if "SealAuditTrail" in function["FunctionName"]
    ]
    assert "FunctionError" not in functions.invoke(FunctionName=name, Payload=b"{}")


def download(page: Page, click: Callable[[], None]) -> Path:
    with page.expect_download() as kept:
        click()
    return Path(kept.value.path())


def test_who_looked_is_told_to_the_patient_and_to_the_privacy_officer(
    portal: Portal, platform: RunningPlatform, send: Send, tmp_path: Path
) -> None:
    patient_id = f"T{time.time_ns() % 10**9}"
    phone = f"+3363998{int(patient_id[1:]) % 10_000:04}"
    slices = ct_series(2, PatientName="TRACE^Zoé", PatientID=patient_id, StudyDate=f"{date.today():%Y%m%d}")
    send(*slices)
    study = str(slices[0].StudyInstanceUID)
    wait_until_indexed(platform, study, len(slices))
    code = hand_over(portal.sign_in("manipulateur.nord"), patient_id, phone)
    radiologist = portal.sign_in("radiologue.nord", f"/studies/{study}")
    expect(radiologist.get_by_role("heading", level=1)).to_contain_text("TRACE", timeout=30_000)

    own = enter(portal, platform, code, phone)
    own.get_by_role("link", name="Qui a consulté").click()
    looked = (
        own.locator(".trail li")
        .filter(has=own.get_by_text("Radiologue, Hopital Nord", exact=True))
        .filter(has_text="Ouverture de l’examen")
    )
    expect(looked).to_contain_text("Pourquoi\u00a0: l’établissement où l’examen a été fait", timeout=30_000)
    expect(looked).to_contain_text("radiologue, Hopital Nord")
    assert violations(own) == []
    seal(platform)
    receipt = download(own, lambda: looked.get_by_role("button", name="Télécharger le reçu").click())
    own.locator("input[type=file]").set_input_files(receipt)
    expect(own.get_by_role("status")).to_contain_text("Ce reçu est juste")
    forged = tmp_path / "recu.json"
    forged.write_text(receipt.read_text().replace("Radiologue", "Personne"))
    own.locator("input[type=file]").set_input_files(forged)
    expect(own.get_by_role("alert")).to_contain_text("La trace n’est pas celle")
    assert violations(own) == []

    officer = portal.sign_in("dpo.nord", "/trail")
    expect(officer.locator(".trail-state")).to_contain_text("bloc", timeout=30_000)
    officer.locator("input[name=patient_id]").fill(patient_id)
    officer.get_by_role("button", name="Rechercher").click()
    expect(officer.locator("tbody tr").filter(has_text="Code remis")).to_have_count(1, timeout=30_000)
    expect(officer.locator("tbody tr").filter(has_text="Ouverture de l’examen").first).to_contain_text(study)
    assert violations(officer) == []
    rows = download(officer, lambda: officer.get_by_role("button", name="Exporter en CSV").click()).read_text()
    assert patient_id in rows
    assert "code-issued" in rows
    officer.locator("input[name=patient_id]").fill("")
    officer.locator("input[name=subject]").fill("dpo.nord")
    officer.get_by_role("button", name="Rechercher").click()
    expect(officer.locator("tbody tr").filter(has_text="Export").first).to_be_visible(timeout=30_000)
