"""How much waits in the queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable

ATTRIBUTES = {
    "ApproximateNumberOfMessages": "available",
    "ApproximateNumberOfMessagesNotVisible": "in_flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}


class SqsQueueDepths:
    """Reads approximate numbers of messages."""

    def __init__(self, sqs: Any, urls: Mapping[str, str]) -> None:
        self._sqs = sqs
        self._urls = {name: url for name, url in urls.items() if url}

    def read(self) -> list[dict[str, Any]]:
        """`{"name", "available", "in_flight", "delayed"}` of each queue."""
        return [{"name": name, **self._depths(url)} for name, url in self._urls.items()]

    def _depths(self, url: str) -> dict[str, int]:
        try:
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(ATTRIBUTES))
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("The queues did not answer.") from error
        return {name: int(answer["Attributes"][attribute]) for attribute, name in ATTRIBUTES.items()}
