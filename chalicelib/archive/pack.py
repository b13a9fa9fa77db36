"""Packs (D6): a series as one object that is already its own WADO-RS answer (PS3.18 8.6.1.2 and 10.4.1.1.2).

Packs are derived from the archived objects, which stay: a crash, a damaged or a missing pack loses nothing
(docs/adr/0014). A pack is never changed. Its key holds what the index counts of the series, so that an instance more or
less makes it another pack; its object metadata say what it holds.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib import errors
from chalicelib.archive.delivery import Body, Part, Piece, etag_of, multipart_pieces
from chalicelib.archive.model import ByteRange, InstanceRecord, SeriesRecord, StudyRecord
from chalicelib.archive.ports import IndexReader, ObjectStore
from chalicelib.dicom import multipart
from chalicelib.dicom.elements import BytesSource, Malformed
from chalicelib.dicom.media_types import Representation
from chalicelib.dicom.multipart import PartHeader
from chalicelib.dicom.part10 import data_set_offset

DICOM = "application/dicom"
PACKED_FROM_BYTES = 4_000_000
"""A smaller study is answered at once from its instances."""
PACKED_FROM_INSTANCES = 500
LARGEST_PACK_BYTES = 12 << 30
"""As much as one function packs in its time."""
USED_FOR_S = 6 * 86400
"""The bucket's lifecycle rule removes packs after seven days."""


@dataclass(frozen=True)
class Pack:
    """A stored multipart answer: a pack, or a study assembled from packs."""

    key: str
    size_bytes: int
    etag: str
    boundary: str
    transfer_syntax_uids: tuple[str, ...]

    def body(self) -> Body:
        """The answer that it is."""
        content_type = multipart.content_type(DICOM, self.boundary)
        return Body(content_type, (ByteRange(self.key, 0, self.size_bytes),), self.etag, self.key)

    def parts(self) -> ByteRange:
        """Its parts without the closing delimiter."""
        return ByteRange(self.key, 0, self.size_bytes - len(multipart.closing(self.boundary)))


def instance_part(record: InstanceRecord, base_url: str) -> Part:
    """An instance in its stored transfer syntax as a part of an answer."""
    keys = record.keys
    location = (
        f"{base_url}/studies/{keys.study_instance_uid}/series/{keys.series_instance_uid}"
        f"/instances/{keys.sop_instance_uid}"
    )
    content_type = Representation(DICOM, True, record.transfer_syntax_uid).content_type()
    return Part(PartHeader(content_type, location), (ByteRange(record.object_key, 0, record.size_bytes),))


def is_answered_by_packs(level: StudyRecord | SeriesRecord) -> bool:
    """Whether a study or series is worth packs; the series of such a study all get one."""
    return level.size_bytes >= PACKED_FROM_BYTES or level.instance_count >= PACKED_FROM_INSTANCES


def series_etag(series: SeriesRecord, base_url: str) -> str:
    """Validator of a series as a whole: within a revision instances are only added, so that their count says which.

    Revisions begin at random (48 bits): equal UIDs of another hospital, or of a series that was removed, have others.
    """
    return etag_of(base_url, series.series_instance_uid, str(series.revision), str(series.instance_count))


def study_boundary(hospital: str, study_instance_uid: str, base_url: str) -> str:
    """The one boundary of a study's packs, so that they can be joined; that no content holds it is checked."""
    return multipart.boundary_of("\n".join((base_url, hospital, study_instance_uid)))


def answer_metadata(boundary: str, transfer_syntax_uids: Sequence[str]) -> dict[str, str]:
    """Object metadata of a stored answer."""
    return {"boundary": boundary, "transfer-syntax-uids": ",".join(sorted(set(transfer_syntax_uids)))}


