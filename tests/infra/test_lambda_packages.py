"""Packages of the event functions work alone, hold no more than they need, and are made only when needed."""

from __future__ import annotations

from importlib.util import cache_from_source
from pathlib import Path

import pytest

from infra import lambda_build
from infra.lambda_build import BUILD, PACKAGES, Package
from infra.lambda_report import report

LAMBDA_LIMIT_BYTES = 250 * 1024 * 1024
"""Of an unzipped package."""
NEVER = {
    "index": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers"},
    "study_ready": {"numpy", "PIL", "chalice", "pynetdicom", "requests"},
    "pack_series": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers", "pydicom"},
    "invoices": {"numpy", "chalice", "pynetdicom", "pydicom"},
    "roll_up": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers", "pydicom", "duckdb"},
    "reconcile_costs": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers", "pydicom"},
    "patient_messages": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers", "pydicom", "reportlab"},
    "patient_sheet": {"numpy", "chalice", "pynetdicom", "pydicom", "lxml"},
    "seal_facts": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers", "pydicom"},
    "export_facts": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers", "pydicom"},
    "audit": {"numpy", "PIL", "chalice", "pynetdicom", "requests", "phonenumbers", "pydicom"},
    "rendered": {"chalice", "pynetdicom", "requests"},
}


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    with lambda_build.exclusive():
        lambda_build.build_all()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_works_alone_in_a_clean_environment(package: Package) -> None:
    found = report(package.name, BUILD / package.name, package.handler)
    assert found.unzipped_bytes < LAMBDA_LIMIT_BYTES
    assert not found.modules & NEVER[package.name]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_holds_our_code_and_its_bytecode_without_tests_or_routes(package: Package) -> None:
    folder = BUILD / package.name
    assert (folder / "chalicelib/settings.py").exists()
    assert not (folder / "chalicelib/web").exists()
    assert not list(folder.rglob("tests"))
    for module in (*folder.glob("chalicelib/**/*.py"), *folder.glob("*/__init__.py")):
        bytecode = Path(cache_from_source(str(module))).read_bytes()
        # Bit 0: made from a hash; bit 1 is clear: the source is not looked at (PEP 552).
        assert bytecode[4:8] == b"\1\0\0\0", module


def test_nothing_is_made_again_without_a_change() -> None:
    with lambda_build.exclusive():
        assert lambda_build.build_all() == []
