"""Break-glass: in an emergency a professional sees one patient's unmasked exams for a day, and answers for it.

The patient is told by SMS, the privacy officer of the hospital that has the exams reviews each (docs/adr/0028).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice
from typing import Protocol

from chalicelib.access.access_grants import EMERGENCY, AccessGrant, AccessGrants
from chalicelib.access.code_attempts import DAY_S, Allowance, Attempt, digest
from chalicelib.access.model import Permission, Session
from chalicelib.access.ports import Registry
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.archive.search import SearchRequest, find_studies
from chalicelib.archive.search_results import Level
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID
from chalicelib.dicom.attributes import resolve
from chalicelib.dicom.matching import Condition
from chalicelib.errors import BadRequest, Conflict, NotAllowed, NotFound

LASTS_S = DAY_S
PER_DAY = 10
"""Attempts of one professional, those that find nobody included."""
MOST_STUDIES = 200


class Reason(Enum):
    """Why; the portal shows them as sentences."""

    VITAL = "vital-emergency"
    UNCONSCIOUS = "patient-cannot-answer"
    TRANSFER = "urgent-transfer"
    ON_CALL = "on-call-advice"
    OTHER = "other"


class Review(Enum):
    """What the privacy officer found."""

    OPEN = "open"
    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not-justified"


@dataclass(frozen=True)
class BrokenGlass:
    """One use. Times are seconds since the epoch."""

    event_id: str
    patient: PatientRef
    subject: str
    professional: str
    professional_hospital: str
    reason: Reason
    explanation: str
    broken_at: int
    expires_at: int
    review: Review = Review.OPEN
    reviewed_by_name: str = ""
    reviewed_at: int = 0
    comment: str = ""

    @property
    def grant(self) -> AccessGrant:
        """The access that it gives."""
        return AccessGrant(
            self.patient, self.subject, self.professional, self.broken_at, self.expires_at, EMERGENCY, self.event_id
        )


class BrokenGlasses(Protocol):
    """Uses by hospital whose patient it was. `errors.Unavailable` when the service does not answer."""

    def put(self, broken: BrokenGlass) -> None:
        """Keep a use, or its review."""

    def of_hospital(self, hospital: str) -> list[BrokenGlass]:
        """The newest 200, newest first."""


@dataclass(frozen=True)
class Wanted:
    """Whose exams, as far as it is known in an emergency, and why."""

    hospital: str
    reason: Reason
    explanation: str
    patient_id: str = ""
    issuer: str = ""
    family_name: str = ""
    given_name: str = ""
    birth_date: str = ""
    """YYYYMMDD."""


def attempt(registry: Registry, session: Session) -> None:
    """Count an attempt of the session's user.

    Raises
    ------
    errors.NotAllowed
        If the session's role breaks no glass.
    errors.TooManyAttempts
        If there were too many today.
    """
    if not session.may(Permission.BREAK_GLASS):
        raise NotAllowed("Your role does not permit this.")
    Attempt(registry, [Allowance(f"BREAK-GLASS#{digest(session.subject)}", PER_DAY, DAY_S)]).count()


def prepare(reader: IndexReader, session: Session, wanted: Wanted) -> BrokenGlass:
    """Find the patient; what is about to happen, to be recorded before it does.

    Raises
    ------
    errors.NotFound
        If the hospital has no such patient.
    errors.Conflict
        If several patients of it have that name and birth date.
    errors.BadRequest
        If the patient is not named, or of the session's own hospital.
    """
    if wanted.hospital in session.scope.hospitals:
        raise BadRequest("Your hospital sees its own exams already.")
    now = int(time.time())
    return BrokenGlass(
        event_id=secrets.token_hex(12),
        patient=_patient(reader, wanted),
        subject=session.subject,
        professional=session.display_name,
        professional_hospital=session.hospital,
        reason=wanted.reason,
        explanation=wanted.explanation.strip(),
        broken_at=now,
        expires_at=now + LASTS_S,
    )


def _patient(reader: IndexReader, wanted: Wanted) -> PatientRef:
    """One patient: by the hospital's id, else by name and birth date, both in full."""
    if wanted.patient_id:
        keys = {"00100020": wanted.patient_id}
    elif wanted.family_name and wanted.given_name and wanted.birth_date:
        keys = {"00100010": f"{wanted.family_name}^{wanted.given_name}*", "00100030": wanted.birth_date}
    else:
        raise BadRequest("Name the patient by id, or by family name, given name and birth date.")
    if any(set(text) & set("*?\\^=") for text in (wanted.patient_id, wanted.family_name, wanted.given_name)):
        raise BadRequest("Names and ids are written in full, without * or ?.")
    conditions = tuple(Condition((attribute,), text) for tag, text in keys.items() if (attribute := resolve(tag)))
    scope = Scope(hospitals=(wanted.hospital,))
    studies = islice(find_studies(reader, scope, SearchRequest(Level.STUDY, conditions=conditions)), MOST_STUDIES)
    found = {(study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID)) for study in studies}
    if wanted.patient_id:
        found &= {(wanted.patient_id, wanted.issuer)}
    found = {(patient_id, issuer) for patient_id, issuer in found if patient_id}
    if not found:
        raise NotFound("That hospital has no exam of such a patient.")
    if len(found) > 1:
        raise Conflict("Several patients there have that name and birth date: name one by id.")
    return PatientRef(wanted.hospital, *found.pop())


def break_glass(glasses: BrokenGlasses, grants: AccessGrants, broken: BrokenGlass) -> AccessGrant:
    """Open what was prepared and recorded: listed for review first, so that no access goes without one."""
    glasses.put(broken)
    grants.put(broken.grant)
    return broken.grant


def review(
    glasses: BrokenGlasses, grants: AccessGrants, session: Session, event_id: str, *, justified: bool, comment: str
) -> BrokenGlass:
    """The privacy officer's finding; what was not justified ends at once.

    Raises
    ------
    errors.NotAllowed
        If the session's role reviews nothing.
    errors.NotFound
        If the session's hospital has no such use.
    errors.Conflict
        If it was reviewed already.
    errors.BadRequest
        If it was not justified and nothing says why.
    """
    if not session.may(Permission.REVIEW_BREAK_GLASS) or not session.hospital:
        raise NotAllowed("Your role does not permit this.")
    found = next((one for one in glasses.of_hospital(session.hospital) if one.event_id == event_id), None)
    if found is None:
        raise NotFound("There is no such access to review.")
    if found.review is not Review.OPEN:
        raise Conflict("It was reviewed already.")
    if not justified and not comment.strip():
        raise BadRequest("Say why it was not justified.")
    if not justified:
        grants.delete(found.grant)
    reviewed = replace(
        found,
        review=Review.JUSTIFIED if justified else Review.NOT_JUSTIFIED,
        reviewed_by_name=session.display_name,
        reviewed_at=int(time.time()),
        comment=comment.strip(),
    )
    glasses.put(reviewed)
    return reviewed
