"""Answers Storage Commitment requests: on the association that asked while it is open, else on a new one, for hours."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.presentation import PresentationContext

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.ports import IndexReader, ObjectStore
from chalicelib.archive.storage_commitment import CommitmentRequest, Outcomes, PendingCommitments, commit, is_final
from chalicelib.settings import Settings
from scp_fargate import n_event_report
from scp_fargate.counts import Counts
from scp_fargate.outgoing import Outgoing

if TYPE_CHECKING:
    from scp_fargate.association import IncomingAssociation

LOOK_EVERY_S = 2.0
LONGEST_RETRY_S = 3600
GIVE_UP_AFTER_S = 48 * 3600
CLOSE_TIMEOUT_S = 5
"""A report that takes longer is left to its lease."""


@dataclass
class Report:
    """A report on its way on the association that asked for it."""

    request: CommitmentRequest
    association: IncomingAssociation
    context: PresentationContext
    event: N_EVENT_REPORT | None = None
    message_id: int = 0
    sent_at: float = 0.0
    answered: threading.Event = field(default_factory=threading.Event)
    status: int = -1


class EventReports:
    """Reports of one association: its own thread sends them between requests and hears the responses."""

    def __init__(self) -> None:
        self._to_send: deque[Report] = deque()
        self._sent: dict[int, Report] = {}
        self._message_id = 0

    def put(self, report: Report) -> None:
        """Have a report sent."""
        self._to_send.append(report)

    def next(self) -> Report | None:
        """A report that has to be sent now."""
        if not self._to_send:
            return None
        report = self._to_send.popleft()
        self._message_id = self._message_id % 0xFFFF + 1
        report.message_id = self._message_id
        if report.event is not None:
            report.event.MessageID = report.message_id
        self._sent[report.message_id] = report
        return report

    def heard(self, response: N_EVENT_REPORT) -> None:
        """Take a response."""
        report = self._sent.pop(response.MessageIDBeingRespondedTo, None)
        if report is not None:
            report.status = response.Status if response.Status is not None else -1
            report.answered.set()


class Commitments:
    """Storage commitment of one process. `close` hands what is under way to whoever comes next."""

    def __init__(
        self,
        settings: Settings,
        pending: PendingCommitments,
        index: IndexReader,
        objects: ObjectStore,
        look_up: Callable[[str], ApplicationEntity | None],
        outgoing: Outgoing,
        counts: Counts,
        logger: Logger,
    ) -> None:
        self._settings = settings
        self._pending = pending
        self._index = index
        self._objects = objects
        self._look_up = look_up
        self._outgoing = outgoing
        self._counts = counts
        self._logger = logger
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._asked: list[Report] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    # Requests -----------------------------------------------------------------------------------------------------

    def accept(self, request: CommitmentRequest) -> None:
        """Keep a request, for this process first.

        Raises
        ------
        errors.TooMuch, errors.Unavailable
            See `PendingCommitments.put`.
        """
        self._pending.put(replace(request, due_ms=self._later_ms(self._settings.commitment_lease_s)))

    def report_on(
        self, association: IncomingAssociation, context: PresentationContext, request: CommitmentRequest
    ) -> None:
        """Answer a kept request on the association that asked, as long as it is open."""
        with self._lock:
            self._asked.append(Report(request, association, context))
            if not any(thread.name == "commitments" for thread in self._threads):
                self._start("commitments", self._answer_asked)
        self._wake.set()

    def retry(self) -> None:
        """Answer, until `close`, what no association is left for: one process of a container does."""
        self._start("commitment-retries", self._answer_due)

    def close(self) -> None:
        """Stop; what is not answered may be taken up by another process at once."""
        self._closing.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(CLOSE_TIMEOUT_S)

    def _start(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # On the association that asked --------------------------------------------------------------------------------

    def _answer_asked(self) -> None:
        while not self._closing.is_set():
            with self._lock:
                reports = list(self._asked)
            for report in reports:
                if self._guarded(lambda report=report: self._go_on(report), default=True):  # type: ignore[misc]
                    with self._lock:
                        self._asked.remove(report)
            self._wake.wait(0.1 if any(report.sent_at for report in reports) else LOOK_EVERY_S if reports else None)
            self._wake.clear()
        for report in self._asked:
            self._guarded(lambda report=report: self._pending.postpone(report.request, self._later_ms(0)), default=None)  # type: ignore[misc]

    def _go_on(self, report: Report) -> bool:
        """Judge or deliver; return whether there is nothing left to do on this association."""
        if report.answered.is_set() and n_event_report.is_taken(report.status):
            self._delivered(report.request, "same")
            return True
        waited_s = time.monotonic() - report.sent_at if report.sent_at else 0.0
        is_lost = not report.association.is_established or waited_s > n_event_report.RESPONSE_TIMEOUT_S
        if is_lost or report.answered.is_set():
            self._pending.postpone(report.request, self._later_ms(0))
            return True
        if not report.sent_at:
            outcomes = self._outcomes(report.request)
            if outcomes is not None:
                event_type, information = self._event(report.request, outcomes)
                report.event = n_event_report.primitive(event_type, information, report.context, 1)
                report.sent_at = time.monotonic()
                report.association.event_reports.put(report)
                self._wake.set()
        return False

    # On a new association -----------------------------------------------------------------------------------------

    def _answer_due(self) -> None:
        while not self._closing.wait(LOOK_EVERY_S):
            self._guarded(self._answer_all_due, default=None)

    def _answer_all_due(self) -> None:
        for seen in self._pending.due(self._later_ms(0)):
            if self._closing.is_set():
                return
            request = self._pending.take(seen, self._later_ms(self._settings.commitment_lease_s))
            if request is not None:
                self._guarded(lambda request=request: self._answer(request), default=None)  # type: ignore[misc]

    def _answer(self, request: CommitmentRequest) -> None:
        outcomes = self._outcomes(request)
        if outcomes is None:
            self._pending.postpone(replace(request, attempts=request.attempts - 1), self._later_ms(LOOK_EVERY_S))
            return
        destination = self._look_up(request.ae_title)
        if destination is not None and destination.hospital == request.hospital and destination.host:
            event_type, information = self._event(request, outcomes)
            if n_event_report.send(self._outgoing, destination, event_type, information):
                self._delivered(request, "new")
                return
        age_s = time.time() - request.requested_at_ms / 1000
        if age_s > GIVE_UP_AFTER_S:
            self._counts.add("commitments_given_up")
            self._log("storage commitment report given up", request, level="error")
            self._pending.remove(request)
            return
        pause_s = min(self._settings.commitment_retry_s * 2 ** (request.attempts - 1), LONGEST_RETRY_S)
        self._log("storage commitment report not delivered", request, level="warning", retry_in_s=pause_s)
        self._pending.postpone(request, self._later_ms(pause_s))

    # Both ---------------------------------------------------------------------------------------------------------

    def _outcomes(self, request: CommitmentRequest) -> Outcomes | None:
        """Judge; None while instances may still be on their way into the index."""
        outcomes = commit(self._index, self._objects, request.hospital, request.references)
        wait_ms = self._settings.commitment_wait_s * 1000
        return outcomes if is_final(outcomes, request, self._later_ms(0), wait_ms) else None

    def _event(self, request: CommitmentRequest, outcomes: Outcomes) -> tuple[int, Any]:
        failed = sum(1 for reason in outcomes.values() if reason)
        self._log("storage commitment judged", request, committed=len(outcomes) - failed, failed=failed)
        return n_event_report.event_information(request, outcomes, self._settings.ae_title)

    def _delivered(self, request: CommitmentRequest, association: str) -> None:
        self._counts.add("commitment_reports")
        self._log("storage commitment reported", request, association=association)
        self._pending.remove(request)

    def _guarded(self, work: Callable[[], Any], default: Any) -> Any:
        """Run; what fails is logged without its text, and taken up again when its lease ends."""
        try:
            return work()
        except errors.ArchiveError as error:
            self._logger.warning("storage commitment interrupted", extra={"error": type(error).__name__})
        except Exception as error:
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            at = f"{place.tb_frame.f_code.co_filename.rpartition('/')[2]}:{place.tb_lineno}" if place else ""
            self._logger.error("storage commitment failed", extra={"error": type(error).__name__, "place": at})
        return default

    def _log(self, message: str, request: CommitmentRequest, level: str = "info", **fields: Any) -> None:
        extra = {
            "ae_title": request.ae_title,
            "hospital": request.hospital,
            "transaction_uid": request.transaction_uid,
            "attempts": request.attempts,
            **fields,
        }
        getattr(self._logger, level)(message, extra=extra)

    @staticmethod
    def _later_ms(seconds: float) -> int:
        return int((time.time() + seconds) * 1000)
