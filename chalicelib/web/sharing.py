"""Shares: `/api/shares`, and `/api/share-preview` and `/api/share-session` for whoever holds a link."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from itertools import groupby
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access import shares
from chalicelib.access.audit import Action
from chalicelib.access.model import Permission, Session
from chalicelib.access.share_model import Kind, Share, State, Wanted
from chalicelib.access.shared_scope import shares_with
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.restricted import reader_within
from chalicelib.archive.scope import Scope, SharedStudy
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    client_address,
    current_session,
    handles_errors,
    own_session,
    path_value,
    respond,
    respond_json,
)
from chalicelib.web.metering import meter_share
from chalicelib.web.proxies import proxy_of
from chalicelib.web.schemas import json_body
from chalicelib.web.sessions import NOT_STORED, session_cookie, shown_session
from chalicelib.web.share_auditing import record_refused_share, record_share

routes = Blueprint(__name__)

PAGE = "/partage"

Rows = dict[tuple[str, str], StudyRecord]


# For those who share ------------------------------------------------------------------------------------------------


@routes.route("/api/shares", methods=["POST"], authorizer=sessions_authorizer)
@handles_errors
def make_share() -> Response:
    """Share studies; the answer holds the link's address, which is not kept."""
    session = own_session(routes.current_request, Permission.SHARE)
    body = json_body(routes.current_request, "ShareRequest")
    flags = (body.get("reports", True), body.get("download", True))
    studies = [
        SharedStudy(one.get("hospital", ""), one["study_instance_uid"], tuple(one.get("series", ())), *flags)
        for one in body["studies"]
    ]
    more: dict[str, Any] = {
        name: body[name]
        for name in ("recipient", "label", "message", "days", "maximum_uses", "passcode")
        if name in body
    }
    if proxy := proxy_of(session):
        more["ends_before"] = proxy.ends_at
    settings = wiring.settings()
    share, token = shares.make_share(
        wiring.shares(),
        wiring.registry(),
        wiring.index_reader(),
        session,
        Wanted(studies, Kind(body["kind"]), **more),
        (settings.share_days, settings.share_maximum_days),
    )
    rows = _rows([share], session.scope)
    try:
        record_share(routes.current_request, session, Action.SHARE_CREATED, share, rows.values())
    except errors.ArchiveError:
        shares.revoke_share(wiring.shares(), wiring.registry(), share)
        raise
    meter_share(share, rows.values())
    _log("share made", share)
    answer = _shown(share, rows)
    if token:
        answer["url"] = f"{settings.public_url}{PAGE}#{token}"
    return respond_json(answer, 201, NOT_STORED)


