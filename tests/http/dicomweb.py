"""What tests of the DICOMweb routes share: stored exams, the renderer in this process, a client of the application."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from chalice.test import TestHTTPClient as HttpClient
from dicomweb_client.api import DICOMwebClient
from requests.adapters import BaseAdapter, HTTPAdapter

from chalicelib import wiring
from chalicelib.archive.index_instance import Index, index_objects
from chalicelib.archive.store import ReceivedInstance, store_instance
from chalicelib.functions import rendered


def archive(body: bytes, hospital: str = "nord") -> str:
    """Store and index an instance; its object key."""
    key = store_instance(wiring.object_store(), ReceivedInstance(hospital, body, "c0ffee", "NORD_CT1")).object_key
    index = Index(
        wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), study_quiet_s=0
    )
    (result,) = index_objects(index, [key])
    assert result.error is None
    return key


class RenderedFunction:
    """Lambda's Invoke for the rendering function, run in this process on the JSON that would travel."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.requests.append(json.loads(Payload))
        answer = json.dumps(rendered.handler(json.loads(Payload), None))
        return {"Payload": io.BytesIO(answer.encode())}


class ApplicationAdapter(BaseAdapter):
    """Carries requests of a `requests` session to the application."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__()
        self._http = http

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        url = urlsplit(request.url or "")
        path = str(url.path) + (f"?{url.query}" if url.query else "")
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        answer = self._http.request(str(request.method), path, headers=dict(request.headers), body=body)
        content = answer.body
        headers = {name.lower(): str(value) for name, value in answer.headers.items()}
        if headers.pop("content-encoding", "") == "gzip":
            content = gzip.decompress(content)
        raw = urllib3.HTTPResponse(io.BytesIO(content), headers, answer.status_code, preload_content=False)
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        pass


def dicomweb_client(http: HttpClient, headers: dict[str, str]) -> DICOMwebClient:
    """dicomweb-client, unmodified, on the application."""
    session = requests.Session()
    session.mount("http://", ApplicationAdapter(http))
    session.headers.update(headers)
    return DICOMwebClient("http://archive.test/dicomweb", session=session)


def parts_of(body: bytes, content_type: str) -> list[tuple[dict[str, str], bytes]]:
    """Headers and content of each part, by the boundary that the content type names."""
    boundary = content_type.split("boundary=")[1].strip('"').encode()
    found = []
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        found.append((lines, content))
    assert body.endswith(b"--" + boundary + b"--\r\n")
    return found
