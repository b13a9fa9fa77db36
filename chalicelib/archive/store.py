"""Store transaction (C-STORE, PS3.4 B; STOW-RS, PS3.18 10.5): bytes become durable before success is answered (D2)."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from chalicelib import errors
from chalicelib.archive.model import InstanceKeys
from chalicelib.archive.ports import ObjectStore
from chalicelib.dicom import uid
from chalicelib.dicom.elements import BytesSource, Malformed, Source, Truncated
from chalicelib.dicom.part10 import DataSet, Identifiers, identify, open_data_set

CONTENT_TYPE = "application/dicom"


@dataclass(frozen=True)
class ReceivedInstance:
    """An instance as it arrived."""

    hospital: str
    body: bytes | memoryview
    """A whole DICOM file (PS3.10), in memory or mapped from a file; its data set is stored as it is."""
    correlation_id: str
    calling_ae_title: str = ""
    sop_class_uid: str = ""
    """Affected SOP Class UID of the request, `""` where the protocol has none."""
    sop_instance_uid: str = ""
    """Affected SOP Instance UID of the request, `""` where the protocol has none."""
    study_instance_uid: str = ""
    """Study that the request names (STOW-RS), `""` where it names none."""
    digest_start: int = -1
    """Offset in `body` from which `digest` counts, -1 where the receiver computed none."""
    digest: str = ""
    """SHA-256 (hex) of `body` from `digest_start`, computed while it arrived."""


@dataclass(frozen=True)
class StoredInstance:
    """An instance that is durable."""

    keys: InstanceKeys
    object_key: str
    digest: str
    """SHA-256 (hex) of the data set, File Meta Information excluded."""
    newly_stored: bool
    """False when the same bytes were there already."""


def store_instance(objects: ObjectStore, received: ReceivedInstance) -> StoredInstance:
    """Check an instance, then write it under its own key unless it is there.

    Raises
    ------
    errors.InvalidInstance
        If it cannot be archived; its bytes are kept under `rejected/` for the operators.
    errors.Unavailable
        If the bytes could not be made durable: the sender has to send again.
    """
    try:
        data_set, identifiers = _check(received)
    except errors.InvalidInstance as error:
        _keep_rejected(objects, received, error)
        raise
    keys = InstanceKeys(
        received.hospital,
        identifiers.study_instance_uid,
        identifiers.series_instance_uid,
        identifiers.sop_instance_uid,
    )
    digest = received.digest
    if received.digest_start != data_set.start:
        digest = hashlib.sha256(memoryview(received.body)[data_set.start :]).hexdigest()
    object_key = instance_object_key(keys, digest)
    metadata = instance_metadata(received, data_set.transfer_syntax_uid)
    newly_stored = objects.put_if_absent(object_key, received.body, CONTENT_TYPE, metadata)
    return StoredInstance(keys, object_key, digest, newly_stored)


def instance_object_key(keys: InstanceKeys, digest: str) -> str:
    """Key of an instance in the archive bucket (D3)."""
    return (
        f"archive/{keys.hospital}/{keys.study_instance_uid}/{keys.series_instance_uid}"
        f"/{keys.sop_instance_uid}/{digest}.dcm"
    )


def parse_instance_object_key(object_key: str) -> tuple[InstanceKeys, str]:
    """Inverse of `instance_object_key`.

    Raises
    ------
    errors.BadRequest
        If the key is not one of an instance.

    >>> parse_instance_object_key("archive/nord/1.2/1.3/1.4/" + "0" * 64 + ".dcm")[0].series_instance_uid
    '1.3'
    """
    parts = object_key.split("/")
    if len(parts) == 6 and parts[0] == "archive" and parts[5].endswith(".dcm") and all(map(uid.is_valid, parts[2:5])):
        return InstanceKeys(*parts[1:5]), parts[5].removesuffix(".dcm")
    raise errors.BadRequest("Not the key of an instance.")


def instance_metadata(received: ReceivedInstance, transfer_syntax_uid: str) -> dict[str, str]:
    """Object metadata of an instance."""
    return {
        "hospital": received.hospital,
        "calling-ae-title": _printable(received.calling_ae_title),
        "correlation-id": _printable(received.correlation_id),
        "received-at-ms": str(time.time_ns() // 1_000_000),
        "transfer-syntax-uid": _printable(transfer_syntax_uid),
    }


def rejection(received: ReceivedInstance, error: errors.InvalidInstance, digest: str) -> tuple[str, dict[str, str]]:
    """Key and metadata under which refused bytes are kept: once, since the same bytes of a day have one key."""
    metadata = instance_metadata(received, "")
    del metadata["transfer-syntax-uid"]
    metadata |= {"reason": error.reason, "detail": _printable(str(error))}
    return f"rejected/{received.hospital}/{time.strftime('%Y-%m-%d', time.gmtime())}/{digest}", metadata


def _check(received: ReceivedInstance) -> tuple[DataSet, Identifiers]:
    if not received.body:
        raise errors.InvalidInstance("empty", "The data set is empty.")
    return check_source(received, BytesSource(received.body))


def check_source(received: ReceivedInstance, source: Source) -> tuple[DataSet, Identifiers]:
    """Walk a whole file; return its data set and valid identifiers.

    Raises
    ------
    errors.InvalidInstance
        If it cannot be archived, or contradicts its request.
    """
    try:
        data_set = open_data_set(source, one_pass=True)
        if data_set.start >= source.size:
            raise errors.InvalidInstance("empty", "The data set is empty.")
        identifiers = identify(data_set)
    except Truncated as error:
        raise errors.InvalidInstance("truncated", str(error)) from error
    except Malformed as error:
        raise errors.InvalidInstance("not-dicom", str(error)) from error
    for name, value in (
        ("Study Instance UID", identifiers.study_instance_uid),
        ("Series Instance UID", identifiers.series_instance_uid),
        ("SOP Instance UID", identifiers.sop_instance_uid),
        ("SOP Class UID", identifiers.sop_class_uid),
    ):
        if not value:
            raise errors.InvalidInstance("missing-uid", f"{name} is missing.")
        if not uid.is_valid(value):
            raise errors.InvalidInstance("invalid-uid", f"{name} is not a UID.")
    _check_against_request(received, identifiers)
    return data_set, identifiers


def _check_against_request(received: ReceivedInstance, identifiers: Identifiers) -> None:
    for name, requested, found in (
        ("Study Instance UID", received.study_instance_uid, identifiers.study_instance_uid),
        ("SOP Class UID", received.sop_class_uid, identifiers.sop_class_uid),
        ("SOP Instance UID", received.sop_instance_uid, identifiers.sop_instance_uid),
    ):
        if requested and requested != found:
            raise errors.InvalidInstance("uid-mismatch", f"{name} of the request differs from the data set's.")


def _keep_rejected(objects: ObjectStore, received: ReceivedInstance, error: errors.InvalidInstance) -> None:
    digest = hashlib.sha256(received.body).hexdigest()
    key, metadata = rejection(received, error, digest)
    objects.put_if_absent(key, received.body, "application/octet-stream", metadata)


def _printable(text: str) -> str:
    """Text as object metadata may hold it: printable ASCII, at most 200 characters."""
    return "".join(character for character in text if " " <= character <= "~").strip()[:200]
