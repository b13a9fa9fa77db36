"""A professional's access to a patient, given by the patient's code for some days (docs/adr/0023).

Grants are read at every request of a professional, so that one that ended is refused at once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from chalicelib.access.code_attempts import by_a_professional
from chalicelib.access.model import Session
from chalicelib.access.passwords import HASH_OF_NOBODY, verify_password
from chalicelib.access.patient_codes import CodeKey, PatientCodes, keyed, read_birth_date, read_code, verifiable
from chalicelib.access.ports import Registry
from chalicelib.access.proxies import midnight
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import BadRequest, NotFound

_DAY_S = 86_400
CODE, CARE, EMERGENCY = "code", "care", "emergency"
"""On what a grant rests: the patient's code, a care relation, break-glass (docs/adr/0028)."""


@dataclass(frozen=True)
class AccessGrant:
    """A professional may see a patient's exams."""

    patient: PatientRef
    subject: str
    """Of the professional's sessions."""
    professional: str
    """Name as it is shown to the patient."""
    granted_at: int
    """Seconds since the epoch; so is the next."""
    expires_at: int
    basis: str = CODE
    reference: str = ""
    """Id of the care relation or use of break-glass; of the proxy whose code it was."""

    @property
    def grant_id(self) -> str:
        """The same for the same professional, patient and basis."""
        names = [self.patient.hospital, self.patient.patient_id, self.patient.issuer, self.subject]
        name = "\0".join(names if self.basis == CODE else [*names, self.basis])
        return hashlib.sha256(name.encode()).hexdigest()[:32]


class AccessGrants(Protocol):
    """Grants by professional and by patient. `errors.Unavailable` when the service does not answer."""

    def put(self, grant: AccessGrant) -> None:
        """Keep a grant; one of the same professional and patient is replaced."""

    def of_professional(self, subject: str) -> list[AccessGrant]:
        """A professional's grants, expired ones left out."""

    def of_patient(self, patient: PatientRef) -> list[AccessGrant]:
        """A patient's grants, expired ones left out."""

    def delete(self, grant: AccessGrant) -> None:
        """Forget a grant; safe to repeat."""


@dataclass(frozen=True)
class Presented:
    """A code that a professional presents."""

    code: str
    birth_date: str
    address: str
    """Of the caller."""


def present_code(
    registry: Registry,
    codes: PatientCodes,
    grants: AccessGrants,
    key: CodeKey,
    session: Session,
    presented: Presented,
    *,
    valid_days: int,
) -> AccessGrant:
    """Give a professional access to the patient of a code; presenting it again begins anew.

    Raises
    ------
    errors.BadRequest
        If code or birth date cannot be any patient's.
    errors.NotFound
        If no patient has that code and birth date, whichever of them is wrong.
    errors.TooManyAttempts
        If the professional has to wait.
    """
    characters, birth_date = read_code(presented.code), read_birth_date(presented.birth_date)
    keyed_code = keyed(key, characters)
    attempt = by_a_professional(registry, keyed_code.index, session.subject, presented.address)
    attempt.count()
    found = codes.of_index(keyed_code.index)
    matches = verify_password(found.verifier if found else HASH_OF_NOBODY, verifiable(keyed_code, birth_date))
    if found is None or not matches:
        raise NotFound("No patient has this code and this birth date.")
    attempt.settle(succeeded=True)
    now = int(time.time())
    until = now + valid_days * _DAY_S
    # Nobody gives for longer than they act for the patient.
    until = min(until, found.expires_at) if found.proxy_id else until
    grant = AccessGrant(found.patient, session.subject, session.display_name, now, until, reference=found.proxy_id)
    grants.put(grant)
    return grant


def with_granted_patients(session: Session, grants: AccessGrants) -> Session:
    """The session with every patient who gave its professional access, as of now."""
    if not session.has_grants:
        return session
    granted = [grant.patient for grant in grants.of_professional(session.subject)]
    return replace(session, scope=replace(session.scope, patients=_united(session.scope.patients, granted)))


def shorten_grant(grants: AccessGrants, patient: PatientRef, grant_id: str, last_day: str, today: date) -> AccessGrant:
    """Have a grant that a patient gave end earlier, in the night after a day in Paris.

    Raises
    ------
    errors.BadRequest
        If it is no day from today on, or the grant ends before it.
    errors.NotFound
        If the patient gave no such grant, or it has ended.
    """
    try:
        last = date.fromisoformat(last_day)
    except ValueError as error:
        raise BadRequest("until: the day is written YYYY-MM-DD.") from error
    grant = grant_of(grants, patient, grant_id)
    ends_at = midnight(date.fromordinal(last.toordinal() + 1))
    if last < today or ends_at >= grant.expires_at:
        raise BadRequest("until: a day from today on that comes before the end of the access.")
    shortened = replace(grant, expires_at=ends_at)
    grants.put(shortened)
    return shortened


def grant_of(grants: AccessGrants, patient: PatientRef, grant_id: str) -> AccessGrant:
    """A grant that a patient gave.

    Raises
    ------
    errors.NotFound
        If the patient gave no such grant, or it has ended.
    """
    grant = next((grant for grant in grants.of_patient(patient) if grant.grant_id == grant_id), None)
    if grant is None:
        raise NotFound("There is no such access.")
    return grant


def grants_by(grants: AccessGrants, patient: PatientRef, proxy_id: str = "") -> list[AccessGrant]:
    """Every grant of a patient, or those alone that one who acts for the patient gave."""
    found = grants.of_patient(patient)
    return [grant for grant in found if not proxy_id or (grant.basis, grant.reference) == (CODE, proxy_id)]


def _united(first: Iterable[PatientRef], second: Iterable[PatientRef]) -> tuple[PatientRef, ...]:
    return tuple(dict.fromkeys((*first, *second)))
