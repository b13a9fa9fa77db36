"""Sends SMS about a patient's code: a one-time password, or that a professional obtained access.

It runs apart from the API, which therefore answers as fast to a wrong code as to a right one. The event is
{"challenge": id}, {"hospital", "patient_id", "issuer", "professional", "until"}, or the same with "on" in place of
"until" for an emergency (days are YYYY-MM-DD). It never fails as a whole, so that nothing is sent twice; people ask
again.
"""

from __future__ import annotations

import time
from datetime import date

from chalicelib import wiring, wiring_meters
from chalicelib.access.patient_sign_in import make_one_time_password
from chalicelib.archive.scope import PatientRef
from chalicelib.billing.facts import SMS_SEGMENTS, MeterFact
from chalicelib.errors import Unavailable
from chalicelib.notify.announce import SmsError
from chalicelib.notify.gsm7 import segments
from chalicelib.notify.patient_message import access_given_text, emergency_access_text, one_time_password_text

logger = wiring.logger("patient-messages")


def handler(event: dict[str, str], context: object) -> dict[str, str]:
    """Send the message of an event; answer and log what became of it, without naming anybody."""
    kind, send = next((kind, send) for key, kind, send in _KINDS if key in event)
    try:
        outcome = send(event)
    except (SmsError, Unavailable) as error:
        outcome = type(error).__name__
    logger.info("patient message", extra={"kind": kind, "outcome": outcome})
    return {"outcome": outcome}


def _one_time_password(event: dict[str, str]) -> str:
    made = make_one_time_password(wiring.code_key(), wiring.challenges(), event["challenge"])
    if made is None:
        return "nothing"
    challenge, password = made
    code = wiring.patient_codes().of_index(challenge.index)
    return _send(code.patient, one_time_password_text(password)) if code else "nothing"


def _access_given(event: dict[str, str]) -> str:
    patient = PatientRef(event["hospital"], event["patient_id"], event["issuer"])
    until = date.fromisoformat(event["until"])
    return _send(patient, access_given_text(event["professional"], until, wiring.settings().public_url))


def _emergency(event: dict[str, str]) -> str:
    patient = PatientRef(event["hospital"], event["patient_id"], event["issuer"])
    on = date.fromisoformat(event["on"])
    return _send(patient, emergency_access_text(event["professional"], on, wiring.settings().public_url))


def _send(patient: PatientRef, text: str) -> str:
    # No consent is asked for: the patient wants the password, and must know who obtained access.
    contact = wiring.registry().contact(patient.hospital, patient.patient_id, patient.issuer)
    if contact is None:
        return "no-contact"
    message_id = wiring.sms().send(contact.phone_number, text)
    try:
        fact = MeterFact(patient.hospital, SMS_SEGMENTS, message_id, segments(text), int(time.time() * 1000))
        wiring_meters.facts().record(fact)
    except Unavailable:
        logger.warning("sms not metered")  # in favour of the hospital: what was sent is not sent again
    return "sent"


_KINDS = (
    ("challenge", "one-time-password", _one_time_password),
    ("until", "access-given", _access_given),
    ("on", "emergency-access", _emergency),
)
"""By what an event has: what its message is called in the log, and what sends it."""
