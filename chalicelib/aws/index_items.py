"""Items of the index table (docs/adr/0001): records to items and back. Shapes only, no requests."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.archive.model import (
    FrameTable,
    IndexedObject,
    InstanceKeys,
    InstanceRecord,
    SeriesRecord,
    StudyRecord,
)
from chalicelib.dicom.json_text import encoded, parsed

Item = dict[str, Any]
"""Attributes of an item as DynamoDB's low-level API has them: {"pk": {"S": ...}, ...}."""

LARGEST_BODY_BYTES = 350_000
"""An item may have 400 KB; bigger bodies are spilled to the archive bucket."""
PREBUILT = ("metadata_key", "metadata_instance_count", "metadata_public_url", "representative_sop_instance_uid")
"""What a series item holds that was derived from its instances once they were quiet."""


def study_pk(hospital: str, study_instance_uid: str) -> str:
    """Partition of a study and everything below it."""
    return f"H#{hospital}#S#{study_instance_uid}"


def series_sk(series_instance_uid: str) -> str:
    """Sort key of a series."""
    return f"SERIES#{series_instance_uid}"


def instance_sk(series_instance_uid: str, sop_instance_uid: str) -> str:
    """Sort key of an instance."""
    return f"INSTANCE#{series_instance_uid}#{sop_instance_uid}"


def guard_key(hospital: str, sop_instance_uid: str) -> Item:
    """Key of the guard: within a hospital a SOP Instance UID belongs to one series and has one content (D3)."""
    return key(f"H#{hospital}#SOP#{sop_instance_uid}", "SOP")


def guard_item(record: InstanceRecord) -> Item:
    """Guard of an instance that is served."""
    keys = record.keys
    return {
        **guard_key(keys.hospital, keys.sop_instance_uid),
        "study_instance_uid": {"S": keys.study_instance_uid},
        "series_instance_uid": {"S": keys.series_instance_uid},
        "digest": {"S": record.digest},
    }


def guarded_instance_key(guard: Item) -> Item:
    """Key of the instance that a guard names."""
    _, hospital, _, sop = guard["pk"]["S"].split("#", 3)
    study, series = guard["study_instance_uid"]["S"], guard["series_instance_uid"]["S"]
    return key(study_pk(hospital, study), instance_sk(series, sop))


def indexed_object(item: Item, conflicts: Collection[str]) -> IndexedObject:
    """Where the instance of an item is; `conflicts` are SOP Instance UIDs under which other contents came."""
    _, hospital, _, study = item["pk"]["S"].split("#", 3)
    _, series, sop = item["sk"]["S"].split("#", 2)
    return IndexedObject(
        InstanceKeys(hospital, study, series, sop),
        item["object_key"]["S"],
        item["digest"]["S"],
        int(item["size_bytes"]["N"]),
        item["sop_class_uid"]["S"],
        sop in conflicts,
    )


