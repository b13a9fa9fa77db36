"""The edge of a running platform: site, objects, what is not offered."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
import requests

from tests.platform import ROOT, RunningPlatform

KEY = "assembled/edge-test"


@pytest.fixture(scope="module")
def signed_url(platform: RunningPlatform) -> str:
    """Signed URL of an object of 20 MB."""
    bucket = platform.environment()["SANSFILM_ARCHIVE_BUCKET"]
    body = hashlib.shake_256(b"edge").digest(20_000_000)
    platform.client("s3").put_object(Bucket=bucket, Key=KEY, Body=body, ContentType="application/octet-stream")
    code = f"from chalicelib import wiring; print(wiring.object_url_signer().signed_url({KEY!r}))"
    environment = {**os.environ, **platform.environment()}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_an_object_is_streamed_whole_or_in_part_to_who_has_its_signed_url(signed_url: str) -> None:
    body = hashlib.shake_256(b"edge").digest(20_000_000)
    credentials = {"Authorization": "Bearer x", "Cookie": "__Host-sansfilm=x"}
    answer = requests.get(signed_url, headers=credentials, timeout=30)
    assert answer.status_code == 200
    assert answer.content == body
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    assert answer.headers["Content-Security-Policy"] == policy
    part = requests.get(signed_url, headers={"Range": "bytes=100-199"}, timeout=30)
    assert (part.status_code, part.content) == (206, body[100:200])
    assert part.headers["Content-Range"] == "bytes 100-199/20000000"
    head = requests.head(signed_url, timeout=30)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "20000000", b"")
    for validator in (answer.headers["ETag"], answer.headers["Last-Modified"]):
        resumed = requests.get(signed_url, headers={"Range": "bytes=100-199", "If-Range": validator}, timeout=30)
        assert (resumed.status_code, resumed.content) == (206, body[100:200])
    stale = requests.get(signed_url, headers={"Range": "bytes=100-199", "If-Range": '"of-another"'}, timeout=30)
    assert (stale.status_code, stale.content == body) == (200, True)
    beyond = requests.get(signed_url, headers={"Range": "bytes=20000000-"}, timeout=30)
    assert beyond.status_code == 416


def test_an_object_without_its_signature_is_refused(platform: RunningPlatform, signed_url: str) -> None:
    for url in (
        signed_url.split("?")[0],
        signed_url.replace(KEY, "archive/other"),
        signed_url + "&response-content-type=text%2Fhtml",
    ):
        answer = requests.get(url, timeout=30)
        assert answer.status_code == 403, url
        assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert requests.put(signed_url, data=b"x", timeout=30).status_code == 405
    token = platform.token("radiologist", "hopital-nord")
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(signed_url.split("?")[0], headers=bearer, timeout=30).status_code == 403


@pytest.mark.parametrize("path", ["/", "/studies/1.2.840.113619", "/ohif/", "/ohif/viewer?StudyInstanceUIDs=1.2"])
def test_pages_of_the_applications_are_served_with_their_policy(platform: RunningPlatform, path: str) -> None:
    answer = requests.get(platform.url + path, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "'unsafe-eval'" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/missing.js", "/ohif/missing.js", "/../settings.json", "/%2e%2e/%2e%2e/etc/passwd"])
def test_what_is_not_there_is_a_problem_and_not_a_page(platform: RunningPlatform, path: str) -> None:
    session = requests.Session()
    request = requests.Request("GET", platform.url).prepare()
    request.url = platform.url + path
    answer = session.send(request, timeout=30)
    assert answer.status_code in {400, 404} or "text/html" in answer.headers["Content-Type"]
    assert "root:" not in answer.text


def test_scripts_are_served_compressed(platform: RunningPlatform) -> None:
    page = requests.get(f"{platform.url}/", timeout=30).text
    script = page.split('src="', 1)[1].split('"', 1)[0]
    for encoding in ("br", "gzip"):
        headers = {"Accept-Encoding": encoding}
        answer = requests.get(platform.url + script, headers=headers, timeout=30, stream=True)
        assert answer.headers["Content-Encoding"] == encoding
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Type"].startswith("text/javascript")


def test_another_platforms_token_is_worth_nothing(platform: RunningPlatform) -> None:
    for token in ("", "x", "eyJhbGciOiJub25lIn0.e30."):
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{platform.url}/dicomweb/studies", headers=headers, timeout=30).status_code in {401, 403}


@pytest.mark.parametrize("path", ["/dicomweb/studies", "/api/session", "/api/no-such-route"])
def test_what_api_gateway_answers_by_itself_is_a_problem(platform: RunningPlatform, path: str) -> None:
    answer = requests.get(platform.url + path, timeout=30)
    assert answer.status_code in {401, 403, 404}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(("asked", "given"), [(None, None), ("identity", None), ("gzip", "gzip")])
def test_answers_are_compressed_for_who_asks(platform: RunningPlatform, asked: str | None, given: str | None) -> None:
    session = requests.Session()
    session.headers.clear()
    request = requests.Request("GET", f"{platform.url}/api/openapi.json").prepare()
    if asked:
        request.headers["Accept-Encoding"] = asked
    answer = session.send(request, timeout=30)
    assert answer.headers.get("Content-Encoding") == given
    assert answer.json()["openapi"].startswith("3.1")
