"""`S3Put`: requests that S3 accepts and verifies, answers of every shape, connections that go stale."""

from __future__ import annotations

import time
from datetime import datetime

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib import errors
from chalicelib.aws import s3_put
from chalicelib.aws.ingest_object_store import IngestObjectStore
from chalicelib.aws.s3_put import S3Put
from chalicelib.aws.signed_requests import NoAnswer
from tests.contract.answering_server import Server, client_of
from tests.emulator import Cloud

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CHUNKED_412 = b"HTTP/1.1 412 Precondition Failed\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<XML>\r\n0\r\n\r\n"
UNAVAILABLE = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 3\r\nConnection: close\r\n\r\n<X>"
KEY = "archive/nord/1.2/1.3/1.4/x.dcm"


def s3_put_to(endpoint_url: str, token: str | None = None) -> S3Put:
    return S3Put(client_of(endpoint_url), Credentials("AKID", "secret", token), "archive")


@pytest.mark.parametrize("token", [None, "session-token"])
def test_the_signature_is_that_of_botocore(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    path = "/archive/archive/nord/1.2/1.3/1.4/x.dcm"
    given = {"content-type": "application/dicom", "if-none-match": "*", "x-amz-meta-calling-ae-title": "A  B"}
    now = time.gmtime()
    headers = s3_put_to("https://s3.eu-west-3.amazonaws.com", token).signed("PUT", path, given, now)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(*now[:6]))
    request = AWSRequest("PUT", f"https://s3.eu-west-3.amazonaws.com{path}", headers=given)
    request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
    request.context["payload_signing_enabled"] = False
    signer = SigV4Auth(Credentials("AKID", "secret", token), "s3", "eu-west-3")
    signer._should_sha256_sign_payload = lambda _: False
    signer.payload = lambda _: "UNSIGNED-PAYLOAD"  # type: ignore[method-assign]
    signer.add_auth(request)
    assert headers["authorization"] == request.headers["Authorization"]


def test_a_body_that_was_damaged_on_its_way_is_refused(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = IngestObjectStore(cloud.client("s3"), cloud.settings["archive_bucket"])
    monkeypatch.setattr(s3_put, "crc32", lambda body: 12345)
    with pytest.raises(errors.Unavailable):
        objects.put_if_absent(KEY, b"pixels", "application/dicom", {})
    assert objects.head(KEY) is None


@pytest.mark.parametrize("answering", [[OK, CHUNKED_412, OK, b"HTTP/1.1 100 Continue\r\n\r\n" + OK]], indirect=True)
def test_one_connection_serves_many_requests(answering: Server) -> None:
    puts = s3_put_to(answering.endpoint_url)
    body = memoryview(bytes(300_000))
    assert [puts.put_if_absent(KEY, body, "application/dicom", {}) for _ in range(4)] == [200, 412, 200, 200]
    assert (answering.connections, answering.bodies) == (1, [body] * 4)


@pytest.mark.parametrize("answering", [[OK, b"", OK]], indirect=True)
def test_a_kept_connection_that_was_closed_is_replaced(answering: Server) -> None:
    puts = s3_put_to(answering.endpoint_url)
    assert [puts.put_if_absent(KEY, b"x", "application/dicom", {}) for _ in range(2)] == [200, 200]
    assert answering.connections == 2


@pytest.mark.parametrize("answering", [[b"SSH-2.0-OpenSSH\r\n\r\n"], [b""], [b"HTTP/1.1 "]], indirect=True)
def test_something_else_than_an_answer(answering: Server) -> None:
    with pytest.raises(NoAnswer):
        s3_put_to(answering.endpoint_url).put_if_absent(KEY, b"x", "application/dicom", {})


@pytest.mark.parametrize(
    ("answering", "outcome", "bodies"),
    [([UNAVAILABLE, OK], True, 2), ([UNAVAILABLE, UNAVAILABLE], None, 2), ([UNAVAILABLE, CHUNKED_412], False, 2),
     ([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"], None, 1)],
    indirect=["answering"],
)  # fmt: skip
def test_what_may_pass_is_tried_again_once(
    answering: Server, outcome: bool | None, bodies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=answering.endpoint_url, region_name="eu-west-3")
    objects = IngestObjectStore(client, "archive")
    if outcome is None:
        with pytest.raises(errors.Unavailable):
            objects.put_if_absent(KEY, b"x", "application/dicom", {})
    else:
        assert objects.put_if_absent(KEY, b"x", "application/dicom", {}) is outcome
    assert len(answering.bodies) == bodies
