"""Health and counts of the ingest process over HTTP, for the load balancer and for operators."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Report = Callable[[], dict[str, Any]]


class _Handler(BaseHTTPRequestHandler):
    report: Report
    timeout = 10

    def do_GET(self) -> None:
        if self.path not in ("/healthz", "/metrics"):
            self.send_error(404)
            return
        report = self.report()
        body = json.dumps(report).encode()
        self.send_response(200 if report["status"] == "ok" else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """A probe every few seconds is no news."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def serve_health(host: str, port: int, report: Report) -> ThreadingHTTPServer:
    """Answer GET /healthz and /metrics with `report()` as JSON: 200 while its `status` is `ok`, else 503.

    Raises
    ------
    OSError
        If the port is in use.
    """
    handler = type("Handler", (_Handler,), {"report": staticmethod(report)})
    server = _Server((host, port), handler)
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