@routes.route("/api/shares", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_shares() -> Response:
    """The session's own shares."""
    session = current_session(routes.current_request, Permission.SHARE)
    made = list(wiring.shares().made_by(session.subject))
    rows = _rows(made, session.scope)
    return respond_json({"shares": [_shown(share, rows) for share in made]}, 200, NOT_STORED)


@routes.route("/api/shares/{share}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_share(share: str) -> Response:
    """One of the session's own shares, with its uses."""
    session, found = _own(share)
    opened = [{"at": _instant(use.used_at), "network": use.address} for use in wiring.shares().uses(found.share_id)]
    return respond_json({**_shown(found, _rows([found], session.scope)), "opened": opened}, 200, NOT_STORED)


@routes.route("/api/shares/{share}", methods=["DELETE"], authorizer=sessions_authorizer)
@handles_errors
def revoke_share(share: str) -> Response:
    """Revoke one of the session's own shares."""
    session, found = _own(share)
    shares.revoke_share(wiring.shares(), wiring.registry(), found)
    record_share(routes.current_request, session, Action.SHARE_REVOKED, found, _named(found))
    _log("share revoked", found)
    return respond(b"", "application/json", 204, NOT_STORED)


@routes.route("/api/received-shares", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_received_shares() -> Response:
    """What is shared with the session's user or hospital."""
    session = current_session(routes.current_request, Permission.SHARE)
    received = shares_with(wiring.shares(), session)
    rows = _rows(received, session.scope)
    answer = [
        {
            "id": share.share_id,
            "from": _from(share),
            "kind": share.kind.value,
            "message": share.message,
            "studies": [
                _study(grant, rows) for grant in share.grants if (grant.hospital, grant.study_instance_uid) in rows
            ],
            **_gives(share),
            "expires_at": _instant(share.ends_at),
        }
        for share in received
    ]
    return respond_json({"shares": answer}, 200, NOT_STORED)


def _own(share_id: str) -> tuple[Session, Share]:
    session = current_session(routes.current_request, Permission.SHARE)
    return session, shares.share_of_maker(wiring.shares(), session, path_value(share_id))


# For those who hold a link ------------------------------------------------------------------------------------------


@routes.route("/api/share-preview", methods=["POST"])
@handles_errors
def preview_share() -> Response:
    """What a link gives: from whom, exams by date and modality, until when."""
    request = routes.current_request
    token = json_body(request, "ShareToken")["token"]
    wiring_accounts.share_throttle().count(client_address(request))
    share = shares.share_of_token(wiring.shares(), token)
    is_live = share.state is State.LIVE
    rows = _rows([share], share.scope) if is_live else {}
    answer = {
        "state": share.state.value,
        "from": _from(share),
        "message": share.message if is_live else "",
        "exams": [{"study_date": row.value("00080020"), "modalities": list(row.modalities)} for row in rows.values()],
        **_gives(share),
        "expires_at": _instant(share.ends_at),
        "has_passcode": bool(share.passcode_hash),
    }
    return respond_json(answer, 200, NOT_STORED)


@routes.route("/api/share-session", methods=["POST"])
@handles_errors
def open_share() -> Response:
    """Open a link: a guest's session of what it gives."""
    request = routes.current_request
    body = json_body(request, "ShareCredentials")
    wiring_accounts.share_throttle().count(client_address(request))
    try:
        token, session, share = shares.open_share(
            wiring.shares(),
            wiring.registry(),
            wiring.session_signer(),
            body["token"],
            body.get("passcode", ""),
            _network(client_address(request)),
            issuer=wiring.settings().public_url,
        )
    except errors.ArchiveError as error:
        record_refused_share(request, error)
        raise
    record_share(request, session, Action.SHARE_OPENED, share, _named(share))
    _log("share opened", share)
    cookie = session_cookie(token, session.expires_at - int(time.time()))
    return respond_json(shown_session(session), 200, {"Set-Cookie": cookie, **NOT_STORED})


def _network(address: str) -> str:
    """The network that a caller is in: enough to recognize a place, not to find a household."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))


# Shown --------------------------------------------------------------------------------------------------------------


def _rows(found: list[Share], scope: Scope) -> Rows:
    """Studies of shares, as far as a scope shows them."""
    reader = reader_within(wiring.index_reader(), scope)
    wanted = sorted({(grant.hospital, grant.study_instance_uid) for share in found for grant in share.grants})
    rows: Rows = {}
    for hospital, group in groupby(wanted, key=lambda each: each[0]):
        for row in reader.studies(hospital, [uid for _, uid in group]):
            if scope.permits(hospital, row.study_instance_uid, row.value("00100020"), row.value("00100021")):
                rows[hospital, row.study_instance_uid] = row
    return rows


def _named(share: Share) -> list[StudyRecord]:
    """Studies that a share names, whatever is kept back of them now: for the audit trail alone."""
    found = (wiring.index_reader().study(grant.hospital, grant.study_instance_uid) for grant in share.grants)
    return [study for study in found if study]


def _shown(share: Share, rows: Rows) -> dict[str, Any]:
    """A share as its maker sees it."""
    return {
        "id": share.share_id,
        "kind": share.kind.value,
        "recipient": _recipient(share),
        "label": share.label,
        "message": share.message,
        "studies": [_study(grant, rows) for grant in share.grants],
        **_gives(share),
        "created_at": _instant(share.created_at),
        "expires_at": _instant(share.ends_at),
        "state": share.state.value,
        "uses": share.uses,
        "maximum_uses": share.maximum_uses,
        "has_passcode": bool(share.passcode_hash),
    }


def _recipient(share: Share) -> str:
    if share.kind is Kind.HOSPITAL:
        hospital = wiring.registry().hospital(share.recipient)
        return hospital.name if hospital else share.recipient
    return share.recipient or share.label


def _study(grant: SharedStudy, rows: Rows) -> dict[str, Any]:
    row = rows.get((grant.hospital, grant.study_instance_uid))
    return {
        "hospital": grant.hospital,
        "study_instance_uid": grant.study_instance_uid,
        "series": list(grant.series),
        "patient_name": row.value("00100010") if row else "",
        "study_date": row.value("00080020") if row else "",
        "description": row.value("00081030") if row else "",
        "modalities": list(row.modalities) if row else [],
    }


def _gives(share: Share) -> dict[str, bool]:
    """The same for all of a share's studies."""
    return {name: all(getattr(grant, name) for grant in share.grants) for name in ("reports", "download")}


def _from(share: Share) -> dict[str, str]:
    hospital = wiring.registry().hospital(share.maker_hospital) if share.maker_hospital else None
    return {"name": share.maker_name, "hospital": hospital.name if hospital else ""}


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _log(what: str, share: Share) -> None:
    wiring.logger("api").info(what, extra={"share": share.share_id, "kind": share.kind.value})