def key(pk: str, sk: str) -> Item:
    """Primary key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def by_date_pk(hospital: str) -> str:
    """Partition of GSI `by-date`."""
    return f"H#{hospital}"


def by_patient_pk(hospital: str, patient_id: str) -> str:
    """Partition of GSI `by-patient`."""
    return f"H#{hospital}#P#{bounded(patient_id)}"


def by_accession_pk(hospital: str, accession_number: str) -> str:
    """Partition of GSI `by-accession`."""
    return f"H#{hospital}#A#{bounded(accession_number)}"


def conflicts_pk(hospital: str) -> str:
    """Partition of GSI `conflicts`."""
    return f"H#{hospital}#CONFLICT"


def bounded(value: str) -> str:
    """A value as part of a key (2 KB at most), by its digest where the sender ignored the length limit of its VR."""
    return value if len(value) <= 256 else "sha256:" + hashlib.sha256(value.encode()).hexdigest()


def pack(value: Any) -> bytes:
    """JSON, compressed."""
    return zlib.compress(encoded(value), 6)


def unpack(data: bytes) -> Any:
    """Inverse of `pack`."""
    return parsed(zlib.decompress(data))


def instance_body(record: InstanceRecord) -> bytes:
    """The part of a record that may be big."""
    return pack(
        {
            "json": record.dicom_json,
            "frames": _pack_frames(record.frame_table.frames),
            "deflated": record.frame_table.deflated,
            "bulk": record.bulk_data,
        }
    )


def spill_key(record: InstanceRecord) -> str:
    """Key in the archive bucket of a body that is too big for an item."""
    keys = record.keys
    return (
        f"index/{keys.hospital}/{keys.study_instance_uid}/{keys.series_instance_uid}"
        f"/{keys.sop_instance_uid}/{record.digest}.json.z"
    )


def instance_item(record: InstanceRecord, body: bytes | None) -> Item:
    """Item of an instance; without a body the item names the spilled one."""
    keys = record.keys
    return {
        **key(
            study_pk(keys.hospital, keys.study_instance_uid),
            instance_sk(keys.series_instance_uid, keys.sop_instance_uid),
        ),
        "object_key": {"S": record.object_key},
        "digest": {"S": record.digest},
        "size_bytes": {"N": str(record.size_bytes)},
        "transfer_syntax_uid": {"S": record.transfer_syntax_uid},
        "sop_class_uid": {"S": record.sop_class_uid},
        "received_at_ms": {"N": str(record.received_at_ms)},
        **({"body": {"B": body}} if body is not None else {"body_key": {"S": spill_key(record)}}),
    }


def instance_record(item: Item, spilled_body: bytes | None = None) -> InstanceRecord:
    """Inverse of `instance_item`; `spilled_body` where the item has a `body_key`."""
    body = unpack(item["body"]["B"] if spilled_body is None else spilled_body)
    return replace(
        stored_instance(item),
        dicom_json=body["json"],
        frame_table=FrameTable(_unpack_frames(body["frames"]), body["deflated"]),
        bulk_data={path: (offset, length) for path, (offset, length) in body["bulk"].items()},
    )


STORED_INSTANCE = "pk, sk, object_key, digest, size_bytes, transfer_syntax_uid, sop_class_uid, received_at_ms"
"""What `stored_instance` needs of an item."""


def stored_instance(item: Item) -> InstanceRecord:
    """An instance without its body: attributes, frame table, bulk data."""
    _, hospital, _, study = item["pk"]["S"].split("#", 3)
    _, series, sop = item["sk"]["S"].split("#", 2)
    return InstanceRecord(
        InstanceKeys(hospital, study, series, sop),
        item["object_key"]["S"],
        item["digest"]["S"],
        int(item["size_bytes"]["N"]),
        item["transfer_syntax_uid"]["S"],
        item["sop_class_uid"]["S"],
        int(item["received_at_ms"]["N"]),
        {},
    )


def _pack_frames(frames: tuple[tuple[tuple[int, int], ...], ...]) -> Any:
    """Frames; equally long ones that follow each other, as native Pixel Data has them, are three numbers."""
    if len(frames) > 1 and all(len(fragments) == 1 for fragments in frames):
        start, length = frames[0][0]
        if all(fragments[0] == (start + n * length, length) for n, fragments in enumerate(frames)):
            return {"start": start, "length": length, "count": len(frames)}
    return frames


def _unpack_frames(packed: Any) -> tuple[tuple[tuple[int, int], ...], ...]:
    if isinstance(packed, dict):
        start, length = packed["start"], packed["length"]
        return tuple(((start + number * length, length),) for number in range(packed["count"]))
    return tuple(tuple((offset, length) for offset, length in fragments) for fragments in packed)


def study_record(item: Item) -> StudyRecord:
    """Study of an item."""
    _, hospital, _, study = item["pk"]["S"].split("#", 3)
    return StudyRecord(
        hospital,
        study,
        unpack(item["attributes"]["B"]),
        tuple(sorted(item.get("modalities", {}).get("SS", ()))),
        tuple(sorted(item.get("sop_classes", {}).get("SS", ()))),
        int(item["series_count"]["N"]),
        int(item["instance_count"]["N"]),
        int(item["size_bytes"]["N"]),
        int(item["first_received_at_ms"]["N"]),
        int(item["last_received_at_ms"]["N"]),
        item["state"]["S"],
        int(item["conflict_count"]["N"]),
    )


def series_record(item: Item) -> SeriesRecord:
    """Series of an item."""
    _, hospital, _, study = item["pk"]["S"].split("#", 3)
    return SeriesRecord(
        hospital,
        study,
        item["sk"]["S"].partition("#")[2],
        unpack(item["attributes"]["B"]),
        int(item["instance_count"]["N"]),
        int(item["size_bytes"]["N"]),
        item.get("metadata_key", {}).get("S", ""),
        int(item.get("metadata_instance_count", {}).get("N", 0)),
        item.get("metadata_public_url", {}).get("S", ""),
        item.get("representative_sop_instance_uid", {}).get("S"),
        int(item["revision"]["N"]),
    )


def conflict_item(record: InstanceRecord, reason: str) -> Item:
    """Item of a quarantined instance; `reason` begins with `other-`.

    `other-bytes`, `other-series` or `other-study` than the served instance has, `other-patient` than the study has.
    """
    keys = record.keys
    return {
        **key(
            study_pk(keys.hospital, keys.study_instance_uid),
            conflict_sk(record),
        ),
        "gsi4pk": {"S": conflicts_pk(keys.hospital)},
        "received_at_ms": {"N": str(record.received_at_ms)},
        "object_key": {"S": record.object_key},
        "digest": {"S": record.digest},
        "reason": {"S": reason},
        "study_instance_uid": {"S": keys.study_instance_uid},
        "series_instance_uid": {"S": keys.series_instance_uid},
        "sop_instance_uid": {"S": keys.sop_instance_uid},
    }


def conflict_sk(record: InstanceRecord) -> str:
    """Sort key of a conflict: the same bytes in another series are another conflict."""
    return f"CONFLICT#{record.keys.sop_instance_uid}#{record.digest}#{record.keys.series_instance_uid}"


def conflict_mapping(item: Item) -> Mapping[str, str]:
    """A conflict as `archive.ports.IndexReader.conflicts` yields it."""
    return {name: next(iter(value.values())) for name, value in item.items() if name not in ("pk", "sk", "gsi4pk")}


def strings(values: Iterable[str]) -> Item:
    """A string set; DynamoDB has no empty ones."""
    return {"SS": sorted(set(values))}
