"""Ending what others shared: by the patient, the hospital that has the studies, or the region's operator (ADR 0034).

Patient and hospital take their own studies out of a share; it ends when nothing is left. What a patient gave a
professional access to is shared no longer than that access lasts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from chalicelib.access.access_grants import AccessGrant
from chalicelib.access.ports import Registry
from chalicelib.access.share_model import Ender, Share, Shares
from chalicelib.access.shares import revoke_share
from chalicelib.archive.scope import PatientRef, SharedStudy
from chalicelib.errors import NotFound


def known_share(shares: Shares, share_id: str) -> Share:
    """A share by its id.

    Raises
    ------
    errors.NotFound
        If there is none.
    """
    share = shares.share(share_id)
    if share is None:
        raise NotFound("There is no such share.")
    return share


def end_for_patient(shares: Shares, registry: Registry, share: Share, patient: PatientRef) -> tuple[SharedStudy, ...]:
    """Take a patient's studies out of a share; return what was taken out. Raises as `_end_part`."""
    return _end_part(shares, registry, share, lambda _, whose: whose == patient, Ender.PATIENT)


def end_for_hospital(shares: Shares, registry: Registry, share: Share, hospital: str) -> tuple[SharedStudy, ...]:
    """Take a hospital's studies out of a share; return what was taken out. Raises as `_end_part`."""
    return _end_part(shares, registry, share, lambda grant, _: grant.hospital == hospital, Ender.HOSPITAL)


def end_under(shares: Shares, registry: Registry, access: AccessGrant, beyond: int = 0) -> list[Share]:
    """End what was shared under an access and lasts beyond a time (seconds since the epoch); return it."""
    made = shares.about(access.patient)
    found = [each for each in made if each.grant_id == access.grant_id and each.ends_at > beyond]
    for share in found:
        revoke_share(shares, registry, share, Ender.GRANT)
    return found


def _end_part(
    shares: Shares,
    registry: Registry,
    share: Share,
    is_theirs: Callable[[SharedStudy, PatientRef], bool],
    by: Ender,
) -> tuple[SharedStudy, ...]:
    """Take studies out of a share.

    Raises
    ------
    errors.NotFound
        If it has none of them, or has ended already: who asks is not told that it is there.
    errors.Conflict
        If it was changed meanwhile.
    """
    both = list(zip(share.grants, share.patients, strict=True))
    taken = tuple(grant for grant, patient in both if is_theirs(grant, patient))
    if not taken or share.revoked_at:
        raise NotFound("There is no such share.")
    left = [(grant, patient) for grant, patient in both if grant not in taken]
    if not left:
        revoke_share(shares, registry, share, by)
    else:
        kept = replace(share, grants=tuple(grant for grant, _ in left), patients=tuple(whose for _, whose in left))
        shares.narrow(share, kept, int(time.time()))
    return taken
