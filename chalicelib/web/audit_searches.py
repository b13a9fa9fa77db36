"""Whom a search was about, for the audit trail: the patient that it names, or the only one that it found.

A list of many patients is filed by user and period alone: an event for each row of each worklist would be a hundred
writes for one read, and tell patients that somebody scrolled past them (docs/adr/0029).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chalice.app import Request

from chalicelib.access.model import Session
from chalicelib.archive.model import DicomJson
from chalicelib.archive.scope import PatientRef
from chalicelib.web.http import query_multi

FOUND = "sansfilm_found"
"""Of a request's context: Study Instance UIDs that it found of one patient."""
LONGEST_ID = 64
_PATIENT_ID, _ISSUER, _STUDY = ("PatientID", "00100020"), ("IssuerOfPatientID", "00100021"), "0020000D"
_NOT_ONE = set("*?\\,")
"""What makes a matching key more than one value (PS3.4 C.2.2.2.4, C.2.2.2.2; PS3.18 8.3.4.1)."""

Subject = Callable[[Session, str, str], tuple[str, PatientRef | None]]


def note_found(request: Request, matches: Sequence[DicomJson]) -> None:
    """Note what a search found, as far as it is of one patient: cheap, since matches name the patient."""
    first = _value(matches[0], _PATIENT_ID[1]) if matches else ""
    if not first or any(_value(match, _PATIENT_ID[1]) != first for match in matches):
        return
    studies = list(dict.fromkeys(_value(match, _STUDY) for match in matches))
    if studies[0]:
        request.context[FOUND] = studies


def subject_of_search(
    request: Request, session: Session, hospital: str, subject_of: Subject
) -> tuple[str, PatientRef | None, str]:
    """Hospital, patient and study that a search was about; the study only where it found no other.

    Parameters
    ----------
    hospital
        That it is filed under otherwise.
    subject_of
        Hospital and patient of a study within the session's scope.
    """
    query = query_multi(request)
    studies: Sequence[str] = request.context.get(FOUND, ())
    if studies:
        found_at, patient = subject_of(session, studies[0], (query.get("hospital") or [""])[0])
        if patient:
            return found_at, patient, studies[0] if len(studies) == 1 else ""
    named = _only(query, _PATIENT_ID)
    own = session.scope.candidate_hospitals()
    where = hospital or (own[0] if len(own) == 1 else "")
    patient = PatientRef(where, named, _only(query, _ISSUER)) if named and where else None
    return where if patient else hospital, patient, ""


def _only(query: dict[str, list[str]], names: tuple[str, ...]) -> str:
    """The value of a key that names exactly one."""
    values = [value for name in names for value in query.get(name, [])]
    if len(values) != 1 or not 0 < len(values[0]) <= LONGEST_ID or _NOT_ONE & set(values[0]):
        return ""
    return values[0]


def _value(match: DicomJson, tag: str) -> str:
    attribute: dict[str, Any] = match.get(tag) or {}
    return str((attribute.get("Value") or [""])[0])
