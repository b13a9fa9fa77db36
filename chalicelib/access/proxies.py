"""Those who act for a patient: holders of parental authority, guardians, trusted persons by mandate (docs/adr/0035).

The desk registers them on proof. Each has a code, a second factor and sessions of its own; a child's proxy ends by
itself at the 18th birthday (Code civil art. 414).
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as day_time
from enum import Enum
from typing import Protocol
from zoneinfo import ZoneInfo

from chalicelib.access.contacts import mobile_number
from chalicelib.access.holders import Holder, end_sessions
from chalicelib.access.model import Session
from chalicelib.access.patient_codes import PatientCodes, read_birth_date
from chalicelib.access.ports import Registry
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import BadRequest, Conflict, NotAllowed, NotFound

MAJORITY = 18
MOST_YEARS = 5
"""A mandate or a guardianship is shown again at the desk after as long at the latest (Code civil art. 441)."""
MOST_PROXIES = 6
"""Of one patient at once."""


class Relation(Enum):
    """On what somebody acts for a patient. The value is stored: add members, never change one."""

    PARENT = "parent"
    """Holder of parental authority over a minor (Code civil art. 371-1)."""
    GUARDIAN = "guardian"
    """Tuteur, of a minor or an adult (art. 408, 459)."""
    TRUSTED = "trusted-person"
    """Trusted person with a written mandate of an adult (CSP art. L1111-6)."""


@dataclass(frozen=True)
class Proxy:
    """Somebody who acts for a patient. Times are seconds since the epoch."""

    proxy_id: str
    patient: PatientRef
    name: str
    relation: Relation
    basis: str
    """What was shown at the desk: family record book, judgment, mandate."""
    phone_number: str
    """E.164; "" where there is none."""
    registered_at: int
    registered_by: str
    """Name of who was at the desk."""
    ends_at: int

    @property
    def holder(self) -> Holder:
        """As one who enters with a code."""
        return Holder(self.patient, self.proxy_id)


class Proxies(Protocol):
    """Live proxies. `errors.Unavailable` when the service does not answer."""

    def of_patient(self, patient: PatientRef) -> list[Proxy]:
        """Who acts for a patient now, the latest first."""

    def of_holder(self, holder: Holder) -> Proxy | None:
        """One of them; None as well where the holder is a patient, after the same work."""

    def put(self, proxy: Proxy) -> None:
        """Register or replace one."""

    def delete(self, proxy: Proxy) -> None:
        """Forget one; safe to repeat."""


class Forgotten(Protocol):
    """What else belongs to a holder and ends with it: see `second_factors.SecondFactors`."""

    def forget(self, holder: Holder) -> None:
        """Forget every second factor of a holder."""


@dataclass(frozen=True)
class Wanted:
    """A proxy as the desk asks for one."""

    name: str
    relation: Relation
    basis: str
    birth_date: str
    """The patient's."""
    phone_number: str = ""
    until: str = ""
    """Last day, YYYY-MM-DD; "" only for a parent: until the 18th birthday."""


def register(proxies: Proxies, session: Session, patient: PatientRef, wanted: Wanted) -> Proxy:
    """Somebody who acts for a patient from now on; not kept yet (`proxies.put`).

    Raises
    ------
    errors.BadRequest
        If name, basis, number, birth date or last day make no sense, or the relation does not fit the patient's age.
    errors.Conflict
        If the patient has as many as there may be.
    """
    name, basis = (" ".join(text.split()) for text in (wanted.name, wanted.basis))
    if not (name and basis and (name + basis).isprintable()):
        raise BadRequest("Name the person, and what was shown at the desk.")
    number = mobile_number(wanted.phone_number) if wanted.phone_number.strip() else ""
    ends_at = end_of(wanted.relation, read_birth_date(wanted.birth_date), wanted.until, today_in_paris())
    if len(proxies.of_patient(patient)) >= MOST_PROXIES:
        raise Conflict(f"At most {MOST_PROXIES} people act for a patient: end one first.")
    now = int(time.time())
    by = session.display_name
    return Proxy(secrets.token_hex(8), patient, name, wanted.relation, basis, number, now, by, ends_at)


def end_of(relation: Relation, birth_date: str, until: str, today: date) -> int:
    """When a proxy ends by itself: the night after its last day, and never after a child's 18th birthday began.

    Raises
    ------
    errors.BadRequest
        If the relation does not fit the patient's age, or the last day is not one of the next years.
    """
    of_age = majority(date.fromisoformat(birth_date))
    is_minor = today < of_age
    if relation is Relation.PARENT and not is_minor:
        raise BadRequest("The patient is of age: nobody holds parental authority any more.")
    if relation is Relation.TRUSTED and is_minor:
        raise BadRequest("Only an adult gives a mandate to a trusted person.")
    if not until and relation is not Relation.PARENT:
        raise BadRequest("until: say until when, YYYY-MM-DD.")
    ends = [midnight(of_age)] if is_minor else []
    if until:
        ends.append(_after(until, today))
    return min(ends)


def majority(born: date) -> date:
    """The 18th birthday.

    >>> majority(date(2008, 2, 29))
    datetime.date(2026, 3, 1)
    """
    year = born.year + MAJORITY
    return date(year, 3, 1) if (born.month, born.day) == (2, 29) else born.replace(year=year)


def midnight(day: date) -> int:
    """When a day begins in Paris, seconds since the epoch."""
    return int(datetime.combine(day, day_time(), _paris()).timestamp())


def today_in_paris() -> date:
    """The day in Paris."""
    return datetime.now(_paris()).date()


def _paris() -> ZoneInfo:
    # Not at import: functions that read registrations alone ship no time zones.
    return ZoneInfo("Europe/Paris")


def _after(until: str, today: date) -> int:
    try:
        last = date.fromisoformat(until)
    except ValueError as error:
        raise BadRequest("until: the day is written YYYY-MM-DD.") from error
    if not 0 <= (last - today).days <= MOST_YEARS * 366:
        raise BadRequest(f"until: a day from today on, {MOST_YEARS} years ahead at most.")
    return midnight(date.fromordinal(last.toordinal() + 1))


def found(proxies: Proxies, patient: PatientRef, proxy_id: str) -> Proxy:
    """One who acts for a patient now.

    Raises
    ------
    errors.NotFound
        If there is none of that id, or it has ended.
    """
    proxy = proxies.of_holder(Holder(patient, proxy_id)) if proxy_id else None
    if proxy is None:
        raise NotFound("Nobody of that id acts for the patient.")
    return proxy


def check_may_end(proxy: Proxy) -> None:
    """That a patient may end one alone: a mandate is the patient's own, parents and guardians are the law's.

    Raises
    ------
    errors.NotAllowed
        If only the desk may.
    """
    if proxy.relation is not Relation.TRUSTED:
        raise NotAllowed("Parents and guardians are ended at the hospital's desk.")


def shut_out(registry: Registry, codes: PatientCodes, factors: Forgotten, proxy: Proxy) -> None:
    """End a proxy's code, second factors and sessions, which are refused at the next request.

    The registration stays, so that ending can be repeated until nothing is left that was given; then it goes too.
    """
    # Sessions last: one that is opened meanwhile needs the code.
    codes.delete(proxy.patient, proxy.proxy_id)
    factors.forget(proxy.holder)
    end_sessions(registry, proxy.holder)
