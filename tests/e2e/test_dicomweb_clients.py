"""Other people's clients on the deployed archive: curl, requests, dicomweb-client, Orthanc."""

from __future__ import annotations

import gzip
import json
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import dcmread

from tests.dicom_files import data_set, part10
from tests.e2e.archive import COLUMNS, HOSPITAL, ROWS, Stored, document, identified, image, new_study, store
from tests.orthanc import needs_orthanc, running_orthanc
from tests.platform import RunningPlatform

INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"
LARGE_BYTES = 9 << 20


@pytest.fixture(scope="module")
def token(platform: RunningPlatform) -> str:
    return platform.token("radiologist", HOSPITAL)


@pytest.fixture(scope="module")
def session(token: str) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


@pytest.fixture(scope="module")
def stored(platform: RunningPlatform) -> list[Stored]:
    """An image, a document of the same study, an instance too large for a function's answer."""
    study, other = new_study(), new_study()
    pixels = np.random.default_rng(1).integers(0, 255, LARGE_BYTES, dtype=np.uint8).tobytes()
    side = 1536
    large = part10(
        data_set(study=other, series=f"{other}.1", sop=f"{other}.1.1", Rows=2 * side, Columns=side, PixelData=pixels)
    )
    return store(platform, [image(study), document(study), large])


def curl(*arguments: str) -> bytes:
    done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "60", *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_curl_follows_redirects_and_takes_up_what_broke_off(
    platform: RunningPlatform, stored: list[Stored], token: str, tmp_path: Path
) -> None:
    url = platform.dicomweb_url + stored[2].path(INSTANCE)
    bearer = ["-H", f"Authorization: Bearer {token}", "-H", "Accept: application/dicom; transfer-syntax=*"]
    whole = curl("-L", *bearer, url)
    assert len(whole) > LARGE_BYTES
    assert identified(whole) == stored[2]
    unfinished = tmp_path / "unfinished.dcm"
    unfinished.write_bytes(whole[:1_000_000])
    location = curl(*bearer, "-o", "/dev/null", "-w", "%{redirect_url}", url).decode()
    assert location.startswith(f"{platform.url}/objects/")
    curl("-C", "-", "-o", str(unfinished), location)
    assert unfinished.read_bytes() == whole


def test_curl_takes_compressed_answers(platform: RunningPlatform, stored: list[Stored], token: str) -> None:
    url = platform.dicomweb_url + stored[0].path("/studies/{study}/metadata")
    bearer = ["-H", f"Authorization: Bearer {token}"]
    plain, compressed = (curl(*bearer, *more, url) for more in ([], ["-H", "Accept-Encoding: gzip"]))
    assert gzip.decompress(compressed) == plain
    assert curl(*bearer, "--compressed", url) == plain
    assert len(json.loads(plain)) == 2
    assert curl(*bearer, "-I", url).startswith(b"HTTP/1.1 200")


def test_requests_revalidates_and_ranges(
    platform: RunningPlatform, stored: list[Stored], session: requests.Session
) -> None:
    url = platform.dicomweb_url + stored[2].path(INSTANCE)
    session_headers = {"Accept": "application/dicom; transfer-syntax=*"}
    answer = session.get(url, headers=session_headers, timeout=60)
    assert [each.status_code for each in answer.history] == [307]
    whole, address = answer.content, answer.url
    etag = answer.headers["ETag"]
    part = requests.get(address, headers={"Range": "bytes=132-231", "If-Range": etag}, timeout=60)
    assert (part.status_code, part.content) == (206, whole[132:232])
    assert requests.get(address, headers={"If-None-Match": etag}, timeout=60).status_code == 304
    small = platform.dicomweb_url + stored[0].path(INSTANCE + "/rendered")
    picture = session.get(small, headers={"Accept": "image/png"}, timeout=60)
    known = {"Accept": "image/png", "If-None-Match": f'"other", {picture.headers["ETag"]}'}
    assert session.get(small, headers=known, timeout=60).status_code == 304


def test_dicomweb_client(platform: RunningPlatform, stored: list[Stored], session: requests.Session) -> None:
    client = DICOMwebClient(platform.dicomweb_url, session=session)
    one = stored[0]
    uids = (one.study, one.series, one.instance)
    sent = dcmread(BytesIO(image(one.study)))
    (found,) = client.search_for_studies(search_filters={"StudyInstanceUID": one.study}, fields=["PatientID"])
    assert found["00100020"]["Value"] == [sent.PatientID]
    assert len(client.search_for_series(one.study)) == 2
    assert len(client.search_for_instances(one.study, one.series)) == 1
    assert len(client.retrieve_study_metadata(one.study)) == 2
    (metadata,) = client.retrieve_series_metadata(one.study, one.series)
    assert metadata == client.retrieve_instance_metadata(*uids)
    assert client.retrieve_instance(*uids) == sent
    assert {each.SOPInstanceUID for each in client.retrieve_study(one.study)} == {one.instance, stored[1].instance}
    assert len(client.retrieve_series(one.study, one.series)) == 1
    frames = client.retrieve_instance_frames(*uids, frame_numbers=[1, 2])
    assert b"".join(frames) == sent.PixelData
    (bulk,) = client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])
    assert bulk == sent.PixelData
    picture = client.retrieve_instance_rendered(*uids, media_types=("image/png",))
    assert Image.open(BytesIO(picture)).size == (COLUMNS, ROWS)
    frame = client.retrieve_instance_frames_rendered(*uids, frame_numbers=[2], media_types=("image/jpeg",))
    assert Image.open(BytesIO(frame)).format == "JPEG"


@needs_orthanc
def test_orthanc_searches_and_retrieves(
    platform: RunningPlatform, stored: list[Stored], token: str, tmp_path: Path
) -> None:
    with running_orthanc(tmp_path, dicomweb_url=platform.dicomweb_url, token=token) as orthanc:
        query = {"Uri": "/studies", "Arguments": {"StudyInstanceUID": stored[0].study}}
        (study,) = orthanc.post("dicom-web/servers/sansfilm/qido", json=query)
        assert stored[0].study in json.dumps(study)
        # It does not follow redirects: what is larger than a function's answer it cannot have.
        resources = {"Resources": [{"Study": stored[0].study}]}
        orthanc.post("dicom-web/servers/sansfilm/retrieve", json={**resources, "Synchronous": True})
        assert orthanc.get("statistics")["CountInstances"] == 2
        for each in orthanc.get("instances"):
            body = requests.get(f"{orthanc.url}/instances/{each}/file", timeout=60).content
            assert identified(body) in stored
