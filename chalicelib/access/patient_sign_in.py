"""A patient, or who acts for one, signs in: code and birth date, then a one-time password (docs/adr/0023, 0035).

The first step answers the same after the same work whether right or wrong; what differs is done elsewhere, by the
function that sends the message. How the second is taken is chosen with the first, whatever the holder has.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Protocol

from chalicelib.access.code_attempts import (
    FAILURES_PER_ADDRESS,
    QUARTER_S,
    Allowance,
    Attempt,
    by_a_patient,
    of_code,
    of_second_factor,
    origin_digest,
    take_message,
)
from chalicelib.access.holders import NOBODY, Holder
from chalicelib.access.model import Role, Session, SessionOrigin
from chalicelib.access.passwords import HASH_OF_NOBODY, verify_password
from chalicelib.access.patient_codes import (
    CodeKey,
    PatientCode,
    PatientCodes,
    keyed,
    read_birth_date,
    read_code,
    verifiable,
)
from chalicelib.access.ports import Registry, SessionSigner
from chalicelib.access.proxies import Proxies, Proxy
from chalicelib.access.second_factors import Means, SecondFactors, Use, check_printed, check_totp
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.archive.scope import Scope
from chalicelib.errors import NotAuthenticated

CHALLENGE_S = 300
"""How long a one-time password is good for."""
TRIES = 5
DIGITS = 6
WRONG = "The one-time password is wrong or has expired."


@dataclass(frozen=True)
class Challenge:
    """The first step was taken."""

    challenge_id: str
    index: str
    """Of the code that was tried."""
    is_right: bool
    """Code and birth date belong together, and a message may be sent."""
    expires_at: int
    """Seconds since the epoch."""
    one_time_password: str = ""
    """Its keyed digest, "" until one was sent."""
    means: Means = Means.SMS


class Challenges(Protocol):
    """Challenges that wait for their one-time password. `errors.Unavailable` when the service does not answer."""

    def put(self, challenge: Challenge) -> None:
        """Keep a new challenge."""

    def set_one_time_password(self, challenge_id: str, one_time_password: str) -> Challenge | None:
        """Give a challenge the digest of its password, once; None if it has one, is unknown, void or expired."""

    def take_try(self, challenge_id: str, tries: int) -> Challenge | None:
        """Use one of a challenge's tries; None if none is left, or there is no such challenge."""

    def close(self, challenge_id: str) -> bool:
        """Forget a challenge; return whether it was there, which is so for one caller only."""


class PatientMessenger(Protocol):
    """Has messages sent to patients, without waiting. `errors.Unavailable` when it does not answer."""

    def one_time_password(self, challenge_id: str) -> None:
        """Send the password of a challenge to the patient that it is about, if any."""


@dataclass(frozen=True)
class PatientAccess:
    """What signing in with a code needs."""

    registry: Registry
    codes: PatientCodes
    challenges: Challenges
    key: CodeKey
    messenger: PatientMessenger
    proxies: Proxies
    factors: SecondFactors


def begin_sign_in(access: PatientAccess, code: str, birth_date: str, address: str, means: Means = Means.SMS) -> str:
    """Take the first step; return the id of a challenge, whether right or wrong.

    Raises
    ------
    errors.BadRequest
        If code or birth date cannot be any patient's.
    errors.TooManyAttempts
        If the caller has to wait.
    """
    characters, birth_date = read_code(code), read_birth_date(birth_date)
    keyed_code = keyed(access.key, characters)
    is_known = access.registry.knows_address(_caller(keyed_code.index), origin_digest(address))
    attempt = by_a_patient(access.registry, keyed_code.index, address, is_known=is_known)
    attempt.count()
    found = access.codes.of_index(keyed_code.index)
    matches = verify_password(found.verifier if found else HASH_OF_NOBODY, verifiable(keyed_code, birth_date))
    is_right = found is not None and matches
    attempt.settle(succeeded=is_right)
    may_go_on = take_message(
        access.registry, keyed_code.index, address, means.value, is_known=is_known, is_right=is_right
    )
    challenge_id = secrets.token_urlsafe(24)
    expires_at = int(time.time()) + CHALLENGE_S
    access.challenges.put(Challenge(challenge_id, keyed_code.index, may_go_on, expires_at, means=means))
    # What is done follows from what was asked for, never from what the holder has.
    if means is Means.SMS:
        access.messenger.one_time_password(challenge_id)
    return challenge_id


