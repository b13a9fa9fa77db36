"""The portal's own checks: style, types, unit tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PORTAL = Path(__file__).parents[2] / "viewer_static"


@pytest.mark.parametrize("script", ["lint", "types", "test"])
def test_portal_sources(script: str) -> None:
    done = subprocess.run(
        ["npm", "run", "--silent", script], cwd=PORTAL, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
