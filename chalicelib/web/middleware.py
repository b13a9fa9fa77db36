"""What happens around every HTTP request."""

from __future__ import annotations

import time
from collections.abc import Callable

from chalice.app import CaseInsensitiveMapping, Request, Response

from chalicelib import wiring


def accept_anything(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """Without an Accept header everything is acceptable (RFC 9110 12.5.1); chalice would answer 400."""
    if not request.headers.get("accept"):
        request.headers = CaseInsensitiveMapping({**request.headers, "accept": "*/*"})
    return next_handler(request)


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
