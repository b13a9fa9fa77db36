"""HTTP of the edge below its routes: request lines in raw UTF-8, and errors that quote no request.

aiohttp refuses a request line with bytes beyond ASCII, which some clients of DICOMweb send (a name in a search),
and answers what it cannot parse with the line itself, which may name a patient.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

_REQUEST_LINE = re.compile(rb"[A-Z]+ [^\r\n]* HTTP/1\.[01]\r?\n")


def percent_encoded(data: bytes) -> bytes:
    """Bytes that begin with a request line, with what is not ASCII in it escaped; others as they are.

    >>> percent_encoded("GET /studies?PatientName=*él* HTTP/1.1\\r\\nHost: é\\r\\n".encode())
    b'GET /studies?PatientName=*%C3%A9l* HTTP/1.1\\r\\nHost: \\xc3\\xa9\\r\\n'
    """
    found = _REQUEST_LINE.match(data)
    if not found or found.group().isascii():
        return data
    line = b"".join(b"%%%02X" % byte if byte > 0x7F else bytes([byte]) for byte in found.group())
    return line + data[found.end() :]


class EdgeProtocol(web.RequestHandler):
    """A connection of the edge."""

    def data_received(self, data: bytes) -> None:
        """A request may begin only where none is under way: content is never touched."""
        is_between = self._current_request is None and not self._messages
        super().data_received(percent_encoded(data) if is_between else data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Problem details (RFC 9457), whose text is ours; the connection ends."""
        is_long = (status == 400 and "exceed" in f"{message} {type(exc).__name__}") or "TooLong" in type(exc).__name__
        detail = "The request line or a header is too long." if is_long else "The request is not HTTP as it should be."
        body = {"type": "about:blank", "status": status, "detail": detail}
        answer = web.Response(status=status, body=json.dumps(body).encode(), content_type="application/problem+json")
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cache-Control"] = "no-store"
        answer.force_close()
        return answer


class _EdgeServer(web.Server):
    def __call__(self) -> EdgeProtocol:
        return EdgeProtocol(self, loop=self._loop, **self._kwargs)


class EdgeRunner(web.AppRunner):
    """Serves an application over `EdgeProtocol`: aiohttp has no setting for it."""

    async def _make_server(self) -> Any:
        server = await super()._make_server()
        server.__class__ = _EdgeServer
        return server
