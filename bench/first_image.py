"""From the link to the first image: worklist and OHIF in Chromium, with an empty cache and with a full one.

    python -m bench.first_image [--repeats 3]

Needs `make run` with the demonstration region in another terminal, Playwright and Chromium. Writes
bench/results/first_image.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from localstack.demo.modules import study_uid
from localstack.demo.region_exams import EXAMS
from localstack.local_settings import LocalSettings

RESULTS = Path(__file__).parent / "results/first_image.md"
CHROMIUM = "/usr/bin/chromium"
RADIOLOGIST = "radiologue.nord"
EXAMS_SHOWN = {"ct-jean": "CT, 300 images of 512 x 512", "mr-helene-prior": "MR, 189 images of 197 x 233"}
FIRST_IMAGE = "() => window.cornerstone?.getRenderingEngines?.()[0]?.getViewports()[0]?.getImageData?.()"
ROWS = "[data-study]"
TIMEOUT_MS = 120_000


@dataclass
class Traffic:
    """What a page has asked for."""

    kinds: Counter[str] = field(default_factory=Counter)
    bytes_received: int = 0
    first_search_at: float = 0.0
    """When DICOMweb was first asked for something; until then scripts are loaded, compiled and run."""
    _urls: dict[str, str] = field(default_factory=dict)
    _cached: set[str] = field(default_factory=set)

    def watch(self, context: BrowserContext, page: Page) -> None:
        """Count from now on."""
        session = context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", lambda event: self._sent(event))
        session.on("Network.requestServedFromCache", lambda event: self._cached.add(event["requestId"]))
        session.on("Network.responseReceived", lambda event: self._answered(event))
        session.on("Network.loadingFinished", lambda event: self._finished(event))
        session.send("Network.enable")

    def _sent(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["request"]["url"]
        if "/dicomweb/" in event["request"]["url"] and not self.first_search_at:
            self.first_search_at = time.monotonic()

    def _answered(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache") or event["response"].get("fromPrefetchCache"):
            self._cached.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        url = self._urls.get(event["requestId"], "")
        if url.startswith("http") and event["requestId"] not in self._cached:
            self.kinds[kind_of(urlsplit(url).path)] += 1
            self.bytes_received += int(event["encodedDataLength"])


def kind_of(path: str) -> str:
    """What a request is for."""
    if "/frames/" in path:
        return "frames"
    if path.endswith("/thumbnail"):
        return "thumbnails"
    if path.endswith("/metadata"):
        return "metadata"
    return "searches" if path.startswith("/dicomweb") else "API" if path.startswith("/api") else "site"


@dataclass
class Run:
    """One opening of a page."""

    seconds: float
    seconds_to_search: float
    kinds: Counter[str]
    bytes_received: int


def opened(context: BrowserContext, path: str, condition: str) -> Run:
    """Open a page in a new tab, until a condition holds."""
    page = context.new_page()
    traffic = Traffic()
    traffic.watch(context, page)
    began = time.monotonic()
    page.goto(path, wait_until="commit")
    page.wait_for_function(condition, timeout=TIMEOUT_MS, polling=50)
    to_search = traffic.first_search_at - began
    run = Run(time.monotonic() - began, to_search, Counter(traffic.kinds), traffic.bytes_received)
    page.close()
    return run


def measured(browser: Browser, url: str, state: Any, path: str, condition: str, repeats: int) -> dict[str, list[Run]]:
    """Openings with an empty cache, and again in the same browser."""
    runs: dict[str, list[Run]] = {"empty": [], "full": []}
    for _ in range(repeats):
        context = browser.new_context(
            base_url=url, storage_state=state, viewport={"width": 1440, "height": 900}, locale="fr-FR"
        )
        for cache in runs:
            runs[cache].append(opened(context, path, condition))
        context.close()
    return runs


def signed_in(browser: Browser, url: str, password: str) -> Any:
    """Storage state of a radiologist's session."""
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/")
    page.locator("input[name=username]").fill(RADIOLOGIST)
    page.locator("input[name=password]").fill(password)
    page.keyboard.press("Enter")
    page.locator(".header").wait_for()
    state = context.storage_state()
    context.close()
    return state


def report(results: dict[str, dict[str, list[Run]]], repeats: int) -> str:
    """A table; medians of times, the first run's counts."""
    lines = [
        "# Time to the first image",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, headless Chromium with a software renderer on the "
        f"machine that runs the whole platform; median of {repeats} (least), from the navigation until OHIF's "
        "viewport has its image, or the worklist its rows; before the first search a page loads, compiles and runs its "
        f"scripts. Load average at the end {os.getloadavg()[0]:.0f}: above the number of cores other work ran "
        "meanwhile, and only counts, bytes and ratios say something.",
        "",
        "| page | cache | seconds | of them before the first search | kB received | requests | of which |",
        "|---|---|---|---|---|---|---|",
    ]
    for page, by_cache in results.items():
        for cache, runs in by_cache.items():
            seconds = sorted(run.seconds for run in runs)
            before = statistics.median(run.seconds_to_search for run in runs)
            first = runs[0]
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(first.kinds.items()))
            lines.append(
                f"| {page} | {cache} | {statistics.median(seconds):.1f} ({seconds[0]:.1f}) | {before:.1f} | "
                f"{first.bytes_received / 1000:,.0f} | {first.kinds.total()} | {kinds} |"
            )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print and write; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.first_image", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    settings = LocalSettings.from_env()
    password = json.loads((settings.state_dir / "credentials.json").read_text())[RADIOLOGIST]
    exams = {exam.key: exam for exam in EXAMS}
    results: dict[str, dict[str, list[Run]]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        state = signed_in(browser, settings.public_url, password)
        rows = f"() => document.querySelectorAll({ROWS!r}).length > 1"
        measure = (browser, settings.public_url, state)
        results["worklist"] = measured(*measure, "/", rows, options.repeats)
        for key, name in EXAMS_SHOWN.items():
            path = f"/ohif/viewer?StudyInstanceUIDs={study_uid(exams[key])}"
            results[f"OHIF: {name}"] = measured(*measure, path, FIRST_IMAGE, options.repeats)
        browser.close()
    text = report(results, options.repeats)
    print(text)
    RESULTS.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
