"""The queue of series to pack on SQS: FIFO, so that asking again and again for minutes is one message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors
from chalicelib.archive.model import SeriesRecord

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsPackQueue:
    """`archive.ports.PackQueue` on one queue. Of equal requests within five minutes SQS delivers one."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client: Any = client
        self._queue_url = queue_url

    def request(self, series: SeriesRecord, etag: str) -> None:
        """Have a series packed."""
        message = {
            "hospital": series.hospital,
            "study_instance_uid": series.study_instance_uid,
            "series_instance_uid": series.series_instance_uid,
        }
        self._send(message, etag)

    def request_zip(self, all_series: Sequence[SeriesRecord], etag: str) -> None:
        """Have series of one study made a ZIP file."""
        first = all_series[0]
        message = {
            "hospital": first.hospital,
            "study_instance_uid": first.study_instance_uid,
            "zipped_series": [series.series_instance_uid for series in all_series],
        }
        self._send(message, etag)

    def _send(self, message: dict[str, Any], etag: str) -> None:
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=json.dumps(message),
                MessageGroupId=etag,
                MessageDeduplicationId=etag,
            )
        except (ClientError, BotoCoreError) as error:
            raise errors.Unavailable("The queue of packs does not answer.") from error
