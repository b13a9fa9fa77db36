"""Metered facts: what hospitals use, each once, as CloudEvents 1.0 (docs/adr/0030).

The id of a fact follows from what happened, never from the message that told of it: whatever is retried, delivered
again, reindexed or repacked is the same fact. Nothing here names a patient. Exams archived have a ledger of their own
(`billing.ledger`), which is what the price lists in force price; these meters are priced where a list names them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from chalicelib.access import merkle
from chalicelib.access.audit import canonical
from chalicelib.billing.ledger import Line

INSTANCES_IN = "instances in"
BYTES_IN = "bytes in"
BYTE_DAYS = "byte-days"
REQUESTS_OUT = "requests out"
BYTES_OUT = "bytes out"
RENDERINGS = "renderings"
TRANSCODES = "transcodes"
SMS_SEGMENTS = "SMS segments"
REPORTS = "reports"
RESTORES = "restores"
SHARES = "shares"
METERS = (
    INSTANCES_IN,
    BYTES_IN,
    BYTE_DAYS,
    REQUESTS_OUT,
    BYTES_OUT,
    RENDERINGS,
    TRANSCODES,
    SMS_SEGMENTS,
    REPORTS,
    RESTORES,
    SHARES,
)
KINDS = ("viewer", "DIMSE", "API", "patient", "share")
"""Variants of what goes out."""
STANDARD = "STANDARD"
"""The storage class that instances are in."""


@dataclass(frozen=True)
class MeterFact:
    """A quantity that a hospital used."""

    hospital: str
    meter: str
    """One of `METERS`."""
    occurrence: str
    """What tells it from every other fact of the hospital's meter and variant."""
    quantity: int
    """Negative in corrections only."""
    time_ms: int
    """When it happened, milliseconds since the epoch."""
    variant: str = ""
    """Kind of what goes out, or storage class; prices and totals tell variants apart."""
    subject: str = ""
    """Study Instance UID or day that it is about."""
    modalities: str = ""
    """As in `ledger.Fact`."""
    accession_number: str = ""
    corrects: str = ""
    """Id of the fact that it corrects."""

    @property
    def key(self) -> str:
        """What makes it the same fact."""
        return "|".join((self.hospital, self.meter, self.variant, self.occurrence))

    @property
    def fact_id(self) -> str:
        """32 hexadecimal digits, from the key alone."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:32]


Event = dict[str, Any]
"""A fact as a CloudEvent in the JSON format, as `to_event` writes it."""


class FactStore(Protocol):
    """Where facts are recorded. `errors.Unavailable` when it does not answer."""

    def record(self, fact: MeterFact) -> bool:
        """Record a fact durably; False if it was recorded before, with whatever quantity."""

    def event(self, fact_id: str) -> Event | None:
        """What was recorded, read consistently."""


def type_of(meter: str) -> str:
    """CloudEvents type of a meter's facts.

    >>> type_of("SMS segments")
    'fr.sansfilm.sms-segments'
    """
    return "fr.sansfilm." + meter.lower().replace(" ", "-")


def used_as(meter: str, variant: str) -> str:
    """What rating and totals call it.

    >>> used_as("bytes out", "viewer"), used_as("shares", "")
    ('bytes out, viewer', 'shares')
    """
    return f"{meter}, {variant}" if variant else meter


def is_meter(event: str) -> bool:
    """Whether a name of rating is one of these meters, with a variant or without.

    >>> is_meter("bytes out, viewer"), is_meter("exam archived")
    (True, False)
    """
    return event.partition(", ")[0] in METERS


def to_event(fact: MeterFact, ingest_ms: int) -> Event:
    """The fact as it is kept, hashed and exported (CloudEvents 1.0, JSON format; `ingesttime` is an extension)."""
    optional = {
        "variant": fact.variant,
        "modalities": fact.modalities,
        "accession_number": fact.accession_number,
        "corrects": fact.corrects,
    }
    data = {"meter": fact.meter, "occurrence": fact.occurrence, "quantity": fact.quantity}
    event = {
        "specversion": "1.0",
        "id": fact.fact_id,
        "source": f"/hospitals/{fact.hospital}",
        "type": type_of(fact.meter),
        "time": rfc3339(fact.time_ms),
        "ingesttime": rfc3339(ingest_ms),
        "datacontenttype": "application/json",
        "data": data | {name: value for name, value in optional.items() if value},
    }
    return event | ({"subject": fact.subject} if fact.subject else {})


def from_event(event: Mapping[str, Any]) -> MeterFact:
    """Inverse of `to_event` but for the time of recording."""
    data = event["data"]
    return MeterFact(
        event["source"].removeprefix("/hospitals/"),
        data["meter"],
        data["occurrence"],
        data["quantity"],
        int(datetime.fromisoformat(event["time"]).timestamp() * 1000 + 0.5),
        data.get("variant", ""),
        event.get("subject", ""),
        data.get("modalities", ""),
        data.get("accession_number", ""),
        data.get("corrects", ""),
    )


def event_of_line(line: Line) -> Event:
    """A line of the ledger of exams in the same envelope."""
    key = f"{line.hospital}|{line.study_instance_uid}|{line.event}"
    data = {
        "seq": line.seq,
        "quantity": 1,
        "hash": line.hash,
        "previous_hash": line.previous_hash,
        "accession_number": line.accession_number,
        "modalities": line.modalities,
    }
    return {
        "specversion": "1.0",
        "id": hashlib.sha256(key.encode()).hexdigest()[:32],
        "source": f"/hospitals/{line.hospital}",
        "type": type_of(line.event),
        "subject": line.study_instance_uid,
        "time": line.event_time,
        "ingesttime": line.recorded_at,
        "datacontenttype": "application/json",
        "data": data,
    }


def leaf_of(event: Event) -> str:
    """Hash of a fact in the Merkle tree of its block."""
    return merkle.leaf_hash(canonical(event))


def correction(original: Event, quantity: int, number: int, time_ms: int) -> MeterFact:
    """A fact that changes the total of an earlier one by `quantity`; the earlier one stays as it is.

    Parameters
    ----------
    number
        From 1: a second correction of the same fact has another number, a repetition has the same.
    """
    fact = from_event(original)
    return MeterFact(
        fact.hospital,
        fact.meter,
        f"correction|{fact.fact_id}|{number}",
        quantity,
        time_ms,
        fact.variant,
        fact.subject,
        fact.modalities,
        fact.accession_number,
        corrects=fact.fact_id,
    )


def record_growth(store: FactStore, whole: MeterFact) -> int:
    """Record how far the total of a thing (`whole.quantity`) has grown beyond what was recorded; return by how much.

    Each fact is keyed by the total that it starts from, so that writers at the same time, repetitions and crashes
    never count a part twice. A total that is less than what was recorded records nothing.
    """
    start = 0
    while start < whole.quantity:
        growth = MeterFact(
            **{
                **vars(whole),
                "occurrence": f"{whole.occurrence}|from {start}",
                "quantity": whole.quantity - start,
            }
        )
        known = store.event(growth.fact_id)
        if known is not None:
            start += known["data"]["quantity"]
        elif store.record(growth):
            return growth.quantity
    return 0


def rfc3339(time_ms: int) -> str:
    """A time in UTC with milliseconds.

    >>> rfc3339(1_750_000_000_123)
    '2025-06-15T15:06:40.123Z'
    """
    seconds, ms = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"
