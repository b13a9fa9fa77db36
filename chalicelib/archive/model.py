"""Records that the use cases of the archive exchange with its ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DicomJson = dict[str, Any]
"""A data set in the DICOM JSON Model (PS3.18 Annex F): {"0020000D": {"vr": "UI", "Value": ["1.2"]}, ...}."""


@dataclass(frozen=True)
class InstanceKeys:
    """Where an instance belongs. All UIDs have passed `dicom.uid.is_valid`."""

    hospital: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class IndexedObject:
    """Where the index says that an instance is."""

    keys: InstanceKeys
    object_key: str
    digest: str
    """SHA-256 (hex) of the data set as received, File Meta Information excluded."""
    size_bytes: int
    sop_class_uid: str
    in_conflict: bool
    """Other contents came under its SOP Instance UID too (D3)."""


@dataclass(frozen=True)
class FrameTable:
    """Byte ranges of the frames within the stored object.

    `frames[n]` holds the fragments of frame n (0-based; DICOMweb's frame number is n + 1) as
    (offset from the start of the object, length) in bytes, item headers excluded. Empty when the instance has no
    pixel data or when its data set is deflated (then byte ranges of the object mean nothing and
    `deflated` is true).
    """

    frames: tuple[tuple[tuple[int, int], ...], ...] = ()
    deflated: bool = False


@dataclass(frozen=True)
class InstanceRecord:
    """An instance as indexed: everything that a read needs, computed once (D5)."""

    keys: InstanceKeys
    object_key: str
    """Key of the Part 10 object in the archive bucket."""
    digest: str
    """SHA-256 (hex) of the data set as received, File Meta Information excluded."""
    size_bytes: int
    transfer_syntax_uid: str
    sop_class_uid: str
    received_at_ms: int
    dicom_json: DicomJson
    """All attributes but bulk data, which appear as a BulkDataURI relative to the instance: `bulkdata/<path>`."""
    frame_table: FrameTable = field(default_factory=FrameTable)
    bulk_data: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Bulk data path (`00420011`, or `00409999.1.00420011` within item 1 of a sequence, items counted from 1) to
    (offset from the start of the object, length); for a deflated data set the offset counts within the file with its
    data set inflated (`dicom.part10.inflate`)."""

    @property
    def number_of_frames(self) -> int:
        """Frames that the instance declares, 0 when it has no pixel data."""
        if self.frame_table.frames:
            return len(self.frame_table.frames)
        if not {"7FE00010", "7FE00008", "7FE00009"} & self.dicom_json.keys():
            return 0
        declared = (self.dicom_json.get("00280008", {}).get("Value") or [1])[0]
        return max(1, declared) if isinstance(declared, int) else 1


@dataclass(frozen=True)
class SeriesRecord:
    """A series with its exact counts."""

    hospital: str
    study_instance_uid: str
    series_instance_uid: str
    attributes: DicomJson
    """Series level attributes only."""
    instance_count: int
    size_bytes: int
    metadata_key: str = ""
    """Prebuilt metadata of the series (gzip JSON object in the archive bucket), valid while
    `metadata_instance_count` equals `instance_count` and `metadata_public_url` is the public URL in force."""
    metadata_instance_count: int = 0
    metadata_public_url: str = ""
    representative_sop_instance_uid: str | None = None
    """Instance from its middle for thumbnails, "" when it has no pictures, None when nobody looked yet."""
    revision: int = 0
    """Moves when instances go; between two moves they are only added. Negative: part of a series (`restricted`)."""


@dataclass(frozen=True)
class StudyRecord:
    """A study with its exact counts: a row of the worklist."""

    hospital: str
    study_instance_uid: str
    attributes: DicomJson
    """Patient and study level attributes only."""
    modalities: tuple[str, ...]
    """Distinct values of Modality, sorted."""
    sop_classes: tuple[str, ...]
    series_count: int
    instance_count: int
    size_bytes: int
    first_received_at_ms: int
    last_received_at_ms: int
    state: str = "receiving"
    """`receiving`, or `ready` once the study was quiet for the quiet time."""
    conflict_count: int = 0

    def value(self, tag: str) -> str:
        """First value of an attribute as text, `""` if absent; for PN the alphabetic group."""
        values = self.attributes.get(tag, {}).get("Value") or [""]
        first = values[0]
        if isinstance(first, dict):
            return str(first.get("Alphabetic", ""))
        return str(first) if first is not None else ""


@dataclass(frozen=True)
class Posting:
    """A study as a term's list has it."""

    date_key: str
    """`levels.date_key` of the study."""
    name: DicomJson | None = None
    """Patient's Name by its groups where the list has it."""

    @property
    def study_instance_uid(self) -> str:
        """Which study."""
        return self.date_key.split("#", 2)[2]


@dataclass(frozen=True)
class ObjectHead:
    """An object of the archive bucket."""

    key: str
    size_bytes: int
    last_modified_ms: int
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ByteRange:
    """Part of an object: `length` bytes from `start` (0-based)."""

    key: str
    start: int
    length: int


@dataclass(frozen=True)
class RenderedBody:
    """Answer of the renderer: bytes, or the key and size of an object when they are too big to pass."""

    media_type: str
    body: bytes = b""
    object_key: str = ""
    size_bytes: int = 0
    sizes_bytes: tuple[int, ...] = ()
    """Lengths of the pieces that the whole is made of, where several were asked for."""
