"""Links of shares: `/api/share-preview`, `/api/share-challenge` and `/api/share-session`, for whoever holds one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access import share_opening
from chalicelib.access.audit import Action
from chalicelib.access.model import Session
from chalicelib.access.patient_sign_in import CHALLENGE_S
from chalicelib.access.share_model import Share, State
from chalicelib.access.share_opening import Opener
from chalicelib.web.http import client_address, handles_errors, respond_json
from chalicelib.web.schemas import json_body
from chalicelib.web.sessions import NOT_STORED, origin_of, session_cookie, shown_session
from chalicelib.web.share_answers import (
    log_share,
    named_of,
    network_of,
    rows_of,
    shown_gives,
    shown_instant,
    shown_maker,
)
from chalicelib.web.share_auditing import record_refused_share, record_share

Outcome = TypeVar("Outcome")

routes = Blueprint(__name__)


@routes.route("/api/share-preview", methods=["POST"])
@handles_errors
def preview_share() -> Response:
    """What a link gives: from whom, exams by date and modality, until when."""
    request = routes.current_request
    token = json_body(request, "ShareToken")["token"]
    wiring_accounts.share_throttle().count(client_address(request))
    share = share_opening.share_of_token(wiring.shares(), token)
    is_live = share.state is State.LIVE
    rows = rows_of([share], share.scope) if is_live else {}
    answer = {
        "state": share.state.value,
        "from": shown_maker(share),
        "message": share.message if is_live else "",
        "exams": [{"study_date": row.value("00080020"), "modalities": list(row.modalities)} for row in rows.values()],
        **shown_gives(share),
        "expires_at": shown_instant(share.ends_at),
        "has_passcode": bool(share.passcode_hash),
        "has_one_time_password": bool(share.phone_number),
        "phone_number_ends_in": share.phone_number[-2:] if is_live else "",
    }
    return respond_json(answer, 200, NOT_STORED)


@routes.route("/api/share-challenge", methods=["POST"])
@handles_errors
def begin_opening() -> Response:
    """Have a one-time password sent; the same answer, whether link and passcode are right or not."""
    request = routes.current_request
    body = json_body(request, "ShareCredentials")
    wiring_accounts.share_throttle().count(client_address(request))
    challenge = _refusals_recorded(
        request,
        lambda: share_opening.begin_opening(wiring_accounts.share_access(), body["token"], body.get("passcode", "")),
    )
    return respond_json({"challenge": challenge, "expires_in_s": CHALLENGE_S}, 202, NOT_STORED)


@routes.route("/api/share-session", methods=["POST"])
@handles_errors
def open_share() -> Response:
    """Open a link: a guest's session of what it gives."""
    request = routes.current_request
    body = json_body(request, "ShareCredentials")
    wiring_accounts.share_throttle().count(client_address(request))
    return _opened(
        request,
        lambda: share_opening.open_share(
            wiring_accounts.share_access(), body["token"], body.get("passcode", ""), _opener(request)
        ),
    )


@routes.route("/api/share-session/one-time-password", methods=["POST"])
@handles_errors
def finish_opening() -> Response:
    """Open a link with the one-time password that came by SMS."""
    request = routes.current_request
    body = json_body(request, "OneTimePassword")
    wiring_accounts.share_throttle().count(client_address(request))
    return _opened(
        request,
        lambda: share_opening.finish_opening(
            wiring_accounts.share_access(), body["challenge"], body["one_time_password"], _opener(request)
        ),
    )


def _opened(request: Request, opening: Callable[[], tuple[str, Session, Share]]) -> Response:
    token, session, share = _refusals_recorded(request, opening)
    record_share(request, session, Action.SHARE_OPENED, share, named_of(share.grants))
    log_share("share opened", share)
    cookie = session_cookie(token, session.expires_at - int(time.time()))
    return respond_json(shown_session(session), 200, {"Set-Cookie": cookie, **NOT_STORED})


def _refusals_recorded(request: Request, opening: Callable[[], Outcome]) -> Outcome:
    try:
        return opening()
    except errors.ArchiveError as error:
        record_refused_share(request, error)
        raise


def _opener(request: Request) -> Opener:
    return Opener(network_of(client_address(request)), origin_of(request, "share"))
