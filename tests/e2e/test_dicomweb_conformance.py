"""The conformance statement is true of the deployed archive: every request, media type, parameter and status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from chalicelib.web.dicomweb_operations import (
    ATTRIBUTE,
    MANDATORY,
    OPERATIONS,
    URI_PARAMETERS,
    Operation,
    methods,
)
from tests.e2e.archive import HOSPITAL, REAL, Stored, compressed, document, image, new_study, report, store
from tests.platform import RunningPlatform

READ = [operation for operation in OPERATIONS if operation.method == "GET"]
VALUES = {
    "accept": "*/*", "charset": "utf-8", "includefield": "all", "limit": "1", "offset": "0", "fuzzymatching": "true",
    "window": "100,200", "viewport": "32,32", "quality": "50", "iccprofile": "no", "contentType": "image/jpeg",
    "frameNumber": "2", "rows": "32", "columns": "32", "region": "0,0,0.5,0.5", "imageQuality": "50",
    "emptyvaluematching": "true", "multiplevaluematching": "true", "hospital": HOSPITAL,
}  # fmt: skip
TOGETHER = {"windowCenter": "100", "windowWidth": "200"}
NEVER_SEEN = ("image/jpx", "image/jphc", "image/jxl", "video/mpeg2", "video/mp4")
"""Media types of frames of which there is no sample."""


@dataclass
class Archive:
    """What is stored, and a caller who may see it."""

    platform: RunningPlatform
    session: requests.Session
    image: Stored
    document: Stored
    report: Stored
    by_type: dict[str, Stored]

    def get(self, operation: Operation, stored: Stored, **more: str) -> requests.Response:
        method = more.pop("method", "GET")
        path = stored.path(operation.path, **({"path": more.pop("path")} if "path" in more else {}))
        query = more.pop("query", "")
        if operation.path == "/wado":
            uids = f"requestType=WADO&studyUID={stored.study}&seriesUID={stored.series}&objectUID={stored.instance}"
            query = f"{uids}&{query}".rstrip("&")
        url = f"{self.platform.dicomweb_url}{path}" + (f"?{query}" if query else "")
        return self.session.request(method, url, headers=more, timeout=60, allow_redirects=False)


@pytest.fixture(scope="module")
def archive(platform: RunningPlatform) -> Iterator[Archive]:
    study = new_study()
    first, second, third, *others = store(
        platform, [image(study), document(study), report(study), *(compressed(media_type) for media_type in REAL)]
    )
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {platform.token('radiologist', HOSPITAL)}"
        yield Archive(platform, session, first, second, third, dict(zip(REAL, others, strict=True)))


def named(operation: Operation) -> str:
    return operation.operation_id


@pytest.mark.parametrize("operation", READ, ids=named)
def test_every_media_type_is_given(archive: Archive, operation: Operation) -> None:
    for media_type in operation.media_types:
        part_type = media_type.partition('type="')[2].rstrip('"') or media_type
        if part_type in NEVER_SEEN:
            continue
        is_document = part_type == "application/pdf"
        stored = archive.document if is_document else archive.by_type.get(part_type, archive.image)
        if operation.path.endswith(("/rendered", "/thumbnail", "/wado")) and not is_document:
            stored = archive.report if part_type.startswith("text/") else archive.image
        if is_document and "{frames}" in operation.path:
            continue
        path = "00420011" if is_document else "7FE00010"
        answer = archive.get(operation, stored, Accept=media_type, path=path)
        assert answer.status_code == 200, (media_type, answer.text[:300])
        given = answer.headers["Content-Type"].lower().replace(" ", "")
        assert given.startswith(media_type.lower().replace(" ", "")), (media_type, given)


@pytest.mark.parametrize("operation", READ, ids=named)
def test_every_query_parameter_is_understood_and_no_other(archive: Archive, operation: Operation) -> None:
    for name in operation.parameters:
        if name in VALUES:
            answer = archive.get(operation, archive.image, query=f"{name}={VALUES[name]}")
            assert answer.status_code == 200, (name, answer.text[:300])
        elif name == ATTRIBUTE:
            in_sequence = ["00400275.00400009="] if operation.path.endswith(("/series", "/instances")) else []
            for key in ("PatientID=P1", "00100020=P1", "StudyDate=20240101-20241231", *in_sequence):
                assert archive.get(operation, archive.image, query=key).status_code in (200, 204), key
        elif name in TOGETHER:
            query = "&".join(f"{name}={value}" for name, value in TOGETHER.items())
            assert archive.get(operation, archive.image, query=query).status_code == 200
        elif name not in MANDATORY and operation.parameters == URI_PARAMETERS:
            assert archive.get(operation, archive.image, query=f"{name}=x").status_code in (200, 400), name
    refused = archive.get(operation, archive.image, query="unknown=1")
    assert refused.status_code == 400
    assert "unknown" in refused.json()["detail"]


@pytest.mark.parametrize("operation", READ, ids=named)
def test_every_status_is_answered(archive: Archive, operation: Operation) -> None:
    if 406 in operation.statuses:
        refused = archive.get(operation, archive.image, Accept="text/x-nothing")
        assert refused.status_code == 406
        assert "Available: " in refused.json()["detail"]
    if 400 in operation.statuses:
        malformed = archive.get(operation, archive.image, Accept="no media type")
        assert malformed.status_code == 400
        assert malformed.headers["Content-Type"].startswith("application/problem+json")
    if 404 in operation.statuses:
        missing = Stored("1.2.9.9.9", "1.2.9.9.9", "1.2.9.9.9")
        assert archive.get(operation, missing).status_code == 404
    if 304 in operation.statuses:
        etag = archive.get(operation, archive.image).headers["ETag"]
        known = archive.get(operation, archive.image, **{"If-None-Match": etag})
        assert (known.status_code, known.content) == (304, b"")
    if not operation.is_public:
        url = archive.platform.dicomweb_url + archive.image.path(operation.path)
        anonymous = requests.get(url, timeout=30)
        assert anonymous.status_code == 401
        assert anonymous.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("operation", READ, ids=named)
def test_every_method_is_answered(archive: Archive, operation: Operation) -> None:
    got, head = (archive.get(operation, archive.image, method=method) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["Content-Type"].split(";")[0] == got.headers["Content-Type"].split(";")[0]
    url = archive.platform.dicomweb_url + archive.image.path(operation.path)
    options = requests.options(url, timeout=30)
    assert options.status_code == 200
    assert options.headers["Allow"] == ", ".join(methods(operation.path))
    for method in ("PUT", "PATCH", "DELETE"):
        answer = archive.get(operation, archive.image, method=method)
        assert answer.status_code == 405, method
        assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/nothing", "/studies/1.2/nothing", "/studies/%2e%2e/nothing"])
def test_what_there_is_not_is_a_problem(archive: Archive, path: str) -> None:
    answer = archive.session.get(archive.platform.dicomweb_url + path, timeout=30)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def test_paths_of_the_api_that_there_are_not(archive: Archive) -> None:
    for method, path in (("GET", "/api/nothing"), ("PATCH", "/api/session")):
        answer = archive.session.request(method, archive.platform.url + path, timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
        assert answer.headers["Content-Type"] == "application/problem+json"
