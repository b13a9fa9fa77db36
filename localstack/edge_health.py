"""/healthz: whether every part of the platform is up."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, web

from chalicelib.settings import Settings

REMEMBERED_S = 1.0
PART_TIMEOUT_S = 8.0


class Health:
    """Asks every part and remembers the answer for a second."""

    def __init__(self, session: ClientSession, settings: Settings, environment: Mapping[str, str]) -> None:
        self._session = session
        self._settings = settings
        self._environment = environment
        self._lock = asyncio.Lock()
        self._report: dict[str, Any] = {}
        self._asked_at = 0.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """200 when every part is up, else 503."""
        async with self._lock:
            if time.monotonic() - self._asked_at > REMEMBERED_S:
                self._report, self._asked_at = await self._ask(), time.monotonic()
        status = 200 if self._report["status"] == "ok" else 503
        return web.json_response(self._report, status=status, headers={"Cache-Control": "no-store"})

    async def _ask(self) -> dict[str, Any]:
        checks: dict[str, Callable[[], Awaitable[Any]]] = {
            "local_cloud": self._local_cloud,
            "api": self._api,
            "ingest": self._ingest,
            "dicom_tls": self._dicom_tls,
            "queues": self._queues,
        }
        answers = await asyncio.gather(*(self._checked(check) for check in checks.values()))
        parts = dict(zip(checks, answers, strict=True))
        is_up = all(part["status"] == "ok" for part in parts.values())
        return {"status": "ok" if is_up else "degraded", "parts": parts}

    async def _checked(self, check: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
        started = time.monotonic()
        try:
            async with asyncio.timeout(PART_TIMEOUT_S):
                detail = await check()
        except Exception as error:
            return {"status": "down", "detail": type(error).__name__}
        return {"status": "ok", "latency_ms": round((time.monotonic() - started) * 1000, 1), **(detail or {})}

    async def _json(self, url: str) -> Any:
        async with self._session.get(url, headers={"Accept": "*/*"}, timeout=ClientTimeout(PART_TIMEOUT_S)) as answer:
            if answer.status != 200:
                raise ValueError(answer.status)
            return await answer.json(content_type=None)

    async def _local_cloud(self) -> None:
        await self._json(f"{self._environment['AWS_ENDPOINT_URL']}/_localstack/health")

    async def _api(self) -> dict[str, Any]:
        answer = await self._json(f"{self._environment['SANSFILM_API_URL']}/api/healthz")
        return {"parts": answer.get("parts", {})}

    async def _ingest(self) -> dict[str, Any]:
        answer = await self._json(f"http://127.0.0.1:{self._environment['SANSFILM_INGEST_HTTP_PORT']}/healthz")
        if answer.get("status") != "ok":
            raise ValueError(answer.get("status"))
        names = ("associations", "tls_associations_accepted", "tls_handshakes_failed")
        # It listens for associations or has ended; a probe of the DICOM port would itself be one.
        port = int(self._environment["SANSFILM_DICOM_PORT"])
        return {"dicom_port": port, **{name: answer.get(name, 0) for name in names}}

    async def _dicom_tls(self) -> None:
        """A whole handshake, as a hospital of the demonstration region."""
        context = ssl.create_default_context(cafile=self._environment["SANSFILM_DICOM_TLS_CLIENT_CA_FILE"])
        folder = Path(self._environment["SANSFILM_DICOM_TLS_CERTIFICATE_FILE"]).parent
        context.load_cert_chain(folder / "hopital-nord.pem", folder / "hopital-nord.key")
        port = int(self._environment["SANSFILM_DICOM_TLS_PORT"])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.close()
        await writer.wait_closed()

    async def _queues(self) -> dict[str, Any]:
        from chalicelib import wiring

        return {"depths": await asyncio.to_thread(wiring.queue_depths().read)}
