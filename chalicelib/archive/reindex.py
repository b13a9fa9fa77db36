"""Rebuild the index from the archive bucket alone (D4): study by study, safe to stop and to run again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from chalicelib.archive.index_instance import Index, IndexedObject, index_objects
from chalicelib.archive.model import ObjectHead
from chalicelib.archive.ports import IndexReader, ObjectStore

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


def missing_from_index(contents: IndexContents, study: StudyObjects) -> StudyObjects:
    """The part of a study that the index does not know."""
    known = contents.object_keys_of_study(study.hospital, study.study_instance_uid)
    missing = tuple(key for key in study.object_keys if key not in known)
    return StudyObjects(study.hospital, study.study_instance_uid, missing)


def reindex_study(index: Index, study: StudyObjects, from_nothing: bool) -> list[IndexedObject]:
    """Index objects of a study, after forgetting what the index held of it if asked to.

    Nobody else may be writing the index while it is rebuilt from nothing.
    """
    if from_nothing:
        index.writer.remove_study(study.hospital, study.study_instance_uid)
    results: list[IndexedObject] = []
    for start in range(0, len(study.object_keys), OBJECTS_PER_BATCH):
        results += index_objects(index, study.object_keys[start : start + OBJECTS_PER_BATCH])
    return results


def _study_of(head: ObjectHead) -> Sequence[str]:
    return head.key.split("/")[1:3]


def _in_order(heads: Iterable[ObjectHead]) -> list[str]:
    return [head.key for head in sorted(heads, key=lambda head: (head.last_modified_ms, head.key))]
