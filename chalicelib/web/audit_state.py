"""How far a trail is sealed, anchored and verified: `/api/audit-state`; anchors: `/api/audit-anchors/{day}`."""

from __future__ import annotations

import re
import time
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import errors, wiring
from chalicelib.access.audit import REGION
from chalicelib.access.audit_search import DAY_MS, time_text
from chalicelib.access.audit_verification import Verification, newest_anchor
from chalicelib.access.model import Permission, Role
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import (
    current_session,
    handles_errors,
    path_value,
    query_value,
    respond,
    respond_json,
    signed_in,
)

routes = Blueprint(__name__)

NOT_STORED = {"Cache-Control": "no-store"}
LOOKED_BACK_MS = 7 * DAY_MS
DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


@routes.route("/api/audit-state", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_audit_state() -> Response:
    """Blocks of a hospital's chain, the newest anchor of a week, and what the last verification found."""
    request = routes.current_request
    session = current_session(request, Permission.READ_AUDIT)
    chain = query_value(request, "hospital") or session.hospital
    if session.role is not Role.OPERATOR and chain != session.hospital:
        raise errors.NotAllowed("Your session sees the audit trail of its own hospital.")
    if not chain:
        raise errors.BadRequest(f"Name a hospital, or {REGION} for what is about none.")
    store, now_ms = wiring.audit_blocks(), int(time.time() * 1000)
    head = store.head(chain)
    since = time_text(now_ms - LOOKED_BACK_MS)[:10]
    last = wiring.audit_verifications().last(chain)
    answer = {
        "chain": chain,
        "blocks": head.seq,
        "sealed_at": time_text(head.sealed_at_ms) if head.seq else None,
        "anchored_day": newest_anchor(store, chain, head.seq, now_ms, since) or None,
        "verified": _shown(last) if last else None,
    }
    return respond_json(answer, 200, NOT_STORED)


@routes.route("/api/audit-anchors/{day}", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_audit_anchor(day: str) -> Response:
    """The heads of all chains on a day, byte for byte as they lie under Object Lock: to keep, or to check a receipt."""
    session = signed_in(routes.current_request)
    if not (session.may(Permission.READ_AUDIT) or session.may(Permission.MANAGE_GRANTS)):
        raise errors.NotAllowed("Your session may not read the audit trail.")
    name = path_value(day)
    if not DAY.fullmatch(name):
        raise errors.BadRequest("Name a day, YYYY-MM-DD.")
    content = wiring.audit_blocks().anchor(name)
    if content is None:
        raise errors.NotFound("Nothing was anchored on that day.")
    return respond(content, "application/json", headers=NOT_STORED)


def _shown(found: Verification) -> dict[str, Any]:
    return {
        "at": time_text(found.at_ms),
        "from_block": found.from_block,
        "blocks": found.blocks,
        "problems": list(found.problems),
    }
