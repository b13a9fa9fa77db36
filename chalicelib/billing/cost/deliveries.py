"""What AWS Data Exports delivers to a bucket (AWS Data Exports user guide, "Understanding export delivery").

    {prefix}/{export}/data/BILLING_PERIOD=YYYY-MM/…          CSV (gzipped) or Parquet
    {prefix}/{export}/metadata/BILLING_PERIOD=YYYY-MM/…      {export}-Manifest.json, written after all data files

The manifest names the files of a delivery. Exports are overwritten, or come under new names with a manifest each: of
an export and period the latest manifest holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chalicelib.archive.model import ObjectHead
from chalicelib.billing.cost.model import InvalidExport

MANIFEST = re.compile(
    r"(?P<export>.+)/metadata/billing_period=(?P<period>[0-9]{4}-(0[1-9]|1[0-2]))/(.*/)?[^/]*manifest\.json", re.I
)
_DATA = (".csv", ".csv.gz", ".parquet")


class DeliveryBucket(Protocol):
    """The bucket. `errors.Unavailable` when it does not answer."""

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Objects below a prefix."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Content of an object."""


@dataclass(frozen=True)
class Delivery:
    """One export of one billing period."""

    export: str
    period: str
    manifest: str
    delivered_ms: int


def deliveries(objects: Iterable[ObjectHead]) -> list[Delivery]:
    """The latest delivery of every export and billing period, the latest period first."""
    found: dict[tuple[str, str], Delivery] = {}
    for each in objects:
        name = MANIFEST.fullmatch(each.key)
        if name is None:
            continue
        made = Delivery(name["export"], name["period"], each.key, each.last_modified_ms)
        known = found.get((made.export, made.period))
        if known is None or (known.delivered_ms, known.manifest) < (made.delivered_ms, made.manifest):
            found[made.export, made.period] = made
    return sorted(found.values(), key=lambda each: (each.period, each.delivered_ms), reverse=True)


def fetch(bucket: DeliveryBucket, delivery: Delivery, folder: Path) -> list[Path]:
    """Copy the files of a delivery into a folder.

    Raises
    ------
    model.InvalidExport
        If the manifest names none, or one that is not there or is newer than the manifest: AWS is writing the next
        delivery, which the next run reads.
    """
    heads = {each.key: each for each in bucket.list(f"{delivery.export}/data/")}
    keys = sorted(files_of(bucket.read(delivery.manifest)))
    if not keys:
        raise InvalidExport(f"The manifest of {delivery.export}, {delivery.period}, names no files.")
    paths = []
    for number, key in enumerate(keys):
        head = heads.get(key)
        if head is None or head.last_modified_ms > delivery.delivered_ms:
            raise InvalidExport(f"The files of {delivery.export}, {delivery.period}, are being replaced.")
        path = folder / f"{number:05d}-{key.rpartition('/')[2]}"
        path.write_bytes(bucket.read(key))
        paths.append(path)
    return paths


def files_of(manifest: bytes) -> set[str]:
    """Keys of the data files that a manifest names, wherever in it they are.

    Raises
    ------
    model.InvalidExport
        If it is no JSON.

    >>> files_of(b'{"dataFiles": ["s3://bucket/p/e/data/BILLING_PERIOD=2026-10/e-00001.snappy.parquet"]}')
    {'p/e/data/BILLING_PERIOD=2026-10/e-00001.snappy.parquet'}
    """
    try:
        content = json.loads(manifest)
    except ValueError as error:
        raise InvalidExport("The manifest of an export cannot be read.") from error
    return {_key(text) for text in _strings(content) if text.lower().endswith(_DATA)}


def _key(text: str) -> str:
    return text.removeprefix("s3://").partition("/")[2] if text.startswith("s3://") else text.lstrip("/")


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for each in content.values() if isinstance(content, dict) else content:
            yield from _strings(each)
