"""Index stored instances so that they are found and read at O(1) cost (PS3.18 10.6, PS3.4 C.6.2.1; D4, D5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from chalicelib import errors
from chalicelib.archive.levels import text
from chalicelib.archive.model import DicomJson, FrameTable, InstanceRecord
from chalicelib.archive.object_source import ObjectSource
from chalicelib.archive.ports import IndexOutcome, IndexReader, IndexWriter, ObjectStore, StudyReadyQueue
from chalicelib.archive.store import parse_instance_object_key
from chalicelib.dicom.elements import Element, Malformed
from chalicelib.dicom.frames import (
    EXTENDED_OFFSET_TABLE,
    EXTENDED_OFFSET_TABLE_LENGTHS,
    PIXEL_DATA_TAGS,
    PixelDescription,
    encapsulated_frames,
    native_frames,
)
from chalicelib.dicom.json_model import convert
from chalicelib.dicom.part10 import DataSet, open_data_set

READERS = 8
"""Objects read at once: an index batch waits for S3, not for the processor."""


@dataclass(frozen=True)
class IndexedObject:
    """What became of an object that was to be indexed."""

    object_key: str
    outcome: IndexOutcome | None = None
    error: Exception | None = None
    record: InstanceRecord | None = None
    correlation_id: str = ""


@dataclass(frozen=True)
class Index:
    """Ports of this use case."""

    objects: ObjectStore
    writer: IndexWriter
    reader: IndexReader
    queue: StudyReadyQueue
    study_quiet_s: int


def index_objects(index: Index, object_keys: Sequence[str]) -> list[IndexedObject]:
    """Index objects, each as far as possible whatever becomes of the others; one result per key, in order.

    Studies are scheduled for a look after their quiet time once all is written, also for what was indexed before:
    the process may have ended between writing and scheduling.
    """
    with ThreadPoolExecutor(max_workers=min(READERS, max(1, len(object_keys)))) as readers:
        read = list(readers.map(lambda key: _attempt(lambda: read_object(index.objects, key), key), object_keys))
    written = _write(index, read)
    return _schedule(index, written)


def read_object(objects: ObjectStore, object_key: str) -> IndexedObject:
    """Everything the index holds of an instance, from one ranged read in the common case.

    Raises
    ------
    errors.NotFound
        If the object is gone.
    errors.InvalidInstance
        If it is not the instance that its key names.
    """
    keys, digest = parse_instance_object_key(object_key)
    source = ObjectSource(objects, object_key)
    try:
        data_set = open_data_set(source)
        elements = list(data_set.elements())
        converted = convert(data_set.source, elements, data_set.encoding)
        frames = frame_table(data_set, elements, converted.dicom_json)
    except Malformed as error:
        raise errors.InvalidInstance("not-dicom", str(error)) from error
    found = tuple(text(converted.dicom_json, tag) for tag in ("0020000D", "0020000E", "00080018"))
    if found != (keys.study_instance_uid, keys.series_instance_uid, keys.sop_instance_uid):
        raise errors.InvalidInstance("uid-mismatch", "The object's key names another instance.")
    metadata = source.head.metadata
    received_at_ms = metadata.get("received-at-ms", "")
    record = InstanceRecord(
        keys,
        object_key,
        digest,
        source.size,
        data_set.transfer_syntax_uid,
        text(converted.dicom_json, "00080016"),
        int(received_at_ms) if received_at_ms.isdecimal() else source.head.last_modified_ms,
        converted.dicom_json,
        frames,
        converted.bulk_data,
    )
    return IndexedObject(object_key, record=record, correlation_id=metadata.get("correlation-id", ""))


def frame_table(data_set: DataSet, elements: Iterable[Element], dicom_json: DicomJson) -> FrameTable:
    """Byte ranges of an instance's frames."""
    by_tag = {element.tag: element for element in elements}
    pixel_data = next((by_tag[tag] for tag in PIXEL_DATA_TAGS if tag in by_tag), None)
    if data_set.deflated or pixel_data is None:
        return FrameTable(deflated=data_set.deflated)
    description = _pixel_description(dicom_json)
    if not pixel_data.undefined_length:
        return FrameTable(native_frames(pixel_data, description))
    tables = [
        data_set.source.read_at(by_tag[tag].value_offset, by_tag[tag].length) if tag in by_tag else b""
        for tag in (EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS)
    ]
    frames = encapsulated_frames(
        data_set.source, pixel_data, data_set.encoding, description, data_set.transfer_syntax_uid, tables[0], tables[1]
    )
    return FrameTable(frames)


def _pixel_description(dicom_json: DicomJson) -> PixelDescription:
    def number(tag: str, default: int = 0) -> int:
        value = text(dicom_json, tag)
        return int(value) if value.isdecimal() and len(value) < 10 else default

    return PixelDescription(
        number("00280010"),
        number("00280011"),
        number("00280100"),
        number("00280002", 1),
        number("00280008", 1),
        text(dicom_json, "00280004"),
    )


def _attempt(action: Callable[[], IndexedObject], object_key: str) -> IndexedObject:
    try:
        return action()
    except Exception as error:
        return IndexedObject(object_key, error=error)


def _write(index: Index, read: Sequence[IndexedObject]) -> list[IndexedObject]:
    """Add what was read, series by series: a group that fails does not hold up the others."""
    results = list(read)
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for position, item in enumerate(read):
        if item.record:
            keys = item.record.keys
            groups[keys.hospital, keys.study_instance_uid, keys.series_instance_uid].append(position)
    for positions in groups.values():
        records = [item.record for item in (read[position] for position in positions) if item.record]
        for position, outcome in zip(positions, _add(index.writer, records), strict=True):
            if isinstance(outcome, IndexOutcome):
                results[position] = replace(read[position], outcome=outcome)
            else:
                results[position] = replace(read[position], error=outcome)
    return results


def _add(writer: IndexWriter, records: Sequence[InstanceRecord]) -> Sequence[IndexOutcome | Exception]:
    """Outcome or error of each instance of a series; what the index refuses is found by going one by one."""
    try:
        return writer.add_instances(records)
    except errors.Unavailable as error:
        return [error] * len(records)
    except Exception as error:
        if len(records) == 1:
            return [error]
        return [_add(writer, [record])[0] for record in records]


def _schedule(index: Index, written: Sequence[IndexedObject]) -> list[IndexedObject]:
    results = list(written)
    studies: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, item in enumerate(written):
        if item.record and item.outcome:
            studies[item.record.keys.hospital, item.record.keys.study_instance_uid].append(position)
    for (hospital, study_instance_uid), positions in studies.items():
        try:
            schedule_study(index, hospital, study_instance_uid)
        except Exception as error:
            for position in positions:
                results[position] = replace(results[position], error=error)
    return results


def schedule_study(index: Index, hospital: str, study_instance_uid: str) -> None:
    """Ask for a look at a study after its quiet time, counted from what the index says came last."""
    study = index.reader.study(hospital, study_instance_uid)
    if study:
        index.queue.schedule(hospital, study_instance_uid, study.last_received_at_ms, index.study_quiet_s)
