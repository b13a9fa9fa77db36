"""The local cloud is killed with -9 while instances arrive: each acknowledged one is kept, indexed, counted."""

from __future__ import annotations

import threading
import time

import requests

from tests.platform import RunningPlatform
from tests.scp.scu import associated, c_store, data_set

SERIES = 3
PER_SERIES = 60
ROOT_UID = "1.2.826.0.1.3680043.8.498.771"
SUCCESS = 0x0000


def _send(platform: RunningPlatform, series: int, acknowledged: set[str], half_way: threading.Event) -> None:
    """Send a series in as many associations as it takes, trying an instance again until it is acknowledged."""
    study, series_uid = f"{ROOT_UID}.1", f"{ROOT_UID}.1.{series}"
    pending = [f"{series_uid}.{number}" for number in range(1, PER_SERIES + 1)]
    deadline = time.monotonic() + 120
    while pending and time.monotonic() < deadline:
        try:
            with associated(platform.dicom_port) as association:
                while pending:
                    body = data_set(study=study, series=series_uid, sop=pending[0])
                    status = c_store(association, body, sop=pending[0]).Status
                    if status != SUCCESS:
                        break
                    acknowledged.add(pending.pop(0))
                    if len(pending) == PER_SERIES // 2:
                        half_way.set()
        except (AssertionError, OSError, RuntimeError):
            pass
        if pending:
            time.sleep(0.5)


def _instances(platform: RunningPlatform, token: str, series: int) -> list[str]:
    url = f"{platform.dicomweb_url}/studies/{ROOT_UID}.1/series/{ROOT_UID}.1.{series}/instances"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    return [item["00080018"]["Value"][0] for item in answer.json()] if answer.status_code == 200 else []


def test_instances_acknowledged_before_a_kill_are_all_there_after_it(platform: RunningPlatform) -> None:
    acknowledged: set[str] = set()
    half_way = threading.Event()
    threads = [
        threading.Thread(target=_send, args=(platform, series, acknowledged, half_way))
        for series in range(1, SERIES + 1)
    ]
    for thread in threads:
        thread.start()
    assert half_way.wait(60)
    platform.kill("emulator")
    for thread in threads:
        thread.join()
    platform.wait_until_healthy()
    assert len(acknowledged) == SERIES * PER_SERIES
    token = platform.token("radiologist", "hopital-nord")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = [uid for series in range(1, SERIES + 1) for uid in _instances(platform, token, series)]
        if set(found) == acknowledged:
            break
        time.sleep(1)
    assert sorted(found) == sorted(acknowledged)
    study = requests.get(
        f"{platform.dicomweb_url}/studies?StudyInstanceUID={ROOT_UID}.1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).json()
    assert study[0]["00201206"]["Value"] == [SERIES]
    assert study[0]["00201208"]["Value"] == [SERIES * PER_SERIES]
