"""Operators register machines and identity providers; under axe's rules, on a desktop and a phone."""

from __future__ import annotations

import time

import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import SIZES, Portal
from tests.browser.test_accessibility import violations
from tests.platform import RunningPlatform


def _secret(page: Page) -> tuple[str, str]:
    """Client id and secret that a dialog shows."""
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_contain_text("plus jamais affiché")
    assert violations(page) == []
    page.keyboard.press("Escape")  # is no way out: nobody can show it again
    client_id, secret, _ = dialog.locator("code").all_inner_texts()
    dialog.get_by_role("button", name="C’est noté").click()
    expect(dialog).to_have_count(0)
    return client_id, secret


def _token(platform: RunningPlatform, credentials: tuple[str, str]) -> int:
    answer = requests.post(
        f"{platform.url}/api/oauth2/token", data={"grant_type": "client_credentials"}, auth=credentials, timeout=30
    )
    return answer.status_code


def test_a_machine_is_registered_gets_a_new_secret_and_ends(platform: RunningPlatform, portal: Portal) -> None:
    name = f"PACS {time.time_ns() % 10**9}"
    page = portal.sign_in("exploitation", "/machines")
    page.locator(".filters select").select_option("hopital-sud")
    page.get_by_role("button", name="Ajouter une machine").click()
    dialog = page.get_by_role("dialog")
    assert violations(page) == []
    dialog.get_by_label("Nom").fill(name)
    dialog.get_by_label("Chercher des examens").check()
    dialog.get_by_role("button", name="Enregistrer").click()
    first = _secret(page)
    assert _token(platform, first) == 200

    card = page.locator("li", has=page.get_by_role("heading", name=name))
    expect(card).to_contain_text("chercher, envoyer")
    assert violations(page) == []
    card.get_by_role("button", name="Nouveau secret").click()
    dialog.get_by_label("prend fin tout de suite").check()
    dialog.get_by_role("button", name="Donner un nouveau secret").click()
    second = _secret(page)
    assert (first[0], _token(platform, first), _token(platform, second)) == (second[0], 401, 200)
    assert second[1] not in page.content()

    card.get_by_role("button", name="Mettre fin").click()
    dialog.get_by_role("button", name="Mettre fin à l’accès").click()
    expect(card).to_have_count(0)
    assert _token(platform, second) == 401


def test_a_provider_is_registered_changed_and_removed(portal: Portal) -> None:
    number = time.time_ns() % 10**9
    page = portal.sign_in("exploitation", "/identity-providers", "phone", "en")
    page.get_by_role("button", name="Add a provider").click()
    form = page.locator(".provider-form")
    form.get_by_label("Short name").fill(f"clinic-{number}")
    form.get_by_label("Name shown").fill(f"Clinic {number}")
    form.get_by_label("Issuer").fill("https://id.clinic.example/realms/clinic")
    form.get_by_label("Client id").fill("sansfilm")
    form.get_by_label("Where the secret is").fill("sansfilm/oidc/clinic")
    form.get_by_role("button", name="Add a rule").click()
    expect(form.get_by_role("status")).to_be_visible()
    expect(form.get_by_role("button", name="Register the provider")).to_be_disabled()
    form.get_by_label("Facts, rule 1").fill("radiologists, staff")
    form.get_by_label("For the hospital, rule 1").select_option("hopital-nord")
    form.get_by_role("button", name="Add a rule").click()
    form.get_by_label("Facts, rule 2").fill("physicians")
    form.get_by_label("Becomes, rule 2").select_option("gp")
    form.get_by_text("Technical settings").click()
    form.get_by_label("Offer this provider").uncheck()
    assert violations(page) == []
    form.get_by_role("button", name="Register the provider").click()

    card = page.locator(f"[data-provider=clinic-{number}]")
    expect(card).to_contain_text("Disabled")
    expect(card.locator("code").nth(1)).to_have_text(f"{portal.url}/api/oidc/clinic-{number}/callback")
    expect(card.locator("tbody tr").first).to_contain_text("radiologists + staff")
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES["phone"]["viewport"]["width"]
    assert violations(page) == []
    card.get_by_role("button", name="Change").click()
    card.get_by_role("button", name="Move rule 2 up").click()
    card.get_by_role("button", name="Save changes").click()
    expect(card.locator("tbody tr").first).to_contain_text("physicians")
    card.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove the provider").click()
    expect(card).to_have_count(0)
