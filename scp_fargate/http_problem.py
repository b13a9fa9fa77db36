"""Errors over HTTP: the ingest process's table from errors to status, and problem details."""

from __future__ import annotations

from aiohttp import web

from chalicelib import errors

RETRY_AFTER_S = 10


class UnsupportedMediaType(errors.ArchiveError):
    """The payload is of none of the types that can be stored."""


_STATUS: dict[type[errors.ArchiveError], int] = {
    errors.BadRequest: 400,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.TooMuch: 413,
    UnsupportedMediaType: 415,
    errors.TooManyAttempts: 429,
    errors.Unavailable: 503,
}


def bearer_token(request: web.Request) -> str:
    """The token of a request (RFC 6750 2.1).

    Raises
    ------
    errors.NotAuthenticated
        If it has none.
    """
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise errors.NotAuthenticated("Send a bearer token.")
    return token.strip()


def refusal(error: errors.ArchiveError) -> web.Response:
    """The answer that tells of an error."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    response = problem(status, str(error))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, errors.TooManyAttempts):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def problem(status: int, detail: str) -> web.Response:
    """Problem details (RFC 9457)."""
    body = {"type": "about:blank", "status": status, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json")
