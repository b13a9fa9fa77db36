"""Search for patients (C-FIND at PATIENT level, PS3.4 C.6.1.1.2): those of the studies that match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from chalicelib.archive.model import DicomJson, StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import Scope
from chalicelib.archive.search import SearchRequest, SearchResult, find_studies
from chalicelib.archive.search_results import Level, element

CHARACTER_SET, PATIENT_ID, ISSUER = "00080005", "00100020", "00100021"
PATIENT_TAGS = frozenset(
    {"00100010", PATIENT_ID, ISSUER, "00100022", "00100024", "00100030", "00100032", "00100040", "00101001", "00102160",
     "00104000"}
)  # fmt: skip
"""Attributes of the patient that rows of studies hold."""
PATIENT_COUNTS = ("00201200", "00201202", "00201204")
"""Number of Patient Related Studies, Series, Instances."""


def search_patients(reader: IndexReader, scope: Scope, request: SearchRequest) -> SearchResult:
    """A page of the patients of the studies that match; raises as `search.search`."""
    found = islice(find_patients(reader, scope, request), request.offset, request.offset + request.limit + 1)
    page = [dict(sorted({**match, CHARACTER_SET: element("CS", "ISO_IR 192")}.items())) for match in found]
    return SearchResult(page[: request.limit], len(page) <= request.limit)


def find_patients(reader: IndexReader, scope: Scope, request: SearchRequest) -> Iterator[DicomJson]:
    """Search for patients (PS3.4 C.6.1.1.2): each once, most recent study first, as a stream.

    A patient is a Patient ID and its issuer within one hospital; attributes are those of the newest study. Counts are
    read only when asked for. Raises as `search.find`.
    """
    reader = reader_within(reader, scope)
    seen: set[tuple[str, ...]] = set()
    wants_counts = bool(request.include_tags & set(PATIENT_COUNTS))
    for study in find_studies(reader, scope, replace(request, level=Level.STUDY)):
        patient_id, issuer = study.value(PATIENT_ID), study.value(ISSUER)
        # Without a Patient ID nothing says that two studies are of one patient but all that is known of them.
        patient = (study.hospital, patient_id, issuer, "" if patient_id else study.value("00100010"))
        if patient in seen:
            continue
        seen.add(patient)
        dataset = {tag: value for tag, value in study.attributes.items() if tag in PATIENT_TAGS}
        yield dataset | (_counts(reader, scope, study) if wants_counts else {})


def _counts(reader: IndexReader, scope: Scope, of: StudyRecord) -> DicomJson:
    """Counts over the patient's visible studies; over the one study at hand when there is no Patient ID."""
    patient_id, issuer = of.value(PATIENT_ID), of.value(ISSUER)
    studies = [
        study
        for study in (reader.studies_by_patient_id(of.hospital, patient_id) if patient_id else iter([of]))
        if study.value(ISSUER) == issuer and scope.permits(study.hospital, study.study_instance_uid, patient_id, issuer)
    ]
    totals = (len(studies), sum(s.series_count for s in studies), sum(s.instance_count for s in studies))
    return {tag: element("IS", total) for tag, total in zip(PATIENT_COUNTS, totals, strict=True)}
