"""Restores from slower storage classes, from S3's events (docs/adr/0037). No lifecycle rule moves objects there yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.archive.store import parse_instance_object_key
from chalicelib.billing.facts import RESTORES, MeterFact

COMPLETED = "ObjectRestore:Completed"


def restored(records: Iterable[Mapping[str, Any]]) -> list[MeterFact]:
    """Facts of those records of an S3 event that tell of an instance that is there again.

    A restore is told from the next one of the same object by the time at which S3 says it was over, which a redelivered
    event repeats.

    Raises
    ------
    errors.BadRequest
        If an object is no instance's.
    KeyError, TypeError, ValueError
        If a record is not as S3 writes it.
    """
    return [_fact(record) for record in records if _name(record) == COMPLETED]


def _fact(record: Mapping[str, Any]) -> MeterFact:
    keys, digest = parse_instance_object_key(unquote_plus(record["s3"]["object"]["key"]))
    at = str(record["eventTime"])
    time_ms = int(datetime.fromisoformat(at).timestamp() * 1000)
    occurrence = "|".join((keys.series_instance_uid, keys.sop_instance_uid, digest, at))
    return MeterFact(keys.hospital, RESTORES, occurrence, 1, time_ms, subject=keys.study_instance_uid)


def _name(record: Mapping[str, Any]) -> str:
    return str(record["eventName"]).removeprefix("s3:")
