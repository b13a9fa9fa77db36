"""Invoices are issued by a Lambda of their own: PDF and XML libraries are too heavy for the API's cold start."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import errors


class LambdaInvoicer:
    """Invokes `functions/invoices.py` and waits."""

    def __init__(self, client: Any, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def issue(self, hospital: str, period: str) -> str:
        """Issue the invoice of a month with its documents; return its number, "" when there is nothing to invoice.

        Raises
        ------
        errors.Conflict
            If the month is not over or an account is missing.
        errors.Unavailable
            If it fails or does not answer.
        """
        return self._invoke(hospital, period=period)

    def credit(self, hospital: str, dispute: str) -> str:
        """Issue the credit note of an accepted dispute with its documents; return its number. Raises as `issue`."""
        return self._invoke(hospital, dispute=dispute)

    def _invoke(self, hospital: str, **asked: str) -> str:
        payload = json.dumps({"hospital": hospital, **asked}).encode()
        try:
            answer = self._client.invoke(FunctionName=self._function_name, Payload=payload)
            outcome = json.loads(answer["Payload"].read())
        except (ClientError, BotoCoreError, ValueError) as error:
            raise errors.Unavailable("Invoices cannot be issued at the moment.") from error
        if answer.get("FunctionError"):
            raise errors.Unavailable("Invoices cannot be issued at the moment.")
        found = outcome["hospitals"][hospital]
        if "error" in found:
            kind = {"Conflict": errors.Conflict, "NotFound": errors.NotFound}.get(found["error"], errors.Unavailable)
            raise kind(found["message"])
        return str(found["number"])
