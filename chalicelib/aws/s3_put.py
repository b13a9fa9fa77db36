"""PutObject of S3 for objects in memory, with a CRC32 that S3 verifies and keeps (docs/adr/0019-ingest-speed.md)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from isal.isal_zlib import crc32

from chalicelib.aws.s3_requests import S3Requests
from chalicelib.aws.signed_requests import Body


class S3Put(S3Requests):
    """Sends objects to one bucket. Safe to share between threads."""

    def put_if_absent(self, key: str, body: Body, content_type: str, metadata: Mapping[str, str]) -> int:
        """Send an object unless its key exists; return the status of the answer (200, 409, 412, 503, ...).

        Raises
        ------
        OSError
            If there is no connection or no answer: whether the object was written is not known.
        """
        headers = {
            "content-type": content_type,
            "if-none-match": "*",
            "x-amz-checksum-crc32": base64.b64encode(crc32(body).to_bytes(4, "big")).decode(),
            **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
        }
        answer = self.request("PUT", self.path(key), headers, body)
        answer.forget()
        return answer.status
