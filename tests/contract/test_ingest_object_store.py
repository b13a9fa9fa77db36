"""`IngestObjectStore` does what `S3ObjectStore` does, and staged uploads leave nothing behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib import errors, wiring
from chalicelib.aws.ingest_object_store import IngestObjectStore
from tests.emulator import Cloud, free_port

PART = bytes(range(256)) * (5 << 12)
METADATA = {"hospital": "nord", "correlation-id": "c1", "received-at-ms": "1"}
KEY = "archive/nord/1.2/1.3/1.4/x.dcm"


@pytest.fixture
def objects(cloud: Cloud) -> IngestObjectStore:
    """The bucket of the test."""
    return wiring.ingest_object_store()


def uploads(cloud: Cloud) -> list[Any]:
    """Multipart uploads under way."""
    found: list[Any] = (
        cloud.client("s3").list_multipart_uploads(Bucket=cloud.settings["archive_bucket"]).get("Uploads", [])
    )
    return found


def test_put_if_absent(cloud: Cloud, objects: IngestObjectStore) -> None:
    body = memoryview(bytearray(b"x" * 1000))[10:500]
    assert objects.put_if_absent(KEY, body, "application/dicom", METADATA)
    assert not objects.put_if_absent(KEY, b"other", "application/dicom", METADATA)
    assert objects.read(KEY) == b"x" * 490
    head = cloud.client("s3").head_object(Bucket=cloud.settings["archive_bucket"], Key=KEY, ChecksumMode="ENABLED")
    assert (head["Metadata"], head["ContentType"]) == (METADATA, "application/dicom")
    assert head["ChecksumCRC32"]


def test_one_of_many_writers_wins(objects: IngestObjectStore) -> None:
    def write(number: int) -> bool:
        return objects.put_if_absent(KEY, bytes([number]) * 100_000, "application/dicom", METADATA)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == [False] * 7 + [True]


@pytest.mark.parametrize("bucket", ["", "no-such-bucket"])
def test_unavailable(cloud: Cloud, bucket: str) -> None:
    endpoint = cloud.emulator.endpoint_url if bucket else f"http://127.0.0.1:{free_port()}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    )
    objects = IngestObjectStore(client, bucket or "archive", retries=0)
    with pytest.raises(errors.Unavailable) as refused:
        objects.put_if_absent("archive/secret-name", b"x", "application/dicom", METADATA)
    assert "secret-name" not in str(refused.value)


def test_staged_upload(cloud: Cloud, objects: IngestObjectStore) -> None:
    for written in (True, False):
        upload = objects.stage()
        for part in (PART, PART, b"end"):
            upload.write(part)
        assert [head.key for head in objects.list("")] == ([] if written else [KEY])
        assert upload.publish_if_absent(KEY, "application/dicom", METADATA) is written
        upload.abandon()
        assert objects.read(KEY) == PART + PART + b"end"
        assert [head.key for head in objects.list("")] == [KEY]
        assert not uploads(cloud)
    head = objects.head(KEY)
    assert head is not None
    assert head.metadata == METADATA


def test_abandoned_upload(cloud: Cloud, objects: IngestObjectStore) -> None:
    upload = objects.stage()
    upload.abandon()
    upload.write(PART)
    assert len(uploads(cloud)) == 1
    upload.abandon()
    upload.abandon()
    assert not uploads(cloud)
    assert not list(objects.list(""))
