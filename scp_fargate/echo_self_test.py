"""C-ECHO to a registered application entity on an operator's request (docs/adr/0012).

It is served here and not by the API, because hospitals' networks are reached from the ingest containers alone.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from aiohttp import web
from aws_lambda_powertools import Logger

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity, Permission, Session
from chalicelib.access.ports import Registry
from chalicelib.access.registration import known_application_entity
from scp_fargate.http_problem import bearer_token, problem, refusal
from scp_fargate.outgoing import Outgoing
from scp_fargate.verification_scu import Echo, echo

PATH = "/api/hospitals/{hospital}/application-entities/{ae_title}/echo"
TIMEOUT_S = 10
WINDOW_S = 60
PER_APPLICATION_ENTITY, PER_OPERATOR = 6, 30
"""Echoes in a window, counted for all containers together."""
AT_ONCE = 4


@dataclass
class EchoSelfTest:
    """The transaction over HTTP."""

    registry: Callable[[], Registry]
    verify: Callable[[str], Session]
    outgoing: Outgoing
    logger: Logger
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="echo-self-test")
    )
    idle: threading.Semaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer whether the application entity answers C-ECHO."""
        correlation_id = uuid.uuid4().hex
        started = time.monotonic()
        try:
            session, called = await asyncio.to_thread(self._admit, bearer_token(request), dict(request.match_info))
            outcome = await self._echo(called)
        except errors.ArchiveError as error:
            return refusal(error)
        except Exception as error:
            extra = {"correlation_id": correlation_id, "error": type(error).__name__}
            self.logger.error("echo self-test failed", extra=extra)
            return problem(500, "The archive failed to answer; the operators have been told.")
        answer = {
            "answered": outcome.answered,
            "detail": outcome.detail,
            "duration_ms": round((time.monotonic() - started) * 1000),
        }
        about = {
            "correlation_id": correlation_id,
            "subject": session.subject,
            "hospital": called.hospital,
            "called_ae_title": called.ae_title,
        }
        self.logger.info("echo self-test", extra={**about, **answer})
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def close(self) -> None:
        """Take no more; echoes under way end by their own timeouts."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    def _admit(self, token: str, named: dict[str, str]) -> tuple[Session, ApplicationEntity]:
        session = self.verify(token)
        if not session.may(Permission.OPERATE):
            raise errors.NotAllowed("Your role does not permit this.")
        called = known_application_entity(self.registry(), named["hospital"], named["ae_title"])
        self._count(f"ECHO#OPERATOR#{session.subject}", PER_OPERATOR)
        self._count(f"ECHO#AE#{called.ae_title}", PER_APPLICATION_ENTITY)
        return session, called

    def _count(self, key: str, most: int) -> None:
        window = int(time.time()) // WINDOW_S
        if self.registry().count_attempt(key, window, WINDOW_S) > most:
            raise errors.TooManyAttempts(
                "Too many C-ECHO requests; wait before the next one.",
                retry_after_s=max(1, (window + 1) * WINDOW_S - int(time.time())),
            )

    async def _echo(self, called: ApplicationEntity) -> Echo:
        if not self.idle.acquire(blocking=False):
            raise errors.Unavailable("Other C-ECHO requests are under way; try again.")
        work = self.threads.submit(echo, self.outgoing, called)
        # Not before its thread is free again, which resolving a name may keep for longer than the caller waits.
        work.add_done_callback(lambda _: self.idle.release())
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.wrap_future(work)
        except TimeoutError:
            return Echo(False, f"{called.host}:{called.port} did not answer within {TIMEOUT_S} s.")
