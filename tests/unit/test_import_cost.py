"""Importing the API loads nothing heavy: every cold start would pay for it."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"argon2", "boto3", "cryptography", "fastjsonschema", "jwt", "numpy", "phonenumbers", "pydicom"}


def test_the_application_imports_nothing_heavy() -> None:
    program = "import sys, app; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(loaded.split())
