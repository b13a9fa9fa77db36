"""Whole series and studies are redirects to one object (D6, D7); ranges of what is small."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.archive import pack, retrieve_series
from chalicelib.functions import pack_series
from tests.dicom_files import data_set, part10
from tests.emulator import Cloud
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive, parts_of

MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
BIG = ("1.2.3.4", "1.2.3.6")
Send = Callable[..., Any]


class Signer:
    def signed_url(self, key: str) -> str:
        return f"signed:{key}"


@pytest.fixture
def send(http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> Send:
    monkeypatch.setattr(wiring, "object_url_signer", Signer)
    own = bearer(Role.RADIOLOGIST, "nord")

    def request(path: str, accept: str = MULTIPART, method: str = "GET", **more: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return http.request(method, f"/dicomweb{path}", headers={**own, "Accept": accept, **named})

    return request


@pytest.fixture
def bodies(http: HttpClient) -> list[bytes]:
    """A study of two series that are worth packs, and a small one between them."""
    made = [
        part10(data_set(series=series, sop=f"{series}.{n}", Rows=1000, Columns=1100, PixelData=os.urandom(2_200_000)))
        for series in BIG
        for n in (1, 2)
    ]
    made.insert(2, part10(data_set(series="1.2.3.5", sop="1.2.3.5.1")))
    for body in made:
        archive(body)
    return made


def contents(answer: Any) -> list[bytes]:
    assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "private, no-store")
    key = answer.headers["Location"].removeprefix("signed:")
    bucket = wiring.settings().archive_bucket
    stored = wiring.object_store()._client.get_object(Bucket=bucket, Key=key)
    return [content for _, content in parts_of(stored["Body"].read(), stored["ContentType"])]


def pack_what_was_asked_for(cloud: Cloud) -> int:
    sqs, url = cloud.client("sqs"), wiring.settings().pack_queue_url
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    event = {"Records": [{"messageId": m["MessageId"], "body": m["Body"]} for m in messages]}
    assert pack_series.handler(event, None) == {"batchItemFailures": []}  # type: ignore[arg-type]
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(messages)


def test_what_is_too_big_to_be_answered_at_once_is_packed_first(
    send: Send, bodies: list[bytes], cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieve_series, "MOST_BYTES_AT_ONCE", 1_000_000)
    for _ in range(2):
        answer = send("/studies/1.2.3/series/1.2.3.4")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 10
    assert pack_what_was_asked_for(cloud) == 1
    answer = send("/studies/1.2.3/series/1.2.3.4")
    assert answer.headers["Location"].startswith("signed:packs/nord/1.2.3/1.2.3.4/")
    assert contents(answer) == bodies[:2]
    assert send("/studies/1.2.3").status_code == 503
    # Two of three: the first has its pack.
    assert pack_what_was_asked_for(cloud) == 2
    whole = send("/studies/1.2.3")
    assert contents(whole) == bodies
    assert send("/studies/1.2.3", method="HEAD").headers["Location"] == whole.headers["Location"]
    # A late instance is in the next answer.
    late = part10(data_set(series="1.2.3.5", sop="1.2.3.5.2"))
    archive(late)
    assert send("/studies/1.2.3").status_code == 503
    assert pack_what_was_asked_for(cloud) == 1
    assert contents(send("/studies/1.2.3")) == [*bodies[:3], late, *bodies[3:]]


def test_without_packs_what_is_not_too_big_is_assembled_at_once(send: Send, bodies: list[bytes]) -> None:
    first = send("/studies/1.2.3")
    assert contents(first) == bodies
    assert send("/studies/1.2.3").headers["Location"] == first.headers["Location"]
    assert contents(send("/studies/1.2.3/series/1.2.3.6")) == bodies[3:]
    assert (
        parts_of((small := send("/studies/1.2.3/series/1.2.3.5")).body, small.headers["Content-Type"])[0][1]
        == (bodies[2])
    )


def test_packs_are_given_to_those_alone_who_may_see_them(
    http: HttpClient, bearer: Issue, send: Send, bodies: list[bytes]
) -> None:
    uids = ("nord", "1.2.3", "1.2.3.4")
    url = f"{wiring.settings().public_url}/dicomweb"
    assert pack.build_pack(wiring.index_reader(), wiring.object_store(), uids, url)[0] == "packed"
    assert send("/studies/1.2.3/series/1.2.3.4").status_code == 307
    for path in ("/studies/1.2.3/series/1.2.3.4", "/studies/1.2.3"):
        other = http.get(f"/dicomweb{path}", headers={**bearer(Role.RADIOLOGIST, "sud"), "Accept": MULTIPART})
        assert other.status_code == 404
    for accept, status in (
        ("application/json", 406),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.100', 406),
        ('multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1', 307),
    ):
        assert send("/studies/1.2.3/series/1.2.3.4", accept).status_code == status


def test_a_packed_series_costs_one_look_at_the_index_and_one_at_the_bucket(
    send: Send, bodies: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{wiring.settings().public_url}/dicomweb"
    reader, objects = wiring.index_reader(), wiring.object_store()
    for series in ("1.2.3.4", "1.2.3.5", "1.2.3.6"):
        pack.build_pack(reader, objects, ("nord", "1.2.3", series), url)
    calls: list[str] = []

    class Counting:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(self._client, name)

    # The first access of a session is recorded, and its patient looked up for that.
    send("/studies/1.2.3/series/1.2.3.4")
    monkeypatch.setattr(reader, "_client", Counting(reader._client))
    monkeypatch.setattr(objects, "_client", Counting(objects._client))
    send("/studies/1.2.3/series/1.2.3.4")
    assert calls == ["get_item", "head_object"]
    calls.clear()
    assert contents(send("/studies/1.2.3")) == bodies
    assert calls.count("head_object") == 5  # the study as it would be, twice, and three packs
    calls.clear()
    send("/studies/1.2.3")
    assert calls == ["get_item", "query", "head_object"]


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=990-", 206, 990, 2_200_000),
        ("bytes=-5", 206, 2_199_995, 2_200_000),
        ("bytes=2199999-9999999", 206, 2_199_999, 2_200_000),
        ("bytes=-9999999", 206, 0, 2_200_000),
        ("bytes=2200000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=5-4", 200, 0, 2_200_000),
        ("bytes=0-1,4-5", 200, 0, 2_200_000),
        ("bytes=-", 200, 0, 2_200_000),
        ("lines=1-2", 200, 0, 2_200_000),
    ],
)
def test_ranges_of_bulk_data(send: Send, asked: str, status: int, start: int, end: int) -> None:
    body = part10(data_set(Rows=1000, Columns=1100, PixelData=(pixels := os.urandom(2_200_000))))
    archive(body)
    path = "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/bulkdata/7FE00010"
    answer = send(path, "application/octet-stream", range=asked)
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */2200000"
        assert json.loads(answer.body)["status"] == 416
        return
    assert answer.body == pixels[start:end]
    assert answer.headers["Accept-Ranges"] == "bytes"
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/2200000"
        etag = answer.headers["ETag"]
        assert send(path, "application/octet-stream", range=asked, if_range=etag).status_code == 206
        changed = send(path, "application/octet-stream", range=asked, if_range='"other"')
        assert (changed.status_code, changed.body) == (200, pixels)
        assert send(path, "application/octet-stream", range=asked, if_none_match=etag).status_code == 304


def test_ranges_of_instances_and_multipart_answers_and_of_what_is_too_big_as_a_whole(send: Send) -> None:
    body = part10(data_set(Rows=2000, Columns=1500, PixelData=os.urandom(6_000_000)))
    archive(body)
    path = "/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"
    answer = send(path, "application/dicom", range="bytes=5000000-5000099")
    assert (answer.status_code, answer.body) == (206, body[5_000_000:5_000_100])
    assert send(path, "application/dicom").status_code == 307
    # A range of a multipart body begins in its header and goes on in the stored object.
    first = send(path, range="bytes=0-999")
    whole = send(path)
    stored = wiring.object_store().read(whole.headers["Location"].removeprefix("signed:"), 0, 1000)
    assert first.body == stored
    head = send(f"{path}/frames/1", "application/octet-stream", "HEAD", range="bytes=0-9")
    assert (head.status_code, head.body) == (200, b"")
    assert head.headers["ETag"]
