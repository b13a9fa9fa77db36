"""The parts of a STOW-RS request as they arrive (PS3.18 10.5.2): several instances under way, none held in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from chalicelib import errors
from chalicelib.dicom import uid
from chalicelib.dicom.multipart_reader import Event, MalformedMultipart, PartData, PartStart, parse_content_type
from scp_fargate import dimse_status
from scp_fargate.spool import SpooledPart
from scp_fargate.stow_rs_response import StoreOutcome
from scp_fargate.stow_rs_store import BulkPart, InstanceStore

DICOM, DICOM_JSON = "application/dicom", "application/dicom+json"
LARGEST_METADATA_BYTES = 32 << 20
"""DICOM JSON of one request, which has to be in memory as a whole."""
MOST_BULK_PARTS = 100_000
IN_FLIGHT = 4
"""Instances of one request that are being stored while the next ones arrive."""
LARGE_BYTES = 8 << 20

Answer = TypeVar("Answer")


class Workers:
    """Threads in which instances are stored, and how many large ones at once."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.large = asyncio.Semaphore(2)
        self.metadata = asyncio.Semaphore(1)

    async def run(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        """Run something that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)


class InstanceParts:
    """Parts that are DICOM files, each of them an instance. `close` it, whatever happens."""

    def __init__(self, store: InstanceStore, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._part: SpooledPart | None = None
        self._is_instance = True
        self._outcomes: list[StoreOutcome] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, event: Event) -> None:
        """Take what arrived; waits while enough instances are under way."""
        if isinstance(event, PartStart):
            self._part = self._store.spool.part()
            self._is_instance = _media_type(event, DICOM)[0] == DICOM
            if not self._is_instance:
                self._part.refuse()
        elif isinstance(event, PartData):
            if self._part is not None and self._part.add(event.content):
                await self._workers.run(self._part.flush)
        elif self._part is not None:
            await self._slots.acquire()
            part, self._part = self._part, None
            number = len(self._outcomes)
            self._outcomes.append(StoreOutcome(failure_reason=dimse_status.CANNOT_UNDERSTAND))
            if self._is_instance:
                task = asyncio.create_task(self._store_part(part, number))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                self._slots.release()

    async def _store_part(self, part: SpooledPart, number: int) -> None:
        try:
            if part.size_bytes < LARGE_BYTES:
                outcome = await self._workers.run(self._store.store_part, part)
            else:
                async with self._workers.large:
                    outcome = await self._workers.run(self._store.store_part, part)
            self._outcomes[number] = outcome
        finally:
            part.close()
            self._slots.release()

    async def finish(self) -> list[StoreOutcome]:
        """Outcomes in the order of the parts, once all are known."""
        if self._tasks:
            await asyncio.gather(*self._tasks)
        if not self._outcomes:
            raise errors.BadRequest("The request holds no instance.")
        return self._outcomes

    async def close(self) -> None:
        """Forget the part that is not whole; let those that are be stored."""
        if self._part is not None:
            self._part.close()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)


class MetadataAndBulkData:
    """Parts that are DICOM JSON, and bulk data parts by Content-Location. `close` it, whatever happens."""

    def __init__(self, store: InstanceStore, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._metadata: list[bytearray] = []
        self._metadata_bytes = 0
        self._bulk = store.spool.part()
        self._places: dict[str, list[BulkPart]] = {}
        self._bulk_parts = 0
        self._in_metadata = False
        self._start = 0
        self._about = ("", "", "")

    async def take(self, event: Event) -> None:
        """Take what arrived.

        Raises
        ------
        errors.TooMuch
            If the metadata, or bulk data, passes its limit.
        """
        if isinstance(event, PartStart):
            media_type, transfer_syntax_uid = _media_type(event, "" if self._metadata else DICOM_JSON)
            self._in_metadata = media_type == DICOM_JSON
            if self._in_metadata:
                self._metadata.append(bytearray())
            self._start = self._bulk.size_bytes
            self._about = (event.headers.get("content-location", ""), media_type, transfer_syntax_uid)
        elif isinstance(event, PartData):
            await self._take_content(event.content)
        elif not self._in_metadata:
            location, media_type, transfer_syntax_uid = self._about
            self._bulk_parts += 1
            if self._bulk_parts > MOST_BULK_PARTS:
                raise errors.TooMuch(f"A request may have at most {MOST_BULK_PARTS} bulk data parts.")
            place = BulkPart(self._start, self._bulk.size_bytes - self._start, media_type, transfer_syntax_uid)
            self._places.setdefault(location, []).append(place)

    async def _take_content(self, content: bytes) -> None:
        if self._in_metadata:
            self._metadata_bytes += len(content)
            if self._metadata_bytes > LARGEST_METADATA_BYTES:
                raise errors.TooMuch(f"Metadata may have at most {LARGEST_METADATA_BYTES >> 20} MiB in one request.")
            self._metadata[-1] += content
            return
        if self._bulk.add(content):
            await self._workers.run(self._bulk.flush)
        if self._bulk.is_too_large:
            raise errors.TooMuch("The bulk data is larger than the room left.")

    async def finish(self) -> list[StoreOutcome]:
        """Outcomes in the order of the metadata, once all are known."""
        if not self._metadata:
            raise errors.BadRequest("The request holds no metadata part.")
        outcomes: list[StoreOutcome] = []
        async with self._workers.metadata:
            for metadata in self._metadata:
                outcomes += await self._workers.run(self._store.store_json, bytes(metadata), self._bulk, self._places)
        return outcomes

    async def close(self) -> None:
        """Forget the bulk data."""
        self._bulk.close()


def _media_type(part: PartStart, default: str) -> tuple[str, str]:
    """Media type of a part and the transfer syntax that it names."""
    try:
        media_type, parameters = parse_content_type(part.headers.get("content-type", default))
    except MalformedMultipart:
        return "", ""
    named = parameters.get("transfer-syntax", "")
    return media_type, named if uid.is_valid(named) else ""
