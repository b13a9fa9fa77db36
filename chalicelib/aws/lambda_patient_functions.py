"""The Lambdas beside the API that serve patients: messages, without waiting, and the printed sheet."""

from __future__ import annotations

import base64
import json
from datetime import date
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.access.access_grants import AccessGrant
from chalicelib.access.holders import Holder
from chalicelib.errors import Unavailable


class LambdaPatientMessenger:
    """Implements `access.patient_sign_in.PatientMessenger`: hands events to `functions/patient_messages.py`."""

    def __init__(self, client: Any, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def one_time_password(self, challenge_id: str) -> None:
        """Send the password of a challenge to the patient that it is about, if any."""
        self._hand_over({"challenge": challenge_id})

    def access_given(self, grant: AccessGrant, until: date) -> None:
        """Tell a patient that a professional obtained access."""
        self._hand_over({**_about(grant), "until": until.isoformat(), "proxy_id": grant.reference})

    def application_added(self, holder: Holder) -> None:
        """Tell a holder that an application was added to sign in with."""
        patient = holder.patient
        names = {"hospital": patient.hospital, "patient_id": patient.patient_id, "issuer": patient.issuer}
        self._hand_over({**names, "proxy_id": holder.proxy_id, "factor": "totp"})

    def emergency_access(self, grant: AccessGrant, on: date) -> None:
        """Tell a patient that a professional saw exams in an emergency."""
        self._hand_over({**_about(grant), "on": on.isoformat()})

    def _hand_over(self, event: dict[str, str]) -> None:
        payload = json.dumps(event).encode()
        try:
            self._client.invoke(FunctionName=self._function_name, InvocationType="Event", Payload=payload)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("Messages cannot be sent at the moment.") from error


def _about(grant: AccessGrant) -> dict[str, str]:
    return {
        "hospital": grant.patient.hospital,
        "patient_id": grant.patient.patient_id,
        "issuer": grant.patient.issuer,
        "professional": grant.professional,
    }


class LambdaPatientSheet:
    """Has `functions/patient_sheet.py` draw the sheet that is handed over."""

    def __init__(self, client: Any, function_name: str) -> None:
        self._client = client
        self._function_name = function_name

    def draw(self, sheet: dict[str, str]) -> bytes:
        """A PDF; `sheet` holds the fields of `access.patient_sheet.Sheet`, or of `access.printed_codes_sheet.Sheet`.

        Raises
        ------
        errors.Unavailable
            If it fails or does not answer.
        """
        try:
            answer = self._client.invoke(FunctionName=self._function_name, Payload=json.dumps(sheet).encode())
            outcome = json.loads(answer["Payload"].read())
        except (BotoCoreError, ClientError, ValueError) as error:
            raise Unavailable("The sheet cannot be drawn at the moment.") from error
        if answer.get("FunctionError"):
            raise Unavailable("The sheet cannot be drawn at the moment.")
        return base64.b64decode(outcome["pdf"])
