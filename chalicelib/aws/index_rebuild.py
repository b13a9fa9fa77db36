"""Transactions by which the index follows the archive bucket beside a live writer (docs/adr/0001). No requests."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.archive.levels import SERIES_TAGS, STUDY_TAGS, fill, select, text
from chalicelib.archive.model import DicomJson, InstanceRecord
from chalicelib.aws import index_items as shape
from chalicelib.aws.index_items import Item
from chalicelib.aws.index_postings import posting_items, series_locator
from chalicelib.aws.index_transaction import (
    MODALITY,
    first_revision,
    known_attributes,
    modalities_of,
    obsolete,
    removal,
    set_study_attributes,
)
from chalicelib.aws.update_expression import Update, number

NEEDED_OF_GONE = "pk, sk, object_key, digest, size_bytes"
"""What `forgetting` needs of an item."""
OBJECTS_PER_TRANSACTION = 45
"""Two items each, study and series: less than the 100 of a transaction."""


def forgetting(gone: Iterable[Item], table: str) -> Iterator[list[dict[str, Any]]]:
    """Transactions that remove instances with their guards, and conflicts; counters move with them.

    The revision moves too: who decided from the items as they were has to read again.
    """
    by_series: dict[str, list[Item]] = defaultdict(list)
    for item in gone:
        kind, series_instance_uid, _ = item["sk"]["S"].split("#", 2)
        by_series[series_instance_uid if kind == "INSTANCE" else ""].append(item)
    for series_instance_uid, items in by_series.items():
        for start in range(0, len(items), OBJECTS_PER_TRANSACTION):
            group = items[start : start + OBJECTS_PER_TRANSACTION]
            if series_instance_uid:
                yield _forget_instances(group, series_instance_uid, table)
            else:
                yield [_count_down(group, "STUDY", "conflict_count", table)] + [_delete(item, table) for item in group]


def _forget_instances(group: list[Item], series_instance_uid: str, table: str) -> list[dict[str, Any]]:
    counted_by = ("STUDY", shape.series_sk(series_instance_uid))
    members = [_count_down(group, sk, "instance_count", table) for sk in counted_by]
    _, hospital, _, study_instance_uid = group[0]["pk"]["S"].split("#", 3)
    for item in group:
        guard = {
            "TableName": table,
            "Key": shape.guard_key(hospital, item["sk"]["S"].rpartition("#")[2]),
            "ConditionExpression": "attribute_not_exists(pk) OR (study_instance_uid = :study AND digest = :digest)",
            "ExpressionAttributeValues": {":study": {"S": study_instance_uid}, ":digest": item["digest"]},
        }
        members += [_delete(item, table), {"Delete": guard}]
    return members


def _count_down(group: list[Item], sk: str, counter: str, table: str) -> dict[str, Any]:
    update = Update()
    update.require_present()
    update.add(counter, number(-len(group)))
    if counter == "instance_count":
        update.add("size_bytes", number(-sum(int(item["size_bytes"]["N"]) for item in group)))
    update.add("revision", number(1))
    return update.member(table, shape.key(group[0]["pk"]["S"], sk))


def _delete(item: Item, table: str) -> dict[str, Any]:
    return {
        "Delete": {
            "TableName": table,
            "Key": {"pk": item["pk"], "sk": item["sk"]},
            "ConditionExpression": "object_key = :gone",
            "ExpressionAttributeValues": {":gone": item["object_key"]},
        }
    }


@dataclass
class _Level:
    """A study or series as its instances have it."""

    instance_count: int = 0
    size_bytes: int = 0
    distinct: dict[str, tuple[tuple[int, str], DicomJson]] = field(default_factory=dict)
    """Attributes of instances, each variant once with its earliest arrival."""

    def count(self, record: InstanceRecord, tags: frozenset[str]) -> None:
        self.instance_count += 1
        self.size_bytes += record.size_bytes
        attributes = select(record.dicom_json, tags)
        variant = json.dumps(attributes, sort_keys=True)
        arrival = (record.received_at_ms, record.object_key)
        if variant not in self.distinct or arrival < self.distinct[variant][0]:
            self.distinct[variant] = (arrival, attributes)

    def attributes(self) -> DicomJson:
        """Those of the first instance that came, with what it lacks from later ones."""
        attributes: DicomJson = {}
        for _, more in sorted(self.distinct.values(), key=lambda variant: variant[0]):
            attributes = fill(attributes, more)
        return attributes


@dataclass
class Levels:
    """A study and its series as they are in the index, and as their instances have them."""

    hospital: str
    study_instance_uid: str
    study_item: Item | None
    series_items: Mapping[str, Item]
    """By Series Instance UID."""
    study: _Level = field(default_factory=_Level)
    series: dict[str, _Level] = field(default_factory=lambda: defaultdict(_Level))
    conflict_count: int = 0
    modalities: set[str] = field(default_factory=set)
    sop_classes: set[str] = field(default_factory=set)
    received_at_ms: list[int] = field(default_factory=list)

    def count(self, record: InstanceRecord) -> None:
        """Take an instance that is served into account."""
        self.study.count(record, STUDY_TAGS)
        self.series[record.keys.series_instance_uid].count(record, SERIES_TAGS)
        self.modalities |= {text(record.dicom_json, MODALITY)} - {""}
        self.sop_classes.add(record.sop_class_uid)
        self.received_at_ms = [
            min([record.received_at_ms, *self.received_at_ms]),
            max([record.received_at_ms, *self.received_at_ms]),
        ]


def level_writes(levels: Levels, table: str) -> Iterator[list[dict[str, Any]]]:
    """Transactions that make series and study what `levels` counted, each on condition that it is still so.

    The study comes last; none of those before changes what it is compared by.
    """
    pk = shape.study_pk(levels.hospital, levels.study_instance_uid)
    for series_instance_uid in sorted(levels.series_items.keys() | levels.series.keys()):
        item, level = levels.series_items.get(series_instance_uid), levels.series.get(series_instance_uid)
        series_key = shape.key(pk, shape.series_sk(series_instance_uid))
        update = _comparing(item, ("revision", "instance_count"))
        locator = series_locator(levels.hospital, levels.study_instance_uid, series_instance_uid)
        if level:
            update.set("attributes", {"B": shape.pack(level.attributes())})
            counts = {"instance_count": level.instance_count, "size_bytes": level.size_bytes}
            _set_counts(update, counts, _next_revision(item))
            # Prebuilt from what the instances said before.
            update.remove(*shape.PREBUILT)
            yield [update.member(table, series_key), {"Put": {"TableName": table, "Item": locator}}]
        else:
            gone = [update.deletion(table, series_key), {"Delete": {"TableName": table, "Key": locator}}]
            yield [*gone, *_one_series_less(levels, table, shape.key(pk, "STUDY"))]
    if levels.study_item or levels.study.instance_count or levels.conflict_count:
        yield from _study_writes(levels, table, shape.key(pk, "STUDY"))


def _one_series_less(levels: Levels, table: str, study_key: Item) -> list[dict[str, Any]]:
    if levels.study_item is None:
        return []
    update = Update()
    update.require_present()
    update.add("series_count", number(-1))
    return [update.member(table, study_key)]


def _study_writes(levels: Levels, table: str, study_key: Item) -> Iterator[list[dict[str, Any]]]:
    study, revision = levels.study_item, _next_revision(levels.study_item)
    attributes = levels.study.attributes() if levels.study.instance_count else None
    update = _comparing(study, ("revision", "instance_count", "conflict_count"))
    before = _postings(levels, known_attributes(study), modalities_of(study))
    after = _postings(levels, attributes, levels.modalities)
    outdated = obsolete(before, after)
    if attributes is None and not levels.conflict_count:
        deletions = [{"Delete": {"TableName": table, "Key": place}} for place in outdated]
        yield [update.deletion(table, study_key), *deletions]
        return
    stale = {"attributes", "date_key", "gsi1pk", "gsi2pk", "gsi3pk", "modalities", "sop_classes", "state"}
    stale |= {"first_received_at_ms", "last_received_at_ms"}
    if attributes is not None:
        set_study_attributes(update, levels.hospital, levels.study_instance_uid, attributes)
        if levels.modalities:
            update.set("modalities", shape.strings(levels.modalities))
        update.set("sop_classes", shape.strings(levels.sop_classes))
        update.set("first_received_at_ms", number(levels.received_at_ms[0]))
        update.set("last_received_at_ms", number(levels.received_at_ms[1]))
        update.set_if_absent("state", {"S": "receiving"})
    counts = {
        "series_count": len(levels.series),
        "instance_count": levels.study.instance_count,
        "size_bytes": levels.study.size_bytes,
        "conflict_count": levels.conflict_count,
    }
    _set_counts(update, counts, revision)
    update.remove(*sorted(stale - update.names))
    # All of them, not only new ones: an index of an older shape gets what it lacks.
    yield [update.member(table, study_key), *({"Put": {"TableName": table, "Item": item}} for item in after)]
    if outdated:
        yield removal(table, study_key, revision, outdated)


def _postings(levels: Levels, attributes: DicomJson | None, modalities: Iterable[str]) -> list[Item]:
    if not attributes:
        return []
    return posting_items(levels.hospital, levels.study_instance_uid, attributes, modalities)


def _comparing(item: Item | None, names: Iterable[str]) -> Update:
    """An update that holds only while the item is as it was read."""
    update = Update()
    if item is None:
        update.require_absent()
    else:
        for name in names:
            update.require(name, "=", item[name])
    return update


def _next_revision(item: Item | None) -> int:
    return int(item["revision"]["N"]) + 1 if item else first_revision()


def _set_counts(update: Update, counts: Mapping[str, int], revision: int) -> None:
    for name, count in counts.items():
        update.set(name, number(count))
    update.set("revision", number(revision))
