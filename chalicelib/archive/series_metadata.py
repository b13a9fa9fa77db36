"""Retrieve Metadata (PS3.18 10.4.1.1.2): composed from the index, prebuilt per series once a study is quiet (D5)."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chalicelib.archive.model import DicomJson, InstanceRecord, SeriesRecord, StudyRecord
from chalicelib.archive.ports import IndexReader, IndexWriter, ObjectStore
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import Scope
from chalicelib.archive.visible import Pictures, visible_instance, visible_series, visible_study
from chalicelib.errors import NotFound

MEDIA_TYPE = "application/dicom+json"


@dataclass(frozen=True)
class Metadata:
    """Metadata ready to be sent."""

    gzipped: bytes
    etag: str
    stored_key: str = ""
    """Object that holds the same gzip bytes, "" when composed."""


def dicomweb_url(public_url: str) -> str:
    """Base of the DICOMweb resources at the origin that callers use."""
    return f"{public_url}/dicomweb"


def instance_metadata(record: InstanceRecord, public_url: str) -> DicomJson:
    """The DICOM JSON of an instance with absolute Bulk Data URIs, and its Available Transfer Syntax UID.

    Bulk Data URIs name the hospital: prebuilt metadata is the same for every session, and in one that sees several
    hospitals two may have the same UIDs (D3).
    """
    keys = record.keys
    base = (
        f"{dicomweb_url(public_url)}/studies/{keys.study_instance_uid}/series/{keys.series_instance_uid}"
        f"/instances/{keys.sop_instance_uid}/"
    )
    dataset = dict(_absolute(record.dicom_json, base, f"?hospital={quote(keys.hospital)}"))
    # Text is converted to UTF-8 whatever it was stored in (PS3.18 F.2.3).
    if "00080005" in dataset:
        dataset["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    dataset["00083002"] = {"vr": "UI", "Value": [record.transfer_syntax_uid]}
    return dict(sorted(dataset.items()))


def _absolute(dataset: DicomJson, base: str, query: str) -> DicomJson:
    return {tag: _absolute_element(element, base, query) for tag, element in dataset.items()}


def _absolute_element(element: dict[str, Any], base: str, query: str) -> dict[str, Any]:
    if "BulkDataURI" in element:
        return {**element, "BulkDataURI": base + element["BulkDataURI"] + query}
    if element.get("vr") == "SQ" and "Value" in element:
        return {**element, "Value": [_absolute(item, base, query) if item else item for item in element["Value"]]}
    return element


def _encode(datasets: Iterable[DicomJson]) -> bytes:
    """A gzip JSON array, compressed as it grows and the same for the same content."""
    texts = (json.dumps(dataset, ensure_ascii=False, separators=(",", ":")) for dataset in datasets)
    return gzip.compress(("[" + ",".join(texts) + "]").encode(), compresslevel=5, mtime=0)


def _composed(datasets: Iterable[DicomJson]) -> Metadata:
    gzipped = _encode(datasets)
    return Metadata(gzipped, hashlib.sha256(gzipped).hexdigest()[:32])


def retrieve_instance_metadata(
    reader: IndexReader, scope: Scope, uids: tuple[str, str, str], public_url: str
) -> Metadata:
    """Retrieve Metadata of an instance; `uids` are study, series and SOP instance."""
    return _composed([instance_metadata(visible_instance(reader, scope, *uids), public_url)])


def retrieve_series_metadata(
    reader: IndexReader,
    objects: ObjectStore,
    scope: Scope,
    study_instance_uid: str,
    series_instance_uid: str,
    public_url: str,
) -> Metadata:
    """Retrieve Metadata of a series: the prebuilt object while it is current, else composed."""
    reader = reader_within(reader, scope)
    series = visible_series(reader, scope, study_instance_uid, series_instance_uid)
    return _of_series(reader, objects, series, public_url)


def _is_current(series: SeriesRecord, public_url: str) -> bool:
    return (
        bool(series.metadata_key)
        and series.metadata_instance_count == series.instance_count
        and series.metadata_public_url == public_url
    )


def _of_series(reader: IndexReader, objects: ObjectStore, series: SeriesRecord, public_url: str) -> Metadata:
    if _is_current(series, public_url):
        try:
            gzipped = objects.read(series.metadata_key)
            return Metadata(gzipped, hashlib.sha256(gzipped).hexdigest()[:32], series.metadata_key)
        except NotFound:
            pass  # Derived data: gone is as good as never built.
    return _composed(_datasets_of_series(reader, series, public_url))


def _datasets_of_series(reader: IndexReader, series: SeriesRecord, public_url: str) -> Iterator[DicomJson]:
    records = reader.instances_of_series(series.hospital, series.study_instance_uid, series.series_instance_uid)
    return (instance_metadata(record, public_url) for record in records)


def retrieve_study_metadata(
    reader: IndexReader, objects: ObjectStore, scope: Scope, study_instance_uid: str, public_url: str
) -> Metadata:
    """Retrieve Metadata of a study: that of its series, one after the other."""
    reader = reader_within(reader, scope)
    study = visible_study(reader, scope, study_instance_uid)
    arrays = (
        gzip.decompress(_of_series(reader, objects, series, public_url).gzipped)[1:-1]
        for series in reader.series_of_study(study.hospital, study_instance_uid)
    )
    gzipped = gzip.compress(b"[" + b",".join(array for array in arrays if array) + b"]", compresslevel=5, mtime=0)
    return Metadata(gzipped, hashlib.sha256(gzipped).hexdigest()[:32])


def build(reader: IndexReader, writer: IndexWriter, objects: ObjectStore, study: StudyRecord, public_url: str) -> int:
    """Prebuild the metadata of every series of a study that has none that is current; return how many were built.

    Safe to repeat and to run concurrently: an object's name holds the digest of its content. An instance that comes
    meanwhile makes the count differ, so the prebuilt metadata is not used.
    """
    built = 0
    for series in reader.series_of_study(study.hospital, study.study_instance_uid):
        if _is_current(series, public_url):
            continue
        pictures = Pictures()
        records = reader.instances_of_series(series.hospital, series.study_instance_uid, series.series_instance_uid)
        datasets = [instance_metadata(pictures.seen(record), public_url) for record in records]
        metadata = _composed(datasets)
        key = (
            f"metadata/{series.hospital}/{series.study_instance_uid}/{series.series_instance_uid}"
            f"/{metadata.etag}.json.gz"
        )
        objects.put(key, metadata.gzipped, MEDIA_TYPE, "gzip")
        writer.set_series_metadata(
            series.hospital,
            series.study_instance_uid,
            series.series_instance_uid,
            key,
            len(datasets),
            public_url,
            pictures.middle(),
        )
        built += 1
    return built


def stored(objects: ObjectStore, metadata: Metadata, gzipped: bool) -> str:
    """Key of an object that holds metadata too big for memory."""
    if gzipped and metadata.stored_key:
        return metadata.stored_key
    key = f"assembled/{metadata.etag}.json" + (".gz" if gzipped else "")
    if objects.head(key) is None:
        body = metadata.gzipped if gzipped else gzip.decompress(metadata.gzipped)
        objects.put(key, body, MEDIA_TYPE, "gzip" if gzipped else "")
    return key
