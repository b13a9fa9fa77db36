"""DCMTK's and pynetdicom's own programs send to the archive (query and retrieve: query_retrieve/, TLS: test_tls)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.dicom_files import data_set, part10
from tests.scp.conftest import Ingest

ADDRESS = ["-aet", "NORD_CT1", "-aec", "SANSFILM", "127.0.0.1"]
PYNETDICOM = [sys.executable, "-W", "ignore", "-m", "pynetdicom"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three instances."""
    made = tmp_path / "sent"
    made.mkdir()
    for number in range(3):
        (made / f"{number}.dcm").write_bytes(part10(data_set(sop=f"1.2.3.4.{number}")))
    return made


def test_what_they_send_is_stored(ingest: Ingest, folder: Path) -> None:
    """The same instances each time: every program stores what is there already, and is answered success."""
    port = str(ingest.port)
    for command in (
        ["echoscu", *ADDRESS, port],
        [*PYNETDICOM, "echoscu", "127.0.0.1", port, *ADDRESS[:4]],
        ["dcmsend", *ADDRESS, port, "--scan-directories", str(folder)],
        ["storescu", *ADDRESS, port, "+sd", str(folder)],
        [*PYNETDICOM, "storescu", "127.0.0.1", port, str(folder), "-r", "-cx", *ADDRESS[:4]],
    ):
        done = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
    health = ingest.health()
    assert (health["stored"], health["duplicates"], health["received"]) == (3, 6, 9)
    assert len(ingest.objects("archive/nord/1.2.3/")) == 3
