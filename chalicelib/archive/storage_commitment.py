"""Storage Commitment Push Model (PS3.4 J.3): what the archive takes responsibility for, and pending requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from chalicelib.archive.model import IndexedObject
from chalicelib.archive.ports import IndexReader, ObjectStore
from chalicelib.archive.store import instance_object_key

PROCESSING_FAILURE = 0x0110
NO_SUCH_OBJECT_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119
"""Failure Reason (0008,1197), PS3.3 C.14.1.1."""
HEADS_AT_ONCE = 16

Outcomes = dict["Reference", int]
"""Failure Reason of each instance, 0 for those that are committed."""


@dataclass(frozen=True)
class Reference:
    """An instance that a requester asks about."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class CommitmentRequest:
    """A request that has not been answered by an N-EVENT-REPORT."""

    hospital: str
    ae_title: str
    """Of the requester; within it a transaction UID names one request, a repeated one replaces it."""
    transaction_uid: str
    references: tuple[Reference, ...]
    requested_at_ms: int
    request_id: str
    """Tells a repeated request from the one before."""
    due_ms: int = 0
    """When somebody may take it up; whoever does moves it into the future first."""
    attempts: int = 0


class PendingCommitments(Protocol):
    """Requests that survive a restart. Every method raises `errors.Unavailable` when the service does not answer."""

    def put(self, request: CommitmentRequest) -> None:
        """Keep a request; `errors.TooMuch` if it names more instances than can be kept."""

    def due(self, now_ms: int) -> Iterable[CommitmentRequest]:
        """Requests that may be taken up, without their references."""

    def take(self, request: CommitmentRequest, until_ms: int) -> CommitmentRequest | None:
        """Take one up until then, with its references; None if somebody else was faster or it is answered."""

    def postpone(self, request: CommitmentRequest, due_ms: int) -> None:
        """Let it be taken up again then, unless it was answered or repeated meanwhile."""

    def remove(self, request: CommitmentRequest) -> None:
        """It is answered, unless it was repeated meanwhile."""


def commit(index: IndexReader, objects: ObjectStore, hospital: str, references: Sequence[Reference]) -> Outcomes:
    """Judge instances: committed is what the index serves from an object that S3 has, with the digest of its key.

    A SOP Instance UID of which other contents came too is not committed: someone has to decide first (D3).

    Raises
    ------
    errors.Unavailable
        If index or bucket do not answer; nothing was judged then.
    """
    indexed = index.objects_of_instances(hospital, [reference.sop_instance_uid for reference in references])
    with ThreadPoolExecutor(HEADS_AT_ONCE) as pool:
        reasons = pool.map(lambda reference: _judge(objects, reference, indexed), references)
        return dict(zip(references, reasons, strict=True))


def _judge(objects: ObjectStore, reference: Reference, indexed: Mapping[str, IndexedObject]) -> int:
    found = indexed.get(reference.sop_instance_uid)
    if found is None:
        return NO_SUCH_OBJECT_INSTANCE
    if found.sop_class_uid != reference.sop_class_uid:
        return CLASS_INSTANCE_CONFLICT
    if found.in_conflict:
        return PROCESSING_FAILURE
    head = objects.head(found.object_key)
    # The object was written under its digest with a checksum that S3 verified, and is never replaced.
    is_whole = head is not None and head.size_bytes == found.size_bytes
    if is_whole and found.object_key == instance_object_key(found.keys, found.digest):
        return 0
    return PROCESSING_FAILURE if head is not None else NO_SUCH_OBJECT_INSTANCE


def is_final(outcomes: Outcomes, request: CommitmentRequest, now_ms: int, wait_ms: int) -> bool:
    """Whether a report can be sent: what was stored a moment ago takes some seconds to be indexed."""
    return NO_SUCH_OBJECT_INSTANCE not in outcomes.values() or now_ms >= request.requested_at_ms + wait_ms
