"""What the documents promise exists: files that they link to, make targets that they name, settings that they list."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / name for name in subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).split()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make (?:-s )?([a-z-]+)", document.read_text())) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_that_prove_something_exist(document: Path) -> None:
    for file, name in re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", document.read_text()):
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{name}"


def test_settings_of_the_readme_are_read() -> None:
    code = (ROOT / "localstack/local_settings.py").read_text()
    for name in re.findall(r"`(SANSFILM_[A-Z_]+)", (ROOT / "README.md").read_text()):
        assert name in code, name


def test_every_make_target_is_explained() -> None:
    for line in (ROOT / "Makefile").read_text().splitlines():
        if re.match(r"[a-z-]+:(?!=)", line):
            assert "## " in line, line


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs/adr").glob("[0-9]*.md")]
    assert len(set(numbers)) == len(numbers)
