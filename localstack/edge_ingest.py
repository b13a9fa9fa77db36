"""The edge in front of the ingest service: STOW-RS requests of any size (D7), passed on as they come; self-tests."""

from __future__ import annotations

import re

from aiohttp import ClientConnectionError, ClientError, ClientSession, web
from yarl import URL

from localstack.edge_api import headers_to_caller, headers_to_origin

PATHS = re.compile(r"/dicomweb/studies(?:/[^/]*)?/?|/api/hospitals/[^/]+/application-entities/[^/]+/echo")


def is_for_ingest(method: str, path: str) -> bool:
    """Whether a request is of the Store transaction (PS3.18 10.5), or a C-ECHO self-test (docs/adr/0012).

    The CloudFront Function decides alike, on the path as it was sent.
    """
    return method == "POST" and PATHS.fullmatch(path) is not None


class IngestOrigin:
    """Passes requests to the HTTP port of the ingest service."""

    def __init__(self, session: ClientSession, ingest_url: str) -> None:
        self._session = session
        self._ingest_url = ingest_url

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request that `is_for_ingest`."""
        headers = headers_to_origin(request)
        if request.content_length is not None:
            headers["Content-Length"] = str(request.content_length)
        url = URL(self._ingest_url + request.raw_path, encoded=True)
        body = request.content if request.body_exists else None
        try:
            async with self._session.post(url, headers=headers, data=body, allow_redirects=False) as answer:
                content = await answer.content.read()
                return web.Response(body=content, status=answer.status, headers=headers_to_caller(answer))
        except ClientConnectionError:
            raise web.HTTPBadGateway(reason="The ingest service did not answer; send again.") from None
        except ClientError:
            raise web.HTTPBadRequest(reason="The body ended early.") from None
