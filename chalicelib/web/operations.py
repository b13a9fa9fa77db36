"""What the region's operators look at: `/api/operations/...`, and `/api/healthz`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import wiring
from chalicelib.access.model import Permission
from chalicelib.archive.rejections import recent_rejections
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, query_value, respond_json
from chalicelib.web.registry import known_hospital

routes = Blueprint(__name__)

AT_MOST = 100
"""Entries of a list: what is more is not looked at one by one."""


@routes.route("/api/operations/rejections", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_rejections() -> Response:
    """The latest refused instances of a hospital."""
    hospital = _hospital_for_operator()
    found = islice(recent_rejections(wiring.object_store(), hospital, datetime.now(UTC).date()), AT_MOST)
    rejections = [
        {
            "object_key": head.key,
            "received_at": _rfc3339(head.last_modified_ms),
            "size_bytes": head.size_bytes,
            "reason": head.metadata.get("reason", ""),
            "detail": head.metadata.get("detail", ""),
            "calling_ae_title": head.metadata.get("calling-ae-title", ""),
            "correlation_id": head.metadata.get("correlation-id", ""),
        }
        for head in found
    ]
    return respond_json({"rejections": rejections})


@routes.route("/api/operations/conflicts", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_conflicts() -> Response:
    """Instances of a hospital in quarantine."""
    hospital = _hospital_for_operator()
    conflicts = islice(wiring.index_reader().conflicts(hospital), AT_MOST)
    return respond_json({"conflicts": [dict(conflict) for conflict in conflicts]})


@routes.route("/api/operations/notifications", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_notifications() -> Response:
    """Notifications of a hospital of which nobody knows whether the patient got them."""
    hospital = _hospital_for_operator()
    unresolved = islice(wiring.notifications().unresolved(hospital), AT_MOST)
    notifications = [
        {
            "study_instance_uid": notification.study_instance_uid,
            "state": notification.state.value,
            "changed_at": _rfc3339(notification.changed_at_ms),
            "detail": notification.detail,
        }
        for notification in unresolved
    ]
    return respond_json({"notifications": notifications})


@routes.route("/api/operations/queues", methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def list_queues() -> Response:
    """How much waits in each queue; dead-letter queues should be empty."""
    current_session(routes.current_request, Permission.OPERATE)
    return respond_json({"queues": wiring.queue_depths().read()})


@routes.route("/api/healthz", methods=["GET"])
@handles_errors
def healthz() -> Response:
    """Whether the parts that the API needs answer; reads nothing of anybody."""
    parts = {
        "registry": _state(lambda: wiring.registry().hospital("-")),
        "ledger": _state(lambda: wiring.ledger().head("-")),
        "index": _state(lambda: wiring.index_reader().study("-", "0")),
        "archive": _state(lambda: wiring.object_store().head("assembled/healthz")),
    }
    healthy = all(state == "ok" for state in parts.values())
    status = "ok" if healthy else "unavailable"
    return respond_json({"status": status, "parts": parts}, 200 if healthy else 503, {"Cache-Control": "no-store"})


def _state(ask: Callable[[], Any]) -> str:
    try:
        ask()
    except Exception as error:
        wiring.logger("api").warning("part unavailable", extra={"error": type(error).__name__})
        return "unavailable"
    return "ok"


def _hospital_for_operator() -> str:
    request = routes.current_request
    current_session(request, Permission.OPERATE)
    return known_hospital(query_value(request, "hospital"))


def _rfc3339(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
