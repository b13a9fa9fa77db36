"""Requests to AWS (Signature Version 4) over kept connections, at the cost of two or three system calls.

botocore spends one to six milliseconds of processor time on a request. Here the body goes between memory and the kernel
as it is. Nothing is tried again and no error explained: callers leave that to botocore. See docs/adr/0018 and 0019.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
import struct
import time
from collections.abc import Callable, Mapping
from os import environ
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError
from botocore.httpsession import get_cert_path

CONNECT_TIMEOUT_S = 3
TIMEOUT_S = 30
TIMEOUT = struct.pack("ll", TIMEOUT_S, 0)
IDLE_S = 20
"""AWS closes connections that are idle for longer."""
LARGEST_HEAD_BYTES = 64 << 10
SENT_AT_ONCE_BYTES = 16 << 10
"""Head and body go in one packet where copying them costs less than another call."""
LARGEST_FORGOTTEN_BYTES = 64 << 10
UNSIGNED = "UNSIGNED-PAYLOAD"
"""The signature covers every header, TLS the body: S3 takes that."""
Body = bytes | memoryview


class NoAnswer(OSError):
    """The connection ended before an answer, or brought something else than one."""


class SignedRequests:
    """One service, by connections that are kept. Safe to share between threads.

    Parameters
    ----------
    client
        Its region and endpoint are used.
    credentials
        Of botocore; they may renew themselves.
    """

    def __init__(self, service: str, client: Any, credentials: Any) -> None:
        endpoint = urlsplit(client.meta.endpoint_url)
        self._secure = endpoint.scheme == "https"
        self._address = (endpoint.hostname or "", endpoint.port or (443 if self._secure else 80))
        self._host = endpoint.netloc
        self._service = service
        self._credentials = credentials
        self._region = client.meta.region_name
        self._signing_key = ("", "", b"")
        self._tls = ssl.create_default_context(cafile=environ.get("AWS_CA_BUNDLE") or get_cert_path(True))
        self._idle: list[tuple[float, socket.socket]] = []

    def signed(
        self, method: str, path: str, headers: Mapping[str, str], now: time.struct_time, body_digest: str = UNSIGNED
    ) -> dict[str, str]:
        """Headers, with those that Signature Version 4 adds; names in lower case."""
        credentials = self._frozen_credentials()
        moment = time.strftime("%Y%m%dT%H%M%SZ", now)
        headers = {
            "host": self._host, "x-amz-content-sha256": body_digest, "x-amz-date": moment, **headers,
            **({"x-amz-security-token": credentials.token} if credentials.token else {}),
        }  # fmt: skip
        names = sorted(headers)
        canonical = "\n".join(f"{name}:{' '.join(headers[name].split())}" for name in names)
        signed_names = ";".join(names)
        request = f"{method}\n{path}\n\n{canonical}\n\n{signed_names}\n{body_digest}"
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(credentials.secret_key, moment[:8]), to_sign.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={signed_names}, "
            f"Signature={signature}"
        )
        return headers

    def _frozen_credentials(self) -> Any:
        if self._credentials is None:
            raise NoAnswer("no credentials")
        try:
            return self._credentials.get_frozen_credentials()
        except BotoCoreError as error:
            raise NoAnswer("no credentials") from error

    def _key(self, secret: str, date: str) -> bytes:
        known_secret, known_date, key = self._signing_key
        if (known_secret, known_date) != (secret, date):
            key = b"AWS4" + secret.encode()
            for part in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._signing_key = (secret, date, key)
        return key

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: Body = b"", body_digest: str = UNSIGNED
    ) -> Answer:
        """Send a request; on a new connection if a kept one turns out to be closed.

        Parameters
        ----------
        path
            Percent-encoded, without query.
        headers
            Names in lower case.
        body_digest
            SHA-256 of the body in hexadecimal, or `UNSIGNED` where the service takes that.

        Raises
        ------
        OSError
            If there is no connection or no answer.
        """
        headers = self.signed(method, path, headers, time.gmtime(), body_digest)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = "" if method == "GET" else f"content-length: {len(body)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\n{lines}{length}\r\n".encode("ascii")
        while True:
            connection, is_new = self._connection()
            try:
                if len(body) <= SENT_AT_ONCE_BYTES:
                    connection.sendall(head + body)
                else:
                    connection.sendall(head)
                    connection.sendall(body)
                return Answer(connection, self._keep)
            except OSError as error:
                connection.close()
                if is_new or isinstance(error, TimeoutError | BlockingIOError):
                    raise

    def _keep(self, connection: socket.socket) -> None:
        self._idle.append((time.monotonic(), connection))

    def _connection(self) -> tuple[socket.socket, bool]:
        while self._idle:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                break
            if time.monotonic() - since < IDLE_S:
                return connection, False
            connection.close()
        connection = socket.create_connection(self._address, CONNECT_TIMEOUT_S)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure:
                connection.settimeout(TIMEOUT_S)
                return self._tls.wrap_socket(connection, server_hostname=self._address[0]), True
            # Blocking, so that the kernel takes the whole body in one call.
            connection.settimeout(None)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEOUT)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, TIMEOUT)
        except BaseException:
            connection.close()
            raise
        return connection, True


class Answer:
    """An HTTP/1.1 response, of which the head was read. Its body is to be read, or forgotten, once."""

    def __init__(self, connection: socket.socket, keep: Callable[[socket.socket], None]) -> None:
        self._connection = connection
        self._keep = keep
        self._received = b""
        while True:
            self._head = self._until(b"\r\n\r\n").lower() + b"\r\n"
            if not self._head.startswith(b"http/1.1 ") or not self._head[9:12].isdigit():
                raise NoAnswer("not HTTP/1.1")
            self.status = int(self._head[9:12])
            if self.status >= 200:
                break

    def header(self, name: bytes) -> bytes:
        """Value of a header field, in lower case; b"" without it."""
        return self._head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()

    def body(self) -> bytearray:
        """The whole body; the connection is kept.

        Raises
        ------
        OSError
            If it does not come whole, or its length is not known before it comes.
        """
        try:
            length = self._length()
            content = bytearray(length)
            content[: len(self._received)] = self._received
            done = len(self._received)
            if done > length:
                raise NoAnswer("more than was announced")
            view = memoryview(content)
            while done < length:
                received = self._connection.recv_into(view[done:], 0, socket.MSG_WAITALL if self._blocks else 0)
                if not received:
                    raise NoAnswer("connection closed")
                done += received
        except OSError:
            self._connection.close()
            raise
        self._received = b""
        self._end(may_go_on=True)
        return content

    def forget(self) -> None:
        """Read the body, if it is short, so that the connection can be kept."""
        try:
            self._end(self._skip_body())
        except OSError:
            self._connection.close()

    @property
    def _blocks(self) -> bool:
        return not isinstance(self._connection, ssl.SSLSocket)

    def _end(self, may_go_on: bool) -> None:
        if may_go_on and self.header(b"connection") != b"close":
            self._keep(self._connection)
        else:
            self._connection.close()

    def _length(self) -> int:
        length = self.header(b"content-length")
        if not length.isdigit():
            raise NoAnswer("no length")
        return int(length)

    def _skip_body(self) -> bool:
        if self.header(b"transfer-encoding") == b"chunked":
            # An error's, a few hundred bytes.
            self._until(b"0\r\n\r\n")
            return not self._received
        length = self._length()
        if length > LARGEST_FORGOTTEN_BYTES:
            return False
        while len(self._received) < length:
            self._receive()
        return len(self._received) == length

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._receive()
        found, _, self._received = self._received.partition(end)
        return found

    def _receive(self) -> None:
        received = self._connection.recv(16 << 10)
        if not received or len(self._received) > LARGEST_HEAD_BYTES:
            raise NoAnswer("connection closed")
        self._received += received
