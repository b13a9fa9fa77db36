"""Requests for the objects of one bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chalicelib.aws.signed_requests import SignedRequests

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Requests(SignedRequests):
    """Requests of S3's REST interface, with the bucket in the path."""

    def __init__(self, client: S3Client, credentials: Any, bucket: str) -> None:
        super().__init__("s3", client, credentials)
        self._bucket = bucket

    def path(self, key: str) -> str:
        """Path of an object."""
        return f"/{self._bucket}/{quote(key, safe='/-_.~')}"
