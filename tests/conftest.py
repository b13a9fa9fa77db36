"""Fixtures for every kind of test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pynetdicom import AE
from pynetdicom.association import Association

from chalicelib import (
    wiring,
    wiring_accounts,
    wiring_billing,
    wiring_care,
    wiring_cost,
    wiring_meters,
    wiring_patients,
)
from chalicelib.aws.clients import forget_clients
from scp_fargate.reactor_checkpoint import ReactorCheckpoint
from tests.emulator import Cloud, Emulator, create_cloud, running_emulator
from tests.platform import demo_platform, platform

# The same examples in every run, whatever the load of the machine: `HYPOTHESIS_PROFILE=search` looks for new ones.
settings.register_profile("check", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "check"))

__all__ = ["demo_platform", "platform"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try once more what fails of a browser and a whole platform on a machine at its limit; the report names it."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder / "browser") or item.path.is_relative_to(folder / "e2e"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def steady_clients() -> Iterator[None]:
    """The pynetdicom clients of tests lose no response to their own loop."""
    initialise = Association.__init__

    def initialise_with_checkpoint(association: Association, ae: AE, mode: str) -> None:
        initialise(association, ae, mode)
        association._reactor_checkpoint = ReactorCheckpoint(association)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Association, "__init__", initialise_with_checkpoint)
        yield


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """One emulator for the whole run."""
    with running_emulator() as running:
        yield running


def _forget_process_caches() -> None:
    forget_clients()
    modules = (wiring, wiring_accounts, wiring_billing, wiring_care, wiring_cost, wiring_meters, wiring_patients)
    for builder in (value for module in modules for value in vars(module).values()):
        if callable(getattr(builder, "cache_clear", None)):
            builder.cache_clear()


@pytest.fixture
def cloud(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Fresh tables, bucket, queues and key; `chalicelib.wiring` and its clients lead to them."""
    fresh = create_cloud(emulator)
    for name, value in fresh.environment().items():
        monkeypatch.setenv(name, value)
    _forget_process_caches()
    yield fresh
    _forget_process_caches()


@pytest.fixture
def set_setting(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Change one setting of `cloud` for the rest of the test."""

    def change(name: str, value: str) -> None:
        monkeypatch.setenv(f"SANSFILM_{name.upper()}", value)
        _forget_process_caches()

    return change
