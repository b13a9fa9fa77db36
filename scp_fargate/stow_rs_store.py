"""Instances of a STOW-RS request to the archive (PS3.18 10.5), each by the use case that C-STORE uses. Blocking."""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger

from chalicelib import errors
from chalicelib.archive.ports import ObjectStore
from chalicelib.archive.store import ReceivedInstance, store_instance
from chalicelib.dicom import from_json, uid
from chalicelib.dicom.elements import BytesSource, Malformed
from chalicelib.dicom.from_json import BulkData, DicomJson, MissingBulkData
from chalicelib.dicom.part10 import Identifiers, identify_as_far_as_possible, media_storage_identifiers
from scp_fargate import dimse_status
from scp_fargate.c_store import encode_file_meta
from scp_fargate.counts import Counts
from scp_fargate.quotas import Quotas
from scp_fargate.spool import Spool, SpooledPart
from scp_fargate.stow_rs_response import StoreOutcome

MISSING_BULK_DATA = 0xC007
"""Cannot understand: a BulkDataURI leads to no part of the request."""
MEDIA_STORAGE_DIFFERS = 0xB007
"""Warning "data set does not match SOP Class": File Meta Information names another instance; stored as it is."""


@dataclass(frozen=True)
class BulkPart:
    """Where the content of a bulk data part lies among those of its request."""

    offset: int
    length: int
    media_type: str
    transfer_syntax_uid: str


@dataclass(frozen=True)
class InstanceStore:
    """Stores the instances of one request."""

    objects: ObjectStore
    spool: Spool
    counts: Counts
    logger: Logger
    hospital: str
    study_instance_uid: str
    """Study that the URL names, or `""`."""
    correlation_id: str
    quotas: Quotas

    def store_part(self, part: SpooledPart) -> StoreOutcome:
        """Store a DICOM file; whatever happens becomes an outcome."""
        self.counts.add("received")
        self.counts.add("bytes_received", part.size_bytes)
        if part.is_too_large:
            refused = self._refused(dimse_status.OUT_OF_RESOURCES, "larger than the room left")
            return replace(refused, is_too_large=True)
        try:
            with part.content() as content:
                return self._store(content)
        except OSError as error:
            return self._unforeseen(error)

    def store_json(self, metadata: bytes, bulk: SpooledPart, places: dict[str, list[BulkPart]]) -> list[StoreOutcome]:
        """Store the instances of a DICOM JSON array whose bulk data lies in `bulk`.

        Raises
        ------
        errors.BadRequest
            If it is not an array of data sets.
        """
        try:
            data_sets = json.loads(metadata)
        except (ValueError, RecursionError) as error:
            raise errors.BadRequest("The metadata part is not JSON.") from error
        if isinstance(data_sets, dict):
            data_sets = [data_sets]
        if not isinstance(data_sets, list) or not data_sets or not all(isinstance(each, dict) for each in data_sets):
            raise errors.BadRequest("The metadata part is not an array of data sets (PS3.18 F.2.1).")
        with bulk.content() as content:

            def find(uri: str) -> Sequence[BulkData]:
                return [
                    BulkData(content[at.offset : at.offset + at.length], at.media_type, at.transfer_syntax_uid)
                    for at in places.get(uri, ())
                ]

            return [self._store_data_set(data_set, find) for data_set in data_sets]

    def _store_data_set(self, data_set: DicomJson, find: from_json.Find) -> StoreOutcome:
        part = self.spool.part()
        try:
            return self._encode(data_set, find, part) or self.store_part(part)
        except OSError as error:
            return self._unforeseen(error)
        finally:
            part.close()

    def _encode(self, data_set: DicomJson, find: from_json.Find, part: SpooledPart) -> StoreOutcome | None:
        """Make a DICOM file of a data set; return an outcome if that fails."""

        def write(piece: bytes | memoryview) -> None:
            if part.add(piece):
                part.flush()

        sop_class_uid, sop_instance_uid = _text(data_set, "00080016"), _text(data_set, "00080018")
        try:
            transfer_syntax_uid = from_json.transfer_syntax_of(data_set, find)
            write(encode_file_meta(sop_class_uid, sop_instance_uid, transfer_syntax_uid, ""))
            from_json.write_data_set(data_set, find, write)
        except Malformed as error:
            is_missing = isinstance(error, MissingBulkData)
            code = MISSING_BULK_DATA if is_missing else dimse_status.CANNOT_UNDERSTAND
            self.counts.add("received")
            identifiers = Identifiers(sop_class_uid, sop_instance_uid)
            return self._refused(code, "bulk data is missing" if is_missing else "not a data set", identifiers)
        return None

    def _store(self, content: bytes | memoryview) -> StoreOutcome:
        received = ReceivedInstance(
            hospital=self.hospital,
            body=content,
            correlation_id=self.correlation_id,
            study_instance_uid=self.study_instance_uid,
        )
        try:
            self.quotas.admit(self.hospital)
            stored = store_instance(self.objects, received)
        except errors.ArchiveError as error:
            reason = getattr(error, "reason", type(error).__name__)
            identifiers = identify_as_far_as_possible(BytesSource(content))
            return self._refused(dimse_status.status_of(error).code, reason, identifiers)
        except Exception as error:
            return self._unforeseen(error)
        self.counts.add("stored" if stored.newly_stored else "duplicates")
        self.quotas.add(self.hospital, len(content))
        source = BytesSource(content)
        identifiers = identify_as_far_as_possible(source)
        declared = media_storage_identifiers(source)
        differs = (declared.sop_class_uid or identifiers.sop_class_uid) != identifiers.sop_class_uid or (
            declared.sop_instance_uid or identifiers.sop_instance_uid
        ) != identifiers.sop_instance_uid
        return StoreOutcome(
            stored.keys.study_instance_uid,
            stored.keys.series_instance_uid,
            identifiers.sop_class_uid,
            stored.keys.sop_instance_uid,
            warning_reason=MEDIA_STORAGE_DIFFERS if differs else 0,
        )

    def _refused(self, code: int, why: str, identifiers: Identifiers | None = None) -> StoreOutcome:
        is_for_now = code == dimse_status.OUT_OF_RESOURCES
        self.counts.add("refused_unavailable" if is_for_now else "rejected")
        self.log("STOW-RS instance refused", level="warning", status=f"{code:04X}", reason=why)
        known = identifiers or Identifiers()
        # A response repeats UIDs, not whatever came in their place.
        if not uid.is_valid(known.sop_class_uid) or not uid.is_valid(known.sop_instance_uid):
            return StoreOutcome(failure_reason=code)
        return StoreOutcome(
            sop_class_uid=known.sop_class_uid, sop_instance_uid=known.sop_instance_uid, failure_reason=code
        )

    def _unforeseen(self, error: Exception) -> StoreOutcome:
        """Kind and place of an unforeseen error, without its text, which may quote the data set."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        self.log("STOW-RS instance failed", level="error", error=type(error).__name__, place=place)
        is_disk_full = isinstance(error, OSError)
        code = dimse_status.OUT_OF_RESOURCES if is_disk_full else dimse_status.PROCESSING_FAILURE
        return StoreOutcome(failure_reason=code)

    def log(self, message: str, level: str = "info", **fields: Any) -> None:
        """One JSON line with the request's correlation id. Never pass a patient's data."""
        extra = {"correlation_id": self.correlation_id, "hospital": self.hospital, **fields}
        getattr(self.logger, level)(message, extra=extra)


def _text(data_set: DicomJson, tag: str) -> str:
    attribute = data_set.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""
