"""Retrieve Study and Series as a ZIP file (PS3.18 8.6.1.3): what a browser downloads and any viewer opens.

Instances come as stored, a folder each series, and PDF reports once more as files of their own. Like packs, ZIP files
are derived: put together of the archived objects, kept a day under their validator, made again on demand
(docs/adr/0014).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from chalicelib import errors
from chalicelib.archive import pack
from chalicelib.archive.delivery import Body, assembled_key, etag_of, is_reusable, object_of
from chalicelib.archive.model import ByteRange, InstanceRecord, SeriesRecord
from chalicelib.archive.ports import IndexReader, ObjectStore
from chalicelib.archive.restricted import reader_within, require_download
from chalicelib.archive.retrieve import DOCUMENT, bulk_piece
from chalicelib.archive.retrieve_series import Answers, is_answered_at_once
from chalicelib.archive.scope import Scope
from chalicelib.archive.visible import visible_series, visible_study
from chalicelib.archive.zip_file import Entry, zip_pieces

MEDIA_TYPE = "application/zip"
PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
MOST_SERIES = 500
_CHECKSUMS_AT_ONCE = 16
_LONGEST_NAME = 60
_MODALITY, _SERIES_DESCRIPTION = "00080060", "0008103E"
READ_ME = """\
Sans Film

DICOM/ : images de l'examen. Ouvrez ce dossier avec un logiciel de visualisation DICOM.
COMPTES-RENDUS/ : comptes rendus au format PDF, s'il y en a.
Ces fichiers contiennent des données de santé : conservez-les en lieu sûr.

