"""The local edge: plays CloudFront (D8) with the path rules, limits and signature checks of infra/cdk/edge_stack.py.

    python -m localstack.edge

Settings: those that `python -m localstack run` writes (SANSFILM_HTTP_PORT, SANSFILM_API_URL, ...).
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from aiohttp.typedefs import Handler, Middleware

from chalicelib import wiring
from chalicelib.settings import Settings
from localstack.edge_api import REQUEST_ID, ApiOrigin
from localstack.edge_health import Health
from localstack.edge_ingest import IngestOrigin, is_for_ingest
from localstack.edge_objects import ObjectOrigin
from localstack.edge_protocol import EdgeRunner
from localstack.edge_site import SecurityHeaders, Site
from localstack.local_settings import ROOT

SITE = ROOT / "viewer_static/dist"
HEADERS = ROOT / "viewer_static/security-headers.json"


def problem(status: int, detail: str) -> web.Response:
    """Problem details (RFC 9457)."""
    body = {"type": "about:blank", "status": status, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json")


@dataclass(frozen=True)
class Origins:
    """What the edge stands in front of."""

    api: ApiOrigin
    ingest: IngestOrigin
    objects: ObjectOrigin
    site: Site
    health: Health

    async def route(self, request: web.Request) -> web.StreamResponse:
        """Choose the origin by path, as the distribution's behaviours do."""
        path = request.path
        if path == "/healthz":
            return await self.health.handle(request)
        if is_for_ingest(request.method, request.rel_url.raw_path):
            return await self.ingest.handle(request)
        if path == "/dicomweb" or path.startswith(("/dicomweb/", "/api/")):
            return await self.api.handle(request)
        if path.startswith("/objects/"):
            return await self.objects.handle(request)
        return await self.site.handle(request)


ORIGINS = web.AppKey("origins", Origins)


def _middleware(headers: SecurityHeaders) -> Middleware:
    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give every answer a request id and its security headers; failures become problem details."""
        request[REQUEST_ID] = secrets.token_hex(16)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = problem(error.status, error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception as error:
            print(f"{request[REQUEST_ID]}: {type(error).__name__}", file=sys.stderr, flush=True)
            response = problem(502, "The archive did not answer; try again.")
        if not response.prepared:
            add_headers(headers, request, response)
        return response

    return around


def add_headers(headers: SecurityHeaders, request: web.Request, response: web.StreamResponse) -> None:
    """Request id and security headers of an answer that is not yet on its way."""
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    for name, value in headers.of(request.path):
        if name == "Cache-Control":
            response.headers.setdefault(name, value)
        else:
            response.headers[name] = value


def _edge_secret(settings: Settings) -> str:
    return wiring.secret(settings.edge_secret)["value"] if settings.edge_secret else ""


def build(environment: dict[str, str]) -> web.Application:
    """The edge as an aiohttp application."""
    headers = SecurityHeaders.from_file(HEADERS)
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # its tracebacks may quote a request
    settings = Settings.from_env(environment)
    app = web.Application(middlewares=[_middleware(headers)], client_max_size=ApiOrigin.REQUEST_LIMIT_BYTES)

    async def with_origins(app: web.Application) -> AsyncIterator[None]:
        connector = TCPConnector(limit=256, keepalive_timeout=60)
        timeout = ClientTimeout(total=None, connect=5)
        async with ClientSession(
            timeout=timeout,
            auto_decompress=False,
            connector=connector,
            # Whether an answer may be compressed is the caller's choice.
            skip_auto_headers=("Accept-Encoding", "User-Agent"),
        ) as session:
            app[ORIGINS] = Origins(
                ApiOrigin(session, environment["SANSFILM_API_URL"], _edge_secret(settings)),
                IngestOrigin(session, f"http://127.0.0.1:{environment['SANSFILM_INGEST_HTTP_PORT']}"),
                ObjectOrigin(
                    session,
                    public_url=settings.public_url,
                    bucket_url=f"{environment['AWS_ENDPOINT_URL']}/{settings.archive_bucket}",
                    public_key_pem=Path(environment["SANSFILM_OBJECT_SIGNING_PUBLIC_KEY_FILE"]).read_bytes(),
                    region=environment["AWS_REGION"],
                    prepare=partial(add_headers, headers),
                ),
                Site(SITE),
                Health(session, settings, environment),
            )
            yield

    async def handle(request: web.Request) -> web.StreamResponse:
        return await app[ORIGINS].route(request)

    app.cleanup_ctx.append(with_origins)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


async def serve(environment: dict[str, str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = EdgeRunner(build(environment), access_log=None, auto_decompress=False, shutdown_timeout=10)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(environment["SANSFILM_HTTP_PORT"]), reuse_address=True).start()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Serve until told to stop."""
    asyncio.run(serve(dict(os.environ)))


if __name__ == "__main__":
    main()
