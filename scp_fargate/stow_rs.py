"""Store transaction of the Studies Service, STOW-RS (PS3.18 10.5), for requests of any size (D7)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from aiohttp import ClientError, web
from aws_lambda_powertools import Logger

from chalicelib import errors
from chalicelib.access.audit import who_of
from chalicelib.access.model import Permission, Session
from chalicelib.archive.ports import ObjectStore
from chalicelib.dicom import media_types, uid
from chalicelib.dicom.multipart_reader import (
    MalformedMultipart,
    MultipartReader,
    PartData,
    PartEnd,
    PartStart,
    parse_content_type,
)
from scp_fargate.counts import Counts
from scp_fargate.http_problem import RETRY_AFTER_S, UnsupportedMediaType, bearer_token, problem, refusal
from scp_fargate.quotas import Quotas
from scp_fargate.spool import Spool
from scp_fargate.stow_rs_request import DICOM, DICOM_JSON, InstanceParts, MetadataAndBulkData, Workers
from scp_fargate.stow_rs_response import status_code, store_response
from scp_fargate.stow_rs_store import InstanceStore
from scp_fargate.trail import Trail

MULTIPART = "multipart/related"
STALLED_AFTER_S = 60
"""A caller that sends nothing for so long is cut off."""


@dataclass(frozen=True)
class Payload:
    """What a request says about its body."""

    session: Session
    study_instance_uid: str
    part_type: str
    """`application/dicom` or `application/dicom+json`."""
    boundary: str
    """`""` for a body that is itself one instance."""
    answer_type: str


@dataclass
class StowRs:
    """The Store transaction over HTTP."""

    objects: ObjectStore
    verify: Callable[[str], Session]
    """The session of a token (`access.sessions.verify_session`)."""
    dicomweb_url: str
    counts: Counts
    logger: Logger
    spool: Spool
    workers: Workers
    quotas: Quotas
    trail: Trail
    is_stopping: Callable[[], bool] = field(default=lambda: False)

    async def expect(self, request: web.Request) -> web.StreamResponse | None:
        """Judge the header of a request that waits for `100 Continue` before it sends its body (RFC 9110 10.1.1)."""
        if request.headers.get("Expect", "").lower() != "100-continue":
            return problem(417, "Only 100-continue can be expected.")
        try:
            request["payload"] = await self._payload(request)
        except errors.ArchiveError as error:
            return refusal(error)
        await _write_continue(request)
        return None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Store instances."""
        correlation_id = uuid.uuid4().hex
        try:
            payload: Payload = request.get("payload") or await self._payload(request)
            return await self._store(request, payload, correlation_id)
        except errors.ArchiveError as error:
            return refusal(error)
        except MalformedMultipart as error:
            return problem(400, f"{error} Instances before it may have been stored; sending all again is safe.")
        except TimeoutError:
            return problem(408, "The body did not come in time.")
        except (ClientError, ConnectionError) as error:
            extra = {"correlation_id": correlation_id, "error": type(error).__name__}
            self.logger.warning("STOW-RS request broke off", extra=extra)
            return problem(400, "The body ended early.")

    async def _payload(self, request: web.Request) -> Payload:
        if self.is_stopping():
            raise errors.Unavailable("The archive is being restarted; send again.")
        session = await self._session(request)
        await self.workers.run(self.quotas.admit, session.hospital)
        study = request.match_info.get("study", "")
        if study and not uid.is_valid(study):
            raise errors.BadRequest("The path names no Study Instance UID.")
        answer_type = media_types.json_type(media_types.parse_accept(", ".join(request.headers.getall("Accept", []))))
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaType("A body may not be compressed as a whole.")
        try:
            media_type, parameters = parse_content_type(request.headers.get("Content-Type", ""))
        except MalformedMultipart as error:
            raise UnsupportedMediaType(str(error)) from error
        if media_type == DICOM:
            return Payload(session, study, DICOM, "", answer_type)
        part_type = parameters.get("type", DICOM).lower()
        if media_type != MULTIPART or part_type not in (DICOM, DICOM_JSON):
            raise UnsupportedMediaType(
                f'Send {DICOM}, or {MULTIPART} with type="{DICOM}" or type="{DICOM_JSON}".',
            )
        return Payload(session, study, part_type, parameters.get("boundary", ""), answer_type)

    async def _session(self, request: web.Request) -> Session:
        session = await self.workers.run(self.verify, bearer_token(request))
        if not session.may(Permission.STORE_INSTANCES) or not session.hospital:
            raise errors.NotAllowed("Your role does not permit this.")
        return session

    async def _store(self, request: web.Request, payload: Payload, correlation_id: str) -> web.Response:
        # What cannot be a boundary is told before anything is read.
        reader = MultipartReader(payload.boundary) if payload.boundary or payload.part_type != DICOM else None
        if reader is None and request.content_type == MULTIPART:
            raise MalformedMultipart("The boundary is missing.")
        store = InstanceStore(
            self.objects, self.spool, self.counts, self.logger, payload.session.hospital, payload.study_instance_uid,
            correlation_id, self.quotas,
        )  # fmt: skip
        parts: InstanceParts | MetadataAndBulkData
        parts = (InstanceParts if payload.part_type == DICOM else MetadataAndBulkData)(store, self.workers)
        self.counts.add("stow_requests")
        try:
            if reader is None:
                await parts.take(PartStart({}))
            async for piece in _body(request):
                for event in reader.feed(piece) if reader else (PartData(piece),):
                    await parts.take(event)
            if reader is None:
                await parts.take(PartEnd())
            else:
                reader.close()
            outcomes = await parts.finish()
        finally:
            await parts.close()
        status = status_code(outcomes)
        stored = sum(outcome.is_stored for outcome in outcomes)
        caller = who_of(payload.session, request.headers.get("X-Viewer-Address", "") or request.remote or "")
        for study in {outcome.study_instance_uid for outcome in outcomes if outcome.is_stored}:
            self.trail.stored(replace(caller, session_id=correlation_id), payload.session.hospital, study)
        store.log("STOW-RS", status=status, instances=len(outcomes), stored=stored)
        body = json.dumps(store_response(outcomes, self.dicomweb_url)).encode()
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
        return web.Response(status=status, body=body, content_type=payload.answer_type, headers=headers)


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    """The body in pieces as they come; `TimeoutError` when none does."""
    while True:
        async with asyncio.timeout(STALLED_AFTER_S):
            piece = await request.content.readany()
        if not piece:
            return
        yield piece


async def _write_continue(request: web.Request) -> None:
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # It is no part of the response, whose header has not been written.
    request.writer.output_size = 0
