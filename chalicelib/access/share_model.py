"""What a share is, and the port of where shares are kept (docs/adr/0025)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from chalicelib.access.model import Role
from chalicelib.archive.scope import PatientRef, Scope, SharedStudy

SUBJECT = "share:"
"""What the subjects of guests' sessions begin with; the id of the share follows."""
RECIPIENTS = frozenset({Role.RADIOLOGIST, Role.GP})
"""Roles with which one shares by name."""
PASSCODE_FAILURES = 10
"""After as many the share is locked for good: whoever holds the link does not guess on."""


class Kind(Enum):
    """To whom a share is given."""

    LINK = "link"
    USER = "user"
    PROFESSIONAL = "professional"
    """By RPPS number, whether or not he or she has ever signed in here."""
    HOSPITAL = "hospital"


class Ender(Enum):
    """Who ended a share."""

    MAKER = "maker"
    PATIENT = "patient"
    HOSPITAL = "hospital"
    OPERATOR = "operator"
    GRANT = "grant"
    """The access under which it was made has ended."""


class State(Enum):
    """Whether a share can be used."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used-up"
    LOCKED = "locked"
    """Its passcode, or one-time password, was guessed at too often."""


@dataclass(frozen=True)
class Share:
    """A share as it is registered. Times are seconds since the epoch."""

    share_id: str
    maker: str
    """Subject of the session that made it."""
    maker_name: str
    maker_hospital: str
    grants: tuple[SharedStudy, ...]
    kind: Kind
    recipient: str
    """Username, RPPS number or hospital id; "" for a link."""
    label: str
    """Who the recipient is, in the maker's words."""
    message: str
    created_at: int
    ends_at: int
    maximum_uses: int = 0
    """Guests' sessions that its link opens; 0: any number."""
    patients: tuple[PatientRef, ...] = ()
    """Of each of the grants."""
    phone_number: str = ""
    """E.164, of whoever may open the link: asked for a one-time password. "" for none."""
    grant_id: str = ""
    """Of the access that a patient gave its maker, which it ends with; "" where it rests on none."""
    secret_digest: str = ""
    """SHA-256 (hex) of the link's secret."""
    passcode_hash: str = ""
    """Argon2id, "" without a passcode."""
    uses: int = 0
    passcode_failures: int = 0
    revoked_at: int = 0
    revoked_by: str = ""
    """An `Ender`."""

    @property
    def target(self) -> tuple[Kind, str]:
        """Whose sessions it is part of: its recipient, or of a link itself."""
        return self.kind, self.recipient or self.share_id

    @property
    def state(self) -> State:
        """Whether it can be used now."""
        if self.revoked_at:
            return State.REVOKED
        if self.ends_at <= time.time():
            return State.EXPIRED
        if self.kind is Kind.LINK and self.passcode_failures >= PASSCODE_FAILURES:
            return State.LOCKED
        return State.USED_UP if self.maximum_uses and self.uses >= self.maximum_uses else State.LIVE

    @property
    def scope(self) -> Scope:
        """What it gives."""
        return Scope(shared=self.grants)


@dataclass(frozen=True)
class Use:
    """A link was opened, or a recipient by name looked at what was shared, for the first time in a session."""

    used_at: int
    session_id: str
    address: str
    """Network of the caller, shortened as its maker may see it."""
    who: str = ""
    """Name and RPPS number of a recipient by name; "" for whoever holds a link."""


@dataclass(frozen=True)
class Wanted:
    """What a maker asks for."""

    studies: Sequence[SharedStudy]
    """Of hospital "" where the maker's scope says whose."""
    kind: Kind
    recipient: str = ""
    label: str = ""
    message: str = ""
    days: int = 0
    """0: the default."""
    maximum_uses: int = 0
    passcode: str = ""
    ends_before: int = 0
    """Seconds since the epoch, when the maker's own right ends; 0: it does not."""
    phone_number: str = ""
    """That a link's one-time password goes to, as it was typed; "" for none."""


class Shares(Protocol):
    """Where shares are kept. `errors.Unavailable` when it does not answer."""

    def put(self, share: Share) -> None:
        """Register a new share."""

    def share(self, share_id: str) -> Share | None:
        """One share, read consistently."""

    def made_by(self, maker: str) -> Iterator[Share]:
        """Shares of a maker, newest first."""

    def given_to(self, kind: Kind, recipient: str) -> Iterator[Share]:
        """Shares to a recipient by name that were not revoked, newest first."""

    def about(self, patient: PatientRef) -> Iterator[Share]:
        """Live shares of a patient's studies, newest first."""

    def at(self, hospital: str, before: str = "") -> tuple[list[Share], str]:
        """Some live shares of a hospital's studies, newest first, and where the next ones begin, "" at the end."""

    def revoke(self, share: Share, now: int, by: Ender) -> None:
        """End a share; safe to repeat, the first time counts."""

    def narrow(self, share: Share, kept: Share, now: int) -> None:
        """Replace what a share gives by less. `errors.Conflict` if it was changed meanwhile."""

    def count_passcode_failure(self, share_id: str, by: int = 1) -> int:
        """Add to the failures of a passcode or one-time password; return their number."""

    def use(self, share: Share, use: Use) -> bool:
        """Count and list a link's use, unless the share ended or was used up; return whether it was counted."""

    def note_use(self, share: Share, use: Use) -> None:
        """Count and list the first use of a session of a recipient by name; safe to repeat."""

    def uses(self, share_id: str) -> Iterator[Use]:
        """Who used it, first use first."""
