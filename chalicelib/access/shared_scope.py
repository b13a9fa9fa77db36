"""What is shared with a session, looked up when the authorizer admits it (docs/adr/0025).

It is not in the token: what is shared after signing in counts within 30 s, and no cookie gets too long. What is taken
back counts at once: every request asks whether something was (`targets_of`), and looks shares up again then.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace

from chalicelib.access.model import Role, Session
from chalicelib.access.share_model import RECIPIENTS, SUBJECT, Kind, Share, Shares, State
from chalicelib.archive.scope import Scope, SharedStudy
from chalicelib.errors import NotAuthenticated

MOST_CHARACTERS = 4_500
"""Of what is shared, as JSON: API Gateway keeps an authorizer's answer below 8 KB. The newest shares come first."""


def with_shares(shares: Shares, session: Session) -> Session:
    """The session with what is shared with its user and hospital; a guest's with what its share gives.

    Raises
    ------
    errors.NotAuthenticated
        If it is a guest's and the share ended.
    """
    if session.role is Role.GUEST:
        share = shares.share(session.subject.removeprefix(SUBJECT))
        if share is None or share.state in (State.REVOKED, State.EXPIRED):
            raise NotAuthenticated("The share has ended.")
        return replace(session, scope=share.scope)
    found = shares_with(shares, session)
    return replace(session, scope=replace(session.scope, shared=_fitting(session.scope, found))) if found else session


def shares_with(shares: Shares, session: Session) -> list[Share]:
    """Live shares with a session's user or RPPS number and, for a radiologist, with the hospital; newest first."""
    found = [share for target in targets_of(session) for share in shares.given_to(*target)]
    now = time.time()
    return sorted((share for share in found if share.ends_at > now), key=lambda share: -share.created_at)


def targets_of(session: Session) -> list[tuple[Kind, str]]:
    """As whom a session is shared with, by name. An RPPS number counts where the identity provider vouched for it."""
    if session.role not in RECIPIENTS:
        return []
    targets = [(Kind.USER, session.subject)]
    if session.professional_id:
        targets.append((Kind.PROFESSIONAL, session.professional_id))
    if session.role is Role.RADIOLOGIST and session.hospital:
        targets.append((Kind.HOSPITAL, session.hospital))
    return targets


def watched_of(session: Session) -> list[tuple[Kind, str]]:
    """Whom something may have been taken from that this session was admitted with; nobody where nothing is shared."""
    if session.role is Role.GUEST:
        return [(Kind.LINK, session.subject.removeprefix(SUBJECT))]
    return targets_of(session) if session.scope.shared else []


def _fitting(scope: Scope, shares: Iterable[Share]) -> tuple[SharedStudy, ...]:
    """What is shared beyond a scope's own hospitals, as much as an answer of the authorizer holds."""
    fitting: dict[SharedStudy, None] = {}
    left = MOST_CHARACTERS
    for grant in (grant for share in shares for grant in share.grants):
        if grant.hospital in scope.hospitals or grant in fitting:
            continue
        left -= len(json.dumps(Scope(shared=(grant,)).to_claims()))
        if left < 0:
            break
        fitting[grant] = None
    return tuple(fitting)
