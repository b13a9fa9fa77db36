"""What the contract tests of the write path share."""

from __future__ import annotations

import json
from typing import Any

from pydicom.dataset import Dataset

from chalicelib import wiring
from chalicelib.archive.index_instance import Index, read_object
from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.store import ReceivedInstance, store_instance
from tests.dicom_files import data_set, part10


def index() -> Index:
    """The index use case of the emulator."""
    return Index(
        wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), study_quiet_s=0
    )


def store(instance: Dataset | None = None, hospital: str = "nord", body: bytes = b"", **attributes: Any) -> str:
    """Store an instance; its object key."""
    body = body or part10(instance or data_set(**attributes))
    return store_instance(wiring.object_store(), ReceivedInstance(hospital, body, "c0ffee", "NORD_CT1")).object_key


def record(hospital: str = "nord", **attributes: Any) -> InstanceRecord:
    """Store an instance and read it as the index does."""
    read = read_object(wiring.object_store(), store(hospital=hospital, **attributes)).record
    assert read
    return read


def s3_event(*object_keys: str) -> dict[str, Any]:
    """SQS event of S3 events, one message per key; its message id is the key."""
    return {"Records": [{"messageId": key, "body": s3_message(key)} for key in object_keys]}


def s3_message(object_key: str) -> str:
    """Body of a message as S3 sends it."""
    event = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": object_key}}}
    return json.dumps({"Records": [event]})
