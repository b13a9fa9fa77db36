"""Sends SMS: one-time passwords of patients and links, that a professional obtained access, an added application.

It runs apart from the API, which therefore answers as fast to a wrong code as to a right one. The event is
{"challenge": id}, {"hospital", "patient_id", "issuer", "professional", "until"}, or the same with "on" in place of
"until" for an emergency (days are YYYY-MM-DD), or {"hospital", "patient_id", "issuer", "proxy_id", "factor"}. It never
fails as a whole, so that nothing is sent twice; people ask again.
"""

from __future__ import annotations

import time
from datetime import date

from chalicelib import wiring, wiring_meters, wiring_patients
from chalicelib.access.holders import Holder
from chalicelib.access.patient_sign_in import make_one_time_password
from chalicelib.access.share_opening import share_of_challenge
from chalicelib.archive.scope import PatientRef
from chalicelib.billing.facts import SMS_SEGMENTS, MeterFact
from chalicelib.errors import Unavailable
from chalicelib.notify.announce import SmsError
from chalicelib.notify.gsm7 import segments
from chalicelib.notify.patient_message import (
    access_given_text,
    application_added_text,
    emergency_access_text,
    one_time_password_text,
    share_password_text,
)

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
    if share := share_of_challenge(wiring.shares(), challenge):
        paying = share.maker_hospital or share.grants[0].hospital
        return _send(share.phone_number, share_password_text(password), paying)
    code = wiring.patient_codes().of_index(challenge.index)
    return _send_to(code.holder, one_time_password_text(password)) if code else "nothing"


def _access_given(event: dict[str, str]) -> str:
    patient = PatientRef(event["hospital"], event["patient_id"], event["issuer"])
    until = date.fromisoformat(event["until"])
    text = access_given_text(event["professional"], until, wiring.settings().public_url)
    outcome = _send_to(Holder(patient), text)
    proxy_id = event.get("proxy_id", "")
    # A child has no telephone; who gave the access has to know that it was used.
    return _send_to(Holder(patient, proxy_id), text) if proxy_id and outcome == "no-contact" else outcome


def _emergency(event: dict[str, str]) -> str:
    patient = PatientRef(event["hospital"], event["patient_id"], event["issuer"])
    on = date.fromisoformat(event["on"])
    text = emergency_access_text(event["professional"], on, wiring.settings().public_url)
    return _send_to(Holder(patient), text)


def _application_added(event: dict[str, str]) -> str:
    patient = PatientRef(event["hospital"], event["patient_id"], event["issuer"])
    return _send_to(Holder(patient, event["proxy_id"]), application_added_text())


def _send_to(holder: Holder, text: str) -> str:
    # No consent is asked for: the patient wants the password, and must know who obtained access.
    patient = holder.patient
    number = _number(holder)
    if not number:
        return "no-contact"
    return _send(number, text, patient.hospital)


def _send(number: str, text: str, hospital: str) -> str:
    message_id = wiring.sms().send(number, text)
    try:
        fact = MeterFact(hospital, SMS_SEGMENTS, message_id, segments(text), int(time.time() * 1000))
        wiring_meters.facts().record(fact)
    except Unavailable:
        logger.warning("sms not metered")  # in favour of the hospital: what was sent is not sent again
    return "sent"


def _number(holder: Holder) -> str:
    if holder.proxy_id:
        proxy = wiring_patients.proxies().of_holder(holder)
        return proxy.phone_number if proxy else ""
    contact = wiring.registry().contact(holder.patient.hospital, holder.patient.patient_id, holder.patient.issuer)
    return contact.phone_number if contact else ""


_KINDS = (
    ("challenge", "one-time-password", _one_time_password),
    ("until", "access-given", _access_given),
    ("on", "emergency-access", _emergency),
    ("factor", "application-added", _application_added),
)
"""By what an event has: what its message is called in the log, and what sends it."""
