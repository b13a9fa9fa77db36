"""What a hospital owes for: `/api/ledger`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring
from chalicelib.access.model import Permission, Role
from chalicelib.billing.ledger import to_json
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, gzipped, handles_errors, query_value, respond_json
from chalicelib.web.registry import known_hospital

routes = Blueprint(__name__)

LINES_PER_PAGE = 1000
PERIOD = re.compile(r"(?!0000)[0-9]{4}-(0[1-9]|1[0-2])")


@routes.route("/api/ledger", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_ledger() -> Response:
    """Lines of a hospital that were recorded in a month, in order, a page at a time."""
    request = routes.current_request
    hospital, period = hospital_and_period(request)
    first_seq, last_seq = wiring.ledger().period(hospital, period) or (1, 0)
    after = max(_after(query_value(request, "after")), first_seq - 1)
    lines = list(islice(wiring.ledger().lines(hospital, after, last_seq), LINES_PER_PAGE))
    next_after = lines[-1].seq if lines and lines[-1].seq < last_seq else None
    answer = {"lines": [to_json(line) for line in lines], "next_after": next_after}
    return gzipped(respond_json(answer, 200, {"Cache-Control": "no-store"}), request)


def this_month() -> str:
    """The month in Paris, `YYYY-MM`."""
    return datetime.now(UTC).astimezone(ZoneInfo("Europe/Paris")).strftime("%Y-%m")


def hospital_of_reader(request: Request) -> str:
    """The hospital asked for, by default the session's own. Raises as `hospital_and_period`."""
    session = current_session(request, Permission.READ_LEDGER)
    hospital = query_value(request, "hospital") or session.hospital
    if session.role is not Role.OPERATOR and hospital != session.hospital:
        raise errors.NotAllowed("Your session sees the ledger of its own hospital.")
    return known_hospital(hospital)


def hospital_and_period(request: Request) -> tuple[str, str]:
    """The hospital and the month asked for; by default the session's own, and the current one.

    Raises
    ------
    errors.NotAllowed
        If the session may not see that hospital's ledger.
    errors.BadRequest
        If there is no such hospital or the month is malformed.
    """
    hospital = hospital_of_reader(request)
    period = query_value(request, "period") or this_month()
    if not PERIOD.fullmatch(period):
        raise errors.BadRequest("The period is a month, YYYY-MM.")
    return hospital, period


def _after(text: str) -> int:
    if not re.fullmatch(r"[0-9]{0,12}", text):
        raise errors.BadRequest("after is the seq of a line.")
    return int(text or 0)
