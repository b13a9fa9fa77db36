"""Telling a patient by SMS that an exam is available: at most once per study, whatever is redelivered or crashes.

The notification is claimed in the registry before SNS is called. A claim whose outcome is unknown (a crash, or SNS
did not answer) is never repeated: operators see it and decide.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from chalicelib.access.contacts import LO_CHARACTERS
from chalicelib.access.ports import Registry
from chalicelib.errors import Unavailable
from chalicelib.notify.message import exam_available


class State(Enum):
    """Of a study's notification."""

    CLAIMED = "claimed"
    """Someone is about to send, or crashed in the attempt."""
    SENT = "sent"
    """SNS accepted the message."""
    UNKNOWN = "unknown"
    """SNS may have accepted the message."""
    REFUSED = "refused"
    """SNS refused the number."""
    RELEASED = "released"
    """SNS certainly did not accept the message; to be tried again."""
    NO_CONTACT = "no-contact"
    NO_CONSENT = "no-consent"


CLAIMABLE = frozenset({State.RELEASED, State.NO_CONTACT, State.NO_CONSENT})
OPEN = frozenset({State.CLAIMED, State.UNKNOWN})
"""Operators look at these."""


class SmsError(Exception):
    """A message was not sent, or nobody knows."""


class NotSent(SmsError):
    """The message certainly was not accepted; trying again may help."""


class NumberRefused(SmsError):
    """The message was not accepted because of its number; trying again is pointless."""


class OutcomeUnknown(SmsError):
    """The message may have been accepted."""


@dataclass(frozen=True)
class Notification:
    """What is known about the notification of a study."""

    hospital: str
    study_instance_uid: str
    state: State
    changed_at_ms: int
    detail: str = ""


class Notifications(Protocol):
    """Notifications of each study. `errors.Unavailable` when the service does not answer."""

    def claim(self, hospital: str, study_instance_uid: str, now_ms: int) -> bool:
        """Take the right to send; False unless there was no notification or its state is `CLAIMABLE`."""

    def record(self, notification: Notification) -> None:
        """Replace what is known; what has no contact or consent never replaces a state that is not `CLAIMABLE`."""

    def of_study(self, hospital: str, study_instance_uid: str) -> Notification | None:
        """The notification of a study."""

    def unresolved(self, hospital: str) -> Iterator[Notification]:
        """Notifications whose state is `OPEN`."""


class SmsSender(Protocol):
    """Sends an SMS once, without repeating by itself."""

    def send(self, phone_number: str, text: str) -> str:
        """Hand a message over; return its id. Raises `NotSent`, `NumberRefused` or `OutcomeUnknown`."""


def announce_exam(
    registry: Registry,
    notifications: Notifications,
    sender: SmsSender,
    *,
    hospital: str,
    study_instance_uid: str,
    patient_id: str,
    issuer: str,
    public_url: str,
) -> State | None:
    """Send the SMS of a study unless that was done, or claimed; return the new state, None if it was settled before.

    Raises
    ------
    errors.Unavailable
        If nothing was sent and trying again may help.
    ValueError
        If the hospital's message does not fit into one SMS.
    """

    def record(state: State, detail: str = "") -> State:
        now_ms = int(time.time() * 1000)
        notifications.record(Notification(hospital, study_instance_uid, state, now_ms, detail))
        return state

    known = notifications.of_study(hospital, study_instance_uid)
    if known is not None and known.state not in CLAIMABLE:
        return None
    contact = registry.contact(hospital, patient_id, issuer) if is_contactable(patient_id, issuer) else None
    if contact is None:
        return record(State.NO_CONTACT)
    if not contact.consent:
        return record(State.NO_CONSENT)
    sender_hospital = registry.hospital(hospital)
    name = (sender_hospital.sms_name or sender_hospital.name) if sender_hospital else hospital
    text = exam_available(name, public_url)
    if not notifications.claim(hospital, study_instance_uid, int(time.time() * 1000)):
        return None
    try:
        message_id = sender.send(contact.phone_number, text)
    except NotSent as error:
        record(State.RELEASED, str(error))
        raise Unavailable("The SMS service did not accept the message.") from error
    except NumberRefused as error:
        return record(State.REFUSED, str(error))
    except OutcomeUnknown as error:
        return record(State.UNKNOWN, str(error))
    return record(State.SENT, message_id)


def is_contactable(patient_id: str, issuer: str) -> bool:
    """Whether a contact could have been registered under these; instances may hold anything."""
    return 0 < len(patient_id) <= LO_CHARACTERS and len(issuer) <= LO_CHARACTERS
