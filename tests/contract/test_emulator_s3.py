"""localstack/emulator_s3.py: objects are stored, verified and answered as ministack does by itself."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.ingest_object_store import IngestObjectStore
from tests.emulator import AS_RUN, REGION, Emulator

BUCKET = "archive-of-objects"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    """The emulator as it is run, with a bucket."""
    state_dir = Path(tempfile.mkdtemp(prefix="sansfilm-objects-"))
    running = Emulator(state_dir, command=AS_RUN)
    running.start()
    try:
        location: Any = {"LocationConstraint": REGION}
        running.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        yield running
    finally:
        running.kill()
        shutil.rmtree(state_dir, ignore_errors=True)


@pytest.fixture
def objects(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> IngestObjectStore:
    for name, value in emulator.environment().items():
        monkeypatch.setenv(name, value)
    return IngestObjectStore(boto3.client("s3"), BUCKET, retries=0)


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 << 20, 40 << 20])
def test_bodies_of_every_size(objects: IngestObjectStore, size: int) -> None:
    body = os.urandom(size)
    for expected in (True, False):
        assert objects.put_if_absent(f"a/{size}", body, "application/dicom", {"hospital": "nord"}) is expected
    head, read = objects.read_with_head(f"a/{size}")
    assert read == body
    assert size == 0 or (head is not None and head.metadata == {"hospital": "nord"})


def test_objects_survive_a_kill_and_have_their_checksum(emulator: Emulator, objects: IngestObjectStore) -> None:
    assert objects.put_if_absent("kept/x", b"pixels", "application/dicom", {})
    emulator.kill()
    emulator.start()
    head = emulator.client("s3").head_object(Bucket=BUCKET, Key="kept/x", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumCRC32"]) == zlib.crc32(b"pixels").to_bytes(4, "big")
    assert objects.read("kept/x") == b"pixels"


def test_a_wrong_checksum_is_refused(emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=BUCKET, Key="damaged", Body=b"pixels", ChecksumCRC32="AAAAAA==")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=BUCKET, Key="damaged")


def test_other_requests_share_a_connection_with_objects(emulator: Emulator, objects: IngestObjectStore) -> None:
    path = objects._put.path("shared")
    headers = objects._put.signed("PUT", path, {"x-amz-checksum-crc32": "AAAAAA=="}, time.gmtime())
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    put = f"PUT {path} HTTP/1.1\r\n{lines}content-length: 0\r\n\r\n".encode()
    get = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", emulator.port)) as connection:
        connection.sendall(put + put + get)
        received = b""
        while more := connection.recv(65536):
            received += more
    assert received.count(b"HTTP/1.1 200") == 3


def test_a_client_that_leaves_within_a_body(emulator: Emulator, objects: IngestObjectStore) -> None:
    path = objects._put.path("left")
    headers = objects._put.signed("PUT", path, {"x-amz-checksum-crc32": "AAAAAA=="}, time.gmtime())
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", emulator.port)) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\n{lines}content-length: 1000000\r\n\r\n".encode() + bytes(200_000))
    assert objects.put_if_absent("after", b"x", "application/dicom", {})
    assert objects.head("left") is None