def make_one_time_password(key: CodeKey, challenges: Challenges, challenge_id: str) -> tuple[Challenge, str] | None:
    """Give a challenge its password, once; return both, None if it must have none."""
    password = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    challenge = challenges.set_one_time_password(challenge_id, one_time_password_digest(key, challenge_id, password))
    return (challenge, password) if challenge else None


def finish_sign_in(
    access: PatientAccess,
    signer: SessionSigner,
    challenge_id: str,
    one_time_password: str,
    address: str,
    *,
    issuer: str,
    lifetime_s: int,
) -> tuple[str, Session]:
    """Take the second step; return the session's token and the session.

    Raises
    ------
    errors.NotAuthenticated
        If the password is wrong, used, expired, or there is no such challenge.
    errors.TooManyAttempts
        If the caller has to wait.
    """
    origin = origin_digest(address)
    caller = Attempt(access.registry, [Allowance(f"CODE-ADDRESS#{origin}", FAILURES_PER_ADDRESS, QUARTER_S)])
    caller.count()
    challenge = access.challenges.take_try(challenge_id, TRIES)
    if challenge is None:
        raise NotAuthenticated(WRONG)
    code, proxy = _proven(access, challenge, one_time_password, origin)
    caller.settle(succeeded=True)
    token, session = issue_session(
        access.registry,
        signer,
        identity_of(code, proxy),
        issuer=issuer,
        lifetime_s=min(lifetime_s, proxy.ends_at - int(time.time())) if proxy else lifetime_s,
        origin=SessionOrigin("code", address),
    )
    if access.codes.of_index(challenge.index) is None:
        # It was revoked meanwhile: whoever did that ended the sessions that there were.
        access.registry.end_session(session.subject, session.session_id)
        raise NotAuthenticated(WRONG)
    return token, session


def identity_of(code: PatientCode, proxy: Proxy | None) -> Identity:
    """On whose behalf a session acts that a code opens."""
    scope = Scope(patients=(code.patient,))
    if proxy:
        return Identity(code.holder.subject, proxy.name, Role.PROXY, "", scope)
    return Identity(code.holder.subject, "Patient", Role.PATIENT, "", scope)


def _proven(access: PatientAccess, challenge: Challenge, offered: str, origin: str) -> tuple[PatientCode, Proxy | None]:
    """The code of a challenge that a right password was offered for, and the proxy who holds it; uses both up.

    The work is the same until it is found to be right, whether the first step was or not.
    """
    name = _caller(challenge.index)
    is_known = access.registry.knows_address(name, origin)
    limits = [of_code(challenge.index, is_known=is_known), of_second_factor(challenge.index, origin)]
    of_this_code = Attempt(access.registry, limits)
    of_this_code.count()
    code = access.codes.of_index(challenge.index)
    holder = code.holder if code else NOBODY
    proxy = access.proxies.of_holder(holder)
    use = _checked(access, challenge, holder, offered)
    is_live = challenge.is_right and challenge.expires_at > time.time() and (not holder.proxy_id or proxy is not None)
    if code is None or use is None or not is_live or not access.challenges.close(challenge.challenge_id) or not use():
        raise NotAuthenticated(WRONG)
    of_this_code.settle(succeeded=True)
    access.registry.remember_address(name, origin)
    return code, proxy


def _checked(access: PatientAccess, challenge: Challenge, holder: Holder, offered: str) -> Use | None:
    """What uses up a right password, None for a wrong one."""
    if challenge.means is Means.TOTP:
        return check_totp(access.key, access.factors, holder, offered)
    if challenge.means is Means.PRINTED:
        return check_printed(access.key, access.factors, holder, offered)
    is_right = hmac.compare_digest(
        one_time_password_digest(access.key, challenge.challenge_id, offered), challenge.one_time_password
    )
    return (lambda: True) if is_right else None


def _caller(index: str) -> str:
    """Under what the addresses of a code's patient are remembered."""
    return f"code.{index}"


def one_time_password_digest(key: CodeKey, challenge_id: str, password: str) -> str:
    """What is kept of a challenge's password."""
    # Keyed: a slow hash of twenty bits would be undone in hours by whoever reads the table.
    return key.mac(f"sansfilm/one-time-password/1\0{challenge_id}\0{password}".encode()).hex()
