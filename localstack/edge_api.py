"""The edge in front of API Gateway: session cookies, limits that AWS enforces and emulators do not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from io import BytesIO

from aiohttp import ClientError, ClientResponse, ClientSession, web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
"""RFC 9110 7.6.1."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION_COOKIE = "__Host-sansfilm"
SIGN_IN_COOKIE = "__Host-sansfilm-sign-in"
"""By which a browser that comes back from an identity provider is known again; the API reads it."""
REQUEST_ID = web.RequestKey("request_id", str)
"""Given to every request by the edge."""


def forwarded_headers(headers: CIMultiDictProxy[str], without: frozenset[str] = frozenset()) -> CIMultiDict[str]:
    """End-to-end headers of a message: hop-by-hop ones, those that Connection names, and `without` are left out."""
    named = {token.strip().lower() for value in headers.getall("Connection", []) for token in value.split(",")}
    dropped = HOP_BY_HOP | named | without
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def authorization(headers: Mapping[str, str], cookies: Mapping[str, str], method: str) -> str | None:
    """Value of the Authorization header that the API gets, None for none; the CloudFront Function does the same.

    A browser's cookie authorises reading, and anything else only when the portal itself asks (Fetch Metadata), so
    that no other site can act in a session's name.

    Raises
    ------
    web.HTTPForbidden
        If another site asks.
    """
    if "Authorization" in headers:
        return headers["Authorization"]
    token = cookies.get(SESSION_COOKIE)
    if not token:
        return None
    if method not in SAFE_METHODS and headers.get("Sec-Fetch-Site") != "same-origin":
        raise web.HTTPForbidden(reason="A session cookie is only accepted from the portal itself.")
    return f"Bearer {token}"


NOT_SENT = frozenset(
    {"host", "cookie", "authorization", "content-length", "expect", "x-forwarded-for", "x-sansfilm-edge"}
)
NOT_ANSWERED = frozenset({"content-length", "date", "server"})


def headers_to_origin(request: web.Request) -> CIMultiDict[str]:
    """Headers that an origin behind the edge gets: who asks, and from where, as the edge knows it.

    Raises
    ------
    web.HTTPForbidden
        See `authorization`.
    """
    headers = forwarded_headers(request.headers, NOT_SENT)
    granted = authorization(request.headers, request.cookies, request.method)
    if granted is not None:
        headers["Authorization"] = granted
    if SIGN_IN_COOKIE in request.cookies:
        headers["Cookie"] = f"{SIGN_IN_COOKIE}={request.cookies[SIGN_IN_COOKIE]}"
    headers["X-Forwarded-For"] = headers["X-Viewer-Address"] = request.remote or ""
    headers["X-Request-Id"] = request[REQUEST_ID]
    return headers


def headers_to_caller(answer: ClientResponse) -> CIMultiDict[str]:
    """Headers that a caller gets of an origin's answer; never cached unless the origin says so."""
    headers = forwarded_headers(answer.headers, NOT_ANSWERED)
    for name in [name for name in headers if name.lower().startswith(("access-control-", "x-amz"))]:
        del headers[name]
    headers.setdefault("Cache-Control", "no-store")
    return headers


class ApiOrigin:
    """Passes requests to the REST API with their raw path."""

    REQUEST_LIMIT_BYTES = 10 * 1024 * 1024
    RESPONSE_LIMIT_BYTES = 6 * 1024 * 1024
    """Of what a function returns, in which a body is base64 text."""
    TIMEOUT_S = 29

    def __init__(self, session: ClientSession, api_url: str, edge_secret: str = "") -> None:
        self._session = session
        self._api_url = api_url
        self._edge_secret = edge_secret

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request of /dicomweb or /api."""
        headers = headers_to_origin(request)
        headers.setdefault("Accept", "*/*")
        if self._edge_secret:
            headers["X-Sansfilm-Edge"] = self._edge_secret
        try:
            body = BytesIO(await request.read()) if request.can_read_body else None
        except web.HTTPRequestEntityTooLarge:
            raise web.HTTPRequestEntityTooLarge(
                self.REQUEST_LIMIT_BYTES, 0, reason="A request to the API may have at most 10 MB."
            ) from None
        url = URL(self._api_url + request.raw_path, encoded=True)
        try:
            async with asyncio.timeout(self.TIMEOUT_S):
                async with self._session.request(
                    request.method, url, headers=headers, data=body, allow_redirects=False
                ) as answer:
                    return await self._respond(answer)
        except TimeoutError:
            raise web.HTTPGatewayTimeout(reason="The archive took longer than 29 s to answer.") from None
        except ClientError:
            raise web.HTTPBadGateway(reason="The archive did not answer; try again.") from None

    async def _respond(self, answer: ClientResponse) -> web.Response:
        body = await answer.read()
        if len(body) * 4 // 3 > self.RESPONSE_LIMIT_BYTES:
            raise web.HTTPBadGateway(reason="The answer is larger than a function may return (6 MB).")
        return web.Response(body=body, status=answer.status, headers=headers_to_caller(answer))
