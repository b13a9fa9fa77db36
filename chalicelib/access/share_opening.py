"""Opening the link of a share: its secret, a passcode, and a one-time password sent to a phone (docs/adr/0025, 0034).

Whatever of them is wrong, the answer is the same. A passcode is asked for before a message is sent, and what is sent
after a wrong one is nothing: the outcome shows in the function that sends, not here.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass

from chalicelib.access.code_attempts import DAY_S, MESSAGES_PER_CODE, MESSAGES_WINDOW_S, digest
from chalicelib.access.model import Role, Session, SessionOrigin
from chalicelib.access.passwords import HASH_OF_NOBODY, verify_password
from chalicelib.access.patient_codes import CodeKey
from chalicelib.access.patient_sign_in import (
    CHALLENGE_S,
    TRIES,
    Challenge,
    Challenges,
    PatientMessenger,
    one_time_password_digest,
)
from chalicelib.access.ports import Registry, SessionSigner
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.access.share_model import PASSCODE_FAILURES, SUBJECT, Share, Shares, State, Use
from chalicelib.access.shares import digest_of
from chalicelib.archive.scope import Scope
from chalicelib.errors import NotAllowed, NotAuthenticated, NotFound

GUEST_LIFETIME_S = 3600
WRONG = "The link, the passcode or the one-time password is wrong, or has expired."
MESSAGES_PER_NUMBER = 10
"""In a day, of all links together: nobody's telephone rings all night because somebody shares."""


@dataclass(frozen=True)
class ShareAccess:
    """What opening a link needs."""

    shares: Shares
    registry: Registry
    signer: SessionSigner
    challenges: Challenges
    key: CodeKey
    messenger: PatientMessenger
    issuer: str


@dataclass(frozen=True)
class Opener:
    """Who opens a link, as far as it is known."""

    network: str
    """Shortened, as the maker of the share may see it."""
    origin: SessionOrigin


def share_of_token(shares: Shares, token: str) -> Share:
    """The share of a link, in whatever state; unknown and wrong tokens are told apart by nothing.

    Raises
    ------
    errors.NotFound
        If it is no link's.
    """
    share = _find(shares, token)
    if share is None:
        raise NotFound("There is no such share.")
    return share


def open_share(access: ShareAccess, token: str, passcode: str, opener: Opener) -> tuple[str, Session, Share]:
    """Open a link without a one-time password: a guest's session that ends with the share, after an hour at the latest.

    Raises
    ------
    errors.NotAllowed
        If the share ended, was used up or is locked.
    errors.NotAuthenticated
        If the link or the passcode is wrong, or a one-time password is asked for.
    """
    share = _find(access.shares, token)
    if not _is_right(access, share, passcode) or share is None or share.phone_number:
        raise NotAuthenticated(WRONG)
    return _entered(access, share, opener)


def begin_opening(access: ShareAccess, token: str, passcode: str) -> str:
    """Have a one-time password sent, if link and passcode are right; return the id of a challenge either way.

    Raises
    ------
    errors.NotAllowed
        If the share ended, was used up or is locked.
    """
    share = _find(access.shares, token)
    is_right = _is_right(access, share, passcode) and share is not None and bool(share.phone_number)
    may_be_sent = _take_message(access.registry, share, is_right=is_right)
    challenge_id = secrets.token_urlsafe(24)
    index = SUBJECT + (share.share_id if share else "")
    access.challenges.put(Challenge(challenge_id, index, may_be_sent, int(time.time()) + CHALLENGE_S))
    access.messenger.one_time_password(challenge_id)
    return challenge_id


