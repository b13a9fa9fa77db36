"""PutObject of the emulator on a way of its own, for requests whose body a checksum covers.

ministack parses, routes and copies a request of half a megabyte in 2 ms, and computes an MD5 for its ETag: it was what
the ingest service waited for. Here such a body goes from the socket to the place where it stays, its checksum is
verified, and ministack's own handler does the rest: conditions, versions, events, files. Its ETag is opaque, as that
of real S3 is for objects under SSE-KMS. Every other request, and all of them with AUTH=true, go their usual way.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import hypercorn.asyncio.run as hypercorn_run
import ministack.app as ministack
from hypercorn.asyncio.tcp_server import TCPServer
from ministack.core.responses import set_request_account_id, set_request_client_ip, set_request_region
from ministack.core.router import extract_access_key_id, extract_region
from ministack.core.sigv4 import decode_header_value
from ministack.services import s3

log = logging.getLogger("objects")
IDLE_S = 75
LARGEST_BODY_BYTES = 5 << 30
OTHER_WAYS = frozenset({"expect", "transfer-encoding", "content-encoding", "x-amz-copy-source", "content-md5"})
NO_BUCKETS = ("/_", "/v20180820/", "/iceberg")
_md5_hash = s3.md5_hash


class VerifiedBody(bytearray):
    """A body that S3 knows by its checksum."""


def etag_of(body: Any) -> str:
    """What an ETag is made of."""
    return os.urandom(16).hex() if isinstance(body, VerifiedBody) else str(_md5_hash(body))


class Request:
    """Head of an HTTP request, as far as it may be one for this way."""

    def __init__(self, head: bytes) -> None:
        start, *lines = head.split(b"\r\n")
        self.path, self.length, self.headers = "", 0, {}
        method, _, target = start.partition(b" ")
        target, _, version = target.rpartition(b" ")
        if method != b"PUT" or version != b"HTTP/1.1" or b"?" in target or not target.startswith(b"/"):
            return
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            field = name.decode("latin-1").lower()
            if field in headers or field in OTHER_WAYS:
                return
            headers[field] = decode_header_value(value.strip())
        length, path = headers.get("content-length", ""), unquote(target.decode("latin-1"))
        bucket, _, key = path[1:].partition("/")
        if (
            length.isdigit() and bucket and key and not path.startswith(NO_BUCKETS)
            and "/s3/aws4_request" in headers.get("authorization", "")
            and any(field.startswith("x-amz-checksum-") for field in headers)
            and not headers.get("x-amz-content-sha256", "").startswith("STREAMING")
            and not ministack._extract_s3_vhost_bucket(headers.get("host", ""))
        ):  # fmt: skip
            self.path, self.length, self.headers = path, int(length), headers

    @property
    def is_put_object(self) -> bool:
        """Whether this way is for it."""
        return bool(self.path) and self.length <= LARGEST_BODY_BYTES


class Body(asyncio.BufferedProtocol):
    """Receives what is missing of a body into its place, then gives the connection back."""

    def __init__(self, transport: Any, body: VerifiedBody, received: int) -> None:
        self._transport = transport
        self._before = transport.get_protocol()
        self._view = memoryview(body)
        self._position = received
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport.set_protocol(self)
        transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._view[self._position :]

    def buffer_updated(self, nbytes: int) -> None:
        """Note what came."""
        self._position += nbytes
        if self._position == len(self._view):
            self._give_back()
            if not self.whole.done():
                self.whole.set_result(None)

    def eof_received(self) -> bool:
        """The peer has closed within the body."""
        self._give_back()
        self._fail()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._give_back()
        self._before.connection_lost(exc)
        self._fail()

    def _fail(self) -> None:
        if not self.whole.done():
            self.whole.set_exception(ConnectionResetError())

    def _give_back(self) -> None:
        self._view.release()
        self._transport.set_protocol(self._before)


class ObjectServer(TCPServer):  # type: ignore[misc]
    """A connection: PutObject after PutObject, then whatever else comes as hypercorn serves it."""

    async def run(self) -> None:
        """Serve until the connection ends."""
        if not ministack.AUTH and self.writer.get_extra_info("ssl_object") is None:
            ending = asyncio.create_task(self._end_with_server())
            try:
                while await self._put_object():
                    pass
            except (OSError, TimeoutError):
                self.writer.close()
                return
            finally:
                ending.cancel()
        await super().run()

    async def _end_with_server(self) -> None:
        await self.context.terminated.wait()
        self.reader.feed_eof()

    async def _put_object(self) -> bool:
        """Serve one request; False where it is not for this way, and still to be read."""
        reader: Any = self.reader
        try:
            async with asyncio.timeout(IDLE_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            reader._buffer[:0] = error.partial
            return False
        except asyncio.LimitOverrunError:
            return False
        request = Request(head[:-4])
        if not request.is_put_object:
            reader._buffer[:0] = head
            return False
        status, headers = await self._answer(request, await self._body(request.length))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode("latin-1"))
        if self._error:
            self.writer.write(self._error)
        await self.writer.drain()
        return True

    async def _body(self, length: int) -> VerifiedBody:
        reader: Any = self.reader
        body = VerifiedBody(length)
        received = min(len(reader._buffer), length)
        body[:received] = reader._buffer[:received]
        del reader._buffer[:received]
        if received < length:
            # The reader may have stopped the transport when it had enough; the transport goes on for the body.
            reader._paused = False
            await Body(self.writer.transport, body, received).whole
        return body

    async def _answer(self, request: Request, body: VerifiedBody) -> tuple[int, dict[str, str]]:
        """Let ministack's handler answer."""
        headers, request_id = request.headers, str(uuid.uuid4())
        set_request_client_ip((self.writer.get_extra_info("peername") or ("127.0.0.1",))[0])
        if access_key := extract_access_key_id(headers, {}):
            set_request_account_id(access_key)
        region = extract_region(headers, {})
        set_request_region(region)
        self._error = b""
        try:
            status, answer, self._error = await ministack.SERVICE_HANDLERS["s3"]("PUT", request.path, headers, body, {})
        except Exception:
            log.exception("PutObject failed")
            status, answer = 500, {}
        ministack._maybe_record_cloudtrail("s3", "PUT", request.path, headers, body, {}, request_id, region)
        answer |= {"content-length": str(len(self._error)), "date": formatdate(time.time(), usegmt=True)}
        answer.pop("Content-Length", None)
        answer.setdefault("x-amz-request-id", request_id)
        return status, answer


def install() -> None:
    """Let hypercorn serve connections with `ObjectServer`."""
    s3.md5_hash = etag_of
    hypercorn_run.TCPServer = ObjectServer
