"""A real browser over the running platform (`platform`, of tests/e2e)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pydicom.dataset import Dataset

from tests.browser.instances import ct_series
from tests.browser.viewer import Viewer
from tests.platform import RunningPlatform

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}
RADIOLOGIST = "radiologue.nord"

expect.set_options(timeout=15_000)


@dataclass
class Portal:
    """The portal in browser contexts of their own, each watched for errors."""

    url: str
    passwords: dict[str, str]
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "/", size: str = "desktop", language: str = "") -> Page:
        """A page in a new context."""
        context = self.browser.new_context(base_url=self.url, **SIZES[size])
        self.contexts.append(context)
        if language:
            context.add_init_script(f"localStorage.i18nextLng ??= {language!r}")
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._hear(page, message.type, message.text))
        page.on("request", lambda request: self._watch(request.url))
        page.goto(path)
        return page

    def sign_in(self, username: str = RADIOLOGIST, path: str = "/", size: str = "desktop", language: str = "") -> Page:
        """A page in a new context, signed in."""
        page = self.open(path, size, language)
        fill_credentials(page, username, self.passwords[username])
        expect(page.locator(".header")).to_be_visible()
        return page

    def _hear(self, page: Page, kind: str, text: str) -> None:
        # A browser reports each answer of status 4xx, those that the portal asks for on purpose included.
        if kind == "error" and "Failed to load resource" not in text:
            self.complaints.append(f"{page.url}: {text}")

    def _watch(self, url: str) -> None:
        # Chromium shows a PDF by an extension of its own.
        if not url.startswith((self.url, "blob:", "data:", "chrome:", "chrome-extension:")):
            self.complaints.append(f"request to another host: {url}")


def fill_credentials(page: Page, username: str, password: str) -> None:
    """Sign in on the sign-in page."""
    page.locator("input[name=username]").fill(username)
    page.locator("input[name=password]").fill(password)
    page.keyboard.press("Enter")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Playwright runs an event loop in this thread: none of it may be left for the tests that come after.
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def _warm_renderer(platform: RunningPlatform, send: Send) -> None:
    """On a busy machine the renderer's first start takes longer than a page is waited for."""
    (instance,) = ct_series(1, PatientName="VAUTRIN^Agnès", PatientID="V0")
    send(instance)
    wait_until_indexed(platform, instance.StudyInstanceUID, 1)
    url = f"{platform.dicomweb_url}/studies/{instance.StudyInstanceUID}/rendered"
    headers = {"Authorization": f"Bearer {platform.token('radiologist', 'hopital-nord')}", "Accept": "image/jpeg"}
    deadline = time.monotonic() + 150
    while (answer := requests.get(url, headers=headers, timeout=60)).status_code != 200:
        assert time.monotonic() < deadline, answer.text


@pytest.fixture
def portal(platform: RunningPlatform, browser: Browser, _warm_renderer: None) -> Iterator[Portal]:
    """The portal; a test fails on any script error, refusal of the content security policy or request elsewhere."""
    opened = Portal(platform.url, platform.credentials(), browser)
    yield opened
    for context in opened.contexts:
        context.close()
    assert not opened.complaints


@pytest.fixture(scope="module")
def signed_in_viewer(
    platform: RunningPlatform, browser: Browser, _warm_renderer: None
) -> Iterator[tuple[Portal, Viewer]]:
    """One page for all tests of a module: OHIF's scripts are loaded once, as on a radiologist's workstation."""
    opened = Portal(platform.url, platform.credentials(), browser)
    yield opened, Viewer(opened.sign_in())
    for context in opened.contexts:
        context.close()


@pytest.fixture
def viewer(signed_in_viewer: tuple[Portal, Viewer]) -> Iterator[Viewer]:
    """OHIF; a test fails on any script error, refusal of the content security policy or request elsewhere."""
    opened, page = signed_in_viewer
    opened.complaints.clear()
    yield page
    assert not opened.complaints


Send = Callable[..., None]


@pytest.fixture(scope="session")
def send(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Send:
    """Send instances of one transfer syntax as a modality does, by DCMTK's storescu."""

    def send_all(*instances: Dataset, calling_ae_title: str = "NORD_CT1") -> None:
        folder = tmp_path_factory.mktemp("sent")
        for number, instance in enumerate(instances):
            instance.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
        proposed = STORESCU_OPTIONS[str(instances[0].file_meta.TransferSyntaxUID)]
        address = ["-aet", calling_ae_title, "-aec", "SANSFILM", "127.0.0.1", str(platform.dicom_port)]
        # Without it storescu waits for acknowledgements that TCP delays (40 ms an instance).
        environment = {**os.environ, "TCP_NODELAY": "1"}
        command = ["storescu", proposed, *address, "+sd", str(folder)]
        subprocess.run(command, check=True, timeout=120, capture_output=True, env=environment)

    return send_all


def wait_until_indexed(platform: RunningPlatform, study_instance_uid: str, instances: int) -> None:
    """Wait until a study of Hopital Nord is found with all its instances."""
    headers = {"Authorization": f"Bearer {platform.token('radiologist', 'hopital-nord')}"}
    url = f"{platform.dicomweb_url}/studies/{study_instance_uid}/instances"
    deadline = time.monotonic() + 60
    while True:
        answer = requests.get(url, headers=headers, timeout=10)
        if answer.status_code == 200 and len(answer.json()) >= instances:
            return
        assert time.monotonic() < deadline, f"{answer.status_code}: not indexed"
        time.sleep(0.3)


@pytest.fixture(scope="session")
def some_study(platform: RunningPlatform, send: Send) -> str:
    """Study Instance UID of an exam of today, so that the worklist is not empty."""
    slices = ct_series(3, PatientName="VAUTRIN^Agnès", PatientID="V1", StudyDate=f"{date.today():%Y%m%d}")
    send(*slices)
    wait_until_indexed(platform, slices[0].StudyInstanceUID, len(slices))
    return str(slices[0].StudyInstanceUID)


# storescu proposes one compressed syntax at a time: the one that the files are in.
STORESCU_OPTIONS = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.57": "-xs",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
    "1.2.840.10008.1.2.5": "-xr",
}