def finish_opening(
    access: ShareAccess, challenge_id: str, one_time_password: str, opener: Opener
) -> tuple[str, Session, Share]:
    """Open a link with the one-time password of a challenge, as `open_share`.

    Raises
    ------
    errors.NotAllowed
        If the share ended, was used up or is locked.
    errors.NotAuthenticated
        If the password is wrong, used, expired, or there is no such challenge of a share.
    """
    challenge = access.challenges.take_try(challenge_id, TRIES)
    offered = one_time_password_digest(access.key, challenge_id, one_time_password)
    share = share_of_challenge(access.shares, challenge) if challenge else None
    if challenge is None or share is None:
        raise NotAuthenticated(WRONG)
    _check_live(share)
    # Counted before it is compared; what was wrong before a message was sent has been counted already.
    _count(access.shares, share, by=int(challenge.is_right))
    is_right = hmac.compare_digest(offered, challenge.one_time_password)
    is_live = challenge.is_right and challenge.expires_at > time.time()
    if not is_right or not is_live or not access.challenges.close(challenge_id):
        raise NotAuthenticated(WRONG)
    _count(access.shares, share, by=-1)
    return _entered(access, share, opener)


def share_of_challenge(shares: Shares, challenge: Challenge) -> Share | None:
    """The share whose link a challenge is about; None for a patient's."""
    kind, found, share_id = challenge.index.partition(SUBJECT)
    return shares.share(share_id) if found and not kind and share_id else None


def _find(shares: Shares, token: str) -> Share | None:
    share_id, _, secret = token.partition(".")
    share = shares.share(share_id) if share_id else None
    expected = share.secret_digest if share and share.secret_digest else digest_of("nobody's")
    return share if hmac.compare_digest(digest_of(secret), expected) and share else None


def _is_right(access: ShareAccess, share: Share | None, passcode: str) -> bool:
    """Whether a passcode is that of a live share; for none of them the work of a wrong one is done."""
    if share is None:
        return verify_password(HASH_OF_NOBODY, passcode) and False
    _check_live(share)
    if not share.passcode_hash:
        return True
    # Counted before it is looked at: guesses in parallel count too.
    _count(access.shares, share)
    is_right = verify_password(share.passcode_hash, passcode)
    if is_right:
        access.shares.count_passcode_failure(share.share_id, by=-1)
    return is_right


def _count(shares: Shares, share: Share, by: int = 1) -> None:
    if shares.count_passcode_failure(share.share_id, by=by) > PASSCODE_FAILURES:
        raise NotAllowed(_ENDED[State.LOCKED])


def _take_message(registry: Registry, share: Share | None, *, is_right: bool) -> bool:
    """Whether a message may be sent; the work is the same either way."""
    now, by = int(time.time()), int(is_right)
    of_share = f"SHARE-MESSAGES#{share.share_id if share else ''}"
    of_number = f"SHARE-MESSAGES-TO#{digest(share.phone_number if share else '')}"
    first = registry.count_attempt(of_share, now // MESSAGES_WINDOW_S, MESSAGES_WINDOW_S, by=by)
    second = registry.count_attempt(of_number, now // DAY_S, DAY_S, by=by)
    return is_right and first <= MESSAGES_PER_CODE and second <= MESSAGES_PER_NUMBER


def _entered(access: ShareAccess, share: Share, opener: Opener) -> tuple[str, Session, Share]:
    now = int(time.time())
    name = share.label or "Invité"
    identity = Identity(SUBJECT + share.share_id, name, Role.GUEST, "", Scope())
    lifetime_s = max(1, min(GUEST_LIFETIME_S, share.ends_at - now))
    token, session = issue_session(
        access.registry, access.signer, identity, issuer=access.issuer, lifetime_s=lifetime_s, origin=opener.origin
    )
    if not access.shares.use(share, Use(now, session.session_id, opener.network)):
        access.registry.end_session(session.subject, session.session_id)
        _check_live(access.shares.share(share.share_id) or share)
        raise NotAllowed(_ENDED[State.USED_UP])
    return token, session, share


_ENDED = {
    State.EXPIRED: "The share has expired.",
    State.REVOKED: "The share was revoked.",
    State.USED_UP: "The share was used as often as it may be.",
    State.LOCKED: "The passcode or one-time password was wrong too often: ask for another share.",
}


def _check_live(share: Share) -> None:
    if share.state is not State.LIVE:
        raise NotAllowed(_ENDED[share.state])
