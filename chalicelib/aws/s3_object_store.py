"""The archive bucket on S3."""

from __future__ import annotations

import base64
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors
from chalicelib.archive.model import ByteRange, ObjectHead
from chalicelib.aws.clients import credentials
from chalicelib.aws.s3_get import S3Get

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from chalicelib.archive.ports import RangeCheck
    from chalicelib.aws.s3_staged_upload import S3StagedUpload

SMALLEST_PART_BYTES = 5 << 20
"""S3 refuses smaller parts but for the last one (EntityTooSmall)."""
LARGEST_PART_BYTES = 1 << 30
"""S3 copies up to 5 GiB a part; smaller parts keep a request within the client's timeout."""
SINGLE_PUT_BYTES = 64 << 20
CONFLICT_ATTEMPTS = 5
CHECKED_AT_ONCE_BYTES = 16 << 20

Answer = TypeVar("Answer")


class S3ObjectStore:
    """`archive.ports.ObjectStore` on one bucket. Safe to share between threads."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client: Any = client
        self._bucket = bucket
        self._get = S3Get(client, credentials(), bucket)

    def put_if_absent(self, key: str, body: bytes | memoryview, content_type: str, metadata: Mapping[str, str]) -> bool:
        """Write with a SHA-256 checksum unless the key exists; return whether it was written.

        Bodies above 64 MiB go up in parts, so that a lost connection costs a part, and are completed if absent.
        """
        for attempt in range(CONFLICT_ATTEMPTS):
            try:
                return self._put_if_absent_once(key, body, content_type, metadata)
            except ConditionalConflict:
                if attempt == CONFLICT_ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0.02, 0.2) * (attempt + 1))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    def _put_if_absent_once(
        self, key: str, body: bytes | memoryview, content_type: str, metadata: Mapping[str, str]
    ) -> bool:
        if len(body) > SINGLE_PUT_BYTES:
            if self.head(key):
                return False
            return self._upload_in_parts(key, _slices(body), content_type, metadata, if_absent=True) is not None
        try:
            _call(
                self._client.put_object,
                Bucket=self._bucket,
                Key=key,
                Body=bytes(body),
                ContentType=content_type,
                Metadata=dict(metadata),
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
            )
        except _PreconditionFailed:
            return False
        return True

    def put(self, key: str, body: bytes, content_type: str, content_encoding: str = "") -> None:
        """Write derived data, replacing what was there."""
        encoding = {"ContentEncoding": content_encoding} if content_encoding else {}
        _call(
            self._client.put_object,
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            ChecksumAlgorithm="SHA256",
            **encoding,
        )

    def head(self, key: str) -> ObjectHead | None:
        """Size, time and metadata, or None when there is no such object."""
        try:
            answer = _call(self._client.head_object, Bucket=self._bucket, Key=key)
        except errors.NotFound:
            return None
        return _object_head(key, answer, answer["ContentLength"])

    def crc32(self, key: str) -> int:
        """CRC-32 of an object: ingest gives it to S3 for all but large objects, which are read.

        Raises
        ------
        errors.NotFound
            Without the object.
        """
        head = _call(self._client.head_object, Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        kept = head.get("ChecksumCRC32", "")
        if kept and "-" not in kept:  # A dash: of the parts' checksums.
            return int.from_bytes(base64.b64decode(kept), "big")
        computed = 0
        for start in range(0, head["ContentLength"], CHECKED_AT_ONCE_BYTES):
            computed = zlib.crc32(self.read(key, start, CHECKED_AT_ONCE_BYTES), computed)
        return computed

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `start`, fewer at the end of the object.

        Raises
        ------
        errors.NotFound
            Without the object.
        """
        if length is not None and length <= 0:
            return b""
        # A sixth of botocore's processor time; whatever is not a plain success is botocore's to repeat or to explain.
        with suppress(OSError):
            body = self._get.read(key, start, length)
            if body is not None:
                return bytes(body)
        return self.read_with_head(key, start, length)[1]

    def read_with_head(self, key: str, start: int = 0, length: int | None = None) -> tuple[ObjectHead | None, bytes]:
        """Like `read`, with what `head` says; the head is None when nothing of the object is in the range."""
        if length is not None and length <= 0:
            return None, b""
        whole = start == 0 and length is None
        last = "" if length is None else str(start + length - 1)
        byte_range = {} if whole else {"Range": f"bytes={start}-{last}"}

        def get() -> tuple[ObjectHead, bytes]:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **byte_range)
            size = int(answer["ContentRange"].rpartition("/")[2]) if "ContentRange" in answer else None
            body = answer["Body"].read()
            return _object_head(key, answer, len(body) if size is None else size), body

        try:
            return _call(get)
        except _RangeNotSatisfiable:
            return None, b""

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Objects below a prefix in key order, without metadata."""
        token: dict[str, str] = {}
        while True:
            answer = _call(self._client.list_objects_v2, Bucket=self._bucket, Prefix=prefix, **token)
            for item in answer.get("Contents", ()):
                yield ObjectHead(item["Key"], item["Size"], int(item["LastModified"].timestamp() * 1000))
            if not answer.get("IsTruncated"):
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def assemble(
        self,
        key: str,
        parts: Sequence[bytes | ByteRange],
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        check: RangeCheck | None = None,
    ) -> int:
        """Concatenate bytes and ranges of other objects into one object; return its size in bytes.

        Raises
        ------
        errors.NotFound
            If an object that a range names is gone or too short. Nothing is left behind on failure.
        """
        from chalicelib.aws import s3_assembly

        target = {"Bucket": self._bucket, "Key": key}
        upload = _call(
            self._client.create_multipart_upload,
            **target,
            ContentType=content_type,
            Metadata=dict(metadata or {}),
            ChecksumAlgorithm=s3_assembly.CHECKSUM,
        )
        with self._aborted_on_failure(target | {"UploadId": upload["UploadId"]}) as target:
            assembly = s3_assembly.Assembly(self._client, _call, self.read, target)
            uploaded = assembly.upload(s3_assembly.plan(parts, may_copy=check is None), check)
            _call(self._client.complete_multipart_upload, **target, MultipartUpload={"Parts": uploaded})
        return sum(map(s3_assembly.length_of, parts))

    def copy_if_absent(self, source: ByteRange, key: str, content_type: str, metadata: Mapping[str, str]) -> bool:
        """Copy within the bucket, by the service, unless the key exists; return whether it was written."""
        parts = _copies(source.key, source.start, source.start + source.length)
        return self._upload_in_parts(key, parts, content_type, metadata, if_absent=True) is not None

    def stage(self) -> S3StagedUpload:
        """Begin an object whose key is known only at its end."""
        from chalicelib.aws.s3_staged_upload import S3StagedUpload

        return S3StagedUpload(self, self._client, self._bucket)

    def _upload_in_parts(
        self,
        key: str,
        parts: Iterator[bytes | ByteRange],
        content_type: str,
        metadata: Mapping[str, str],
        if_absent: bool,
    ) -> str | None:
        """Multipart upload; its ETag, or None when the key existed. Aborted on any failure."""
        target = {"Bucket": self._bucket, "Key": key}
        upload = _call(
            self._client.create_multipart_upload, **target, ContentType=content_type, Metadata=dict(metadata),
            ChecksumAlgorithm="SHA256",
        )  # fmt: skip
        try:
            with self._aborted_on_failure(target | {"UploadId": upload["UploadId"]}) as target:
                uploaded = [self.upload_part(target, number, part) for number, part in enumerate(parts, start=1)]
                condition = {"IfNoneMatch": "*"} if if_absent else {}
                answer = _call(
                    self._client.complete_multipart_upload, **target, MultipartUpload={"Parts": uploaded}, **condition
                )
        except _PreconditionFailed:
            return None
        return str(answer["ETag"])

    @contextmanager
    def _aborted_on_failure(self, target: dict[str, str]) -> Iterator[dict[str, str]]:
        """A multipart upload that leaves nothing behind unless it is completed."""
        try:
            yield target
        except BaseException:
            # What cannot be aborted goes by the bucket's lifecycle rule for unfinished uploads.
            with suppress(BotoCoreError, ClientError):
                self._client.abort_multipart_upload(**target)
            raise

    def upload_part(self, target: Mapping[str, str], number: int, part: bytes | ByteRange) -> dict[str, Any]:
        """Upload a part, or copy it; return what completes the upload with it."""
        if isinstance(part, bytes):
            answer = _call(self._client.upload_part, **target, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256")
        else:
            copied = _call(
                self._client.upload_part_copy,
                **target,
                PartNumber=number,
                CopySource={"Bucket": self._bucket, "Key": part.key},
                CopySourceRange=f"bytes={part.start}-{part.start + part.length - 1}",
            )
            answer = copied["CopyPartResult"]
        checksum = {"ChecksumSHA256": answer["ChecksumSHA256"]} if "ChecksumSHA256" in answer else {}
        return {"PartNumber": number, "ETag": answer["ETag"], **checksum}


class _PreconditionFailed(Exception):
    """The key exists (412)."""


class ConditionalConflict(errors.Unavailable):
    """Another writer of the same key was under way (409): the outcome is not known yet."""


class _RangeNotSatisfiable(Exception):
    """The range begins at or after the end of the object (416)."""


def _call(operation: Callable[..., Answer], **parameters: Any) -> Answer:
    """Run an operation of S3, its errors translated."""
    try:
        return operation(**parameters)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 412 or code == "PreconditionFailed":
            raise _PreconditionFailed from error
        if code == "ConditionalRequestConflict":
            raise ConditionalConflict("The same instance is being written.") from error
        if status == 416 or code == "InvalidRange":
            raise _RangeNotSatisfiable from error
        if code in ("NoSuchKey", "404", "NotFound"):
            raise errors.NotFound("There is no such object.") from error
        raise errors.Unavailable(f"The archive bucket refused the request ({code}).") from error
    except BotoCoreError as error:
        raise errors.Unavailable("The archive bucket does not answer.") from error


def _object_head(key: str, answer: Mapping[str, Any], size_bytes: int) -> ObjectHead:
    modified_ms = int(answer["LastModified"].timestamp() * 1000)
    return ObjectHead(key, size_bytes, modified_ms, dict(answer.get("Metadata", {})))


def _slices(body: bytes | memoryview) -> Iterator[bytes | ByteRange]:
    part_bytes = max(16 << 20, -(-len(body) // 10_000))
    for start in range(0, len(body), part_bytes):
        yield bytes(body[start : start + part_bytes])


def _copies(key: str, start: int, end: int) -> Iterator[ByteRange]:
    """A range cut into parts that S3 copies, none of them too small."""
    while end - start > LARGEST_PART_BYTES + SMALLEST_PART_BYTES:
        yield ByteRange(key, start, LARGEST_PART_BYTES)
        start += LARGEST_PART_BYTES
    yield ByteRange(key, start, end - start)
