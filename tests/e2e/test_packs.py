"""A quiet study is packed on the platform, and its series are redirects to what the edge streams from S3."""

from __future__ import annotations

import os
import time

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import generate_uid

from tests.dicom_files import data_set, part10
from tests.http.dicomweb import parts_of
from tests.platform import RunningPlatform
from tests.scp.stow import multipart, related

HOSPITAL = "hopital-nord"
WAIT_S = 200


def test_a_quiet_study_is_packed_and_streamed_from_s3(platform: RunningPlatform) -> None:
    study, series = generate_uid(), generate_uid()
    bodies = [
        part10(data_set(study=study, series=series, sop=f"{series[:50]}.{number}", PixelData=os.urandom(2_200_000)))
        for number in (1, 2, 3)
    ]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {platform.token('gateway', HOSPITAL)}"
    headers = {"Content-Type": related()}
    stored = session.post(f"{platform.dicomweb_url}/studies", data=multipart(bodies), headers=headers, timeout=60)
    assert stored.status_code == 200
    session.headers["Authorization"] = f"Bearer {platform.token('radiologist', HOSPITAL)}"
    url = f"{platform.dicomweb_url}/studies/{study}/series/{series}"
    accept = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
    deadline = time.monotonic() + WAIT_S
    while True:
        # Before there is a pack it is assembled within the request.
        answer = session.get(url, headers=accept, allow_redirects=False, timeout=60)
        if "/objects/packs/" in answer.headers.get("Location", ""):
            break
        assert time.monotonic() < deadline, answer.status_code
        time.sleep(1)
    assert answer.status_code == 307
    whole = session.get(url, headers=accept, timeout=60)
    assert [content for _, content in parts_of(whole.content, whole.headers["Content-Type"])] == bodies
    part = session.get(url, headers=accept | {"Range": "bytes=100-199"}, timeout=60)
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    known = session.get(url, headers=accept | {"If-None-Match": whole.headers["ETag"]}, timeout=60)
    assert known.status_code == 304
    head = session.head(url, headers=accept, allow_redirects=True, timeout=60)
    assert (head.status_code, int(head.headers["Content-Length"])) == (200, len(whole.content))
    client = DICOMwebClient(platform.dicomweb_url, session=session)
    assert len(client.retrieve_series(study, series)) == len(client.retrieve_study(study)) == 3
    frame = f"{url}/instances/{series[:50]}.1/bulkdata/7FE00010"
    ranged = session.get(frame, headers={"Accept": "application/octet-stream", "Range": "bytes=0-9"}, timeout=60)
    assert (ranged.status_code, len(ranged.content)) == (206, 10)
