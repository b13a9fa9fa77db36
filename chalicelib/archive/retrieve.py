"""Retrieve transaction (WADO-RS, PS3.18 10.4; C-MOVE and C-GET, PS3.4 C.4.2): instances, frames and bulk data."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.archive.delivery import Body, Part, Piece, etag_of, multipart_body, single_part_body
from chalicelib.archive.model import ByteRange, InstanceRecord
from chalicelib.archive.pack import DICOM, instance_part
from chalicelib.archive.ports import IndexReader, ObjectStore, Renderer
from chalicelib.archive.rendered import transcoded_frames
from chalicelib.archive.restricted import reader_within, require_download
from chalicelib.archive.retrieve_transcoded import transcoded_part
from chalicelib.archive.scope import Scope
from chalicelib.archive.transfer_syntaxes import choose_frame_form, choose_instance_form
from chalicelib.archive.visible import visible_instance
from chalicelib.dicom.elements import BytesSource
from chalicelib.dicom.media_types import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    NATIVE_LITTLE_ENDIAN,
    MediaRange,
    Representation,
    choose,
    frame_media_type,
)
from chalicelib.dicom.multipart import PartHeader
from chalicelib.dicom.part10 import open_data_set
from chalicelib.errors import BadRequest, NotAcceptable, NotFound

OCTETS = "application/octet-stream"
DOCUMENT = "00420011"
"""Encapsulated Document."""
SAFE_DOCUMENT_TYPES = frozenset({"application/pdf", "model/stl", "model/obj", "model/mtl", "text/plain"})
MAXIMUM_FRAMES = 5000
"""Frames that one request may name."""


# Instances --------------------------------------------------------------------------------------------------------


def retrieve_instance(
    reader: IndexReader,
    renderer: Renderer,
    scope: Scope,
    uids: tuple[str, str, str],
    accept: Sequence[MediaRange],
    base_url: str,
) -> Body:
    """Retrieve Instance (PS3.18 10.4.1.1.3): as stored, byte for byte, or in the transfer syntax asked for.

    `uids` are study, series and SOP instance.

    Raises
    ------
    NotFound, NotAcceptable
        See `visible.visible_instance`, `transfer_syntaxes.choose_instance_form`.
    """
    reader = reader_within(reader, scope)
    record = visible_instance(reader, scope, *uids)
    require_download(reader, record.keys.hospital, uids[0], [uids[1]])
    chosen = choose_instance_form(record, accept)
    is_stored = chosen.transfer_syntax == record.transfer_syntax_uid
    part = instance_part(record, base_url) if is_stored else transcoded_part(renderer, record, chosen.transfer_syntax)
    etag = etag_of(record.object_key, str(chosen))
    if chosen.multipart:
        return multipart_body([part], DICOM, etag)
    return single_part_body(part, etag, record.object_key if is_stored else "")


# Frames -----------------------------------------------------------------------------------------------------------


def frame_numbers(text: str) -> list[int]:
    """Zero-based frames of a list of DICOMweb frame numbers, which count from 1.

    Raises
    ------
    BadRequest
        If the list is not one of positive integers, or too long.

    >>> frame_numbers("1,3")
    [0, 2]
    """
    parts = text.split(",")
    if len(parts) > MAXIMUM_FRAMES or not all(p.isascii() and p.isdigit() and len(p) < 10 and int(p) for p in parts):
        raise BadRequest("The frame list must be positive integers separated by commas.")
    return [int(part) - 1 for part in parts]


def retrieve_frames(
    reader: IndexReader,
    renderer: Renderer,
    scope: Scope,
    uids: tuple[str, str, str],
    frames: Sequence[int],
    accept: Sequence[MediaRange],
) -> Body:
    """Retrieve Frames (PS3.18 10.4.1.6): one read of the index, and byte ranges of the stored object.

    `frames` are zero-based.

    Raises
    ------
    NotFound
        If the instance is not visible or has no such frame.
    """
    record = visible_instance(reader, scope, *uids)
    total = record.number_of_frames
    if total == 0 or max(frames) >= total:
        raise NotFound(f"The instance has {total} frames." if total else "The instance has no pixel data.")
    form = choose_frame_form(record, accept, len(frames))
    is_native = {record.transfer_syntax_uid, form.transfer_syntax} <= NATIVE_LITTLE_ENDIAN
    is_stored = form.transfer_syntax == record.transfer_syntax_uid or is_native
    if is_stored and max(frames) < len(record.frame_table.frames):
        contents: list[tuple[Piece, ...]] = [
            tuple(ByteRange(record.object_key, *fragment) for fragment in record.frame_table.frames[frame])
            for frame in frames
        ]
    elif is_stored and form.transfer_syntax != EXPLICIT_LITTLE_ENDIAN:
        raise NotAcceptable("The frames cannot be told apart in the stored form. Ask for application/octet-stream.")
    else:
        target = form.transfer_syntax or EXPLICIT_LITTLE_ENDIAN
        contents = [(piece,) for piece in transcoded_frames(renderer, record, frames, target)]
    header = PartHeader(form.content_type())
    etag = etag_of(record.object_key, str(form), *map(str, frames))
    parts = [Part(header, content) for content in contents]
    return multipart_body(parts, form.media_type, etag) if form.multipart else single_part_body(parts[0], etag)


# Bulk data --------------------------------------------------------------------------------------------------------


def retrieve_bulk_data(
    reader: IndexReader,
    objects: ObjectStore,
    scope: Scope,
    uids: tuple[str, str, str],
    path: str,
    accept: Sequence[MediaRange],
) -> Body:
    """Retrieve Bulk Data (PS3.18 10.4.1.5): the value that a BulkDataURI of the metadata names.

    `path` is as in `InstanceRecord.bulk_data`. An encapsulated document has its own media type besides octets;
    encapsulated Pixel Data comes as one part per frame.
    """
    record = visible_instance(reader, scope, *uids)
    types = [OCTETS]
    parts: list[tuple[Piece, ...]]
    is_encapsulated = record.transfer_syntax_uid not in NATIVE_LITTLE_ENDIAN | {EXPLICIT_BIG_ENDIAN}
    if path == "7FE00010" and record.frame_table.frames and is_encapsulated:
        parts = [
            tuple(ByteRange(record.object_key, *fragment) for fragment in fragments)
            for fragments in record.frame_table.frames
        ]
        types.insert(0, frame_media_type(record.transfer_syntax_uid))
    elif path in record.bulk_data:
        parts = [(bulk_piece(objects, record, path),)]
        if path == DOCUMENT:
            types.insert(0, _document_type(record))
    else:
        raise NotFound("There is no such bulk data.")
    # Values are octets in the stored transfer syntax, which a caller may name; it changes nothing.
    offers = [
        Representation(t, multipart) for multipart in (True, False) for t in types if multipart or len(parts) == 1
    ]
    chosen = choose(accept, offers)
    syntax = record.transfer_syntax_uid if path == "7FE00010" else ""
    header = PartHeader(Representation(chosen.media_type, chosen.multipart, syntax).content_type())
    etag = etag_of(record.object_key, path, str(chosen))
    body_parts = [Part(header, part) for part in parts]
    if chosen.multipart:
        return multipart_body(body_parts, chosen.media_type, etag)
    return single_part_body(body_parts[0], etag)


def encapsulated_document(objects: ObjectStore, record: InstanceRecord, accept: Sequence[MediaRange]) -> Body:
    """The document of an encapsulated instance as its rendered form (PS3.18 8.7.4), e.g. application/pdf."""
    media_type = choose(accept, [Representation(_document_type(record))]).media_type
    part = Part(PartHeader(media_type), (bulk_piece(objects, record, DOCUMENT),))
    return single_part_body(part, etag_of(record.object_key, DOCUMENT, media_type))


def _document_type(record: InstanceRecord) -> str:
    declared = record.dicom_json.get("00420012", {}).get("Value") or ["application/pdf"]
    media_type = str(declared[0]).strip().lower()
    # A sender must not choose a type that a browser would run under the archive's own origin.
    return media_type if media_type in SAFE_DOCUMENT_TYPES else OCTETS


def bulk_piece(objects: ObjectStore, record: InstanceRecord, path: str) -> Piece:
    """The value that a path of `InstanceRecord.bulk_data` names, where it lies, or inflated."""
    offset, length = record.bulk_data[path]
    if not record.frame_table.deflated:
        return ByteRange(record.object_key, offset, length)
    # Offsets count within the inflated file (`part10.DataSet.source`).
    return open_data_set(BytesSource(objects.read(record.object_key))).source.read_at(offset, length)
