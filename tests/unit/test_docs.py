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


ASVS = (
    "1.1.1-2 1.2.1-9 1.3.1-11 1.4.1-3 1.5.1-2 2.1.1-3 2.2.1-3 2.3.1-4 2.4.1-1 3.2.1-2 3.3.1-4 3.4.1-6 3.5.1-5 3.7.1-2 "
    "4.1.1-3 4.2.1-1 4.3.1-2 4.4.1-4 5.1.1-1 5.2.1-3 5.3.1-2 5.4.1-3 6.1.1-3 6.2.1-12 6.3.1-4 6.4.1-4 6.5.1-5 6.6.1-3 "
    "6.8.1-4 7.1.1-3 7.2.1-4 7.3.1-2 7.4.1-5 7.5.1-2 7.6.1-2 8.1.1-2 8.2.1-3 8.3.1-1 8.4.1-1 9.1.1-3 9.2.1-4 10.1.1-2 "
    "10.2.1-2 10.3.1-4 10.4.1-11 10.5.1-5 10.6.1-2 10.7.1-3 11.1.1-2 11.2.1-3 11.3.1-3 11.4.1-4 11.5.1-1 11.6.1-1 "
    "12.1.1-3 12.2.1-2 12.3.1-4 13.1.1-1 13.2.1-5 13.3.1-2 13.4.1-5 14.1.1-2 14.2.1-4 14.3.1-3 15.1.1-3 15.2.1-3 "
    "15.3.1-7 16.1.1-1 16.2.1-5 16.3.1-4 16.4.1-3 16.5.1-3 17.1.1-1 17.2.1-4 17.3.1-2"
)
"""Requirements of levels 1 and 2 of ASVS 5.0."""


def test_every_requirement_of_the_asvs_has_an_answer() -> None:
    wanted = []
    for section, first, last in re.findall(r"(\d+\.\d+)\.(\d+)-(\d+)", ASVS):
        wanted += [f"{section}.{number}" for number in range(int(first), int(last) + 1)]
    rows = re.findall(r"^\| ([\d., ]+) \| (.+?) \| (.+) \|$", (ROOT / "docs/asvs.md").read_text(), re.MULTILINE)
    assert sorted(number for numbers, _, _ in rows for number in numbers.split(", ")) == sorted(wanted)
    for numbers, _, proof in rows:
        assert re.search(r"tests/[\w/]+\.py|not met|not applicable: \w|by review", proof, re.IGNORECASE), numbers


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
