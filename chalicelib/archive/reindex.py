"""Rebuild the index from the archive bucket alone (D4): study by study, safe to stop and to run again.

Also safe beside the index function: nothing that is in the bucket leaves the index meanwhile, and each step holds only
if what it was decided from is still so (docs/adr/0001).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from chalicelib.archive.index_instance import Index, IndexedObject, index_objects, schedule_study
from chalicelib.archive.model import ObjectHead
from chalicelib.archive.ports import IndexOutcome, IndexReader, ObjectStore

OBJECTS_PER_BATCH = 200


class IndexContents(IndexReader, Protocol):
    """The index with what a comparison with the bucket needs."""

    def object_keys_of_study(self, hospital: str, study_instance_uid: str) -> set[str]:
        """Keys of the objects that the index knows of a study, conflicts included."""


@dataclass(frozen=True)
class StudyObjects:
    """Objects of a study in the order in which they came: the first of two contents stays the served one."""

    hospital: str
    study_instance_uid: str
    object_keys: tuple[str, ...]


def studies_in_bucket(objects: ObjectStore, hospital: str = "") -> Iterator[StudyObjects]:
    """Studies of the archive bucket, of one hospital or of all."""
    listing = objects.list(f"archive/{hospital}/" if hospital else "archive/")
    instances = (head for head in listing if head.key.endswith(".dcm") and head.key.count("/") == 5)
    for (owner, study_instance_uid), heads in groupby(instances, key=_study_of):
        yield StudyObjects(owner, study_instance_uid, tuple(_in_order(heads)))


def add_missing(index: Index, contents: IndexContents, hospital: str = "") -> Iterator[list[IndexedObject]]:
    """Index what the bucket has and the index does not know; results study by study."""
    for study in studies_in_bucket(index.objects, hospital):
        known = contents.object_keys_of_study(study.hospital, study.study_instance_uid)
        yield _in_batches(index, [key for key in study.object_keys if key not in known])


def rebuild(index: Index, contents: IndexContents, hospital: str = "") -> Iterator[list[IndexedObject]]:
    """Make the index what the bucket says; results study by study.

    Studies without objects are looked for in the hospital given, or in those that have any object.
    """
    in_bucket: dict[str, set[str]] = defaultdict(set)
    if hospital:
        in_bucket[hospital] = set()
    for study in studies_in_bucket(index.objects, hospital):
        in_bucket[study.hospital].add(study.study_instance_uid)
        yield rebuild_study(index, contents, study)
    for owner, found in in_bucket.items():
        for study_instance_uid in sorted(_studies_in_index(contents, owner) - found):
            yield rebuild_study(index, contents, StudyObjects(owner, study_instance_uid, ()))
        if released := _release(index, contents, owner):
            yield released


def rebuild_study(index: Index, contents: IndexContents, study: StudyObjects) -> list[IndexedObject]:
    """Forget what is gone, add what is missing, write the rest anew, then study and series from their instances."""
    hospital, study_instance_uid = study.hospital, study.study_instance_uid
    unlisted = contents.object_keys_of_study(hospital, study_instance_uid) - set(study.object_keys)
    # Others may have come since the listing.
    gone = {key for key in unlisted if index.objects.head(key) is None}
    if gone:
        index.writer.forget_objects(hospital, study_instance_uid, gone)
    results = _in_batches(index, study.object_keys, refresh=True)
    index.writer.refresh_levels(hospital, study_instance_uid)
    schedule_study(index, hospital, study_instance_uid)
    return results


def _in_batches(index: Index, object_keys: Sequence[str], refresh: bool = False) -> list[IndexedObject]:
    results: list[IndexedObject] = []
    for start in range(0, len(object_keys), OBJECTS_PER_BATCH):
        batch = index_objects(index, object_keys[start : start + OBJECTS_PER_BATCH])
        if refresh:
            known = [item.record for item in batch if item.record and item.outcome is IndexOutcome.DUPLICATE]
            index.writer.refresh_instances(known)
        results += [replace(item, record=None) for item in batch]
    return results


def _release(index: Index, contents: IndexContents, hospital: str) -> list[IndexedObject]:
    """Index conflicts whose counterpart, perhaps of a study that was rebuilt after theirs, is gone."""
    conflicts = sorted(contents.conflicts(hospital), key=lambda conflict: int(conflict["received_at_ms"]))
    results = _in_batches(index, [conflict["object_key"] for conflict in conflicts])
    return [result for result in results if result.outcome is IndexOutcome.CREATED]


def _studies_in_index(contents: IndexContents, hospital: str) -> set[str]:
    dated = {study.study_instance_uid for study in contents.studies_by_date(hospital, "", "")}
    return dated | {conflict["study_instance_uid"] for conflict in contents.conflicts(hospital)}


def _study_of(head: ObjectHead) -> Sequence[str]:
    return head.key.split("/")[1:3]


def _in_order(heads: Iterable[ObjectHead]) -> list[str]:
    return [head.key for head in sorted(heads, key=lambda head: (head.last_modified_ms, head.key))]
