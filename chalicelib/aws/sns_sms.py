"""SMS through SNS."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

from chalicelib.notify.announce import NotSent, NumberRefused, OutcomeUnknown

NUMBER_ERRORS = frozenset({"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "OptedOut"})
NEVER_SENT = (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    CredentialRetrievalError,
    ParamValidationError,
)


class SnsSms:
    """Implements `notify.announce.SmsSender`. The client must not retry: a retry after a timeout may send twice."""

    def __init__(self, sns: Any, sender_id: str) -> None:
        self._sns = sns
        self._attributes = {
            "AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": sender_id},
            "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"},
        }

    def send(self, phone_number: str, text: str) -> str:
        """Publish to a number (E.164)."""
        try:
            answer = self._sns.publish(PhoneNumber=phone_number, Message=text, MessageAttributes=self._attributes)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in NUMBER_ERRORS:
                raise NumberRefused(code) from error
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise NotSent(code) from error
            raise OutcomeUnknown(code) from error
        except NEVER_SENT as error:
            raise NotSent(type(error).__name__) from error
        except BotoCoreError as error:
            raise OutcomeUnknown(type(error).__name__) from error
        return str(answer["MessageId"])
