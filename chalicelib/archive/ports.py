"""Ports: what the use cases of the archive need from the outside. `aws/` implements each once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Protocol

from chalicelib.archive.confidentiality import Mark
from chalicelib.archive.model import (
    ByteRange,
    IndexedObject,
    InstanceRecord,
    ObjectHead,
    Posting,
    RenderedBody,
    SeriesRecord,
    StudyRecord,
)


class Checked(Protocol):
    """Sees the contents of a range, in order, before they become part of another object."""

    def update(self, content: bytes) -> None:
        """The next bytes."""

    def finish(self) -> None:
        """That was all; what either raises, the assembly raises and leaves nothing behind."""


RangeCheck = Callable[[ByteRange], Checked]


class ObjectStore(Protocol):
    """The archive bucket. Every method raises `errors.Unavailable` when the service does not answer."""

    def put_if_absent(self, key: str, body: bytes | memoryview, content_type: str, metadata: Mapping[str, str]) -> bool:
        """Write with a checksum unless the key exists (If-None-Match: *); return whether it was written."""

    def put(self, key: str, body: bytes, content_type: str, content_encoding: str = "") -> None:
        """Write derived data (never an instance), replacing what was there."""

    def head(self, key: str) -> ObjectHead | None:
        """Size, time and metadata, or None when there is no such object."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `start`, fewer at the end of the object; `errors.NotFound` without the object."""

    def read_with_head(self, key: str, start: int = 0, length: int | None = None) -> tuple[ObjectHead | None, bytes]:
        """Like `read`, with what `head` says in the same request; None when the range holds nothing."""

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Objects below a prefix in key order, without metadata."""

    def crc32(self, key: str) -> int:
        """CRC-32 of an object: what the store keeps of it, else computed; `errors.NotFound` without the object."""

    def assemble(
        self,
        key: str,
        parts: Sequence[bytes | ByteRange],
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        check: RangeCheck | None = None,
    ) -> int:
        """Concatenate bytes and ranges of other objects into one object; return its size.

        Ranges of 5 MiB and more are copied by the service (UploadPartCopy), smaller ones pass through memory. With
        `check` all of them do: it is called for each range, from several threads, and sees what it is made of.
        """

    def stage(self) -> StagedUpload:
        """Begin an object whose key is known only at its end."""


class StagedUpload(Protocol):
    """An object that arrives in parts; nothing of it is visible before `publish_if_absent`."""

    def write(self, part: bytes) -> None:
        """Append; every part but the last has at least 5 MiB."""

    def publish_if_absent(self, key: str, content_type: str, metadata: Mapping[str, str]) -> bool:
        """Make it an object of that key unless the key exists; return whether it was written. Then it is over."""

    def abandon(self) -> None:
        """Forget it; what fails here is left to the bucket's lifecycle rules. Safe to call at any time."""


class IndexOutcome(Enum):
    """What became of an instance that was handed to the index."""

    CREATED = "created"
    DUPLICATE = "duplicate"
    """The same bytes were indexed before."""
    CONFLICT = "conflict"
    """Other bytes, another series or another study for a SOP Instance UID that the hospital's archive knows, or
    another patient for a known study (D3)."""


class IndexWriter(Protocol):
    """The one writer of the index (D4)."""

    def add_instances(self, records: Sequence[InstanceRecord]) -> list[IndexOutcome]:
        """Index instances of one series; counters move in the same transaction as the instances they count.

        Safe to repeat and to run concurrently. Returns an outcome per record, in order.
        """

    def set_series_metadata(
        self,
        hospital: str,
        study_instance_uid: str,
        series_instance_uid: str,
        key: str,
        instance_count: int,
        public_url: str,
        representative_sop_instance_uid: str,
    ) -> None:
        """Record the prebuilt metadata object of a series, and its instance for thumbnails, "" for none."""

    def set_study_ready(self, hospital: str, study_instance_uid: str, last_received_at_ms: int) -> bool:
        """Turn `receiving` into `ready` unless an instance has come since; return whether it is ready."""

    def refresh_instances(self, records: Sequence[InstanceRecord]) -> None:
        """Write anew what the index holds of instances that it serves."""

    def forget_objects(self, hospital: str, study_instance_uid: str, object_keys: Collection[str]) -> None:
        """Remove instances and conflicts of a study whose objects are gone from the archive bucket."""

    def refresh_levels(self, hospital: str, study_instance_uid: str) -> None:
        """Derive study and series anew from their instances; they go with the last of them."""

    def remove_study(self, hospital: str, study_instance_uid: str) -> None:
        """Forget all of a study, and nothing of another."""


