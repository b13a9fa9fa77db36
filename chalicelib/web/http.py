"""Reading requests and building responses for every route; the one table from errors to HTTP status."""

from __future__ import annotations

import functools
import gzip
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec
from urllib.parse import unquote

from chalice.app import Request, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access.model import Permission, Session
from chalicelib.access.sessions import session_from_context

P = ParamSpec("P")

STATUS_OF_ERROR: dict[type[errors.ArchiveError], int] = {
    errors.BadRequest: 400,
    errors.InvalidInstance: 400,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooMuch: 413,
    errors.PreconditionRequired: 428,
    errors.TooManyAttempts: 429,
    errors.NotReady: 503,
    errors.Unavailable: 503,
}

BUFFERED_BODY_LIMIT_BYTES = 4_400_000
"""Largest body that passes Lambda's 6 MB answer once in base64 (D7); above it a route answers 307."""


GRANTED_UNTIL = "granted_until"
"""In a request's context: no grant of its subject lasts longer (`access.accounts.AccountState`)."""


def respond(body: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with bytes; bodies are never `str` because every type is declared binary to API Gateway."""
    return Response(body=body, status_code=status, headers={"Content-Type": content_type, **(headers or {})})


def respond_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON (the portal's API; DICOM JSON has its own media type)."""
    return respond(json.dumps(value, ensure_ascii=False).encode(), "application/json", status, headers)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with problem details (RFC 9457)."""
    body = json.dumps({"type": "about:blank", "status": status, "detail": detail}, ensure_ascii=False)
    return respond(body.encode(), "application/problem+json", status, headers)


def takes_gzip(request: Request) -> bool:
    """Whether Accept-Encoding allows gzip (RFC 9110 12.5.3): `gzip;q=0` does not."""
    for coding in str(request.headers.get("accept-encoding") or "").lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight) is None
    return False


def gzipped(response: Response, request: Request, at_least_bytes: int = 1024) -> Response:
    """Compress a response when the caller accepts gzip and it is worth it."""
    body = response.body
    if len(body) >= at_least_bytes and takes_gzip(request):
        response.body = gzip.compress(body, compresslevel=5)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept, Accept-Encoding"
    return response


def handles_errors(view: Callable[P, Response]) -> Callable[P, Response]:
    """Turn errors into problem details; anything unforeseen is logged and says nothing about itself."""

    @functools.wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except errors.ArchiveError as error:
            status = next(code for kind, code in STATUS_OF_ERROR.items() if isinstance(error, kind))
            headers = {}
            if isinstance(error, errors.TooManyAttempts | errors.NotReady):
                headers["Retry-After"] = str(error.retry_after_s)
            return problem(status, str(error), headers)
        except Exception as error:
            wiring.logger("api").error(
                "unforeseen error", extra={"route": view.__name__, "error": type(error).__name__, "at": _origin(error)}
            )
            return problem(500, "The archive failed to answer; the operators have been told.")

    return wrapper


def _origin(error: BaseException) -> str:
    """Where an error was raised; its text may hold patient data, its place does not."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else ""


def query_multi(request: Request) -> dict[str, list[str]]:
    """Query parameters with every repetition, in order, decoded once."""
    parameters = request.query_params
    return {name: parameters.getlist(name) for name in parameters} if parameters else {}


def path_value(text: str) -> str:
    """A path parameter decoded once (API Gateway hands it over encoded)."""
    return unquote(text)


def accept_header(request: Request) -> str:
    """All Accept headers joined, `*/*` when there is none."""
    event = request.to_original_event() or {}
    multi = event.get("multiValueHeaders") or {}
    values = next((value for name, value in multi.items() if name.lower() == "accept"), None)
    return ", ".join(values) if values else request.headers.get("accept", "*/*")


def query_value(request: Request, name: str) -> str:
    """A query parameter that may come once, "" if it is absent.

    Raises
    ------
    errors.BadRequest
        If it is repeated.
    """
    values = query_multi(request).get(name, [])
    if len(values) > 1:
        raise errors.BadRequest(f"The parameter {name} may be given once.")
    return values[0] if values else ""


def client_address(request: Request) -> str:
    """Address of the caller: as the edge saw it, which replaces what callers claim, else as API Gateway saw it.

    API Gateway has a host name of its own, at which anybody could claim any address: the header counts from the edge
    alone, which proves itself.

    Raises
    ------
    errors.Unavailable
        If the proof cannot be checked.
    """
    offered = str(request.headers.get("x-sansfilm-edge", ""))
    is_from_edge = bool(offered) and wiring_accounts.edge_proof().holds(offered)
    viewer = str(request.headers.get("x-viewer-address", "")) if is_from_edge else ""
    return viewer or str((request.context.get("identity") or {}).get("sourceIp", ""))


def signed_in(request: Request) -> Session:
    """The session that the authorizer admitted, whatever its role; a professional's with what patients granted now.

    Raises
    ------
    errors.NotAuthenticated
        If the route has no authorizer context or the session expired meanwhile.
    """
    session = session_from_context(request.context.get("authorizer") or {})
    if not session.has_grants or request.context.get(GRANTED_UNTIL, math.inf) <= time.time():
        return session
    from chalicelib.access.access_grants import with_granted_patients  # with argon2, which others need not load

    return with_granted_patients(session, wiring.access_grants())


def current_session(request: Request, permission: Permission, service: str = "") -> Session:
    """The session that the authorizer admitted.

    Parameters
    ----------
    service
        Of `query`, `retrieve`: what a machine must have been given besides.

    Raises
    ------
    errors.NotAuthenticated
        If the route has no authorizer context.
    errors.NotAllowed
        If the role lacks the permission, or the machine the service.
    """
    session = signed_in(request)
    if not session.may(permission) or (service and not session.serves(service)):
        raise errors.NotAllowed("Your role does not permit this.")
    return session


def own_session(request: Request, permission: Permission) -> Session:
    """The session without what patients granted its professional for a time: that is not the professional's to give.

    Raises
    ------
    errors.NotAuthenticated, errors.NotAllowed
        As `current_session`.
    """
    session = session_from_context(request.context.get("authorizer") or {})
    if not session.may(permission):
        raise errors.NotAllowed("Your role does not permit this.")
    return session
