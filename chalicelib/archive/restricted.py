"""The index as a scope sees it whose studies are shared in part (docs/adr/0025).

Use cases read through `reader_within`: what a share keeps back is not in what they read, so that no answer, count,
modality or picture can tell of it. A scope without shares reads the index itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from chalicelib.archive.model import IndexedObject, InstanceRecord, Posting, SeriesRecord, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import Scope, SharedStudy
from chalicelib.errors import NotAllowed

DOCUMENT_MODALITIES = frozenset({"SR", "DOC"})
"""Series of these hold reports and documents alone."""
_DOCUMENT_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.")
"""Structured reports and key object selections; encapsulated documents (PS3.4 B.5)."""
_MODALITY, _PATIENT_ID, _ISSUER = "00080060", "00100020", "00100021"

Shares = tuple[SharedStudy, ...]


def reader_within(reader: IndexReader, scope: Scope) -> IndexReader:
    """The index as a scope sees it; the reader itself where nothing is shared in part."""
    if not scope.shared or isinstance(reader, RestrictedReader):
        return reader
    return RestrictedReader(reader, scope)


def require_download(reader: IndexReader, hospital: str, study_instance_uid: str, series_uids: Iterable[str]) -> None:
    """That visible series of a study, or instances of them, may be retrieved as files.

    Raises
    ------
    NotAllowed
        If a share permits to look at one of them and no more.
    """
    if isinstance(reader, RestrictedReader) and not reader.may_download(hospital, study_instance_uid, series_uids):
        raise NotAllowed("This share permits to look at the images, not to download them.")


def is_document(sop_class_uid: str, modality: str = "") -> bool:
    """Whether an instance is a report or document.

    >>> is_document("1.2.840.10008.5.1.4.1.1.104.1", "OT"), is_document("1.2.840.10008.5.1.4.1.1.2", "CT")
    (True, False)
    """
    return modality in DOCUMENT_MODALITIES or sop_class_uid.startswith(_DOCUMENT_CLASSES)


class RestrictedReader:
    """Implements `archive.ports.IndexReader` over another; for one request, since it remembers what it read."""

    def __init__(self, whole: IndexReader, scope: Scope) -> None:
        self._whole = whole
        self._scope = scope
        self._rows: dict[tuple[str, str], StudyRecord | None] = {}
        self._contents: dict[tuple[str, str, str], SeriesRecord | None] = {}

    # What is kept back ------------------------------------------------------------------------------------------

    def _shares(self, hospital: str, study_instance_uid: str) -> Shares | None:
        """What is shared of a study; None where the scope holds all of it, or it is none of the shared ones."""
        shares = self._scope.shares_of(hospital, study_instance_uid)
        if not shares or hospital in self._scope.hospitals:
            return None
        row = self._row(hospital, study_instance_uid) if self._scope.patients or self._scope.studies else None
        ids = (row.value(_PATIENT_ID), row.value(_ISSUER)) if row else ("", "")
        return None if self._scope.holds_whole(hospital, study_instance_uid, *ids) else shares

    def _row(self, hospital: str, study_instance_uid: str) -> StudyRecord | None:
        key = (hospital, study_instance_uid)
        if key not in self._rows:
            self._rows[key] = self._whole.study(*key)
        return self._rows[key]

    @staticmethod
    def _shown(shares: Shares | None, series_uid: str, sop_class_uid: str, modality: str = "") -> bool:
        return shares is None or any(
            (not one.series or series_uid in one.series) and (one.reports or not is_document(sop_class_uid, modality))
            for one in shares
        )

    def may_download(self, hospital: str, study_instance_uid: str, series_uids: Iterable[str]) -> bool:
        """Whether every one of some series is given by shares that permit it, as far as it is visible at all."""
        shares = self._shares(hospital, study_instance_uid)
        if shares is None:
            return True
        for uid in series_uids:
            giving = [one for one in shares if not one.series or uid in one.series]
            files = [one for one in giving if one.download]
            # Documents that one share shows do not come as files of another that keeps them back.
            if not files or (any(one.reports for one in giving) and not any(one.reports for one in files)):
                return False
        return True

    # Series ------------------------------------------------------------------------------------------------------

    def _part(self, series: SeriesRecord | None, shares: Shares | None) -> SeriesRecord | None:
        """A series with the counts of what is shown of it; None if that is nothing."""
        if series is None or shares is None:
            return series
        uid = series.series_instance_uid
        giving = tuple(one for one in shares if not one.series or uid in one.series)
        if not giving or any(one.reports for one in giving):
            return series if giving else None
        modality = str((series.attributes.get(_MODALITY, {}).get("Value") or [""])[0])
        if modality in DOCUMENT_MODALITIES:
            return None
        row = self._row(series.hospital, series.study_instance_uid)
        if row is None or not any(map(is_document, row.sop_classes)):
            return series
        key = (series.hospital, series.study_instance_uid, uid)
        if key not in self._contents:
            self._contents[key] = self._without_documents(series)
        return self._contents[key]

    def _without_documents(self, series: SeriesRecord) -> SeriesRecord | None:
        where = (series.hospital, series.study_instance_uid, series.series_instance_uid)
        sizes = [
            record.size_bytes
            for record in self._whole.stored_instances_of_series(*where)
            if not is_document(record.sop_class_uid)
        ]
        if len(sizes) == series.instance_count:
            return series
        # What was built of the whole series (metadata, packs) must not be found by what is shown of it.
        return (
            replace(
                series,
                instance_count=len(sizes),
                size_bytes=sum(sizes),
                metadata_key="",
                metadata_instance_count=0,
                representative_sop_instance_uid=None,
                revision=-1 - series.revision,
            )
            if sizes
            else None
        )

    def series(self, hospital: str, study_instance_uid: str, series_instance_uid: str) -> SeriesRecord | None:
        """See the port."""
        shares = self._shares(hospital, study_instance_uid)
        return self._part(self._whole.series(hospital, study_instance_uid, series_instance_uid), shares)

    def series_of_study(self, hospital: str, study_instance_uid: str) -> Iterator[SeriesRecord]:
        """See the port."""
        shares = self._shares(hospital, study_instance_uid)
        for series in self._whole.series_of_study(hospital, study_instance_uid):
            if part := self._part(series, shares):
                yield part

    # Studies -----------------------------------------------------------------------------------------------------

    def _study(self, study: StudyRecord) -> StudyRecord | None:
        """A study with the counts, modalities and SOP classes of what is shown of it; None if that is nothing."""
        where = (study.hospital, study.study_instance_uid)
        self._rows[where] = study
        shares = self._shares(*where)
        if shares is None or any(not one.series and one.reports for one in shares):
            return study
        parts = list(self.series_of_study(*where))
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

    def _studies(self, studies: Iterator[StudyRecord]) -> Iterator[StudyRecord]:
        return (shown for shown in map(self._study, studies) if shown)

    def study(self, hospital: str, study_instance_uid: str) -> StudyRecord | None:
        """See the port."""
        row = self._row(hospital, study_instance_uid)
        return self._study(row) if row else None

    def studies_by_date(self, hospital: str, first: str, last: str, page: int = 100) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(self._whole.studies_by_date(hospital, first, last, page))

    def studies_by_patient_id(self, hospital: str, patient_id: str) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(self._whole.studies_by_patient_id(hospital, patient_id))

    def studies_by_accession_number(self, hospital: str, accession_number: str) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(self._whole.studies_by_accession_number(hospital, accession_number))

    def studies(self, hospital: str, study_instance_uids: Iterable[str], page: int = 100) -> Iterator[StudyRecord]:
        """See the port."""
        return self._studies(self._whole.studies(hospital, study_instance_uids, page))

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
        shares = self._shares(hospital, study_instance_uid)
        record = self._whole.instance(hospital, study_instance_uid, series_instance_uid, sop_instance_uid)
        if record is None or shares is None:
            return record
        modality = str((record.dicom_json.get(_MODALITY, {}).get("Value") or [""])[0])
        return record if self._shown(shares, series_instance_uid, record.sop_class_uid, modality) else None

    def objects_of_instances(self, hospital: str, sop_instance_uids: Sequence[str]) -> Mapping[str, IndexedObject]:
        """See the port."""
        found = self._whole.objects_of_instances(hospital, sop_instance_uids)
        return {
            uid: one
            for uid, one in found.items()
            if self._shown(
                self._shares(hospital, one.keys.study_instance_uid), one.keys.series_instance_uid, one.sop_class_uid
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
        shares = self._shares(hospital, study)
        if shares is None:
            yield from records
        elif self.series(hospital, study, series):
            yield from (record for record in records if self._shown(shares, series, record.sop_class_uid))

    def conflicts(self, hospital: str) -> Iterator[Mapping[str, str]]:
        """See the port: the quarantine is the operator's, and no scope's."""
        return self._whole.conflicts(hospital)
