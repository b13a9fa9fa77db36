"""HTTP of the edge below its routes, over a real connection."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from localstack.edge_protocol import EdgeRunner


async def _answers(requests: list[bytes]) -> list[tuple[int, str, str]]:
    """Status, content type and content of what the edge answers to each, on a connection of its own."""
    app = web.Application()

    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=json.dumps([request.path_qs, (await request.read()).hex()]))

    app.router.add_route("*", "/{path:.*}", echo)
    runner = EdgeRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    found = []
    for request in requests:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        kind = next(line.partition(": ")[2] for line in lines if line.startswith("Content-Type"))
        found.append((int(lines[0].split()[1]), kind, body.decode()))
        writer.close()
    await runner.cleanup()
    return found


def ask(request: bytes) -> tuple[int, str, str]:
    return asyncio.run(_answers([request]))[0]


def test_a_request_line_may_be_in_utf_8() -> None:
    status, _, body = ask("GET /studies?PatientName=*élo* HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert (status, json.loads(body)[0]) == (200, "/studies?PatientName=*%C3%A9lo*")


def test_content_that_looks_like_a_request_line_is_not_touched() -> None:
    content = "GET /é HTTP/1.1\r\n".encode()
    head = f"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
    status, _, body = ask(head + content)
    assert (status, json.loads(body)[1]) == (200, content.hex())


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET /studies?PatientName=" + b"DUPONT" * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"DUPONT\r\n\r\n"],
)
def test_what_cannot_be_parsed_is_not_quoted(request_bytes: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    status, kind, body = ask(request_bytes)
    assert (status, kind) == (400, "application/problem+json")
    assert json.loads(body)["status"] == 400
    assert "DUPONT" not in body
    assert "DUPONT" not in "".join(capsys.readouterr())
