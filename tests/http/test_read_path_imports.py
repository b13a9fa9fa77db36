"""Answering a search, metadata or a frame loads neither pydicom nor numpy: every cold start would pay for it."""

from __future__ import annotations

import subprocess
import sys

from chalicelib.access.model import Role
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive

PROGRAM = """
import sys
from chalice.test import Client
from app import app
headers = {"Authorization": sys.argv[1], "Accept": "*/*"}
with Client(app) as client:
    for path in sys.argv[2:]:
        answer = client.http.get(path, headers=headers)
        assert answer.status_code == 200, (path, answer.body)
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_reads_load_neither_pydicom_nor_numpy(http: HttpClient, bearer: Issue) -> None:
    archive(part10(data_set()))
    study = "/dicomweb/studies/1.2.3"
    instance = f"{study}/series/1.2.3.4/instances/1.2.3.4.5"
    paths = [
        "/dicomweb/studies?PatientName=lef*",
        f"{study}/series",
        f"{study}/series/1.2.3.4/metadata",
        study,
        instance,
        f"{instance}/frames/1",
        f"{instance}/bulkdata/7FE00010",
    ]
    token = bearer(Role.RADIOLOGIST, "nord")["Authorization"]
    done = subprocess.run([sys.executable, "-c", PROGRAM, token, *paths], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.rpartition("LOADED")[2].split()
    assert "boto3" in loaded
    assert not {"pydicom", "numpy", "PIL"} & set(loaded)
