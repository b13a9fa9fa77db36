"""Accounts and their sessions while they live: listed, prolonged by use, ended at once (ADR 0026).

API Gateway remembers for a while whom the authorizer admitted. What may change meanwhile is therefore asked again at
every request, in one read: whether the session was ended, whether the account behind it still is one, and until when
patients have granted it anything.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.access.model import Role, Session, SessionOrigin, User
from chalicelib.access.share_model import Kind
from chalicelib.errors import NotAllowed, NotAuthenticated, NotFound

SEEN_EVERY_S = 60
"""A session's last use is written so often at most; it is prolonged by the same write."""
NO_ACCOUNT = frozenset({"", "code", "share", "machine"})
"""Ways of signing in behind which there is no user of the registry."""


@dataclass(frozen=True)
class SessionRecord:
    """A session as the registry knows it. Times are seconds since the epoch."""

    session_id: str
    role: str
    hospital: str
    origin: SessionOrigin
    created_at: int
    last_seen_at: int
    expires_at: int
    is_ended: bool

    def is_live(self, now: float) -> bool:
        """Whether it may be used at a time."""
        return not self.is_ended and self.expires_at > now


@dataclass(frozen=True)
class AccountState:
    """What a request has to know about who asks."""

    session: SessionRecord | None
    is_user: bool
    """Whether the subject is a user who may sign in."""
    granted_until: int
    """No grant of the subject lasts longer (seconds since the epoch): once it is over, none has to be read."""
    shares_ended_at: int = 0
    """When something that was shared was last taken back from those asked about (seconds since the epoch)."""


class Accounts(Protocol):
    """Users who signed in, and sessions. `errors.Unavailable` when the registry does not answer."""

    def record_user(self, user: User) -> User:
        """Register somebody who signed in elsewhere, or bring name and role up to date; as registered now.

        Whether the account is disabled, and its password, stay as they are.
        """

    def set_disabled(self, username: str, disabled: bool) -> None:
        """Disable a user or take that back. `errors.NotFound` if there is none."""

    def state(self, subject: str, session_id: str, watched: Sequence[tuple[Kind, str]] = ()) -> AccountState:
        """A session and its subject now, and what was taken back from some recipients; one consistent read."""

    def records(self, subject: str) -> list[SessionRecord]:
        """A subject's sessions, ended ones included."""

    def touch(self, subject: str, before: SessionRecord, now: int, expires_at: int) -> bool:
        """Write that a session was used; False if another request did so meanwhile, or it was ended."""


def admitted_now(
    accounts: Accounts, session: Session, watched: Sequence[tuple[Kind, str]] = ()
) -> tuple[SessionRecord, AccountState]:
    """The record of a session that may be used now, whatever was remembered about it, and what else was read.

    Raises
    ------
    errors.NotAuthenticated
        If it was ended, or the account behind it disabled or removed.
    """
    state = accounts.state(session.subject, session.session_id, watched)
    record = state.session
    if record is None or record.is_ended:
        raise NotAuthenticated("The session has ended.")
    if record.origin.way not in NO_ACCOUNT and not state.is_user:
        raise NotAuthenticated("The account is disabled.")
    return record, state


def used(accounts: Accounts, session: Session, record: SessionRecord, *, lifetime_s: int) -> Session | None:
    """Note that a session is in use; the prolonged session where it is time for a new token, else None.

    Half of its lifetime has to be over, so that a token is signed rarely; `renewable_until` is never passed.
    """
    now = int(time.time())
    if now - record.last_seen_at < SEEN_EVERY_S:
        return None
    until = min(now + lifetime_s, session.renewable_until)
    is_due = session.expires_at - now < lifetime_s // 2 and until > session.expires_at
    # Registered as long as the longest of its tokens lasts.
    expires_at = max(record.expires_at, until if is_due else 0)
    if not accounts.touch(session.subject, record, now, expires_at) or not is_due:
        return None
    return replace(session, expires_at=until)


def own_sessions(accounts: Accounts, session: Session) -> list[SessionRecord]:
    """Live sessions of the one whose session it is, the last used first.

    Raises
    ------
    errors.NotAllowed
        If it is shared by people who do not know each other, or a machine's.
    """
    if session.role is Role.GUEST or session.services is not None:
        raise NotAllowed("Your role does not permit this.")
    now = time.time()
    live = [record for record in accounts.records(session.subject) if record.is_live(now)]
    return sorted(live, key=lambda record: (-record.last_seen_at, record.session_id))


def own_session(accounts: Accounts, session: Session, session_id: str) -> SessionRecord:
    """One of the own sessions.

    Raises
    ------
    errors.NotAllowed
        As `own_sessions`.
    errors.NotFound
        If it is none of the own, or over.
    """
    for record in own_sessions(accounts, session):
        if record.session_id == session_id:
            return record
    raise NotFound("There is no such session.")
