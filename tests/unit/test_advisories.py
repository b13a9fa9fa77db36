"""Known vulnerabilities fail the check; a service that does not answer is told, and fails nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from infra import advisories


def answering(text: str, status: int = 0, errors: str = "") -> advisories.Run:
    def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, status, text, errors)

    return run


def test_vulnerable_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    package = {"name": "urllib3", "version": "1.0", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"]}]}
    run = answering(json.dumps({"dependencies": [package, {"name": "idna", "version": "3", "vulns": []}]}), 1)
    assert advisories.of_python("x.txt", run) == (["urllib3 1.0: PYSEC-1"], "")
    monkeypatch.setitem(advisories.ACCEPTED, "CVE-1", "Not used.")
    assert advisories.of_python("x.txt", run) == ([], "")
    via = ["other", {"url": "https://github.com/advisories/GHSA-1"}]
    run = answering(json.dumps({"vulnerabilities": {"vite": {"range": "<8", "via": via}}}), 1)
    assert advisories.of_npm("viewer_static", run) == (["vite <8: https://github.com/advisories/GHSA-1"], "")


def test_a_service_that_does_not_answer_is_told() -> None:
    for answer in (answering("", 1, "ERROR: connection refused"), answering('{"message": "x"}', 1, "gone")):
        found, why = advisories.of_python("x.txt", answer)
        assert (found, bool(why)) == ([], True)
        assert advisories.of_npm("viewer_static", answer) == (found, why)
    skipped = answering(json.dumps({"dependencies": [{"name": "a", "skip_reason": "unknown"}]}))
    assert advisories.of_python("x.txt", skipped) == ([], "1 of 1 packages are unknown to the service")


@pytest.mark.parametrize("lock", advisories.PYTHON_LOCKS)
def test_locks_are_there(lock: str) -> None:
    assert (advisories.ROOT / lock).is_file()
