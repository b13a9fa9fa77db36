"""Reading never loads pydicom or numpy, in a process of its own that answers real requests."""

from __future__ import annotations

import os
import subprocess
import sys

from chalicelib.access.model import Role
from tests.emulator import Cloud
from tests.http.conftest import HttpClient, Issue
from tests.http.test_isolation import STUDY, store

PROGRAM = """
import sys
from chalice.test import Client
from app import app

with Client(app) as client:
    for path in sys.argv[2:]:
        answer = client.http.get(path, headers={"Authorization": sys.argv[1]})
        assert answer.status_code == 200, (path, answer.status_code, answer.body)
loaded = {"pydicom", "numpy", "phonenumbers", "argon2"} & {name.partition(".")[0] for name in sys.modules}
assert not loaded, loaded
"""


def test_reading_loads_nothing_heavy(cloud: Cloud, http: HttpClient, bearer: Issue) -> None:
    store("nord", STUDY, "P1")
    paths = ["/dicomweb/studies", f"/dicomweb/studies/{STUDY}/series", f"/dicomweb/studies/{STUDY}/metadata"]
    token = bearer(Role.RADIOLOGIST, "nord")["Authorization"]
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, token, *paths],
        env={**os.environ, **cloud.environment()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
