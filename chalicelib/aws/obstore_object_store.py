"""The archive bucket for the ingest service: instances go out by obstore, which costs a third of botocore's processor
time a request; everything else as `s3_object_store` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from obstore import put
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from chalicelib import errors
from chalicelib.aws.s3_object_store import SINGLE_PUT_BYTES, ConditionalConflict, S3ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT, TIMEOUT = "3s", "30s"
PRECONDITION_FAILED = "status code: 412"


class ObstoreObjectStore(S3ObjectStore):
    """`archive.ports.ObjectStore` on one bucket. Safe to share between threads, not between forked processes."""

    def __init__(self, client: S3Client, bucket: str, retries: int = 1) -> None:
        super().__init__(client, bucket)
        endpoint = client.meta.endpoint_url
        # Region, endpoint and credentials are those that the AWS SDK found.
        self._store = S3Store(
            bucket,
            endpoint=endpoint,
            region=client.meta.region_name,
            credential_provider=Boto3CredentialProvider(),
            checksum_algorithm="SHA256",
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": CONNECT_TIMEOUT,
                "timeout": TIMEOUT,
                "pool_idle_timeout": "20s",
            },
            retry_config={"max_retries": retries},
        )

    def _put_if_absent_once(
        self, key: str, body: bytes | memoryview, content_type: str, metadata: Mapping[str, str]
    ) -> bool:
        if len(body) > SINGLE_PUT_BYTES:
            return super()._put_if_absent_once(key, body, content_type, metadata)
        attributes: dict[str, Any] = {"Content-Type": content_type, **metadata}
        try:
            put(self._store, key, body, attributes=attributes, mode="create", use_multipart=False)
        except AlreadyExistsError as error:
            if PRECONDITION_FAILED in str(error):
                return False
            # The same error stands for a key that another writer is about to create (409), which proves nothing yet.
            raise ConditionalConflict("The same instance is being written.") from error
        except (BaseError, OSError) as error:
            # Its text holds the request's address and the answer's body.
            raise errors.Unavailable("The archive bucket does not answer or refused the request.") from error
        return True
