"""Shares: studies, or parts of them, given for a time to a colleague, a hospital, or whoever holds a link.

A share is made of what its maker's own scope holds and gives no more than that. Its link's secret and its passcode are
stored as digests; both are worth nothing once it has ended (docs/adr/0025).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import replace

from chalicelib.access.model import Permission, Role, Session
from chalicelib.access.passwords import hash_password, verify_password
from chalicelib.access.ports import Registry, SessionSigner
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.access.share_model import PASSCODE_FAILURES, Kind, Share, Shares, State, Use, Wanted
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import Scope, SharedStudy
from chalicelib.archive.visible import visible_series, visible_study
from chalicelib.errors import BadRequest, NotAllowed, NotAuthenticated, NotFound

SECRET_BYTES = 32
GUEST_LIFETIME_S = 3600
MOST_CALLS = 300
"""Of one address in a quarter of an hour: links are opened, not tried."""
MAXIMUM_GRANT_CHARACTERS = 4_000
"""Of Series and Study Instance UIDs: what a share gives travels in the authorizer's answer."""
SUBJECT = "share:"
"""What the subjects of guests' sessions begin with; the id of the share follows."""
RECIPIENTS = frozenset({Role.RADIOLOGIST, Role.GP})
"""Roles with which one shares by name."""


# Making -----------------------------------------------------------------------------------------------------------


def make_share(
    shares: Shares, registry: Registry, reader: IndexReader, session: Session, wanted: Wanted, days: tuple[int, int]
) -> tuple[Share, str]:
    """Register a share; return it and the token of its link, "" for a named recipient. The token is not kept.

    Parameters
    ----------
    days
        Default and most that it may last.

    Raises
    ------
    errors.NotAllowed
        If the session's role may not share, or a study was itself only shared with it.
    errors.NotFound, errors.Conflict
        If a study, series or recipient is not there; see `visible.visible_study`.
    errors.BadRequest
        If it is too long, too big or asks for what its kind has not.
    """
    if not session.may(Permission.SHARE):
        raise NotAllowed("Your role does not permit this.")
    # What waits for an announcement goes from one professional to another, never where the patient may see it.
    delayed = session.role not in (Role.PATIENT, Role.PROXY) and wanted.kind is not Kind.LINK
    granted = (_granted(reader, session.scope, study) for study in wanted.studies)
    grants = tuple(dict.fromkeys(replace(grant, delayed=delayed) for grant in granted))
    if sum(len(g.study_instance_uid) + sum(map(len, g.series)) + 40 for g in grants) > MAXIMUM_GRANT_CHARACTERS:
        raise BadRequest("The share names too many studies or series: make several.")
    recipient = _recipient(registry, session, wanted)
    secret = secrets.token_urlsafe(SECRET_BYTES) if wanted.kind is Kind.LINK else ""
    now = int(time.time())
    ends_at = now + min(wanted.days or days[0], days[1]) * 86400
    share = Share(
        share_id=secrets.token_urlsafe(12),
        maker=session.subject,
        maker_name=session.display_name,
        maker_hospital=session.hospital,
        grants=grants,
        kind=wanted.kind,
        recipient=recipient,
        label=wanted.label.strip(),
        message=wanted.message.strip(),
        created_at=now,
        ends_at=min(ends_at, wanted.ends_before) if wanted.ends_before else ends_at,
        maximum_uses=wanted.maximum_uses,
        secret_digest=_digest(secret) if secret else "",
        passcode_hash=hash_password(wanted.passcode) if wanted.passcode else "",
    )
    shares.put(share)
    return share, f"{share.share_id}.{secret}" if secret else ""


def _granted(reader: IndexReader, scope: Scope, wanted: SharedStudy) -> SharedStudy:
    within = scope.within(wanted.hospital) if wanted.hospital else scope
    own = replace(within, shared=())
    try:
        study = visible_study(reader, own, wanted.study_instance_uid)
    except NotFound:
        visible_study(reader, within, wanted.study_instance_uid)
        raise NotAllowed("What was shared with you is not yours to share.") from None
    for uid in wanted.series:
        visible_series(reader, own.within(study.hospital), wanted.study_instance_uid, uid)
    return replace(wanted, hospital=study.hospital, series=tuple(sorted(set(wanted.series))))


