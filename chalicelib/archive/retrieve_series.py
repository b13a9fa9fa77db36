"""Retrieve Series and Retrieve Study (WADO-RS, PS3.18 10.4.1.1.1 and 10.4.1.1.2): redirects to packs (D6, D7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from chalicelib import errors
from chalicelib.archive import pack
from chalicelib.archive.delivery import ASSEMBLED_REUSE_S, Body, Piece, assembled_key, etag_of, multipart_body
from chalicelib.archive.model import InstanceRecord, SeriesRecord
from chalicelib.archive.ports import IndexReader, ObjectStore, PackQueue, Renderer
from chalicelib.archive.restricted import reader_within, require_download
from chalicelib.archive.retrieve_transcoded import transcoded_body
from chalicelib.archive.scope import Scope
from chalicelib.archive.visible import visible_series, visible_study
from chalicelib.dicom import multipart
from chalicelib.dicom.media_types import ANY_SYNTAX, MediaRange, Representation, not_acceptable

MOST_INSTANCES_AT_ONCE = 1000
MOST_BYTES_AT_ONCE = 256 << 20
"""What has no pack and is bigger gets one before it is answered: a request ends after 29 s (docs/adr/0014)."""
MOST_COPIED_BYTES = 12 << 30
"""What S3 copies within a request when a study is assembled from packs: some 100 MB/s a part, eight parts at once."""
MOST_SERIES = 500
_HEADS_AT_ONCE = 16


@dataclass(frozen=True)
class Answers:
    """Ports of these transactions, and the DICOMweb base URL of what they answer."""

    reader: IndexReader
    objects: ObjectStore
    packs: PackQueue
    renderer: Renderer
    base_url: str


def retrieve_series(
    own: Answers, scope: Scope, study_instance_uid: str, series_instance_uid: str, accept: Sequence[MediaRange]
) -> Body:
    """Retrieve Series: every instance in a form that the caller wants, by SOP Instance UID; many only as stored.

    Raises
    ------
    errors.NotFound, errors.NotAcceptable
        See `visible.visible_series`; without a media range for the stored transfer syntaxes.
    errors.NotReady
        If it has no pack and is too big to be answered without: it gets one, ask again.
    errors.TooMuch
        If it is too big for one answer.
    """
    own = replace(own, reader=reader_within(own.reader, scope))
    series = visible_series(own.reader, scope, study_instance_uid, series_instance_uid)
    require_download(own.reader, series.hospital, study_instance_uid, [series_instance_uid])
    if transcoded := transcoded_body(own.reader, own.renderer, [series], accept, own.base_url):
        return transcoded
    if pack.is_answered_by_packs(series):
        if found := pack.find_pack(own.objects, series, own.base_url):
            _check_acceptable(accept, found.transfer_syntax_uids)
            return found.body()
        if not is_answered_at_once([series]):
            raise _pack_first(own, [series])
    return _body_of(own, [series], accept, "")


def retrieve_study(own: Answers, scope: Scope, study_instance_uid: str, accept: Sequence[MediaRange]) -> Body:
    """Retrieve Study: in the form of `retrieve_series`, series by series; raises as that.

    A study above a size is assembled from its packs by S3 and kept for a day: who asks again is redirected at once.
    """
    own = replace(own, reader=reader_within(own.reader, scope))
    study = visible_study(own.reader, scope, study_instance_uid)
    all_series = list(own.reader.series_of_study(study.hospital, study_instance_uid))
    require_download(own.reader, study.hospital, study_instance_uid, [s.series_instance_uid for s in all_series])
    if transcoded := transcoded_body(own.reader, own.renderer, all_series, accept, own.base_url):
        return transcoded
    if not pack.is_answered_by_packs(study):
        return _body_of(own, all_series, accept, "")
    if not all_series:
        raise errors.NotFound("There is no such study.")
    etag = etag_of(*(pack.series_etag(series, own.base_url) for series in all_series))
    if known := pack.stored_answer(own.objects, assembled_key(etag), etag, ASSEMBLED_REUSE_S):
        _check_acceptable(accept, known.transfer_syntax_uids)
        return known.body()
    if len(all_series) > MOST_SERIES or study.size_bytes > MOST_COPIED_BYTES:
        raise errors.TooMuch("The study is too big for one answer: retrieve it series by series.")
    packs = _packs_of(own, all_series)
    boundary = pack.study_boundary(study.hospital, study_instance_uid, own.base_url)
    found = [one for one in packs if one]
    if len(found) == len(packs) and all(one.boundary == boundary for one in found):
        return _joined(found, boundary, etag, accept)
    if is_answered_at_once(all_series):
        return _body_of(own, all_series, accept, etag)
    if len(found) == len(packs):
        raise errors.TooMuch("The packs of the study cannot be joined: retrieve it series by series.")
    raise _pack_first(own, [series for series, one in zip(all_series, packs, strict=True) if one is None])


def _packs_of(own: Answers, all_series: Sequence[SeriesRecord]) -> list[pack.Pack | None]:
    with ThreadPoolExecutor(min(_HEADS_AT_ONCE, len(all_series))) as threads:
        return list(threads.map(lambda series: pack.find_pack(own.objects, series, own.base_url), all_series))


def _joined(packs: Sequence[pack.Pack], boundary: str, etag: str, accept: Sequence[MediaRange]) -> Body:
    """Packs of one boundary, one after the other."""
    syntaxes = [syntax for one in packs for syntax in one.transfer_syntax_uids]
    _check_acceptable(accept, syntaxes)
    pieces: list[Piece] = []
    for one in packs:
        pieces += [b"\r\n"] if pieces else []
        pieces.append(one.parts())
    pieces.append(multipart.closing(boundary))
    content_type = multipart.content_type(pack.DICOM, boundary)
    return Body(content_type, tuple(pieces), etag, metadata=pack.answer_metadata(boundary, syntaxes))


def is_answered_at_once(all_series: Sequence[SeriesRecord]) -> bool:
    """Whether an answer is put together within a request."""
    instances = sum(series.instance_count for series in all_series)
    size_bytes = sum(series.size_bytes for series in all_series)
    return instances <= MOST_INSTANCES_AT_ONCE and size_bytes <= MOST_BYTES_AT_ONCE


def _pack_first(own: Answers, all_series: Sequence[SeriesRecord]) -> errors.ArchiveError:
    """Ask for packs; the error that says so."""
    if any(series.size_bytes > pack.LARGEST_PACK_BYTES or series.revision < 0 for series in all_series):
        return errors.TooMuch("A series is too big for one answer: retrieve its instances.")
    for series in all_series:
        own.packs.request(series, pack.series_etag(series, own.base_url))
    # A function packs some 50 MB a second, and may have to start.
    expected_s = 10 + max(series.size_bytes for series in all_series) // 50_000_000
    return errors.NotReady("The answer is being prepared: ask again.", min(expected_s, 120))


def _body_of(own: Answers, all_series: Iterable[SeriesRecord], accept: Sequence[MediaRange], etag: str) -> Body:
    """The answer made of the archived objects; its boundary comes from digests that no content can foresee."""
    records = list(_records(own.reader, all_series))
    if len(records) > MOST_INSTANCES_AT_ONCE:
        raise errors.TooMuch("There are too many instances for one answer: retrieve series or instances.")
    syntaxes = [record.transfer_syntax_uid for record in records]
    _check_acceptable(accept, syntaxes)
    parts = [pack.instance_part(record, own.base_url) for record in records]
    contents = etag_of(own.base_url, *(record.object_key for record in records))
    boundary = multipart.boundary_of(contents)
    return multipart_body(parts, pack.DICOM, etag or contents, boundary, pack.answer_metadata(boundary, syntaxes))


def _records(reader: IndexReader, all_series: Iterable[SeriesRecord]) -> Iterator[InstanceRecord]:
    for series in all_series:
        yield from reader.stored_instances_of_series(
            series.hospital, series.study_instance_uid, series.series_instance_uid
        )


def _check_acceptable(accept: Iterable[MediaRange], syntaxes: Iterable[str]) -> None:
    """Every instance comes as stored: whoever names transfer syntaxes has to name all of these."""
    stored = sorted(set(syntaxes))
    offers = [Representation(pack.DICOM, True, syntax) for syntax in stored]
    wanted = {r.transfer_syntax for r in accept if r.covers(pack.DICOM, multipart=True)}
    if not wanted:
        raise not_acceptable(offers)
    if not wanted & {"", ANY_SYNTAX} and not wanted.issuperset(stored):
        raise not_acceptable([Representation(pack.DICOM, True, ANY_SYNTAX), *offers])
