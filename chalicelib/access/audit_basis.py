"""Why somebody could look: what of a session's scope an access rests on, for the trail and in it (docs/adr/0029)."""

from __future__ import annotations

from chalicelib.access.model import Permission, Role, Session
from chalicelib.archive.scope import PatientRef, StudyRef

OWN = "own"
"""The patient's own exams."""
PROXY = "proxy"
"""Somebody acts for the patient."""
HOSPITAL = "hospital"
"""The hospital that made the exam."""
CODE = "code"
"""The patient gave the professional the code."""
SHARE = "share"
NAMED = "named"
"""The account was given this patient or study."""


def basis_of(session: Session, hospital: str, patient: PatientRef | None, study_instance_uid: str) -> str:
    """What a session's access to a study rests on, "" where nothing of its scope says so.

    A right of its own comes before what others gave: who works at the hospital looks as that, even at what is shared.
    """
    scope = session.scope
    if session.role is Role.PATIENT:
        return OWN
    if session.role is Role.PROXY:
        return PROXY
    if hospital in scope.hospitals:
        return HOSPITAL
    if patient is not None and patient in scope.patients:
        return CODE if session.may(Permission.PRESENT_CODES) else NAMED
    if StudyRef(hospital, study_instance_uid) in scope.studies:
        return NAMED
    return SHARE if study_instance_uid and scope.shares_of(hospital, study_instance_uid) else ""
