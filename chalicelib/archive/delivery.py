"""Bodies of answers: made of bytes and of ranges of stored objects, handed over in memory or by a signed URL (D7)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from chalicelib.archive.model import ByteRange, ObjectHead
from chalicelib.archive.ports import ObjectStore
from chalicelib.dicom import multipart
from chalicelib.dicom.multipart import PartHeader

Piece = bytes | ByteRange

COALESCED_GAP_BYTES = 64 * 1024
"""Ranges this close are read by one request: item headers between fragments, or frames side by side."""
ASSEMBLED_REUSE_S = 12 * 3600
"""Assembled objects live a day; one older than this may go while a caller reads it and is made anew."""
_PARALLEL_READS = 8


@dataclass(frozen=True)
class Body:
    """The body of an answer, not yet read."""

    content_type: str
    pieces: tuple[Piece, ...]
    etag: str
    """Opaque text that changes whenever the bytes do; unquoted."""
    stored_key: str = ""
    """Object that is this body, byte for byte and with this content type, if there is one."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Of the object that it becomes when it is too big to be handed over."""

    @property
    def size_bytes(self) -> int:
        """Length of the whole."""
        return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in self.pieces)


@dataclass(frozen=True)
class Part:
    """A part of a multipart body, or a body by itself."""

    header: PartHeader
    pieces: tuple[Piece, ...]


def etag_of(*facts: str) -> str:
    """A strong validator for a body that is determined by these facts (digests, numbers, media types)."""
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def single_part_body(part: Part, etag: str, stored_key: str = "") -> Body:
    """The part as the whole body."""
    return Body(part.header.content_type, part.pieces, etag, stored_key)


def multipart_body(
    parts: Sequence[Part], part_type: str, etag: str, boundary: str = "", metadata: Mapping[str, str] | None = None
) -> Body:
    """A multipart/related body around parts whose contents may lie in stored objects."""
    boundary = boundary or multipart.boundary_of(etag)
    pieces = tuple(multipart_pieces(parts, boundary))
    return Body(multipart.content_type(part_type, boundary), pieces, etag, metadata=metadata or {})


def multipart_pieces(parts: Sequence[Part], boundary: str) -> list[Piece]:
    """Delimiters, headers and contents."""
    pieces: list[Piece] = []
    for part in parts:
        pieces.append(part.header.encode(boundary, first=not pieces))
        pieces.extend(part.pieces)
    pieces.append(multipart.closing(boundary))
    return pieces


def byte_range_of(body: Body, start: int, length: int) -> Body:
    """`length` bytes of a body from `start`, both within it: what is read is no more than that."""
    pieces: list[Piece] = []
    for piece in body.pieces:
        size = len(piece) if isinstance(piece, bytes) else piece.length
        first, end = max(start, 0), min(start + length, size)
        if first < end:
            if isinstance(piece, bytes):
                pieces.append(piece[first:end])
            else:
                pieces.append(ByteRange(piece.key, piece.start + first, end - first))
        start -= size
    return Body(body.content_type, tuple(pieces), body.etag)


def read_body(objects: ObjectStore, body: Body) -> bytes:
    """The bytes of a body that fits memory; ranges close to each other cost one request."""
    runs, run_of = _coalesce({piece for piece in body.pieces if isinstance(piece, ByteRange)})
    if len(runs) > 1:
        with ThreadPoolExecutor(min(_PARALLEL_READS, len(runs))) as pool:
            contents = list(pool.map(lambda run: objects.read(run.key, run.start, run.length), runs))
    else:
        contents = [objects.read(run.key, run.start, run.length) for run in runs]

    def content(piece: Piece) -> bytes:
        if isinstance(piece, bytes):
            return piece
        start = piece.start - runs[run_of[piece]].start
        return contents[run_of[piece]][start : start + piece.length]

    return b"".join(map(content, body.pieces))


def _coalesce(ranges: Iterable[ByteRange]) -> tuple[list[ByteRange], dict[ByteRange, int]]:
    """Runs to read, and the index of the run that each range lies in."""
    runs: list[ByteRange] = []
    run_of: dict[ByteRange, int] = {}
    for item in sorted(ranges, key=lambda r: (r.key, r.start)):
        last = runs[-1] if runs else None
        if last and last.key == item.key and item.start <= last.start + last.length + COALESCED_GAP_BYTES:
            end = max(last.start + last.length, item.start + item.length)
            runs[-1] = replace(last, length=end - last.start)
        else:
            runs.append(item)
        run_of[item] = len(runs) - 1
    return runs, run_of


def assembled_key(etag: str) -> str:
    """Key of the object that a body becomes; the etag says which bytes of which media type."""
    return f"assembled/{etag}"


def is_reusable(assembled: ObjectHead) -> bool:
    """Whether an assembled object lives long enough for another caller."""
    return time.time() - assembled.last_modified_ms / 1000 < ASSEMBLED_REUSE_S


def object_of(objects: ObjectStore, body: Body) -> str:
    """Key of an object that holds a body too big for memory: the stored one, or one assembled by the service."""
    if body.stored_key:
        return body.stored_key
    key = assembled_key(body.etag)
    existing = objects.head(key)
    if existing is None or not is_reusable(existing) or existing.size_bytes != body.size_bytes:
        objects.assemble(key, body.pieces, body.content_type, body.metadata)
    return key
