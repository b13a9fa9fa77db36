"""STOW-RS through the edge of the whole platform: stored, indexed, found and retrieved."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import generate_uid

from tests.dicom_files import data_set, part10
from tests.platform import RunningPlatform
from tests.scp.stow import multipart, related

HOSPITAL = "hopital-nord"


@pytest.fixture(scope="module")
def gateway(platform: RunningPlatform) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {platform.token('gateway', HOSPITAL)}"
    return session


def instance(study: str, series: str, sop: str, pixels: bytes = bytes(range(32))) -> bytes:
    return part10(data_set(study=study, series=series, sop=sop, PixelData=pixels))


def test_what_is_stored_through_the_edge_is_found_and_retrieved(
    platform: RunningPlatform, gateway: requests.Session
) -> None:
    study, series, sop = generate_uid(), generate_uid(), generate_uid()
    client = DICOMwebClient(platform.dicomweb_url, session=gateway)
    sent = pydicom.dcmread(io.BytesIO(instance(study, series, sop)))
    answer = client.store_instances([sent], study)
    assert answer.RetrieveURL == f"{platform.dicomweb_url}/studies/{study}"
    deadline = time.monotonic() + 20
    while not client.search_for_studies(search_filters={"StudyInstanceUID": study}):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert client.retrieve_instance(study, series, sop) == sent


def test_a_body_beyond_every_limit_of_the_api_passes_in_pieces(
    platform: RunningPlatform, gateway: requests.Session
) -> None:
    study = generate_uid()
    body = multipart(instance(study, generate_uid(), generate_uid(), bytes(20 << 20)) for _ in range(3))
    headers = {"Content-Type": related()}
    whole = gateway.post(f"{platform.dicomweb_url}/studies", data=body, headers=headers, timeout=120)
    assert (whole.status_code, len(whole.json()["00081199"]["Value"])) == (200, 3)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 1 << 20):
            yield body[start : start + (1 << 20)]

    chunked = gateway.post(f"{platform.dicomweb_url}/studies/{study}", data=pieces(), headers=headers, timeout=120)
    assert chunked.json() == whole.json()


def test_the_edge_says_who_may_not_store(platform: RunningPlatform) -> None:
    body = multipart([instance("1.2.3", "1.2.3.4", "1.2.3.4.5")])
    headers = {"Content-Type": related()}
    answer = requests.post(f"{platform.dicomweb_url}/studies", data=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    headers["Authorization"] = f"Bearer {platform.token('radiologist', HOSPITAL)}"
    assert requests.post(f"{platform.dicomweb_url}/studies", data=body, headers=headers, timeout=30).status_code == 403
    cookie = {"__Host-sansfilm": platform.token("gateway", HOSPITAL)}
    del headers["Authorization"]
    by_cookie = requests.post(
        f"{platform.dicomweb_url}/studies", data=body, headers=headers, cookies=cookie, timeout=30
    )
    assert by_cookie.status_code == 403
