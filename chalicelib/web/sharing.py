"""Shares of those who make them: `/api/shares`, and `/api/received-shares` of those whom something is shared with."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring
from chalicelib.access import shares
from chalicelib.access.access_grants import AccessGrant
from chalicelib.access.audit import Action
from chalicelib.access.model import Permission, Session
from chalicelib.access.share_model import Ender, Kind, Share, Wanted
from chalicelib.access.shared_scope import shares_with
from chalicelib.archive.scope import SharedStudy
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, own_session, path_value, respond, respond_json
from chalicelib.web.metering import meter_share
from chalicelib.web.proxies import proxy_of
from chalicelib.web.schemas import json_body
from chalicelib.web.sessions import NOT_STORED
from chalicelib.web.share_answers import (
    is_shown,
    log_share,
    named_of,
    rows_of,
    shown_gives,
    shown_instant,
    shown_maker,
    shown_share,
    shown_study,
)
from chalicelib.web.share_auditing import record_share

routes = Blueprint(__name__)

PAGE = "/partage"


@routes.route("/api/shares", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def make_share() -> Response:
    """Share studies; the answer holds the link's address, which is not kept."""
    session = own_session(routes.current_request, Permission.SHARE)
    body = json_body(routes.current_request, "ShareRequest")
    settings = wiring.settings()
    share, token = shares.make_share(
        wiring.shares(),
        wiring.registry(),
        wiring.index_reader(),
        session,
        _wanted(session, body),
        (settings.share_days, settings.share_maximum_days),
        # What patients entrusted to a professional can be passed on to others by name, until they take it back.
        _accesses(session),
    )
    if share.grant_id and share.grant_id not in [access.grant_id for access in _accesses(session)]:
        shares.revoke_share(wiring.shares(), wiring.registry(), share, Ender.GRANT)
        raise errors.NotFound("The patient has just ended the access.")
    rows = rows_of([share], current_session(routes.current_request, Permission.SHARE).scope)
    try:
        record_share(routes.current_request, session, Action.SHARE_CREATED, share, rows.values())
    except errors.ArchiveError:
        shares.revoke_share(wiring.shares(), wiring.registry(), share)
        raise
    meter_share(share, rows.values())
    log_share("share made", share)
    answer = shown_share(share, rows)
    if token:
        answer["url"] = f"{settings.public_url}{PAGE}#{token}"
    return respond_json(answer, 201, NOT_STORED)


@routes.route("/api/shares", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_shares() -> Response:
    """The session's own shares."""
    session = current_session(routes.current_request, Permission.SHARE)
    made = list(wiring.shares().made_by(session.subject))
    rows = rows_of(made, session.scope)
    return respond_json({"shares": [shown_share(share, rows) for share in made]}, 200, NOT_STORED)


@routes.route("/api/shares/{share}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_share(share: str) -> Response:
    """One of the session's own shares, with its uses."""
    session, found = _own(share)
    opened = [
        {"at": shown_instant(use.used_at), "network": use.address, "who": use.who}
        for use in wiring.shares().uses(found.share_id)
    ]
    return respond_json({**shown_share(found, rows_of([found], session.scope)), "opened": opened}, 200, NOT_STORED)


@routes.route("/api/shares/{share}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def revoke_share(share: str) -> Response:
    """Revoke one of the session's own shares."""
    session, found = _own(share)
    shares.revoke_share(wiring.shares(), wiring.registry(), found)
    record_share(routes.current_request, session, Action.SHARE_REVOKED, found, named_of(found.grants))
    log_share("share revoked", found)
    return respond(b"", "application/json", 204, NOT_STORED)


@routes.route("/api/received-shares", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_received_shares() -> Response:
    """What is shared with the session's user, RPPS number or hospital."""
    session = current_session(routes.current_request, Permission.SHARE)
    received = shares_with(wiring.shares(), session)
    rows = rows_of(received, session.scope)
    answer = [
        {
            "id": share.share_id,
            "from": shown_maker(share),
            "kind": share.kind.value,
            "message": share.message,
            "studies": [shown_study(grant, rows) for grant in share.grants if is_shown(grant, rows)],
            **shown_gives(share),
            "expires_at": shown_instant(share.ends_at),
        }
        for share in received
    ]
    return respond_json({"shares": answer}, 200, NOT_STORED)


def _wanted(session: Session, body: dict[str, Any]) -> Wanted:
    flags = (body.get("reports", True), body.get("download", True))
    studies = [
        SharedStudy(one.get("hospital", ""), one["study_instance_uid"], tuple(one.get("series", ())), *flags)
        for one in body["studies"]
    ]
    names = ("recipient", "label", "message", "days", "maximum_uses", "passcode", "phone_number")
    more: dict[str, Any] = {name: body[name] for name in names if name in body}
    if proxy := proxy_of(session):
        more["ends_before"] = proxy.ends_at
    return Wanted(studies, Kind(body["kind"]), **more)


def _accesses(session: Session) -> list[AccessGrant]:
    return wiring.access_grants().of_professional(session.subject) if session.may(Permission.PRESENT_CODES) else []


def _own(share_id: str) -> tuple[Session, Share]:
    session = current_session(routes.current_request, Permission.SHARE)
    return session, shares.share_of_maker(wiring.shares(), session, path_value(share_id))