LiveMarks = tuple[Mark, ...]


class MarksReader(Protocol):
    """What is kept back of studies (docs/adr/0027). It is no part of the index: it cannot be rebuilt from S3."""

    def live_marks(self, hospital: str, study_instance_uids: Iterable[str]) -> Mapping[str, LiveMarks]:
        """Marks that keep something back now, by study and read consistently; studies without one may be missing.

        Raises
        ------
        errors.Unavailable
            If they cannot be read or understood: nothing may be shown then.
        """


class IndexReader(MarksReader, Protocol):
    """Access patterns of the index. Iterators page lazily: the caller stops when it has enough."""

    def study(self, hospital: str, study_instance_uid: str) -> StudyRecord | None:
        """One study, read consistently."""

    def series(self, hospital: str, study_instance_uid: str, series_instance_uid: str) -> SeriesRecord | None:
        """One series, read consistently."""

    def series_of_study(self, hospital: str, study_instance_uid: str) -> Iterator[SeriesRecord]:
        """Series of a study by Series Instance UID."""

    def instance(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str
    ) -> InstanceRecord | None:
        """One instance, read consistently."""

    def objects_of_instances(self, hospital: str, sop_instance_uids: Sequence[str]) -> Mapping[str, IndexedObject]:
        """Where instances are, by SOP Instance UID and read consistently; those that the index lacks are left out."""

    def instances_of_series(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str
    ) -> Iterator[InstanceRecord]:
        """Instances of a series by SOP Instance UID."""

    def stored_instances_of_series(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str
    ) -> Iterator[InstanceRecord]:
        """The same without attributes, frame table and bulk data: where the instances are, and what they are."""

    def studies_by_date(self, hospital: str, first: str, last: str, page: int = 100) -> Iterator[StudyRecord]:
        """Studies with first <= StudyDate <= last (DA, "" for open), newest first, read by pages of that size.

        Undated studies come last, and only when `first` is "".
        """

    def studies_by_patient_id(self, hospital: str, patient_id: str) -> Iterator[StudyRecord]:
        """Studies with exactly that Patient ID, newest first, whatever its issuer."""

    def studies_by_accession_number(self, hospital: str, accession_number: str) -> Iterator[StudyRecord]:
        """Studies with exactly that Accession Number, newest first."""

    def postings(self, hospital: str, term: str, first: str, last: str, page: int = 100) -> Iterator[Posting]:
        """Studies listed under a term (`search_terms`), by date as `studies_by_date`.

        A list may name studies that are gone or do not have the term any more.
        """

    def studies(self, hospital: str, study_instance_uids: Iterable[str], page: int = 100) -> Iterator[StudyRecord]:
        """Studies in the order given, looked up by pages of that size; those that do not exist are left out."""

    def studies_of_series(self, hospital: str, series_instance_uid: str) -> Iterator[str]:
        """Study Instance UIDs of the studies that have a series of that UID."""

    def conflicts(self, hospital: str) -> Iterator[Mapping[str, str]]:
        """Quarantined instances: object_key, digest, reason, study, series, sop UIDs, received_at_ms."""


class StudyReadyQueue(Protocol):
    """Asks for a look at a study after a delay."""

    def schedule(self, hospital: str, study_instance_uid: str, last_received_at_ms: int, delay_s: int) -> None:
        """Deliver (hospital, study, last_received_at_ms) once, or more often, after min(delay_s, 900) seconds."""


class PackQueue(Protocol):
    """Asks for packs of series (D6), and for ZIP files."""

    def request(self, series: SeriesRecord, etag: str) -> None:
        """Have a series packed; the same request within some minutes is the same message."""

    def request_zip(self, all_series: Sequence[SeriesRecord], etag: str) -> None:
        """Have series of one study made a ZIP file (`zip_exam`), likewise."""


class Renderer(Protocol):
    """The decoding and rendering Lambda."""

    def render(self, request: Mapping[str, object]) -> RenderedBody:
        """Run a request of `functions/rendered.py`."""


class ObjectUrlSigner(Protocol):
    """Signs addresses of objects for callers that may read them (D7)."""

    def signed_url(self, key: str) -> str:
        """Address of an object of the archive bucket, good for a short while."""


class Metrics(Protocol):
    """Counts for operators."""

    def add(self, name: str, value: float, unit: str = "Count") -> None:
        """Add to a metric of the current invocation."""
