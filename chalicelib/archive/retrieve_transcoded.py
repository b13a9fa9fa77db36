"""Retrieve Series and Retrieve Study in another transfer syntax than the stored one, within bounds (PS3.18 8.7.3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from chalicelib.archive.delivery import Body, Part, etag_of, multipart_body
from chalicelib.archive.model import InstanceRecord, SeriesRecord
from chalicelib.archive.pack import DICOM, instance_part
from chalicelib.archive.ports import IndexReader, Renderer
from chalicelib.archive.rendered import transcoded_instance
from chalicelib.archive.transfer_syntaxes import instance_syntaxes
from chalicelib.dicom.media_types import ANY_SYNTAX, MediaRange, Representation, not_acceptable
from chalicelib.dicom.multipart import PartHeader
from chalicelib.errors import NotAcceptable, TooMuch

MAXIMUM_TRANSCODED_INSTANCES, MAXIMUM_TRANSCODED_TOGETHER_BYTES = 100, 128 << 20
"""Number and stored size of instances that one answer re-encodes, so that it is ready within the API's time."""
_PARALLEL_TRANSCODINGS = 8


def transcoded_part(renderer: Renderer, record: InstanceRecord, transfer_syntax_uid: str) -> Part:
    """An instance re-encoded, as a part."""
    content_type = Representation(DICOM, True, transfer_syntax_uid).content_type()
    return Part(PartHeader(content_type), (transcoded_instance(renderer, record, transfer_syntax_uid),))


def transcoded_body(
    reader: IndexReader,
    renderer: Renderer,
    all_series: Sequence[SeriesRecord],
    accept: Sequence[MediaRange],
    base_url: str,
) -> Body | None:
    """Instances of some series in the transfer syntaxes that a caller wants; None if they are the stored ones.

    Where none is named each has its default, as far as one answer re-encodes: larger ones come as stored, and so does
    what cannot be decoded.

    Raises
    ------
    NotAcceptable
        If an instance cannot have any of those that are named.
    """
    wanted = [r.transfer_syntax for r in accept if r.covers(DICOM, multipart=True)]
    if not wanted or ANY_SYNTAX in wanted:
        return None
    as_stored = Representation(DICOM, True, ANY_SYNTAX)
    count, size = sum(one.instance_count for one in all_series), sum(one.size_bytes for one in all_series)
    if count > MAXIMUM_TRANSCODED_INSTANCES or size > MAXIMUM_TRANSCODED_TOGETHER_BYTES:
        return None
    records = [
        record
        for one in all_series
        for record in reader.instances_of_series(one.hospital, one.study_instance_uid, one.series_instance_uid)
    ]
    syntaxes = [_most_wanted(record, wanted) for record in records]
    if syntaxes == [record.transfer_syntax_uid for record in records]:
        return None
    if not all(syntaxes):
        raise not_acceptable([as_stored, *(Representation(DICOM, True, s) for s in _common(records))])

    def part(record: InstanceRecord, syntax: str) -> Part:
        if syntax == record.transfer_syntax_uid:
            return instance_part(record, base_url)
        try:
            return transcoded_part(renderer, record, syntax)
        except (NotAcceptable, TooMuch):
            if "" not in wanted:
                raise
            return instance_part(record, base_url)

    with ThreadPoolExecutor(_PARALLEL_TRANSCODINGS) as pool:
        parts = list(pool.map(part, records, syntaxes))
    return multipart_body(parts, DICOM, etag_of(base_url, *wanted, *(record.object_key for record in records)))


def _most_wanted(record: InstanceRecord, wanted: Sequence[str]) -> str:
    """As stored where that is wanted by name, else the most wanted that the instance can have, `""` its default."""
    if record.transfer_syntax_uid in wanted:
        return record.transfer_syntax_uid
    possible = instance_syntaxes(record)
    return next((syntax or possible[0] for syntax in wanted if not syntax or syntax in possible), "")


def _common(records: Sequence[InstanceRecord]) -> list[str]:
    """Transfer syntaxes that every instance can have."""
    possible = [set(instance_syntaxes(record)) for record in records]
    return sorted(set.intersection(*possible)) if possible else []
