"""Exports of metered facts in the bucket under Object Lock.

| object | key |
|---|---|
| facts | `facts/parquet/hospital={id}/period={YYYY-MM}/{day}_{first}-{last}.parquet` |
| lines of the ledger of exams | `facts/lines/hospital={id}/period={YYYY-MM}/{day}_{first}-{last}.parquet` |
| headers of their blocks | `facts/parquet-headers/hospital={id}/period={YYYY-MM}/{day}_{first}-{last}.parquet` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.billing.fact_export import Export

if TYPE_CHECKING:
    from chalicelib.aws.s3_object_store import S3ObjectStore

FACTS, HEADERS = "facts/parquet", "facts/parquet-headers"
CONTENT_TYPE = "application/vnd.apache.parquet"


LINES = "facts/lines"


class S3LineExports:
    """Implements `billing.fact_export.FactExports` for the ledger of exams: an export is one file."""

    def __init__(self, objects: S3ObjectStore) -> None:
        self._objects = objects

    def exported(self, hospital: str) -> list[Export]:
        """What is there, in order of lines."""
        found = (_export(hospital, each.key) for each in self._objects.list(f"{LINES}/hospital={hospital}/"))
        return sorted(found, key=lambda export: export.first)

    def put(self, export: Export, facts: bytes, headers: bytes) -> None:
        """Write the lines; there are no headers."""
        self._objects.put_if_absent(_key(LINES, export), facts, CONTENT_TYPE, {})

    def read(self, export: Export) -> tuple[bytes, bytes]:
        """Lines, and nothing."""
        return self._objects.read(_key(LINES, export)), b""


class S3FactExports:
    """Implements `billing.fact_export.FactExports`."""

    def __init__(self, objects: S3ObjectStore) -> None:
        self._objects = objects

    def exported(self, hospital: str) -> list[Export]:
        """What is there, in order of blocks."""
        found = (_export(hospital, each.key) for each in self._objects.list(f"{FACTS}/hospital={hospital}/"))
        return sorted(found, key=lambda export: export.first)

    def put(self, export: Export, facts: bytes, headers: bytes) -> None:
        """Headers first: an export is listed by its facts."""
        self._objects.put_if_absent(_key(HEADERS, export), headers, CONTENT_TYPE, {})
        self._objects.put_if_absent(_key(FACTS, export), facts, CONTENT_TYPE, {})

    def read(self, export: Export) -> tuple[bytes, bytes]:
        """Facts and headers."""
        return self._objects.read(_key(FACTS, export)), self._objects.read(_key(HEADERS, export))


def _key(folder: str, export: Export) -> str:
    name = f"{export.day}_{export.first:012d}-{export.last:012d}.parquet"
    return f"{folder}/hospital={export.hospital}/period={export.day[:7]}/{name}"


def _export(hospital: str, key: str) -> Export:
    day, _, blocks = key.rpartition("/")[2].removesuffix(".parquet").partition("_")
    first, last = blocks.split("-")
    return Export(hospital, day, int(first), int(last))
