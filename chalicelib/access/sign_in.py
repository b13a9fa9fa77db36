"""Signing in with a name and a password (the first of the ways of D9).

Every attempt is counted before the password is looked at, so that parallel guesses count too, and is taken back when
it succeeds. Counters live in fixed windows and end with them: nobody is locked out for good. A stranger who fails
again and again exhausts the allowances of a name and of an address, but these do not bind a user at an address from
which he or she signed in during the last 30 days.
"""

from __future__ import annotations

import hashlib
import time

from chalicelib.access.addresses import place_of
from chalicelib.access.model import Session, SessionOrigin, User
from chalicelib.access.passwords import HASH_OF_NOBODY, verify_password
from chalicelib.access.ports import Registry, SessionSigner
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.errors import NotAuthenticated, TooManyAttempts

WINDOW_S = 900
FAILURES_PER_USER_AND_ADDRESS = 10
FAILURES_PER_USER = 50
FAILURES_PER_ADDRESS = 200
"""A hospital of hundreds of users may share one address."""


def sign_in(
    registry: Registry,
    signer: SessionSigner,
    username: str,
    password: str,
    address: str,
    *,
    issuer: str,
    lifetime_s: int,
    renewable_s: int = 0,
    origin: SessionOrigin | None = None,
) -> tuple[str, Session]:
    """Sign a user in; return the session's token and the session.

    Unknown users and wrong passwords get the same answer after the same work.

    Raises
    ------
    errors.NotAuthenticated
        If name and password do not belong together.
    errors.TooManyAttempts
        If the caller has to wait.
    """
    username = username.strip().lower()
    attempt = Attempt(registry, username, address)
    attempt.count()
    user = registry.user(username)
    # Who signs in elsewhere has no password here: that must not be told by a quicker answer.
    matches = verify_password((user.password_hash if user else "") or HASH_OF_NOBODY, password)
    if user is None or not user.password_hash or not matches or user.disabled:
        raise NotAuthenticated("Name or password is wrong.")
    attempt.take_back()
    return issue_session(
        registry,
        signer,
        identity_of(user),
        issuer=issuer,
        lifetime_s=lifetime_s,
        renewable_s=renewable_s,
        origin=origin,
    )


def identity_of(user: User) -> Identity:
    """On whose behalf a user's sessions act."""
    return Identity(user.username.lower(), user.display_name, user.role, user.hospital, user.scope)


class Attempt:
    """One attempt, counted per user and address, per user, and per address."""

    def __init__(self, registry: Registry, username: str, address: str) -> None:
        self._registry = registry
        self._username = username
        self._window = int(time.time()) // WINDOW_S
        self._address = _digest(place_of(address))
        self._own = f"own#{_digest(username)}#{self._address}"
        self._user = f"user#{_digest(username)}"
        self._anywhere = f"address#{self._address}"
        self._is_known = registry.knows_address(username, self._address)

    def count(self) -> None:
        """Count; `TooManyAttempts` when there were too many."""
        for key, allowance in self._allowances():
            if self._registry.count_attempt(key, self._window, WINDOW_S) > allowance:
                raise TooManyAttempts(
                    "Too many attempts to sign in; wait before the next one.",
                    retry_after_s=max(1, (self._window + 1) * WINDOW_S - int(time.time())),
                )

    def take_back(self) -> None:
        """The attempt succeeded: it counts as no failure, and the address is the user's."""
        for key, _ in self._allowances():
            self._registry.count_attempt(key, self._window, WINDOW_S, by=-1)
        self._registry.remember_address(self._username, self._address)

    def _allowances(self) -> list[tuple[str, int]]:
        """Those that come first protect those that follow: one address makes no counter for each name that it tries."""
        own = (self._own, FAILURES_PER_USER_AND_ADDRESS)
        if self._is_known:
            return [own]
        return [(self._anywhere, FAILURES_PER_ADDRESS), own, (self._user, FAILURES_PER_USER)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