def stored_answer(objects: ObjectStore, key: str, etag: str, used_for_s: int) -> Pack | None:
    """A stored answer, unless it is gone or so old that it may go while a caller reads it."""
    head = objects.head(key)
    if head is None or "boundary" not in head.metadata:
        return None
    if time.time() - head.last_modified_ms / 1000 > used_for_s:
        return None
    syntaxes = tuple(head.metadata["transfer-syntax-uids"].split(","))
    return Pack(key, head.size_bytes, etag, head.metadata["boundary"], syntaxes)


def _key(series: SeriesRecord, etag: str) -> str:
    return f"packs/{series.hospital}/{series.study_instance_uid}/{series.series_instance_uid}/{etag}"


def find_pack(objects: ObjectStore, series: SeriesRecord, base_url: str) -> Pack | None:
    """The pack of a series as it is now."""
    etag = series_etag(series, base_url)
    return stored_answer(objects, _key(series, etag), etag, USED_FOR_S)


def build_pack(
    reader: IndexReader, objects: ObjectStore, uids: tuple[str, str, str], base_url: str
) -> tuple[str, Pack | None]:
    """Pack a series of (hospital, study, series), each instance checked against its digest; say what was done.

    Safe to repeat and to run concurrently: whoever packs the same instances writes the same object.

    Raises
    ------
    errors.Conflict
        If a stored object is not what was received: operators have to look.
    errors.NotFound, errors.Unavailable
        If an object is gone, or a service did not answer.
    """
    series = reader.series(*uids)
    if series is None:
        return "forgotten", None
    if series.size_bytes > LARGEST_PACK_BYTES:
        return "too-big", None
    if known := find_pack(objects, series, base_url):
        return "packed-before", known
    records = list(reader.stored_instances_of_series(*uids))
    # What was read is what revision and count say only if they said so before and after.
    again = reader.series(*uids)
    if len(records) != series.instance_count or again is None or again.revision != series.revision:
        return "changing", None
    etag = series_etag(series, base_url)
    for boundary in (study_boundary(*uids[:2], base_url), multipart.boundary_of(f"{etag} of its own")):
        try:
            _write(objects, _key(series, etag), records, boundary, base_url)
        except BoundaryWithin:
            continue
        return "packed", find_pack(objects, series, base_url)
    raise errors.Conflict("Instances of the series hold every boundary.")


def _write(objects: ObjectStore, key: str, records: Sequence[InstanceRecord], boundary: str, base_url: str) -> None:
    by_key = {record.object_key: record for record in records}
    pieces: Sequence[Piece] = multipart_pieces([instance_part(record, base_url) for record in records], boundary)
    objects.assemble(
        key,
        pieces,
        multipart.content_type(DICOM, boundary),
        answer_metadata(boundary, [record.transfer_syntax_uid for record in records]),
        lambda piece: AsReceived(by_key[piece.key], boundary),
    )


class BoundaryWithin(Exception):
    """An instance holds the boundary."""


class AsReceived:
    """`archive.ports.Checked`: an instance is what its digest says, and does not hold the boundary."""

    def __init__(self, record: InstanceRecord, boundary: str) -> None:
        self._record = record
        self._boundary = b"--" + boundary.encode()
        self._digest = hashlib.sha256()
        self._tail: bytes | None = None

    def update(self, content: bytes) -> None:
        """The next bytes; the first ones hold File Meta Information, which the digest leaves out."""
        start = 0
        if self._tail is None:
            try:
                start = data_set_offset(BytesSource(content))
            except Malformed as error:
                raise self._damaged() from error
        self._digest.update(memoryview(content)[start:])
        overlap = len(self._boundary) - 1
        if self._boundary in content or self._boundary in (self._tail or b"") + content[:overlap]:
            raise BoundaryWithin
        self._tail = content[-overlap:]

    def finish(self) -> None:
        """Compare the digest."""
        if self._digest.hexdigest() != self._record.digest:
            raise self._damaged()

    def _damaged(self) -> errors.Conflict:
        return errors.Conflict(f"The object is not what was received: {self._record.object_key}")
