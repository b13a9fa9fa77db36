"""Shares: studies, or parts of them, given for a time to a colleague, a hospital, or whoever holds a link.

Opening a link is in `share_opening`, ending what others shared in `share_ending`.

A share is made of what its maker's own scope holds and gives no more than that. Its link's secret and its passcode are
stored as digests; both are worth nothing once it has ended (docs/adr/0025).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib.access.access_grants import CODE, AccessGrant
from chalicelib.access.contacts import mobile_number
from chalicelib.access.model import Permission, Role, Session
from chalicelib.access.passwords import hash_password
from chalicelib.access.ports import Registry
from chalicelib.access.rpps import read_rpps
from chalicelib.access.share_model import RECIPIENTS, SUBJECT, Ender, Kind, Share, Shares, State, Wanted
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import PatientRef, Scope, SharedStudy
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID, visible_series, visible_study
from chalicelib.errors import BadRequest, NotAllowed, NotFound

SECRET_BYTES = 32
MOST_CALLS = 300
"""Of one address in a quarter of an hour: links are opened, not tried."""
MAXIMUM_GRANT_CHARACTERS = 4_000
"""Of Series and Study Instance UIDs: what a share gives travels in the authorizer's answer."""


# Making -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    """A study that is about to be shared."""

    grant: SharedStudy
    patient: PatientRef
    access: AccessGrant | None
    """Under which its maker sees it, unless by a right of his or her own."""


def make_share(
    shares: Shares,
    registry: Registry,
    reader: IndexReader,
    session: Session,
    wanted: Wanted,
    days: tuple[int, int],
    accesses: Sequence[AccessGrant] = (),
) -> tuple[Share, str]:
    """Register a share; return it and the token of its link, "" for a named recipient. The token is not kept.

    Parameters
    ----------
    days
        Default and most that it may last.
    accesses
        That patients gave the session's professional: what is seen by one of them can be shared with others by name,
        until it ends.

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
    given = _given(reader, session, wanted, accesses)
    if sum(len(g.study_instance_uid) + sum(map(len, g.series)) + 40 for g in given) > MAXIMUM_GRANT_CHARACTERS:
        raise BadRequest("The share names too many studies or series: make several.")
    recipient = _recipient(registry, session, wanted)
    secret = secrets.token_urlsafe(SECRET_BYTES) if wanted.kind is Kind.LINK else ""
    now = int(time.time())
    ends_at = now + min(wanted.days or days[0], days[1]) * 86400
    access = _one_access(given.values())
    share = Share(
        share_id=secrets.token_urlsafe(12),
        maker=session.subject,
        maker_name=session.display_name,
        maker_hospital=session.hospital,
        grants=tuple(given),
        kind=wanted.kind,
        recipient=recipient,
        label=wanted.label.strip(),
        message=wanted.message.strip(),
        created_at=now,
        ends_at=min(filter(None, (ends_at, wanted.ends_before, access.expires_at if access else 0))),
        maximum_uses=wanted.maximum_uses,
        patients=tuple(each.patient for each in given.values()),
        phone_number=mobile_number(wanted.phone_number) if wanted.phone_number.strip() else "",
        grant_id=access.grant_id if access else "",
        secret_digest=digest_of(secret) if secret else "",
        passcode_hash=hash_password(wanted.passcode) if wanted.passcode else "",
    )
    shares.put(share)
    return share, f"{share.share_id}.{secret}" if secret else ""


def _given(
    reader: IndexReader, session: Session, wanted: Wanted, accesses: Sequence[AccessGrant]
) -> dict[SharedStudy, _Given]:
    """What is shared, each once, in the order that it was asked for."""
    # What waits for an announcement goes from one professional to another, never where the patient may see it.
    delayed = session.role not in (Role.PATIENT, Role.PROXY) and wanted.kind is not Kind.LINK
    by_code = [access for access in accesses if access.basis == CODE] if wanted.kind is not Kind.LINK else []
    found = (_granted(reader, session.scope, study, by_code) for study in wanted.studies)
    return {one.grant: one for one in (replace(each, grant=replace(each.grant, delayed=delayed)) for each in found)}


def _granted(reader: IndexReader, scope: Scope, wanted: SharedStudy, accesses: Sequence[AccessGrant]) -> _Given:
    within = scope.within(wanted.hospital) if wanted.hospital else scope
    own = replace(within, shared=())
    entrusted = replace(own, patients=(*own.patients, *(access.patient for access in accesses)))
    if wanted.hospital:
        entrusted = entrusted.within(wanted.hospital)
    try:
        study = visible_study(reader, entrusted, wanted.study_instance_uid)
    except NotFound:
        visible_study(reader, within, wanted.study_instance_uid)
        raise NotAllowed("What was shared with you is not yours to share.") from None
    for uid in wanted.series:
        visible_series(reader, entrusted.within(study.hospital), wanted.study_instance_uid, uid)
    patient = patient_of_study(study)
    is_own = own.holds_whole(study.hospital, study.study_instance_uid, patient.patient_id, patient.issuer)
    access = None if is_own else next(access for access in accesses if access.patient == patient)
    grant = replace(wanted, hospital=study.hospital, series=tuple(sorted(set(wanted.series))))
    return _Given(grant, patient, access)


def _one_access(given: Iterable[_Given]) -> AccessGrant | None:
    """The access that a share rests on; one alone, so that it ends with it."""
    found = {each.access.grant_id: each.access for each in given if each.access}
    if len(found) > 1:
        raise BadRequest("Share the exams of one patient at a time.")
    return next(iter(found.values()), None)


def patient_of_study(study: StudyRecord) -> PatientRef:
    """Whose study it is."""
    return PatientRef(study.hospital, study.value(PATIENT_ID), study.value(ISSUER_OF_PATIENT_ID))


def _recipient(registry: Registry, session: Session, wanted: Wanted) -> str:
    name = wanted.recipient.strip()
    if wanted.kind is Kind.LINK:
        if name:
            raise BadRequest("A link has no recipient by name: label it.")
        return ""
    if wanted.passcode or wanted.maximum_uses or wanted.phone_number.strip():
        raise BadRequest("A passcode, a number of uses and a one-time password are of links.")
    if wanted.kind is Kind.PROFESSIONAL:
        number = read_rpps(name)
        if number == session.professional_id:
            raise BadRequest("That is your own RPPS number.")
        return number
    if wanted.kind is Kind.HOSPITAL:
        if registry.hospital(name) is None or not name:
            raise NotFound("No hospital is registered by that id.")
        if name == session.hospital:
            raise BadRequest("Your hospital sees its studies already.")
        return name
    user = registry.user(name) if name else None
    if user is None or user.disabled or user.role not in RECIPIENTS:
        raise NotFound("Nobody who may see images signs in by that name.")
    # The subject of their sessions: as their provider writes it, or the name that they type.
    return user.username.lower() if user.password_hash else user.username


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


def revoke_share(shares: Shares, registry: Registry, share: Share, by: Ender = Ender.MAKER) -> None:
    """End a share and the sessions of its guests: the next request by it is refused."""
    shares.revoke(share, int(time.time()), by)
    for session_id in list(registry.sessions_of(SUBJECT + share.share_id)):
        registry.end_session(SUBJECT + share.share_id, session_id)


def revoke_shares_of(shares: Shares, registry: Registry, maker: str) -> list[Share]:
    """End every share of a maker that can still be used; return those that were ended."""
    live = [share for share in shares.made_by(maker) if share.state not in (State.REVOKED, State.EXPIRED)]
    for share in live:
        revoke_share(shares, registry, share)
    return live


def digest_of(secret: str) -> str:
    """What is kept of a link's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
