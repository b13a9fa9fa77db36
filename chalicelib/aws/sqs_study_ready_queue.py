"""The delay queue on SQS that leads to a study being ready."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY_S = 900
"""SQS's limit; a longer quiet time is reached in several rounds."""


class SqsStudyReadyQueue:
    """`archive.ports.StudyReadyQueue` on one queue."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client: Any = client
        self._queue_url = queue_url

    def schedule(self, hospital: str, study_instance_uid: str, last_received_at_ms: int, delay_s: int) -> None:
        """Deliver the study once, or more often, after min(delay_s, 900) seconds."""
        message = {
            "hospital": hospital,
            "study_instance_uid": study_instance_uid,
            "last_received_at_ms": last_received_at_ms,
        }
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=json.dumps(message),
                DelaySeconds=max(0, min(delay_s, LONGEST_DELAY_S)),
            )
        except (ClientError, BotoCoreError) as error:
            raise errors.Unavailable("The queue of studies does not answer.") from error
