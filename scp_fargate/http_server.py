"""The HTTP port of the ingest process: STOW-RS, C-ECHO self-tests; health and counts for the load balancer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from chalicelib import wiring
from chalicelib.access.model import Session
from chalicelib.access.sessions import verify_session
from chalicelib.settings import Settings
from scp_fargate import echo_self_test
from scp_fargate.association import Archive
from scp_fargate.echo_self_test import EchoSelfTest
from scp_fargate.outgoing import outgoing
from scp_fargate.spool import Spool
from scp_fargate.stow_rs import StowRs
from scp_fargate.stow_rs_request import Workers

Report = Callable[[], dict[str, Any]]
THREADS = 16
STUDIES = "/dicomweb/studies"


class HttpServer:
    """An aiohttp application in a thread of its own."""

    def __init__(
        self,
        host: str,
        port: int,
        report: Report,
        make_stow_rs: Callable[[Workers], StowRs],
        self_test: EchoSelfTest,
    ) -> None:
        """Listen.

        Raises
        ------
        OSError
            If the port is in use.
        """
        self._report = report
        self._self_test = self_test
        self._requests = 0
        self._stopping = False
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="stow-rs")
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, name="http", daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        try:
            self._wait_for(self._start(host, port, make_stow_rs))
        except OSError:
            self.stop(0)
            raise

    def stop(self, grace_s: float) -> None:
        """Take no new request, let those under way finish within the grace period, then cut them off."""
        if self._runner is not None:
            self._wait_for(self._stop(self._runner, grace_s))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._self_test.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _wait_for(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    async def _start(self, host: str, port: int, make_stow_rs: Callable[[Workers], StowRs]) -> None:
        stow_rs = make_stow_rs(Workers(self._executor))
        stow_rs.is_stopping = lambda: self._stopping
        app = web.Application(middlewares=[self._counted])
        for path in (STUDIES, f"{STUDIES}/", f"{STUDIES}/{{study}}", f"{STUDIES}/{{study}}/"):
            app.router.add_post(path, stow_rs.handle, expect_handler=stow_rs.expect)
        app.router.add_post(echo_self_test.PATH, self._self_test.handle)
        for path in ("/healthz", "/metrics"):
            app.router.add_get(path, self._health)
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # its tracebacks may quote a request
        runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, handle_signals=False, lingering_time=10, shutdown_timeout=1
        )
        await runner.setup()
        await web.TCPSite(runner, host, port, backlog=128, reuse_address=True).start()
        self._runner = runner

    async def _stop(self, runner: web.AppRunner, grace_s: float) -> None:
        self._stopping = True
        for site in list(runner.sites):
            await site.stop()
        # aiohttp's own shutdown reads no more of bodies that are on their way.
        deadline = self._loop.time() + grace_s
        while self._requests and self._loop.time() < deadline:
            await asyncio.sleep(0.05)
        await runner.cleanup()

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._requests += 1
        try:
            return await handler(request)
        finally:
            self._requests -= 1

    async def _health(self, request: web.Request) -> web.Response:
        """200 while the report's `status` is `ok`, else 503."""
        report = await asyncio.to_thread(self._report)
        return web.json_response(report, status=200 if report["status"] == "ok" else 503)


def serve_http(settings: Settings, archive: Archive, report: Report) -> HttpServer:
    """Answer STOW-RS, C-ECHO self-tests, /healthz and /metrics (`report()` as JSON).

    Raises
    ------
    OSError
        If the port is in use.
    """

    def verify(token: str) -> Session:
        return verify_session(wiring.registry(), wiring.session_signer(), token, issuer=settings.public_url)

    def stow_rs(workers: Workers) -> StowRs:
        spool = Spool(settings.spool_dir, settings.spool_limit_bytes)
        url = f"{settings.public_url}/dicomweb"
        return StowRs(
            archive.objects, verify, url, archive.counts, archive.logger, spool, workers, archive.quotas, archive.trail
        )

    self_test = EchoSelfTest(wiring.registry, verify, outgoing(settings, archive.tls), archive.logger)
    return HttpServer(settings.dicom_host, settings.ingest_http_port, report, stow_rs, self_test)
