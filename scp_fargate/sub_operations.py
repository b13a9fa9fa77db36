"""Sub-operations of C-MOVE and C-GET (PS3.4 C.4.2.1.6 to C.4.2.1.8): counters, pending and final responses."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum

from chalicelib.archive.search_results import element
from chalicelib.dicom.data_set_writer import encode_data_set
from scp_fargate import dimse_status
from scp_fargate.dimse_status import Status
from scp_fargate.operation import Operation

FAILED_SOP_INSTANCE_UID_LIST = "00080058"
LARGEST_COUNT = 0xFFFF
"""Counters have VR US (PS3.7 9.1.3.1.5): more than they can say is said as this many."""
LONGEST_FAILED_LIST = 20_000
PENDING_INTERVAL_S = 0.2
"""Requestors show progress by pending responses; more of them would cost more than the small images they tell of."""


class Outcome(Enum):
    """What became of a C-STORE sub-operation."""

    COMPLETED = "completed"
    WARNING = "warning"
    FAILED = "failed"


WARNINGS = frozenset({0x0001, 0x0107, 0x0116, 0xB000, 0xB006, 0xB007})


def outcome_of(status: int) -> Outcome:
    """Outcome that a C-STORE response tells (PS3.4 table B.2-1)."""
    if status == dimse_status.SUCCESS:
        return Outcome.COMPLETED
    return Outcome.WARNING if status in WARNINGS else Outcome.FAILED


@dataclass
class SubOperations:
    """Counts of one C-MOVE or C-GET."""

    total: int
    """Expected when the operation began; instances may come while it runs."""
    completed: int = 0
    warning: int = 0
    failed: int = 0
    failed_uids: list[str] = field(default_factory=list)
    last_pending: float = 0.0

    def add(self, outcome: Outcome, sop_instance_uid: str) -> None:
        """Count a sub-operation that ended."""
        if outcome is Outcome.COMPLETED:
            self.completed += 1
        elif outcome is Outcome.WARNING:
            self.warning += 1
        else:
            self.failed += 1
            if len(self.failed_uids) < LONGEST_FAILED_LIST:
                self.failed_uids.append(sop_instance_uid)

    @property
    def remaining(self) -> int:
        """Sub-operations that have not ended."""
        return max(0, self.total - self.completed - self.warning - self.failed)

    def counters(self, with_remaining: bool) -> dict[str, int]:
        """Counters of a response, by the names of pynetdicom."""
        counts = {"Completed": self.completed, "Failed": self.failed, "Warning": self.warning}
        if with_remaining:
            counts["Remaining"] = self.remaining
        return {f"NumberOf{name}Suboperations": min(count, LARGEST_COUNT) for name, count in counts.items()}

    def send_pending(self, operation: Operation) -> None:
        """Send a pending response, unless the last one was sent just now."""
        now = time.monotonic()
        if now - self.last_pending >= PENDING_INTERVAL_S:
            self.last_pending = now
            operation.respond(Status(dimse_status.PENDING), counters=self.counters(with_remaining=True))

    def final_status(self, cancelled: bool) -> Status:
        """Status of the final response (PS3.4 table C.4-2)."""
        if cancelled:
            return Status(dimse_status.CANCEL)
        if not self.failed and not self.warning:
            return Status(dimse_status.SUCCESS)
        if not self.completed and not self.warning:
            return Status(dimse_status.UNABLE_TO_PERFORM_SUB_OPERATIONS, "No instance could be sent")
        return Status(dimse_status.SUB_OPERATIONS_WITH_FAILURES)

    def send_final(self, operation: Operation, cancelled: bool) -> Status:
        """Send the final response with the UIDs that failed; return its status."""
        status = self.final_status(cancelled)
        identifier = b""
        if self.failed_uids:
            failed = {FAILED_SOP_INSTANCE_UID_LIST: element("UI", *self.failed_uids)}
            identifier = encode_data_set(failed, operation.implicit_vr)
        operation.respond(status, identifier, self.counters(with_remaining=cancelled))
        return status
