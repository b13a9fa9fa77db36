"""What no client should send: a clear 4xx, in bounded time, without a stack trace."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from chalicelib.access.model import Role
from chalicelib.errors import NotAuthenticated
from tests.http.conftest import HttpClient, Issue

LONGEST_S = 10
"""Also on a busy machine; alone each takes milliseconds."""
SEARCH = "/dicomweb/studies"


def ask(http: HttpClient, headers: dict[str, str], path: str, **more: str) -> tuple[int, str]:
    started = time.process_time()
    answer = http.get(path, headers={**headers, **more})
    assert time.process_time() - started < LONGEST_S
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "Traceback" not in answer.body.decode()
        assert len(answer.body) < 2000
    return answer.status_code, answer.body.decode()


QUERIES = [
    ("PatientName=" + "A" * 10_000, {204, 400}),
    ("PatientName=" + "*A" * 5_000, {204, 400}),
    ("PatientName=" + "?" * 10_000, {204, 400}),
    ("A" * 10_000 + "=1", {400}),
    ("includefield=" + ",".join(["00100020"] * 100_000), {204, 400}),
    ("&".join(["includefield=PatientID"] * 20_000), {204, 400}),
    ("StudyInstanceUID=" + ",".join(f"1.2.{n}" for n in range(2_000)), {204, 400, 413}),
    (".".join(["00400275"] * 1_000) + "=x", {400}),
    ("limit=99999999999999999999", {400}),
    ("limit=-1", {400}),
    ("limit=1&limit=2", {400}),
    ("limit=%D9%A3", {400}),
    ("offset=1e9", {400}),
    ("fuzzymatching=maybe", {400}),
    ("StudyDate=20240101-20230101-20220101", {400}),
    ("StudyDate=99999999", {204, 400}),
    ("PatientName=%00", {204, 400}),
    ("PatientName=%ff%fe", {204, 400}),
    ("PixelData=1", {400}),
    ("PatientID=a&PatientID=b", {400}),
    ("=1", {400}),
    ("&&&", {204}),
    ("__proto__=1", {400}),
]


def test_queries(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for query, status in QUERIES:
        found, body = ask(http, headers, f"{SEARCH}?{query}")
        assert found in status, (query[:60], body)


PATHS = [
    "/dicomweb/studies/" + "1." * 5_000 + "1/series",
    "/dicomweb/studies/1..2/metadata",
    "/dicomweb/studies/" + quote("1.2/../1.3", safe="") + "/metadata",
    "/dicomweb/studies/%00/metadata",
    "/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/0",
    "/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/" + ",".join(["1"] * 20_000),
    "/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/1-5",
    "/dicomweb/studies/1.2/series/1.3/instances/1.4/bulkdata/" + quote("../../../x", safe=""),
    "/dicomweb/studies/1.2/series/1.3/instances/1.4/rendered?viewport=1e400,1",
    "/dicomweb/wado?requestType=WADO&studyUID=" + "9" * 5_000,
]


def test_paths(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for path in PATHS:
        found, body = ask(http, headers, path)
        assert found in (400, 404), (path[:100], body)


ACCEPT = [
    ("image", 400),
    ('multipart/related; type="application/dicom', 400),
    ("application/dicom+json;q=2.x", 400),
    (";" * 10_000, 400),
    ("a/b," * 10_000, 400),
    ('a/b;c="' + '\\"' * 50_000 + '"', 406),
    ("text/html", 406),
    ("*/*;q=0", 406),
    ("," * 10_000, 204),
]


def test_accept(http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for accept, status in ACCEPT:
        found, body = ask(http, headers, SEARCH, Accept=accept)
        assert found == status, (accept[:60], body)


def test_a_token_that_is_none(http: HttpClient) -> None:
    for token in ("", "Bearer", "Bearer " + "x" * 100_000, "Basic YTpi", "Bearer a.b.c", "Bearer \x7f"):
        with pytest.raises(NotAuthenticated, match="Unauthorized"):
            http.get(SEARCH, headers={"Authorization": token})
