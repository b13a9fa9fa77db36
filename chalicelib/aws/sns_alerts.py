"""Alerts to whoever subscribed to a topic."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors


class SnsAlerts:
    """Implements `billing.cost.budget.Alerts`; without a topic nobody is told."""

    def __init__(self, sns: Any, topic_arn: str) -> None:
        self._sns = sns
        self._topic_arn = topic_arn

    def send(self, subject: str, text: str) -> None:
        """Tell whoever subscribed."""
        if not self._topic_arn:
            return
        try:
            self._sns.publish(TopicArn=self._topic_arn, Subject=_ascii(subject), Message=text)
        except (ClientError, BotoCoreError) as error:
            raise errors.Unavailable("The alert was not sent.") from error


def _ascii(subject: str) -> str:
    """SNS takes subjects of at most 100 printable ASCII characters.

    >>> _ascii("Sans Film : budget dépassé")
    'Sans Film : budget d?pass?'
    """
    return subject.encode("ascii", "replace").decode()[:100]
