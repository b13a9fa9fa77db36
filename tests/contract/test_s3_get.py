"""`S3Get`: ranges as botocore reads them, answers of every shape; what is not a plain success is left to botocore."""

from __future__ import annotations

import pytest
from botocore.credentials import Credentials

from chalicelib import errors
from chalicelib.aws.s3_get import S3Get
from chalicelib.aws.s3_object_store import S3ObjectStore
from chalicelib.aws.signed_requests import NoAnswer
from tests.contract.answering_server import Server, client_of
from tests.emulator import Cloud

KEY = "archive/nord/1.2/é +%2F/x.dcm"
BODY = bytes(range(256)) * 2_000
PARTIAL = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\nabc"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<XML>\r\n0\r\n\r\n"


@pytest.fixture
def objects(cloud: Cloud) -> S3ObjectStore:
    store = S3ObjectStore(cloud.client("s3"), cloud.settings["archive_bucket"])
    store.put(KEY, BODY, "application/dicom")
    return store


@pytest.mark.parametrize(
    ("start", "length"), [(0, None), (0, 10), (100, 300_000), (511_999, 5), (500_000, 50_000), (7, None), (0, 0)]
)
def test_a_range_is_that_of_botocore(
    objects: S3ObjectStore, start: int, length: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_botocore = objects.read_with_head(KEY, start, length)[1]
    monkeypatch.setattr(objects, "read_with_head", None)
    assert objects.read(KEY, start, length) == by_botocore == BODY[start : None if length is None else start + length]


def test_what_is_not_there(objects: S3ObjectStore) -> None:
    with pytest.raises(errors.NotFound):
        objects.read("archive/nord/9.9/none.dcm", 0, 10)
    assert objects.read(KEY, len(BODY) + 5, 10) == b""
    assert objects.read(KEY, 0, 10) == BODY[:10]


def s3_get_from(server: Server) -> S3Get:
    return S3Get(client_of(server.endpoint_url), Credentials("AKID", "secret"), "archive")


@pytest.mark.parametrize("answering", [[PARTIAL, NOT_FOUND, PARTIAL]], indirect=True)
def test_one_connection_serves_many_requests(answering: Server) -> None:
    gets = s3_get_from(answering)
    assert [gets.read(KEY, 5, 3) for _ in range(3)] == [b"abc", None, b"abc"]
    assert answering.connections == 1


@pytest.mark.parametrize("answering", [[PARTIAL, b"", PARTIAL]], indirect=True)
def test_a_kept_connection_that_was_closed_is_replaced(answering: Server) -> None:
    gets = s3_get_from(answering)
    assert [gets.read(KEY, 5, 3) for _ in range(2)] == [b"abc", b"abc"]
    assert answering.connections == 2


@pytest.mark.parametrize(
    "answering",
    [
        [b"HTTP/1.1 206 Partial Content\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc"],
        [b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nabc"],
        [b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
        [b"SSH-2.0-OpenSSH\r\n\r\n"],
    ],
    indirect=True,
)
def test_an_answer_that_is_not_whole(answering: Server) -> None:
    with pytest.raises(NoAnswer):
        s3_get_from(answering).read(KEY, 5, 3)


def test_botocore_reads_what_did_not_come(objects: S3ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.read(KEY, 0, 10)
    for _, connection in objects._get._idle:
        connection.close()
    monkeypatch.setattr(objects._get, "_address", ("127.0.0.1", 1))
    assert objects.read(KEY, 0, 10) == BODY[:10]
