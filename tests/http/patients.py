"""A patient who was handed a code, the function that sends SMS run in this process, and the SMS that were sent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import requests
from chalice.test import TestHTTPClient as HttpClient

from chalicelib import wiring
from chalicelib.access.model import Contact
from chalicelib.access.patient_codes import hand_over, prepare_code
from chalicelib.archive.scope import PatientRef
from chalicelib.functions import patient_messages
from tests.emulator import Cloud

JSON = {"Content-Type": "application/json"}
BORN = "1976-02-01"


class MessagesFunction:
    """Invokes the function as Lambda does, but at once."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        self.outcomes: list[str] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        assert request["InvocationType"] == "Event"
        event = json.loads(request["Payload"])
        self.events.append(event)
        self.outcomes.append(patient_messages.handler(event, None)["outcome"])
        return {"StatusCode": 202}


@dataclass
class Patients:
    """What tests do as patients."""

    http: HttpClient
    cloud: Cloud
    function: MessagesFunction

    def make(
        self, hospital: str = "nord", patient_id: str = "P1", *, phone: bool = True
    ) -> tuple[PatientRef, str, str]:
        """A patient with a code: (patient, code, phone number)."""
        patient = PatientRef(hospital, patient_id)
        code, kept = prepare_code(wiring.code_key(), patient, BORN, 365)
        hand_over(wiring.registry(), wiring.patient_codes(), kept)
        # Every test has numbers of its own: the emulator keeps the messages of all.
        number = f"+3363998{abs(hash((self.cloud.settings['registry_table'], hospital, patient_id))) % 10_000:04}"
        if phone:
            wiring.registry().put_contact(Contact(hospital, patient_id, "", number, False))
        return patient, code, number

    def begin(self, code: str, birth_date: str = BORN, address: str = "192.0.2.1", means: str = "") -> Any:
        """First step."""
        body = {"code": code, "birth_date": birth_date, **({"means": means} if means else {})}
        return self._post("/api/patient-session", body, address)

    def finish(self, challenge: str, password: str, address: str = "192.0.2.1") -> Any:
        """Second step."""
        body = {"challenge": challenge, "one_time_password": password}
        return self._post("/api/patient-session/one-time-password", body, address)

    def enter(self, code: str, number: str, address: str = "192.0.2.1") -> dict[str, str]:
        """Both steps: headers with the session's token."""
        challenge = self.begin(code, address=address).json_body["challenge"]
        return session_of(self.finish(challenge, self.password(number), address))

    def enter_with(self, means: str, code: str, password: str, birth_date: str = BORN) -> Any:
        """Both steps by other means than SMS: the answer to the second."""
        return self.finish(self.begin(code, birth_date, means=means).json_body["challenge"], password)

    def messages(self, number: str) -> list[str]:
        """Texts sent to a number, oldest first."""
        url = f"{self.cloud.emulator.endpoint_url}/_ministack/sns/sms-messages"
        by_phone = requests.get(url, timeout=10).json()["sms_messages"]
        return [message["Message"] for message in by_phone.get(number, [])]

    def password(self, number: str) -> str:
        """The one-time password sent last."""
        found = re.search(r"\b[0-9]{6}\b", self.messages(number)[-1])
        assert found
        return found[0]

    def _post(self, path: str, body: dict[str, str], address: str) -> Any:
        headers = {**JSON, "X-Viewer-Address": address}
        return self.http.post(path, headers=headers, body=json.dumps(body).encode())


def session_of(answer: Any) -> dict[str, str]:
    """Headers with the session's token of an answer that opened one."""
    assert answer.status_code == 200, answer.body
    token = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    return {"Authorization": f"Bearer {token}"}
