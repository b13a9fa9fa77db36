"""PutObject of S3 (REST, Signature Version 4) for objects in memory, at the cost of two system calls.

botocore spends a millisecond of processor time on a request and hashes the body with SHA-256. Here the body goes from
memory to the kernel as it is, with a CRC32 that S3 verifies and keeps; the signature covers every header, and TLS the
rest (`UNSIGNED-PAYLOAD`). See docs/adr/0019-ingest-speed.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import struct
import time
from collections.abc import Mapping
from os import environ
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from botocore.httpsession import get_cert_path
from isal.isal_zlib import crc32

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT_S = 3
TIMEOUT_S = 30
TIMEOUT = struct.pack("ll", TIMEOUT_S, 0)
IDLE_S = 20
"""S3 closes connections that are idle for longer."""
LARGEST_ANSWER_BYTES = 64 << 10
Body = bytes | memoryview


class NoAnswer(OSError):
    """The connection ended before an answer, or brought something else than one."""


class S3Put:
    """Sends objects to one bucket over connections that are kept. Safe to share between threads.

    Parameters
    ----------
    client
        Its region and endpoint are used.
    credentials
        Of botocore; they may renew themselves.
    """

    def __init__(self, client: S3Client, credentials: Any, bucket: str) -> None:
        endpoint = urlsplit(client.meta.endpoint_url)
        self._secure = endpoint.scheme == "https"
        self._address = (endpoint.hostname or "", endpoint.port or (443 if self._secure else 80))
        self._host = endpoint.netloc
        self._path = f"{endpoint.path.rstrip('/')}/{bucket}/"
        self._credentials = credentials
        self._region = client.meta.region_name
        self._signing_key = ("", "", b"")
        self._tls = ssl.create_default_context(cafile=environ.get("AWS_CA_BUNDLE") or get_cert_path(True))
        self._idle: list[tuple[float, socket.socket]] = []

    def put_if_absent(self, key: str, body: Body, content_type: str, metadata: Mapping[str, str]) -> int:
        """Send an object unless its key exists; return the status of the answer (200, 409, 412, 503, ...).

        Raises
        ------
        OSError
            If there is no connection or no answer: whether the object was written is not known.
        """
        path = self._path + quote(key, safe="/-_.~")
        headers = {
            "content-type": content_type,
            "if-none-match": "*",
            "x-amz-checksum-crc32": base64.b64encode(crc32(body).to_bytes(4, "big")).decode(),
            **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
        }
        headers = self.signed("PUT", path, headers, time.gmtime())
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"PUT {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode("ascii")
        connection, answer = self._exchange(head, body)
        if answer.may_go_on:
            self._idle.append((time.monotonic(), connection))
        else:
            connection.close()
        return answer.status

    def signed(self, method: str, path: str, headers: Mapping[str, str], now: time.struct_time) -> dict[str, str]:
        """Headers, with those that Signature Version 4 adds; names in lower case."""
        credentials = self._credentials.get_frozen_credentials()
        moment = time.strftime("%Y%m%dT%H%M%SZ", now)
        headers = {
            "host": self._host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": moment, **headers,
            **({"x-amz-security-token": credentials.token} if credentials.token else {}),
        }  # fmt: skip
        names = sorted(headers)
        canonical = "\n".join(f"{name}:{' '.join(headers[name].split())}" for name in names)
        signed_names = ";".join(names)
        request = f"{method}\n{path}\n\n{canonical}\n\n{signed_names}\nUNSIGNED-PAYLOAD"
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(credentials.secret_key, moment[:8]), to_sign.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={signed_names}, "
            f"Signature={signature}"
        )
        return headers

    def _key(self, secret: str, date: str) -> bytes:
        known_secret, known_date, key = self._signing_key
        if (known_secret, known_date) != (secret, date):
            key = b"AWS4" + secret.encode()
            for part in (date, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._signing_key = (secret, date, key)
        return key

    def _exchange(self, head: bytes, body: Body) -> tuple[socket.socket, _Answer]:
        """Send a request and read its answer; on a new connection if a kept one turns out to be closed."""
        while True:
            connection, is_new = self._connection()
            try:
                connection.sendall(head)
                connection.sendall(body)
                return connection, _Answer(connection)
            except OSError as error:
                connection.close()
                if is_new or isinstance(error, TimeoutError | BlockingIOError):
                    raise

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


class _Answer:
    """Status of an HTTP/1.1 response, whose body is read and forgotten."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        while True:
            head = self._until(b"\r\n\r\n").lower()
            if not head.startswith(b"http/1.1 ") or not head[9:12].isdigit():
                raise NoAnswer("not HTTP/1.1")
            self.status = int(head[9:12])
            if self.status >= 200:
                break
        self.may_go_on = b"\r\nconnection: close" not in head and self._skip_body(head)
        """Whether the connection may be used again."""

    def _skip_body(self, head: bytes) -> bool:
        if b"\r\ntransfer-encoding: chunked" in head:
            # An error's, a few hundred bytes.
            self._until(b"0\r\n\r\n")
            return not self._received
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0].strip()
        if not length.isdigit() or int(length) > LARGEST_ANSWER_BYTES:
            return False
        while len(self._received) < int(length):
            self._receive()
        return len(self._received) == int(length)

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._receive()
        found, _, self._received = self._received.partition(end)
        return found

    def _receive(self) -> None:
        received = self._connection.recv(16 << 10)
        if not received or len(self._received) > LARGEST_ANSWER_BYTES:
            raise NoAnswer("connection closed")
        self._received += received
