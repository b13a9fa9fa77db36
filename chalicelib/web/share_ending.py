"""Shares that others made, for those who may end them (docs/adr/0034).

The patient (`/api/my/shares`), the hospital that has the studies (`/api/hospitals/{hospital}/shares`), and the region's
operator, by id and without a name (`/api/operations/shares/{share}`).
"""

from __future__ import annotations

from chalice.app import Blueprint, Request, Response

from chalicelib import wiring
from chalicelib.access import share_ending, shares
from chalicelib.access.access_grants import AccessGrant
from chalicelib.access.audit import Action
from chalicelib.access.model import Permission, Session
from chalicelib.access.share_model import Ender, Share
from chalicelib.archive.scope import SharedStudy
from chalicelib.errors import NotAllowed, NotFound
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, query_value, respond, respond_json
from chalicelib.web.sessions import NOT_STORED
from chalicelib.web.share_answers import (
    is_shown,
    log_share,
    named_of,
    rows_of,
    shown_of_others,
    shown_terms,
)
from chalicelib.web.share_auditing import record_share

routes = Blueprint(__name__)

AT_HOSPITAL = "/api/hospitals/{hospital}/shares"
FOR_OPERATOR = "/api/operations/shares/{share}"


# The patient --------------------------------------------------------------------------------------------------------


@routes.route("/api/my/shares", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_my_shares() -> Response:
    """Live shares that open the patient's own exams, whoever made them."""
    session = current_session(routes.current_request, Permission.MANAGE_GRANTS)
    found = [share for patient in session.scope.patients for share in wiring.shares().about(patient)]
    rows = rows_of(found, session.scope)
    # One that gives nothing that the patient may know of yet (docs/adr/0027) is not there.
    shown = [share for share in found if any(is_shown(grant, rows) for grant in share.grants)]
    answer = [shown_of_others(share, rows, is_own=share.maker == session.subject) for share in shown]
    return respond_json({"shares": answer}, 200, NOT_STORED)


@routes.route("/api/my/shares/{share}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_my_share(share: str) -> Response:
    """Take the patient's own exams out of a share."""
    session = current_session(routes.current_request, Permission.MANAGE_GRANTS)
    found = share_ending.known_share(wiring.shares(), path_value(share))
    rows = rows_of([found], session.scope)
    patient = next((whose for whose in session.scope.patients if whose in found.patients), None)
    if patient is None or not any(is_shown(grant, rows) for grant in found.grants):
        raise NotFound("There is no such share.")
    taken = share_ending.end_for_patient(wiring.shares(), wiring.registry(), found, patient)
    return _ended(session, found, taken, Ender.PATIENT)


# The hospital -------------------------------------------------------------------------------------------------------


@routes.route(AT_HOSPITAL, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_hospital_shares(hospital: str) -> Response:
    """Live shares of the hospital's studies, newest first."""
    session = _manager(routes.current_request, hospital)
    found, following = wiring.shares().at(session.hospital, query_value(routes.current_request, "before"))
    rows = rows_of(found, session.scope.within(session.hospital))
    answer = [shown_of_others(share, rows, is_own=share.maker == session.subject) for share in found]
    return respond_json({"shares": answer, "next": following}, 200, NOT_STORED)


@routes.route(f"{AT_HOSPITAL}/{{share}}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_hospital_share(hospital: str, share: str) -> Response:
    """Take the hospital's studies out of a share."""
    session = _manager(routes.current_request, hospital)
    found = share_ending.known_share(wiring.shares(), path_value(share))
    taken = share_ending.end_for_hospital(wiring.shares(), wiring.registry(), found, session.hospital)
    return _ended(session, found, taken, Ender.HOSPITAL)


def _manager(request: Request, hospital: str) -> Session:
    session = current_session(request, Permission.END_SHARES)
    if not session.hospital or path_value(hospital) != session.hospital:
        raise NotAllowed("Shares are ended by the hospital whose studies they give.")
    return session


# The operator -------------------------------------------------------------------------------------------------------


@routes.route(FOR_OPERATOR, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_operated_share(share: str) -> Response:
    """A share without images or names: enough to know that it is the one that somebody reported."""
    current_session(routes.current_request, Permission.OPERATE)
    found = share_ending.known_share(wiring.shares(), path_value(share))
    hospitals = sorted({grant.hospital for grant in found.grants})
    answer = {**shown_terms(found), "hospitals": hospitals, "study_count": len(found.grants)}
    return respond_json(answer, 200, NOT_STORED)


@routes.route(FOR_OPERATOR, methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def end_operated_share(share: str) -> Response:
    """End a share; safe to repeat."""
    session = current_session(routes.current_request, Permission.OPERATE)
    found = share_ending.known_share(wiring.shares(), path_value(share))
    if not found.revoked_at:
        shares.revoke_share(wiring.shares(), wiring.registry(), found, Ender.OPERATOR)
        return _ended(session, found, found.grants, Ender.OPERATOR)
    return respond(b"", "application/json", 204, NOT_STORED)


def _ended(session: Session, share: Share, taken: tuple[SharedStudy, ...], by: Ender) -> Response:
    record_share(routes.current_request, session, Action.SHARE_REVOKED, share, named_of(taken), by=by.value)
    log_share("share ended", share)
    return respond(b"", "application/json", 204, NOT_STORED)


def end_accesses(request: Request, session: Session, accesses: list[AccessGrant]) -> None:
    """End accesses that a patient gave, with what was shared under them.

    Shares before and after: before, so that what fails can be asked for again; after, for one that was made meanwhile.
    """
    _end_shares_under(request, session, accesses)
    for access in accesses:
        wiring.access_grants().delete(access)
    _end_shares_under(request, session, accesses)


def end_shares_beyond(request: Request, session: Session, access: AccessGrant) -> None:
    """End what was shared under an access until after its end, which was moved."""
    _end_shares_under(request, session, [access], access.expires_at)


def _end_shares_under(request: Request, session: Session, accesses: list[AccessGrant], beyond: int = 0) -> None:
    for access in accesses:
        for share in share_ending.end_under(wiring.shares(), wiring.registry(), access, beyond):
            record_share(request, session, Action.SHARE_REVOKED, share, named_of(share.grants), by=Ender.GRANT.value)
            log_share("share ended", share)