def _recipient(registry: Registry, session: Session, wanted: Wanted) -> str:
    name = wanted.recipient.strip()
    if wanted.kind is Kind.LINK:
        if name:
            raise BadRequest("A link has no recipient by name: label it.")
        return ""
    if wanted.passcode or wanted.maximum_uses:
        raise BadRequest("A passcode and a number of uses are of links.")
    if wanted.kind is Kind.HOSPITAL:
        if registry.hospital(name) is None or not name:
            raise NotFound("No hospital is registered by that id.")
        if name == session.hospital:
            raise BadRequest("Your hospital sees its studies already.")
        return name
    user = registry.user(name) if name else None
    if user is None or user.disabled or user.role not in RECIPIENTS:
        raise NotFound("Nobody who may see images signs in by that name.")
    return user.username.lower()


# Ending -----------------------------------------------------------------------------------------------------------


def share_of_maker(shares: Shares, session: Session, share_id: str) -> Share:
    """A share that the session's subject made.

    Raises
    ------
    errors.NotFound
        If there is none, or somebody else made it.
    """
    share = shares.share(share_id)
    if share is None or share.maker != session.subject:
        raise NotFound("You made no such share.")
    return share


def revoke_share(shares: Shares, registry: Registry, share: Share) -> None:
    """End a share and the sessions of its guests: they see nothing more after at most 30 s (docs/adr/0003)."""
    shares.revoke(share, int(time.time()))
    for session_id in registry.sessions_of(SUBJECT + share.share_id):
        registry.end_session(SUBJECT + share.share_id, session_id)


# Using ------------------------------------------------------------------------------------------------------------


def share_of_token(shares: Shares, token: str) -> Share:
    """The share of a link, in whatever state; unknown and wrong tokens are told apart by nothing.

    Raises
    ------
    errors.NotFound
        If it is no link's.
    """
    share_id, _, secret = token.partition(".")
    share = shares.share(share_id) if share_id else None
    expected = share.secret_digest if share and share.secret_digest else _digest("nobody's")
    if not hmac.compare_digest(_digest(secret), expected) or share is None:
        raise NotFound("There is no such share.")
    return share


def open_share(
    shares: Shares,
    registry: Registry,
    signer: SessionSigner,
    token: str,
    passcode: str,
    address: str,
    *,
    issuer: str,
) -> tuple[str, Session, Share]:
    """Open a link: a guest's session that ends with the share, after an hour at the latest.

    Raises
    ------
    errors.NotFound
        If it is no link's token.
    errors.NotAllowed
        If the share ended, was used up or is locked.
    errors.NotAuthenticated
        If the passcode is wrong.
    """
    share = share_of_token(shares, token)
    _check_live(share)
    if share.passcode_hash:
        # Counted before it is looked at: guesses in parallel count too.
        if shares.count_passcode_failure(share.share_id) > PASSCODE_FAILURES:
            raise NotAllowed("The passcode was wrong too often: ask for another share.")
        if not verify_password(share.passcode_hash, passcode):
            raise NotAuthenticated("The passcode is wrong.")
        shares.count_passcode_failure(share.share_id, by=-1)
    now = int(time.time())
    name = share.label or "Invité"
    identity = Identity(SUBJECT + share.share_id, name, Role.GUEST, "", Scope())
    lifetime_s = max(1, min(GUEST_LIFETIME_S, share.ends_at - now))
    session_token, session = issue_session(registry, signer, identity, issuer=issuer, lifetime_s=lifetime_s)
    if not shares.use(share, Use(now, session.session_id, address)):
        registry.end_session(session.subject, session.session_id)
        _check_live(shares.share(share.share_id) or share)
        raise NotAllowed(_ENDED[State.USED_UP])
    return session_token, session, share


_ENDED = {
    State.EXPIRED: "The share has expired.",
    State.REVOKED: "The share was revoked.",
    State.USED_UP: "The share was used as often as it may be.",
    State.LOCKED: "The passcode was wrong too often: ask for another share.",
}


def _check_live(share: Share) -> None:
    if share.state is not State.LIVE:
        raise NotAllowed(_ENDED[share.state])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
