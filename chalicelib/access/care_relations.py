"""Care relations: a hospital that treats a patient reaches the exams that another one has of him or her.

Until identities are linked the relation names the patient as both hospitals know him or her, after name and birth date
were compared. The patient does not oppose, or it ends at once (CSP L1110-4; docs/adr/0028).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.access.access_grants import CARE, AccessGrant, AccessGrants
from chalicelib.access.code_attempts import DAY_S, Allowance, Attempt, digest
from chalicelib.access.model import Permission, Session
from chalicelib.access.ports import Registry
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import PatientRef
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID
from chalicelib.dicom.names import fold
from chalicelib.errors import BadRequest, NotAllowed, NotFound

FAILURES_PER_DAY = 20
"""Declarations of one professional that name nobody, or somebody else: whoever makes more is looking for patients."""
MOST_STUDIES = 200
"""Studies of a patient that are looked at."""


@dataclass(frozen=True)
class CareRelation:
    """A hospital treats a patient whom another one has exams of. Times are seconds since the epoch."""

    own: PatientRef
    """As the hospital knows the patient that treats him or her."""
    other: PatientRef
    """As the hospital does that has the exams."""
    declared_by: str
    declared_by_name: str
    declared_at: int
    expires_at: int

    @property
    def relation_id(self) -> str:
        """The same for the same two patients."""
        names = [part for one in (self.own, self.other) for part in (one.hospital, one.patient_id, one.issuer)]
        return hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Opposition:
    """Whether a patient opposes that other hospitals reach his or her exams, as it was last recorded."""

    patient: PatientRef
    opposes: bool
    recorded_by_name: str
    recorded_at: int


class CareRelations(Protocol):
    """Relations and oppositions. `errors.Unavailable` when the service does not answer."""

    def put(self, relation: CareRelation) -> None:
        """Keep a relation; one of the same patients is replaced."""

    def of_own(self, patient: PatientRef) -> list[CareRelation]:
        """Relations of a patient whom a hospital treats, expired ones left out, read consistently."""

    def of_many(self, patients: Sequence[PatientRef]) -> list[CareRelation]:
        """Relations of patients whom hospitals treat, of those who do not oppose; by a bounded number of requests."""

    def of_other(self, patient: PatientRef) -> list[CareRelation]:
        """Relations of a patient whom a hospital has exams of, likewise."""

    def delete(self, relation: CareRelation) -> None:
        """Forget a relation; safe to repeat."""

    def record_opposition(self, opposition: Opposition) -> None:
        """Replace what is recorded."""

    def opposition(self, patient: PatientRef) -> Opposition | None:
        """What was recorded last, read consistently."""


@dataclass(frozen=True)
class Care:
    """What the use cases need."""

    relations: CareRelations
    grants: AccessGrants
    registry: Registry
    reader: IndexReader


def declare(care: Care, session: Session, own: PatientRef, other: PatientRef, *, valid_days: int) -> CareRelation:
    """Declare that the session's hospital treats a patient of its own whom another one has exams of.

    Raises
    ------
    errors.NotAllowed
        If the session's role does not declare, or the patient opposes.
    errors.BadRequest
        If it is one hospital.
    errors.NotFound
        If one of them has no such patient, or name or birth date differ: which of it, nobody is told.
    errors.TooManyAttempts
        If too many declarations of the session's user failed.
    """
    if not session.may(Permission.DECLARE_CARE) or own.hospital != session.hospital or not session.hospital:
        raise NotAllowed("Your role does not permit this.")
    if other.hospital == own.hospital:
        raise BadRequest("Your hospital sees its own exams already.")
    attempt = Attempt(care.registry, [Allowance(f"CARE#{digest(session.subject)}", FAILURES_PER_DAY, DAY_S)])
    attempt.count()
    identities = [set(map(_identity, studies_of(care.reader, patient))) - {None} for patient in (own, other)]
    if not identities[0] & identities[1]:
        raise NotFound("No such patient with the same name and birth date is known there.")
    attempt.settle(succeeded=True)
    _check_not_opposed(care, own, other)
    now = int(time.time())
    relation = CareRelation(own, other, session.subject, session.display_name, now, now + valid_days * DAY_S)
    care.relations.put(relation)
    return relation


def studies_of(reader: IndexReader, patient: PatientRef) -> Iterator[StudyRecord]:
    """Studies of a patient at a hospital, newest first; of others under the same id none."""
    for number, study in enumerate(reader.studies_by_patient_id(patient.hospital, patient.patient_id)):
        if number >= MOST_STUDIES:
            return
        if study.value(ISSUER_OF_PATIENT_ID) == patient.issuer:
            yield study


def _identity(study: StudyRecord) -> tuple[str, str, str] | None:
    """Family name, first given name and birth date, comparable; None where one of them is missing."""
    values = study.attributes.get("00100010", {}).get("Value") or [{}]
    name = values[0].get("Alphabetic", "") if isinstance(values[0], dict) else ""
    family, given = [*name.split("^"), ""][:2]
    first = [*fold(given).split(), ""][0]
    birth_date = study.value("00100030")
    return (fold(family).strip(), first, birth_date) if family.strip() and first and birth_date else None


def _check_not_opposed(care: Care, own: PatientRef, other: PatientRef) -> None:
    for patient in (own, other):
        recorded = care.relations.opposition(patient)
        if recorded is not None and recorded.opposes:
            raise NotAllowed("The patient opposes that other hospitals reach these exams.")


def relation_of(care: Care, session: Session, own: PatientRef, relation_id: str) -> CareRelation:
    """A live relation of the session's hospital.

    Raises
    ------
    errors.NotFound
        If there is none.
    """
    found = care.relations.of_own(own) if own.hospital == session.hospital else []
    relation = next((one for one in found if one.relation_id == relation_id), None)
    if relation is None:
        raise NotFound("There is no such care relation, or it has ended.")
    return relation


def open_priors(care: Care, session: Session, relation: CareRelation) -> AccessGrant:
    """Give the session's user what the relation leads to, for as long as it lasts; repeating it changes nothing.

    Raises
    ------
    errors.NotAllowed
        If the session's role does not, or the patient opposes.
    """
    if not session.may(Permission.OPEN_PRIORS) or relation.own.hospital != session.hospital:
        raise NotAllowed("Your role does not permit this.")
    _check_not_opposed(care, relation.own, relation.other)
    grant = AccessGrant(
        relation.other,
        session.subject,
        session.display_name,
        int(time.time()),
        relation.expires_at,
        CARE,
        relation.relation_id,
    )
    care.grants.put(grant)
    try:
        # Who opposes meanwhile has ended all the grants that were there: this one may have come after.
        _check_not_opposed(care, relation.own, relation.other)
    except NotAllowed:
        care.grants.delete(grant)
        raise
    return grant


def end_relation(care: Care, relation: CareRelation) -> None:
    """End a relation and every access by it, from the next request on."""
    care.relations.delete(relation)
    for grant in care.grants.of_patient(relation.other):
        if grant.basis == CARE and grant.reference == relation.relation_id:
            care.grants.delete(grant)


def record_opposition(care: Care, session: Session, patient: PatientRef, *, opposes: bool) -> Opposition:
    """Record whether a patient opposes; an opposition ends the relations of the patient and every access by them."""
    opposition = Opposition(patient, opposes, session.display_name, int(time.time()))
    care.relations.record_opposition(opposition)
    if opposes:
        for relation in (*care.relations.of_own(patient), *care.relations.of_other(patient)):
            end_relation(care, relation)
    return opposition
