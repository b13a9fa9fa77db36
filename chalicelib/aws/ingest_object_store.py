"""The archive bucket for the ingest service: instances go out by `s3_put`, which costs a tenth of botocore's processor
time; everything else as `s3_object_store` does."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.aws.clients import credentials
from chalicelib.aws.s3_object_store import SINGLE_PUT_BYTES, ConditionalConflict, S3ObjectStore
from chalicelib.aws.s3_put import S3Put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RETRY_AFTER_S = 0.1


class IngestObjectStore(S3ObjectStore):
    """`archive.ports.ObjectStore` on one bucket. Safe to share between threads."""

    def __init__(self, client: S3Client, bucket: str, retries: int = 1) -> None:
        super().__init__(client, bucket)
        self._put = S3Put(client, credentials(), bucket)
        self._retries = retries

    def _put_if_absent_once(
        self, key: str, body: bytes | memoryview, content_type: str, metadata: Mapping[str, str]
    ) -> bool:
        if len(body) > SINGLE_PUT_BYTES:
            return super()._put_if_absent_once(key, body, content_type, metadata)
        for attempt in range(self._retries + 1):
            if attempt:
                time.sleep(RETRY_AFTER_S * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            try:
                status = self._put.put_if_absent(key, body, content_type, metadata)
            except OSError:
                continue
            if status == 200:
                return True
            if status == 412:
                return False
            if status == 409:
                raise ConditionalConflict("The same instance is being written.")
            if status < 500:
                break
        raise errors.Unavailable("The archive bucket does not answer or refused the request.")
