"""The index as a scope sees it that holds less than whole hospitals (docs/adr/0025, 0027).

Use cases read through `reader_within`: what a share or a mark keeps back is not in what they read, so that no answer,
count, modality or picture can tell of it. A hospital's own scope reads the index itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from chalicelib.archive.confidentiality import DOCUMENT_MODALITIES, Kind, Part, is_document, part_left
from chalicelib.archive.model import IndexedObject, InstanceRecord, Posting, SeriesRecord, StudyRecord
from chalicelib.archive.ports import IndexReader, LiveMarks
from chalicelib.archive.scope import Scope
from chalicelib.errors import NotAllowed

_MODALITY, _PATIENT_ID, _ISSUER = "00080060", "00100020", "00100021"
_MARKS_AT_ONCE = 100

Parts = tuple[Part, ...]


def reader_within(reader: IndexReader, scope: Scope) -> IndexReader:
    """The index as a scope sees it; the reader itself for a scope of whole hospitals alone."""
    if isinstance(reader, RestrictedReader) or not (scope.shared or scope.patients or scope.studies):
        return reader
    return RestrictedReader(reader, scope)


def row_of(reader: IndexReader, hospital: str, study_instance_uid: str) -> StudyRecord | None:
    """The row of a study for the patient's identity alone: its counts may be of more than is shown."""
    if isinstance(reader, RestrictedReader):
        return reader.row(hospital, study_instance_uid)
    return reader.study(hospital, study_instance_uid)


def require_download(reader: IndexReader, hospital: str, study_instance_uid: str, series_uids: Iterable[str]) -> None:
    """That visible series of a study, or instances of them, may be retrieved as files.

    Raises
    ------
    NotAllowed
        If a share permits to look at one of them and no more.
    """
    if isinstance(reader, RestrictedReader) and not reader.may_download(hospital, study_instance_uid, series_uids):
        raise NotAllowed("This share permits to look at the images, not to download them.")


