"""The local platform's OpenID providers as a process of their own, and a browser that signs in with them."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import urlopen

import requests

from localstack import identity_providers
from localstack.identity_providers import PSC, SUD
from tests.emulator import ROOT, free_port

PHYSICIAN = "f:demonstration:810100000017"
RADIOLOGIST = "f:demonstration:810100000025"
NURSE = "f:demonstration:810100000033"


@dataclass(frozen=True)
class RunningProviders:
    """Providers that run, by their ports and the archive's secrets with them."""

    ports: dict[str, int]
    client_secrets: dict[str, str]


@contextmanager
def running_providers(public_url: str) -> Iterator[RunningProviders]:
    """Both providers, for an archive at an address."""
    folder = ROOT / identity_providers.FOLDER
    if not (folder / "node_modules/oidc-provider").is_dir():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error"]
        subprocess.run(command, cwd=folder, check=True, timeout=300)
    ports = {PSC: free_port(), SUD: free_port()}
    secrets = {PSC: "secret-of-psc-" + "p" * 20, SUD: "secret-of-sud-" + "s" * 20}
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "oidc.json"
        file.write_text(json.dumps(identity_providers.configuration(ports, public_url, secrets)))
        with (Path(temporary) / "log").open("wb") as log:
            process = subprocess.Popen(identity_providers.command(file), stdout=log, stderr=log)
        try:
            for port in ports.values():
                _wait_for(f"http://127.0.0.1:{port}/.well-known/openid-configuration")
            yield RunningProviders(ports, secrets)
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def choose_account(location: str, account: str, redirect_uri: str) -> str:
    """Sign in at a provider as a browser does; the address that it leads back to."""
    browser = requests.Session()
    answer = browser.get(location, allow_redirects=False, timeout=10)
    while "Location" in answer.headers:
        location = urljoin(answer.url, answer.headers["Location"])
        if location.startswith(redirect_uri):
            return location
        answer = browser.get(location, allow_redirects=False, timeout=10)
        if "<form" in answer.text:
            action = unescape(answer.text.partition('action="')[2].partition('"')[0])
            url = urljoin(answer.url, action)
            answer = browser.post(url, data={"account": account}, allow_redirects=False, timeout=10)
    raise AssertionError(f"{answer.status_code}: {answer.text[:300]}")