DICOM/: images of the exam. Open this folder with a DICOM viewer.
COMPTES-RENDUS/: reports as PDF, if there are any.
These files hold health data: keep them in a safe place.
"""


def retrieve_zip(own: Answers, scope: Scope, study_instance_uid: str, series_instance_uid: str = "") -> Body:
    """All that is visible of a study, or of one series of it, as a ZIP file.

    Raises
    ------
    errors.NotFound, errors.Conflict, errors.BadRequest
        See `visible.visible_study`.
    errors.NotAllowed
        If it may be looked at and not be downloaded.
    errors.NotReady
        If it is too big to be made within a request: it is being made, ask again.
    errors.TooMuch
        If it is too big for one file.
    """
    own = replace(own, reader=reader_within(own.reader, scope))
    if series_instance_uid:
        all_series = [visible_series(own.reader, scope, study_instance_uid, series_instance_uid)]
    else:
        study = visible_study(own.reader, scope, study_instance_uid)
        all_series = list(own.reader.series_of_study(study.hospital, study_instance_uid))
    if not all_series:
        raise errors.NotFound("There is no such study.")
    uids = [series.series_instance_uid for series in all_series]
    require_download(own.reader, all_series[0].hospital, study_instance_uid, uids)
    etag = _etag(all_series, own.base_url)
    if known := _find(own.objects, etag):
        return known
    if is_answered_at_once(all_series):
        return _body(own.reader, own.objects, all_series, etag)
    if len(uids) > MOST_SERIES or sum(series.size_bytes for series in all_series) > pack.LARGEST_PACK_BYTES:
        raise errors.TooMuch("The study is too big for one file: retrieve it series by series.")
    if any(series.revision < 0 for series in all_series):
        raise errors.TooMuch("What is shown of the study is too big for one file: retrieve it series by series.")
    own.packs.request_zip(all_series, etag)
    raise errors.NotReady("The file is being prepared: ask again.", _expected_s(all_series))


def build_zip(
    reader: IndexReader, objects: ObjectStore, study: tuple[str, str], uids: Sequence[str], base_url: str
) -> tuple[str, int]:
    """Make the ZIP file of some series of a study of (hospital, study) and keep it; what was done, size in bytes.

    Safe to repeat and to run concurrently: whoever zips the same instances writes the same object.

    Raises
    ------
    errors.NotFound, errors.Unavailable
        If an object is gone, or a service did not answer.
    """
    found = [reader.series(*study, uid) for uid in uids]
    all_series = [series for series in found if series]
    if len(all_series) != len(uids):
        return "forgotten", 0
    etag = _etag(all_series, base_url)
    if known := _find(objects, etag):
        return "zipped-before", known.size_bytes
    body = _body(reader, objects, all_series, etag)
    # What was read is what revisions and counts say only if they say so still.
    if [reader.series(*study, uid) for uid in uids] != found:
        return "changing", 0
    object_of(objects, body)
    return "zipped", body.size_bytes


def _etag(all_series: Sequence[SeriesRecord], base_url: str) -> str:
    return etag_of(MEDIA_TYPE, *(pack.series_etag(series, base_url) for series in all_series))


def _find(objects: ObjectStore, etag: str) -> Body | None:
    head = objects.head(assembled_key(etag))
    if head is None or not is_reusable(head):
        return None
    return Body(MEDIA_TYPE, (ByteRange(head.key, 0, head.size_bytes),), etag, head.key)


def _expected_s(all_series: Sequence[SeriesRecord]) -> int:
    """A function zips some 40 MB of small instances a second, and may have to start."""
    return min(10 + sum(series.size_bytes for series in all_series) // 40_000_000, 120)


# Contents ---------------------------------------------------------------------------------------------------------


def _body(reader: IndexReader, objects: ObjectStore, all_series: Sequence[SeriesRecord], etag: str) -> Body:
    text = READ_ME.encode()
    entries = [Entry("LISEZMOI.txt", text, len(text), zlib.crc32(text))]
    named = list(_named_instances(reader, all_series))
    with ThreadPoolExecutor(_CHECKSUMS_AT_ONCE) as threads:
        checksums = threads.map(lambda each: objects.crc32(each[1].object_key), named)
        for (name, record), crc32 in zip(named, checksums, strict=True):
            content = ByteRange(record.object_key, 0, record.size_bytes)
            entries.append(Entry(name, content, record.size_bytes, crc32))
    reports = [record for _, record in named if record.sop_class_uid == PDF_CLASS]
    for number, record in enumerate(reports, start=1):
        if pdf := _pdf(reader, objects, record):
            entries.append(Entry(f"COMPTES-RENDUS/compte-rendu-{number}.pdf", pdf, len(pdf), zlib.crc32(pdf)))
    return Body(MEDIA_TYPE, tuple(zip_pieces(entries)), etag)


def _named_instances(reader: IndexReader, all_series: Sequence[SeriesRecord]) -> Iterator[tuple[str, InstanceRecord]]:
    """Instances with their paths, which tell of a series what its operator wrote, and nothing of the patient."""
    for position, series in enumerate(all_series, start=1):
        folder = f"DICOM/{position:03d}{_folder(series)}"
        records = reader.stored_instances_of_series(
            series.hospital, series.study_instance_uid, series.series_instance_uid
        )
        for number, record in enumerate(records, start=1):
            yield f"{folder}/IM{number:05d}.dcm", record


def _folder(series: SeriesRecord) -> str:
    """What a series is, in characters that every file system takes.

    >>> from chalicelib.archive.model import SeriesRecord
    >>> attributes = {"00080060": {"vr": "CS", "Value": ["CT"]}, "0008103E": {"vr": "LO", "Value": ["Thorax: I+/-"]}}
    >>> _folder(SeriesRecord("nord", "1.2", "1.2.3", attributes, 1, 1))
    ' CT Thorax I'
    """
    values = ((series.attributes.get(tag, {}).get("Value") or [""])[0] for tag in (_MODALITY, _SERIES_DESCRIPTION))
    words = re.findall(r"[^\W_]+", " ".join(str(value) for value in values if value is not None))
    text = " ".join(words)[:_LONGEST_NAME].strip()
    return f" {text}" if text else ""


def _pdf(reader: IndexReader, objects: ObjectStore, record: InstanceRecord) -> bytes:
    """The document of an encapsulated PDF; empty if it has none."""
    keys = record.keys
    full = reader.instance(keys.hospital, keys.study_instance_uid, keys.series_instance_uid, keys.sop_instance_uid)
    if full is None or DOCUMENT not in full.bulk_data:
        return b""
    piece = bulk_piece(objects, full, DOCUMENT)
    return piece if isinstance(piece, bytes) else objects.read(piece.key, piece.start, piece.length)
