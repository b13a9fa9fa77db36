"""An object that arrives in parts and gets its key at the end: multipart upload below `staging/`, then a copy by S3."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors
from chalicelib.archive.model import ByteRange

if TYPE_CHECKING:
    from chalicelib.aws.s3_object_store import S3ObjectStore

STAGING_PREFIX = "staging/"


class S3StagedUpload:
    """`archive.ports.StagedUpload`. Of one thread."""

    def __init__(self, objects: S3ObjectStore, client: Any, bucket: str) -> None:
        self._objects = objects
        self._client = client
        self._target: dict[str, str] = {"Bucket": bucket, "Key": STAGING_PREFIX + uuid.uuid4().hex}
        self._parts: list[dict[str, Any]] = []
        self._size_bytes = 0

    def write(self, part: bytes) -> None:
        """Upload the next part; the first one begins the upload."""
        if "UploadId" not in self._target:
            answer = self._call(self._client.create_multipart_upload, ChecksumAlgorithm="SHA256")
            self._target["UploadId"] = answer["UploadId"]
        self._parts.append(self._objects.upload_part(self._target, len(self._parts) + 1, part))
        self._size_bytes += len(part)

    def publish_if_absent(self, key: str, content_type: str, metadata: Mapping[str, str]) -> bool:
        """Complete below `staging/`, copy unless the key exists, forget the staged object."""
        self._call(self._client.complete_multipart_upload, MultipartUpload={"Parts": self._parts})
        del self._target["UploadId"]
        try:
            return self._objects.copy_if_absent(
                ByteRange(self._target["Key"], 0, self._size_bytes), key, content_type, metadata
            )
        finally:
            with suppress(BotoCoreError, ClientError):
                self._client.delete_object(**self._target)

    def abandon(self) -> None:
        """Abort the upload, if one is under way."""
        if "UploadId" in self._target:
            with suppress(BotoCoreError, ClientError):
                self._client.abort_multipart_upload(**self._target)
            del self._target["UploadId"]

    def _call(self, operation: Any, **parameters: Any) -> Any:
        try:
            return operation(**self._target, **parameters)
        except (BotoCoreError, ClientError) as error:
            raise errors.Unavailable("The archive bucket does not answer or refused the request.") from error
