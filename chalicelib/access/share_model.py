"""What a share is, and the port of where shares are kept (docs/adr/0025)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from chalicelib.archive.scope import Scope, SharedStudy

PASSCODE_FAILURES = 10
"""After as many the share is locked for good: whoever holds the link does not guess on."""


class Kind(Enum):
    """To whom a share is given."""

    LINK = "link"
    USER = "user"
    HOSPITAL = "hospital"


class State(Enum):
    """Whether a share can be used."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used-up"
    LOCKED = "locked"
    """Its passcode was guessed at too often."""


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
    """Username or hospital id; "" for a link."""
    label: str
    """Who the recipient is, in the maker's words."""
    message: str
    created_at: int
    ends_at: int
    maximum_uses: int = 0
    """Guests' sessions that its link opens; 0: any number."""
    secret_digest: str = ""
    """SHA-256 (hex) of the link's secret."""
    passcode_hash: str = ""
    """Argon2id, "" without a passcode."""
    uses: int = 0
    passcode_failures: int = 0
    revoked_at: int = 0

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
    """A link was opened."""

    used_at: int
    session_id: str
    address: str
    """Network of the caller, shortened as its maker may see it."""


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


class Shares(Protocol):
    """Where shares are kept. `errors.Unavailable` when it does not answer."""

    def put(self, share: Share) -> None:
        """Register a new share."""

    def share(self, share_id: str) -> Share | None:
        """One share, read consistently."""

    def made_by(self, maker: str) -> Iterator[Share]:
        """Shares of a maker, newest first."""

    def given_to(self, kind: Kind, recipient: str) -> Iterator[Share]:
        """Shares to a user or hospital that were not revoked, newest first."""

    def revoke(self, share: Share, now: int) -> None:
        """End a share; safe to repeat."""

    def count_passcode_failure(self, share_id: str, by: int = 1) -> int:
        """Add to the failures of a passcode; return their number."""

    def use(self, share: Share, use: Use) -> bool:
        """Count and list a use, unless the share ended or was used up; return whether it was counted."""

    def uses(self, share_id: str) -> Iterator[Use]:
        """Who opened the link, first use first."""
