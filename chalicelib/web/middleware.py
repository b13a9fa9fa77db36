"""What happens around every HTTP request."""

from __future__ import annotations

import time
from collections.abc import Callable

from chalice.app import CaseInsensitiveMapping, Request, Response

from chalicelib import wiring
from chalicelib.web.http import problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def accept_anything(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """Without an Accept header everything is acceptable (RFC 9110 12.5.1); chalice would answer 400."""
    if not request.headers.get("accept"):
        request.headers = CaseInsensitiveMapping({**request.headers, "accept": "*/*"})
    return next_handler(request)


def refuse_other_sites(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """Nothing is changed for another site's page: neither by a cookie, nor by signing somebody in unasked.

    Browsers say where a request comes from (Fetch Metadata, else Origin); machines say nothing. The edge, which alone
    knows cookies, asks for more: `localstack/edge_api.py`.
    """
    if request.method not in SAFE_METHODS:
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        is_other = site != "same-origin" if site else bool(origin) and origin != wiring.settings().public_url
        if is_other:
            return problem(403, "The request comes from another site.")
    return next_handler(request)


def keep_nothing(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """What does not say otherwise is kept by nobody on the way, errors included (RFC 9111 4.2.2)."""
    response = next_handler(request)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def log_access(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """One line per request: the route, never the path or the query, which name patients."""
    started = time.perf_counter()
    response = next_handler(request)
    wiring.logger("api").info(
        "request",
        extra={
            "correlation_id": request.context.get("requestId", ""),
            "method": request.method,
            "route": request.context.get("resourcePath", ""),
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )
    return response
