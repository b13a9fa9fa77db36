"""ministack, made durable: what it acknowledged survives `kill -9` (docs/adr/0002-local-cloud.md).

Run by `.venv-emulator/bin/python -P localstack/emulator.py`, with ministack's own settings in the environment.

By itself ministack saves everything but S3 on a graceful stop only. Here

- a request that changed DynamoDB, or sent to SQS, is in a journal before its answer leaves, and is handled again at
  the next start on top of the last snapshot. Both services handle a request in one go on the event loop, so the
  journal's order is the order in which requests took effect. A snapshot and a new journal file begin at the same
  instant; the snapshot names the first journal that follows it;
- every other service (CloudFormation, Lambda, API Gateway, KMS, IAM, ...) is saved a second after it changed, and at
  once by `POST /_sansfilm/flush`, which a deployment ends with.

S3 writes objects to disk itself. S3's event messages and what event source mappings took off a queue are not
journalled: after an unclean stop SQS delivers again what was sent since the last snapshot (at least once, as ever),
and `reindex --missing-only` finds instances whose message is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import struct
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import ministack.app as ministack
from ministack.core import persistence
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import dynamodb, sqs

log = logging.getLogger("durability")
Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Answer]]

GENERATION = "journal_generation"
SNAPSHOT_AFTER_BYTES = 128 * 1024 * 1024
SQS_SNAPSHOT_EVERY_S = 30
SAVE_AFTER_S = 1.0
READING = ("Get", "List", "Describe", "Query", "Scan", "Batch" + "Get", "Search", "Receive", "Head", "Verify", "Sign")
NOT_WORTH_SAVING = frozenset({"dynamodb", "sqs", "logs", "monitoring", "sts", "tagging"})
"""Journalled ones, and those whose state is records of calls; all are saved on a graceful stop."""
REDELIVERED = ("SendMessage", "SendMessageBatch")


class Journal:
    """Requests of one service since a snapshot, in files numbered by generation."""

    _HEADER = struct.Struct(">III")

    def __init__(self, directory: Path, service: str) -> None:
        self._directory = directory
        self._service = service
        directory.mkdir(parents=True, exist_ok=True)
        self._generation = max([number for number, _ in self._files()], default=0)
        self._file = -1
        self.size_bytes = 0
        self.rotate()

    def _files(self) -> list[tuple[int, Path]]:
        return sorted(
            (int(path.name.split(".")[1]), path) for path in self._directory.glob(f"{self._service}.*.journal")
        )

    def rotate(self) -> int:
        """Begin a new file and return its generation."""
        if self._file >= 0:
            os.close(self._file)
        self._generation += 1
        path = self._directory / f"{self._service}.{self._generation:08d}.journal"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.size_bytes = 0
        return self._generation

    def append(self, about: dict[str, Any], body: bytes) -> None:
        """Hand a request to the operating system, which keeps it whatever happens to this process."""
        head = json.dumps(about).encode()
        record = self._HEADER.pack(zlib.crc32(head + body), len(head), len(body)) + head + body
        written = os.write(self._file, record)
        if written != len(record):
            raise OSError(f"only {written} of {len(record)} bytes of a request could be kept")
        self.size_bytes += written

    def since(self, generation: int) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Requests of that generation and later, oldest first; a record that was cut off was never acknowledged."""
        for number, path in self._files():
            if generation <= number < self._generation:
                yield from self._records(path.read_bytes())

    def _records(self, data: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
        position = 0
        while position + self._HEADER.size <= len(data):
            checksum, head_length, body_length = self._HEADER.unpack_from(data, position)
            start = position + self._HEADER.size
            position = start + head_length + body_length
            record = data[start:position]
            if position > len(data) or zlib.crc32(record) != checksum:
                log.warning("the last record of a %s journal was cut off", self._service)
                return
            yield json.loads(record[:head_length]), record[head_length:]

    def discard_before(self, generation: int) -> None:
        """Remove files that a saved snapshot made superfluous."""
        for number, path in self._files():
            if number < generation:
                path.unlink(missing_ok=True)


class JournalledService:
    """Puts a journal beneath the request handler and the snapshots of a ministack service."""

    def __init__(
        self, name: str, module: Any, journal: Journal, is_kept: Callable[[str, dict[str, Any]], bool]
    ) -> None:
        self.name = name
        self.journal = journal
        self._module = module
        self._is_kept = is_kept
        self._handle: Handler = module.handle_request
        self._get_state = module.get_state
        self._load_state = module.load_persisted_state
        self._loaded_generation = 0
        self.journalled = 0
        self.snapshot_at = time.monotonic()
        module.get_state = self.get_state
        module.load_persisted_state = self.load_state
        ministack.SERVICE_HANDLERS[name] = self.handle

    async def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Handle a request, and keep it if it succeeded and changed something, before anything else can run."""
        action = _action(headers, body)
        # Parsed only for actions whose repetition ministack recognises by a token.
        kept = self._is_kept(action, json.loads(body) if action == "TransactWriteItems" else {})
        answer = await self._handle(method, path, headers, body, query)
        if kept and answer[0] == 200:
            about = {
                "account": get_account_id(),
                "region": get_region(),
                "method": method,
                "path": path,
                "query": query,
                "headers": {
                    name: headers[name] for name in ("x-amz-target", "host", "content-type") if name in headers
                },
            }
            self.journal.append(about, body)
            self.journalled += 1
        return answer

    def get_state(self) -> Any:
        """A snapshot, together with the journal that begins with it. Runs on the event loop."""
        self.snapshot_at = time.monotonic()
        self.journalled = 0
        generation = self.journal.rotate()
        return {**self._get_state(), GENERATION: generation}

    def load_state(self, data: dict[str, Any]) -> None:
        """Restore a snapshot and remember which journal follows it."""
        self._loaded_generation = int(data.pop(GENERATION, 0))
        self._load_state(data)

    async def replay(self) -> int:
        """Handle again what was acknowledged after the snapshot; return how many requests that were."""
        count = 0
        for about, body in self.journal.since(self._loaded_generation):
            set_request_account_id(about["account"])
            set_request_region(about["region"])
            status, _, answer = await self._handle(
                about["method"], about["path"], about["headers"], body, about["query"]
            )
            if status != 200:
                log.error("%s did not accept again what it had accepted: %s", self.name, answer[:200])
            count += 1
        self.journal.discard_before(self._loaded_generation)
        return count


def _action(headers: dict[str, str], body: bytes) -> str:
    target = headers.get("x-amz-target", "")
    if target:
        return target.rsplit(".", 1)[-1]
    for part in body[:4096].split(b"&"):
        if part.startswith(b"Action="):
            return part[7:].decode("latin-1")
    return ""


def _changes_dynamodb(action: str, request: dict[str, Any]) -> bool:
    token = request.get("ClientRequestToken")
    already_done = token is not None and token in dynamodb._txn_idempotency
    return not action.startswith(READING) and not already_done


def _sends_to_sqs(action: str, _request: dict[str, Any]) -> bool:
    return action in REDELIVERED


class Saver:
    """Saves what changed, soon after it changed."""

    def __init__(self, state_dir: Path, journalled: list[JournalledService]) -> None:
        self._state_dir = state_dir
        self._journalled = {service.name: service for service in journalled}
        self._containers = self._names()
        self.dirty = False
        self._lock = asyncio.Lock()

    def watch(self, service: str) -> None:
        """Note requests that change a service without a journal."""
        handle: Handler = ministack.SERVICE_HANDLERS[service]

        async def noting(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
        ) -> Answer:
            answer = await handle(method, path, headers, body, query)
            if _may_change(service, method, path, _action(headers, body)):
                self.dirty = True
            return answer

        ministack.SERVICE_HANDLERS[service] = noting

    @staticmethod
    def _names() -> tuple[frozenset[Any], frozenset[Any]]:
        return frozenset(dynamodb._tables._data), frozenset(sqs._queues._data)

    async def run(self) -> None:
        """Save again and again, until cancelled."""
        while True:
            await asyncio.sleep(SAVE_AFTER_S)
            with contextlib.suppress(OSError):
                await self.save(everything=False)

    async def save(self, *, everything: bool) -> None:
        """Save what is due: services that changed, journalled ones whose journal is long or whose tables changed."""
        async with self._lock:
            due = {
                key: get_state
                for key, get_state in ministack._build_persistence_save_dict().items()
                if everything or self._is_due(key)
            }
            if self.dirty or everything:
                self._containers = self._names()
            self.dirty = False
            states = {key: get_state() for key, get_state in due.items()}
            await asyncio.to_thread(self._write, states)

    def _is_due(self, key: str) -> bool:
        service = self._journalled.get(key)
        if service is None:
            return self.dirty and key not in NOT_WORTH_SAVING and key not in {"cloudwatch", "cloudwatch_logs"}
        if self.dirty and self._containers != self._names():
            return True
        if key == "sqs":
            return bool(service.journalled) and time.monotonic() - service.snapshot_at > SQS_SNAPSHOT_EVERY_S
        return service.journal.size_bytes > SNAPSHOT_AFTER_BYTES

    def _write(self, states: dict[str, Any]) -> None:
        for key, state in states.items():
            if state is None:
                continue
            path = self._state_dir / f"{key}.json"
            before = path.stat().st_ino if path.exists() else 0
            persistence.save_state(key, state)  # logs what fails
            if key in self._journalled and path.exists() and path.stat().st_ino != before:
                self._journalled[key].journal.discard_before(state[GENERATION])


def _may_change(service: str, method: str, path: str, action: str) -> bool:
    if service == "cloudformation":
        return True  # works on after its answers; a deployment asks how far it is until it is done
    if service == "s3":
        return method in {"PUT", "POST", "DELETE"} and path.strip("/").count("/") == 0
    if action:
        return not action.startswith(READING)
    return method != "GET" and not path.endswith("/invocations")


def install(state_dir: Path) -> Any:
    """Put journals and the saver around ministack; return the ASGI application to serve."""
    directory = state_dir / "journal"
    journalled = [
        JournalledService("dynamodb", dynamodb, Journal(directory, "dynamodb"), _changes_dynamodb),
        JournalledService("sqs", sqs, Journal(directory, "sqs"), _sends_to_sqs),
    ]
    saver = Saver(state_dir, journalled)
    for service in set(ministack.SERVICE_HANDLERS) - NOT_WORTH_SAVING:
        saver.watch(service)
    inner = ministack.app
    background: set[asyncio.Task[None]] = set()

    async def start(send: Any, message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            started = time.monotonic()
            counts = [await service.replay() for service in journalled]
            if any(counts):
                log.warning("handled %d requests again in %.1f s", sum(counts), time.monotonic() - started)
            background.add(asyncio.create_task(saver.run()))
        await send(message)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await inner(scope, receive, lambda message: start(send, message))
        elif scope["type"] == "http" and scope["path"] == "/_sansfilm/flush":
            await saver.save(everything=True)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await inner(scope, receive, send)

    return app


def main() -> None:
    """Serve until told to stop."""
    # The repository is not on the path, so that ministack finds nothing of it by accident.
    sys.path.append(str(Path(__file__).parent.parent))
    from localstack import emulator_s3

    sys.path.pop()
    emulator_s3.install()
    ministack.app = install(Path(os.environ["STATE_DIR"]))
    ministack.main()


if __name__ == "__main__":
    main()
