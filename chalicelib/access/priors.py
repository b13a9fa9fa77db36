"""What other hospitals have of the patients of a worklist, by care relation, before it is opened (docs/adr/0028).

A page of the worklist is asked for at once: the relations of its patients are one BatchGetItem where there is none,
else three, and each relation that there is costs one Query of its patient's exams. Of patients without a relation
nothing is told, not even that there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from chalicelib.access.care_relations import Care, CareRelation, studies_of
from chalicelib.access.model import SEES, Permission, Session
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID
from chalicelib.errors import NotAllowed

MOST_EXAMS = 50
"""Of one relation that are counted: nobody reads a worklist for more."""
_STUDY_DATE = "00080020"


@dataclass(frozen=True)
class Priors:
    """Exams that another hospital has of a patient."""

    relation: CareRelation
    exams: int
    """As many as may be seen, without what is masked."""
    is_at_least: bool
    """Whether there are more than were counted."""
    newest: str
    """Study Date (DA) of the newest, "" if it has none."""


def priors_of(care: Care, session: Session, study_instance_uids: Sequence[str]) -> dict[str, list[Priors]]:
    """Priors at other hospitals by Study Instance UID of the session's own; studies without any are left out.

    Raises
    ------
    errors.NotAllowed
        If the session's role does not reach other hospitals by care relations.
    """
    if not session.may(Permission.DECLARE_CARE) or not session.hospital:
        raise NotAllowed("Your role does not permit this.")
    studies = care.reader.studies(session.hospital, dict.fromkeys(study_instance_uids))
    patients = {study.study_instance_uid: ref for study in studies if (ref := _patient(session, study))}
    found = _counted(care, session, care.relations.of_many(list(dict.fromkeys(patients.values()))))
    by_study = {uid: [one for one in found if one.relation.own == patient] for uid, patient in patients.items()}
    return {uid: some for uid, some in by_study.items() if some}


def _patient(session: Session, study: StudyRecord) -> PatientRef | None:
    """Of a study that the session's worklist has."""
    patient_id, issuer = study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID)
    is_seen = session.scope.permits(study.hospital, study.study_instance_uid, patient_id, issuer)
    return PatientRef(study.hospital, patient_id, issuer) if patient_id and is_seen else None


def _counted(care: Care, session: Session, relations: Iterable[CareRelation]) -> list[Priors]:
    relations = sorted(relations, key=lambda one: (one.other.hospital, one.other.patient_id, one.other.issuer))
    scope = Scope(patients=tuple(one.other for one in relations), sees=SEES.get(session.role, frozenset()))
    reader = reader_within(care.reader, scope)
    counted = []
    for relation in relations:
        exams = list(islice(studies_of(reader, relation.other), MOST_EXAMS + 1))
        if exams:
            shown = exams[:MOST_EXAMS]
            newest = max(study.value(_STUDY_DATE) for study in shown)
            counted.append(Priors(relation, len(shown), len(exams) > MOST_EXAMS, newest))
    return counted