class RestrictedReader:
    """Implements `archive.ports.IndexReader` over another; for one request, since it remembers what it read."""

    def __init__(self, whole: IndexReader, scope: Scope) -> None:
        self._whole = whole
        self._scope = scope
        self._rows: dict[tuple[str, str], StudyRecord | None] = {}
        self._marks: dict[tuple[str, str], LiveMarks] = {}
        self._contents: dict[tuple[str, str, str], SeriesRecord | None] = {}

    # What is kept back ------------------------------------------------------------------------------------------

    def live_marks(self, hospital: str, study_instance_uids: Iterable[str]) -> Mapping[str, LiveMarks]:
        """See the port; what this reader met already is not read again."""
        uids = list(dict.fromkeys(study_instance_uids))
        if missing := [uid for uid in uids if (hospital, uid) not in self._marks]:
            found = self._whole.live_marks(hospital, missing)
            self._marks.update({(hospital, uid): found.get(uid, ()) for uid in missing})
        return {uid: self._marks[hospital, uid] for uid in uids}

    def _parts(self, hospital: str, study_instance_uid: str) -> Parts | None:
        """What is given of a study; None where that is all of it, because the scope holds it and no mark forbids."""
        if hospital in self._scope.hospitals:
            return None
        marks = self.live_marks(hospital, [study_instance_uid])[study_instance_uid]
        if self._holds_whole(hospital, study_instance_uid):
            part = part_left(marks, self._scope.sees)
            return None if part and part.is_whole else (part,) if part else ()
        parts = (
            part_left(
                marks,
                self._scope.sees & ({Kind.DELAYED} if one.delayed else set()),
                one.series,
                reports=one.reports,
                download=one.download,
            )
            for one in self._scope.shares_of(hospital, study_instance_uid)
        )
        return tuple(part for part in parts if part)

    def _holds_whole(self, hospital: str, study_instance_uid: str) -> bool:
        """Whether the scope holds a study otherwise than by shares; one that it does not hold at all counts as held."""
        if not self._scope.shares_of(hospital, study_instance_uid):
            return True
        row = self.row(hospital, study_instance_uid) if self._scope.patients else None
        ids = (row.value(_PATIENT_ID), row.value(_ISSUER)) if row else ("", "")
        return self._scope.holds_whole(hospital, study_instance_uid, *ids)

    def row(self, hospital: str, study_instance_uid: str) -> StudyRecord | None:
        """A study's row as the index has it, with the counts of all of it: for decisions, never for an answer."""
        key = (hospital, study_instance_uid)
        if key not in self._rows:
            self._rows[key] = self._whole.study(*key)
        return self._rows[key]

    @staticmethod
    def _shown(parts: Parts | None, uids: tuple[str, str], sop_class_uid: str, modality: str = "") -> bool:
        """Whether an instance is shown; `uids` are series and SOP instance."""
        return parts is None or any(part.gives(uids, sop_class_uid, modality) for part in parts)

    def may_download(self, hospital: str, study_instance_uid: str, series_uids: Iterable[str]) -> bool:
        """Whether every one of some series is given by shares that permit it, as far as it is visible at all."""
        parts = self._parts(hospital, study_instance_uid)
        if parts is None:
            return True
        # What one share shows does not come as a file of another that keeps it back.
        return all(
            any(part.download and all(part.covers(other, uid) for other in parts if other.names(uid)) for part in parts)
            for uid in series_uids
        )

    # Series ------------------------------------------------------------------------------------------------------

    def _part(self, series: SeriesRecord | None, parts: Parts | None) -> SeriesRecord | None:
        """A series with the counts of what is shown of it; None if that is nothing."""
        if series is None or parts is None:
            return series
        uid = series.series_instance_uid
        giving = tuple(part for part in parts if part.names(uid))
        if not giving or any(part.reports and part.gives_instances(uid) for part in giving):
            return series if giving else None
        modality = _modality(series)
        if modality in DOCUMENT_MODALITIES and not any(part.reports for part in giving):
            return None
        row = self.row(series.hospital, series.study_instance_uid)
        if row is None:
            return None
        if not any(map(is_document, row.sop_classes)) and any(part.gives_instances(uid) for part in giving):
            return series
        key = (series.hospital, series.study_instance_uid, uid)
        if key not in self._contents:
            self._contents[key] = self._counted(series, giving, modality)
        return self._contents[key]

    def _counted(self, series: SeriesRecord, parts: Parts, modality: str) -> SeriesRecord | None:
        where = (series.hospital, series.study_instance_uid, series.series_instance_uid)
        shown = [
            record
            for record in self._whole.stored_instances_of_series(*where)
            if self._shown(parts, (where[2], record.keys.sop_instance_uid), record.sop_class_uid, modality)
        ]
        if len(shown) == series.instance_count:
            return series
        # What was built of the whole series (metadata, packs) must not be found by what is shown of it.
        return (
            replace(
                series,
                instance_count=len(shown),
                size_bytes=sum(record.size_bytes for record in shown),
                metadata_key="",
                metadata_instance_count=0,
                representative_sop_instance_uid=None,
                revision=_revision_of(shown),
            )
            if shown
            else None
        )

    def series(self, hospital: str, study_instance_uid: str, series_instance_uid: str) -> SeriesRecord | None:
        """See the port."""
        parts = self._parts(hospital, study_instance_uid)
        return self._part(self._whole.series(hospital, study_instance_uid, series_instance_uid), parts)

    def series_of_study(self, hospital: str, study_instance_uid: str) -> Iterator[SeriesRecord]:
        """See the port."""
        parts = self._parts(hospital, study_instance_uid)
        for series in self._whole.series_of_study(hospital, study_instance_uid):
            if part := self._part(series, parts):
                yield part

    # Studies -----------------------------------------------------------------------------------------------------

    def _study(self, study: StudyRecord) -> StudyRecord | None:
        """A study with the counts, modalities and SOP classes of what is shown of it; None if that is nothing."""
        where = (study.hospital, study.study_instance_uid)
        self._rows[where] = study
        given = self._parts(*where)
        if given is None or any(part.is_whole for part in given):
            return study
        parts = list(self.series_of_study(*where)) if given else []
        if not parts:
            return None
        modalities = {str(v) for part in parts for v in part.attributes.get(_MODALITY, {}).get("Value") or ()}
        return replace(
            study,
            modalities=tuple(sorted(modalities)),
            sop_classes=self._classes(study, parts),
            series_count=len(parts),
            instance_count=sum(part.instance_count for part in parts),
            size_bytes=sum(part.size_bytes for part in parts),
            conflict_count=0,
        )

    def _classes(self, study: StudyRecord, parts: Sequence[SeriesRecord]) -> tuple[str, ...]:
        """SOP classes of what is shown; instances are read until all of the study's were met."""
        left = set(study.sop_classes)
        if len(left) < 2:
            return study.sop_classes
        for part in parts:
            for record in self.stored_instances_of_series(
                part.hospital, part.study_instance_uid, part.series_instance_uid
            ):
                left.discard(record.sop_class_uid)
                if not left:
                    return study.sop_classes
        return tuple(uid for uid in study.sop_classes if uid not in left)

    def _studies(self, hospital: str, studies: Iterator[StudyRecord]) -> Iterator[StudyRecord]:
        if hospital in self._scope.hospitals:
            yield from studies
            return
        permitted = filter(self._permits, studies)
        while some := list(islice(permitted, _MARKS_AT_ONCE)):
            self.live_marks(hospital, (study.study_instance_uid for study in some))
            yield from (shown for shown in map(self._study, some) if shown)

    def study(self, hospital: str, study_instance_uid: str) -> StudyRecord | None:
        """See the port."""
        row = self.row(hospital, study_instance_uid)
        return self._study(row) if row and self._permits(row) else None

    def _permits(self, study: StudyRecord) -> bool:
        """Asked before marks are read, so that what is not the caller's takes no longer than what is not there."""
        ids = (study.value(_PATIENT_ID), study.value(_ISSUER))
        return self._scope.permits(study.hospital, study.study_instance_uid, *ids)

    def studies_by_date(self, hospital: str, first: str, last: str, page: int = 100) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(hospital, self._whole.studies_by_date(hospital, first, last, page))

    def studies_by_patient_id(self, hospital: str, patient_id: str) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(hospital, self._whole.studies_by_patient_id(hospital, patient_id))

    def studies_by_accession_number(self, hospital: str, accession_number: str) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(hospital, self._whole.studies_by_accession_number(hospital, accession_number))

    def studies(self, hospital: str, study_instance_uids: Iterable[str], page: int = 100) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(hospital, self._whole.studies(hospital, study_instance_uids, page))

    def postings(self, hospital: str, term: str, first: str, last: str, page: int = 100) -> Iterator[Posting]:
        """See the port: entries lead to studies, which are looked up."""
        return self._whole.postings(hospital, term, first, last, page)

    def studies_of_series(self, hospital: str, series_instance_uid: str) -> Iterator[str]:
        """See the port."""
        for study in self._whole.studies_of_series(hospital, series_instance_uid):
            if self.series(hospital, study, series_instance_uid):
                yield study

    # Instances ---------------------------------------------------------------------------------------------------

    def instance(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str
    ) -> InstanceRecord | None:
        """See the port."""
        parts = self._parts(hospital, study_instance_uid)
        if parts == ():
            return None
        record = self._whole.instance(hospital, study_instance_uid, series_instance_uid, sop_instance_uid)
        if record is None or parts is None:
            return record
        modality = str((record.dicom_json.get(_MODALITY, {}).get("Value") or [""])[0])
        uids = (series_instance_uid, sop_instance_uid)
        return record if self._shown(parts, uids, record.sop_class_uid, modality) else None

    def objects_of_instances(self, hospital: str, sop_instance_uids: Sequence[str]) -> Mapping[str, IndexedObject]:
        """See the port."""
        found = self._whole.objects_of_instances(hospital, sop_instance_uids)
        return {
            uid: one
            for uid, one in found.items()
            if self._shown(
                self._parts(hospital, one.keys.study_instance_uid),
                (one.keys.series_instance_uid, uid),
                one.sop_class_uid,
            )
        }

    def instances_of_series(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str
    ) -> Iterator[InstanceRecord]:
        """See the port."""
        where = (hospital, study_instance_uid, series_instance_uid)
        return self._instances(self._whole.instances_of_series(*where), *where)

    def stored_instances_of_series(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str
    ) -> Iterator[InstanceRecord]:
        """See the port."""
        where = (hospital, study_instance_uid, series_instance_uid)
        return self._instances(self._whole.stored_instances_of_series(*where), *where)

    def _instances(
        self, records: Iterator[InstanceRecord], hospital: str, study: str, series: str
    ) -> Iterator[InstanceRecord]:
        parts = self._parts(hospital, study)
        if parts is None:
            yield from records
        elif found := self.series(hospital, study, series):
            modality = _modality(found)
            for record in records:
                if self._shown(parts, (series, record.keys.sop_instance_uid), record.sop_class_uid, modality):
                    yield record

    def conflicts(self, hospital: str) -> Iterator[Mapping[str, str]]:
        """See the port: the quarantine is the operator's, and no scope's."""
        return self._whole.conflicts(hospital)


def _revision_of(shown: Sequence[InstanceRecord]) -> int:
    """Negative, and another one for other instances: validators of answers are made of it."""
    names = "\n".join(record.object_key for record in shown)
    return -1 - int.from_bytes(hashlib.sha256(names.encode()).digest()[:6], "big")


def _modality(series: SeriesRecord) -> str:
    return str((series.attributes.get(_MODALITY, {}).get("Value") or [""])[0])
