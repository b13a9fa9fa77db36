"""What answers of DICOMweb and shares are to the meters (docs/adr/0030)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from chalice.app import Request, Response

from chalicelib import errors, wiring, wiring_meters
from chalicelib.access.model import Role, Session
from chalicelib.access.sessions import session_from_context
from chalicelib.access.share_model import Share
from chalicelib.archive.model import RenderedBody, StudyRecord
from chalicelib.archive.ports import Renderer
from chalicelib.billing import facts

KIND_OF_ROLE = {Role.PATIENT: "patient", Role.PROXY: "patient", Role.GUEST: "share", Role.GATEWAY: "API"}
CONVERTED = "metered_transcodes"
"""In a request's context: how many conversions its answer took."""
CONVERSIONS = ("transcode", "transcode_frames")
HANDED_OVER = "metered_bytes"
"""In a request's context: how many bytes the signed address leads to that it was answered with."""
PICTURES = ("/rendered", "/thumbnail")
ANSWERED = (200, 206, 304, 307)


class CountedRenderer:
    """The renderer, which notes in a request's context what it converts."""

    def __init__(self, renderer: Renderer, request: Request) -> None:
        self._renderer = renderer
        self._context = request.context

    def render(self, request: Mapping[str, object]) -> RenderedBody:
        """As `archive.ports.Renderer`."""
        made = self._renderer.render(request)
        self._context[CONVERTED] = self._context.get(CONVERTED, 0) + int(request["operation"] in CONVERSIONS)
        return made


def renderer_for(request: Request) -> CountedRenderer:
    """What renders and converts for a request."""
    return CountedRenderer(wiring.renderer(), request)


def count_reads(request: Request, next_handler: Callable[[Request], Response]) -> Response:
    """Count requests, bytes, pictures and conversions of DICOMweb; no request waits for it, and none fails by it."""
    response = next_handler(request)
    route = request.context.get("resourcePath", "")
    if route.startswith("/dicomweb/") and response.status_code in ANSWERED:
        try:
            session = session_from_context(request.context.get("authorizer") or {})
        except errors.ArchiveError:
            return response  # a public route
        hospital = _hospital(request, session)
        if hospital:
            kind = "API" if session.services is not None else KIND_OF_ROLE.get(session.role, "viewer")
            wiring_meters.read_meter().add(hospital, kind, _quantities(request, response, route))
    return response


def _quantities(request: Request, response: Response, route: str) -> dict[str, int]:
    sent = len(response.body or b"") if response.status_code in (200, 206) and request.method != "HEAD" else 0
    is_picture = route.endswith(PICTURES) and response.status_code != 304
    return {
        facts.REQUESTS_OUT: 1,
        facts.BYTES_OUT: sent + int(request.context.get(HANDED_OVER, 0)),
        facts.RENDERINGS: int(is_picture),
        facts.TRANSCODES: int(request.context.get(CONVERTED, 0)),
    }


def _hospital(request: Request, session: Session) -> str:
    """The one that the request names, if the session sees it; else that of the session; else the first it sees."""
    candidates = session.scope.candidate_hospitals()
    query = request.query_params
    named = query.get("hospital", "") if query else ""
    return named if named in candidates else session.hospital or (candidates[0] if candidates else "")


def meter_share(share: Share, studies: Iterable[StudyRecord]) -> None:
    """A share that was made, for each of its studies. What cannot be recorded is not billed."""
    now_ms = int(time.time() * 1000)
    for study in studies:
        uid = study.study_instance_uid
        fact = facts.MeterFact(study.hospital, facts.SHARES, f"{share.share_id}|{uid}", 1, now_ms, subject=uid)
        try:
            wiring_meters.facts().record(fact)
        except errors.ArchiveError as error:
            wiring.logger("api").warning("share not metered", extra={"error": type(error).__name__})
