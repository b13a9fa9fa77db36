"""A server that answers as it is told to."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace
from typing import Any


class Server:
    """Answers one request after the other with given bytes; b"" closes the connection instead."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self.bodies: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while self._answers and self._serve_one(connection):
                    pass

    def _serve_one(self, connection: socket.socket) -> bool:
        received = b""
        while b"\r\n\r\n" not in received:
            received += (more := connection.recv(65536))
            if not more:
                return False
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += connection.recv(65536)
        self.bodies.append(body)
        answer = self._answers.pop(0)
        connection.sendall(answer)
        return bool(answer) and b"close" not in answer

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()


def client_of(endpoint_url: str) -> Any:
    """What is needed of a boto3 client for that endpoint."""
    return SimpleNamespace(meta=SimpleNamespace(endpoint_url=endpoint_url, region_name="eu-west-3"))
