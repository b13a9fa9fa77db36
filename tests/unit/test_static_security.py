"""Static checks are on for all code that runs, each exception says why; what browsers are told by kind of answer."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from localstack.edge_site import SecurityHeaders

ROOT = Path(__file__).resolve().parents[2]
RUFF = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
NOT_RUN = {"tests/**", "bench/**"}
SOURCES = subprocess.check_output(["git", "ls-files", "*.py"], cwd=ROOT, text=True).split()


def test_securitys_rules_are_on_for_everything_that_runs() -> None:
    """flake8-bandit's rules (S), as `make lint` runs them."""
    assert "S" in RUFF["select"]
    assert not [rule for rule in RUFF["ignore"] if re.fullmatch(r"S\d*", rule)]
    exempt = {
        where for where, rules in RUFF["per-file-ignores"].items() if any(re.fullmatch(r"S\d*", r) for r in rules)
    }
    assert exempt <= NOT_RUN


def test_every_exception_says_why() -> None:
    for name in SOURCES:
        if name.startswith(("tests/", "bench/")):
            continue
        for line in (ROOT / name).read_text().splitlines():
            if re.search(r"#\s*noqa(?!:)", line) or re.search(r"#\s*noqa:[^#]*\bS\d", line):
                assert re.search(r"# noqa: S\d+\W+\w", line), f"{name}: {line.strip()}"


def test_the_portal_writes_no_markup_of_its_own() -> None:
    """Text is rendered by React, and nothing is evaluated, stored or sent to other windows."""
    forbidden = r"dangerouslySetInnerHTML|innerHTML|outerHTML|document\.write|\beval\(|new Function|postMessage\("
    stored = r"sessionStorage|indexedDB|document\.cookie"
    for path in sorted((ROOT / "viewer_static/src").rglob("*.ts*")):
        found = re.search(f"{forbidden}|{stored}", path.read_text())
        assert not found, f"{path.name}: {found and found[0]}"
        # The language, and nothing of anybody.
        assert "localStorage" not in path.read_text() or path.name == "i18n.ts"


# What browsers are told ----------------------------------------------------------------------------------------------

KINDS = {
    "page": "/",
    "page of a study": "/studies/1.2.3",
    "viewer": "/ohif/viewer",
    "script": "/assets/index-0.js",
    "script of the viewer": "/ohif/app.bundle.0.js",
    "worker that evaluates": "/ohif/8097.bundle.0.js",
    "image or metadata": "/dicomweb/studies/1.2.3/metadata",
    "root of DICOMweb": "/dicomweb",
    "portal's API": "/api/session",
    "object": "/objects/archive/nord/1.2/1.3/1.4/ab.dcm",
    "health": "/healthz",
}


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in policy.split(";") if part.strip())}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_has_its_headers(kind: str) -> None:
    headers = dict(SecurityHeaders.from_file(ROOT / "viewer_static/security-headers.json").of(KINDS[kind]))
    policy = directives(headers["Content-Security-Policy"])
    assert policy["default-src"] == policy["base-uri"] == ["'none'"]
    assert policy["frame-ancestors"] in (["'none'"], ["'self'"])
    everything = [source for sources in policy.values() for source in sources]
    assert not [source for source in everything if source in ("*", "http:", "https:") or "//" in source]
    assert "'unsafe-inline'" not in policy.get("script-src", [])
    assert ("'unsafe-eval'" in everything) == (kind == "worker that evaluates")
    # The viewer shows PDF reports in an <object>.
    assert policy.get("object-src", policy["default-src"]) == (["'self'", "blob:"] if kind == "viewer" else ["'none'"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    seconds = re.match(r"max-age=(\d+); includeSubDomains", headers["Strict-Transport-Security"])
    assert int(seconds[1] if seconds else 0) >= 31_536_000
    if kind in ("image or metadata", "portal's API", "root of DICOMweb"):
        # Left to each answer, which the API makes, or `no-store` (tests/http/test_attacks.py).
        assert "Cache-Control" not in headers
        assert set(policy) <= {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert kind != "object" or headers["Cache-Control"] == "private, no-store"
