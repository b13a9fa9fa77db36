"""Deflated data sets (PS3.5 A.5) are stored as they come, and checked without being inflated in memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scp.conftest import Ingest
from tests.scp.scu import associated, c_store, data_set
from tests.scp.stow import multipart, post
from tests.unit.dicom.test_inflated_source import DEFLATED, deflated, file


def peak_bytes(ingest: Ingest) -> int:
    """Most memory that the service ever had."""
    assert ingest.process is not None
    status = Path(f"/proc/{ingest.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak of a process")
def test_small_ones_that_become_large_take_no_memory(ingest: Ingest) -> None:
    content = deflated(data_set(pixels=bytes(64 << 20)))
    with associated(ingest.port, transfer_syntax=DEFLATED) as association:
        assert c_store(association, deflated(data_set(sop="1.2.3.4")), sop="1.2.3.4").Status == 0
        before = peak_bytes(ingest)
        assert c_store(association, content).Status == 0
    assert post(ingest, multipart([file(data_set(pixels=bytes(64 << 20)))])).status_code == 200
    assert peak_bytes(ingest) - before < 24 << 20
    (body,) = ingest.objects("archive/nord/1.2.3.1/1.2.3.2/1.2.3.3/").values()
    assert body.endswith(content)


def test_long_ones_arrive_in_parts(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest(SANSFILM_RECEIVE_LIMIT_BYTES=str(12 << 20))
    content = deflated(data_set(pixels=random.Random(1).randbytes(10 << 20)))
    assert len(content) > 10 << 20
    with associated(ingest.port, transfer_syntax=DEFLATED) as association:
        assert c_store(association, content).Status == 0
        assert c_store(association, content[: 9 << 20], sop="1.2.3.3").Status == 0xC003
    (body,) = ingest.objects("archive/").values()
    assert body.endswith(content)
    assert len(ingest.objects("rejected/")) == 1
