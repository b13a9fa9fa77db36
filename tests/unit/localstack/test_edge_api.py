"""What the edge lets through to API Gateway and back: raw paths, end-to-end headers, the limits that AWS enforces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from localstack.edge import _middleware
from localstack.edge_api import ApiOrigin
from localstack.edge_site import SecurityHeaders

Origin = Callable[[web.Request], Awaitable[web.StreamResponse]]
Check = Callable[[TestClient[Any, Any]], Awaitable[None]]


def _through_the_edge(origin: Origin, check: Check) -> None:
    """Run `check` with a client of an edge before an origin."""

    async def run() -> None:
        upstream = web.Application(client_max_size=1 << 30)
        upstream.router.add_route("*", "/{path:.*}", origin)
        headers = SecurityHeaders((("X-Content-Type-Options", "nosniff"),), ())
        async with TestServer(upstream) as server, ClientSession(auto_decompress=False) as session:
            api = ApiOrigin(session, str(server.make_url("/stage")))
            edge = web.Application(middlewares=[_middleware(headers)], client_max_size=ApiOrigin.REQUEST_LIMIT_BYTES)
            edge.router.add_route("*", "/{path:.*}", api.handle)
            async with TestClient(TestServer(edge)) as client:
                await check(client)

    asyncio.run(run())


async def _echo(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    seen = {"path": request.raw_path, "headers": dict(request.headers), "length": len(body), "method": request.method}
    return web.json_response(seen, headers={"X-Amzn-Requestid": "1", "Access-Control-Allow-Origin": "*"})


def test_the_path_arrives_as_it_was_written() -> None:
    path = "/dicomweb/studies?includefield=00081030%2C00080060&includefield=all&PatientName=L%C3%A9*&x=a+b%20c"

    async def check(client: TestClient[Any, Any]) -> None:
        answer = await client.get(URL(path, encoded=True))
        assert (await answer.json())["path"] == f"/stage{path}"

    _through_the_edge(_echo, check)


def test_credentials_and_hop_by_hop_headers_stay_where_they_belong() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        sent = {"Cookie": "__Host-sansfilm=token; other=1", "Connection": "X-Named", "X-Named": "1", "TE": "trailers",
                "X-Forwarded-For": "192.0.2.1", "X-Kept": "1", "Accept": ""}  # fmt: skip
        answer = await client.get("/api/session", headers=sent)
        seen = (await answer.json())["headers"]
        assert seen["Authorization"] == "Bearer token"
        assert not {"Cookie", "X-Named", "TE"} & set(seen)
        assert seen["X-Forwarded-For"] == "127.0.0.1"
        assert seen["X-Kept"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert len(answer.headers["X-Request-Id"]) == 32
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "X-Amzn-Requestid" not in answer.headers

    _through_the_edge(_echo, check)


def test_an_absent_accept_header_accepts_everything() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/api/session", skip_auto_headers=["Accept"])
        assert (await answer.json())["headers"]["Accept"] == "*/*"

    _through_the_edge(_echo, check)


def test_a_cookie_alone_does_not_let_another_site_write() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        cookie = {"Cookie": "__Host-sansfilm=token"}
        for site, expected in (("cross-site", 403), ("same-site", 403), (None, 403), ("same-origin", 200)):
            headers = cookie | ({"Sec-Fetch-Site": site} if site else {})
            answer = await client.delete("/api/session", headers=headers)
            assert answer.status == expected
        answer = await client.delete("/api/session", headers={**cookie, "Authorization": "Bearer other"})
        assert (await answer.json())["headers"]["Authorization"] == "Bearer other"

    _through_the_edge(_echo, check)


async def _assert_problem(answer: Any, status: int) -> None:
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    assert json.loads(await answer.read())["status"] == status


def test_a_request_of_more_than_10_mb_is_refused() -> None:
    async def check(client: TestClient[Any, Any]) -> None:
        limit = ApiOrigin.REQUEST_LIMIT_BYTES
        answer = await client.post("/api/x", data=BytesIO(b"x" * limit))
        assert (await answer.json())["length"] == limit
        await _assert_problem(await client.post("/api/x", data=BytesIO(b"x" * (limit + 1))), 413)

    _through_the_edge(_echo, check)


def test_an_answer_that_lambda_could_not_give_is_not_given() -> None:
    async def origin(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * int(request.query["bytes"]))

    async def check(client: TestClient[Any, Any]) -> None:
        fits = ApiOrigin.RESPONSE_LIMIT_BYTES * 3 // 4
        answer = await client.get(f"/dicomweb/x?bytes={fits}")
        assert len(await answer.read()) == fits
        await _assert_problem(await client.get(f"/dicomweb/x?bytes={fits + 3}"), 502)

    _through_the_edge(origin, check)


def test_an_answer_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiOrigin, "TIMEOUT_S", 0.2)

    async def origin(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(2)
        return web.Response()

    async def check(client: TestClient[Any, Any]) -> None:
        await _assert_problem(await client.get("/dicomweb/x"), 504)

    _through_the_edge(origin, check)


def test_an_origin_that_breaks_off_is_a_bad_gateway() -> None:
    async def origin(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def check(client: TestClient[Any, Any]) -> None:
        await _assert_problem(await client.get("/dicomweb/x"), 502)

    _through_the_edge(origin, check)


def test_redirects_and_compressed_bodies_pass_untouched() -> None:
    async def origin(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("big"):
            return web.Response(status=307, headers={"Location": "/objects/x?Signature=a"})
        return web.Response(body=b"\x1f\x8bnot really gzip", headers={"Content-Encoding": "gzip"})

    async def check(client: TestClient[Any, Any]) -> None:
        answer = await client.get("/dicomweb/big", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (307, "/objects/x?Signature=a")
        async with ClientSession(auto_decompress=False) as session:
            raw = await session.get(client.make_url("/dicomweb/small"))
            assert (raw.headers["Content-Encoding"], await raw.read()) == ("gzip", b"\x1f\x8bnot really gzip")

    _through_the_edge(origin, check)
