"""Associations as the archive accepts them: who calls, bounded memory, bounded waiting."""

from __future__ import annotations

import ssl
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools import Logger
from pynetdicom.acse import ACSE
from pynetdicom.association import MODE_ACCEPTOR, Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE, C_STORE, N_ACTION, N_EVENT_REPORT
from pynetdicom.pdu_primitives import P_DATA, AsynchronousOperationsWindowNegotiation
from pynetdicom.transport import AssociationSocket

from chalicelib.archive.ports import IndexReader, ObjectStore, Renderer
from scp_fargate import c_find, c_get, c_move, c_store, n_action
from scp_fargate.c_find import Extensions
from scp_fargate.commitments import Commitments, EventReports, Report
from scp_fargate.counts import Counts
from scp_fargate.limits import HospitalAssociations
from scp_fargate.p_data import StorageDul
from scp_fargate.pdu import SLOWEST_PDU_S
from scp_fargate.presentation_contexts import service_of

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

    from chalicelib.access.model import Hospital
    from scp_fargate.callers import Callers, Remembered
    from scp_fargate.outgoing import Outgoing
    from scp_fargate.quotas import Quotas
    from scp_fargate.sent_meter import SentMeter
    from scp_fargate.tls import Tls
    from scp_fargate.trail import Trail

LARGEST_PDU_BYTES = 1 << 20
"""Larger than what is negotiated and than any A-ASSOCIATE-RQ; a peer that exceeds it is cut off."""
RECEIVE_CHUNK_BYTES = 256 << 10
STALLED_AFTER_S = 30
LARGEST_BACKLOG = 4
"""Requests that a peer may send ahead; more that wait mean a peer that does not keep to what was agreed on."""
LARGEST_WINDOW = 8
"""C-STORE sub-operations of a C-GET that go out at once, where the peer allows it."""


@dataclass(frozen=True)
class Archive:
    """What every association uses."""

    objects: ObjectStore
    callers: Callers
    counts: Counts
    logger: Logger
    memory: Memory
    index_reader: IndexReader
    renderer: Renderer
    commitments: Commitments
    maximum_matches: int
    move_associations: int
    slow_peer_grace_s: int
    hospitals: Remembered[Hospital]
    hospital_associations: HospitalAssociations
    quotas: Quotas
    outgoing: Outgoing
    trail: Trail
    sent: SentMeter
    tls: Tls | None
    """None: there is no TLS port."""
    own_c_store_path: bool = True
    """False: C-STORE goes through pynetdicom as every other service does (docs/adr/0010-c-store-path.md)."""


class Memory:
    """Bytes of data sets under way in this process, up to a limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._used = 0
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> bool:
        """Reserve; return False when the limit would be passed."""
        with self._lock:
            if self._used + size_bytes > self._limit:
                return False
            self._used += size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Release what was taken."""
        with self._lock:
            self._used -= size_bytes


class _Discarded(BytesIO):
    """Takes the rest of a data set that does not fit and keeps nothing, so that the peer gets an answer."""

    def write(self, data: Any) -> int:
        return len(data)


class BoundedDimse(DIMSEServiceProvider):
    """DIMSE with its data sets counted against the memory of the process."""

    assoc: IncomingAssociation

    def __init__(self, association: IncomingAssociation, memory: Memory) -> None:
        super().__init__(association)
        self._memory = memory
        self._receiving_bytes = 0
        self._waiting_bytes: deque[int] = deque()
        """Of each message that was received and not yet served, in order."""

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take in P-DATA; runs in the thread that reads the association's socket."""
        if self.msg_queue.qsize() >= LARGEST_BACKLOG + self.assoc.sub_operations_at_once:
            raise RuntimeError("too many requests without waiting for responses")
        if self.message is not None and not self.is_discarded(self.message.data_set):
            size = sum(len(data) for _, data in primitive.presentation_data_value_list)
            if self._memory.take(size):
                self._receiving_bytes += size
            else:
                self.message.data_set = _Discarded()
                self._memory.give_back(self._receiving_bytes)
                self._receiving_bytes = 0
        super().receive_primitive(primitive)
        if self.message is None:
            self._waiting_bytes.append(self._receiving_bytes)
            self._receiving_bytes = 0

    def get_msg(self, block: bool = False) -> Any:
        """The next message for the association's loop: an event report that has to be sent comes like a request."""
        if not block and threading.current_thread() is self.assoc:
            if self.assoc.revoked and self.message is None:
                self.assoc.abort()
                return None, None
            report = self.assoc.event_reports.next()
            if report is not None:
                return report.context.context_id, report
        return super().get_msg(block)

    def is_discarded(self, data_set: BytesIO | None) -> bool:
        """Whether a data set did not fit into memory."""
        return isinstance(data_set, _Discarded)

    def served(self) -> None:
        """Give back what the oldest request took."""
        if self._waiting_bytes:
            self._memory.give_back(self._waiting_bytes.popleft())

    def close(self) -> None:
        """Give back everything; the association is over and its threads have stopped receiving."""
        self._memory.give_back(self._receiving_bytes)
        self._receiving_bytes = 0
        while self._waiting_bytes:
            self.served()


class BoundedSocket(AssociationSocket):
    """Reads whole PDUs in large pieces, refuses absurd ones, gives up on a stalled peer."""

    _unread = b""

    def unread(self, data: bytes) -> None:
        """Let `recv` return these bytes before anything else."""
        self._unread = data + self._unread

    def take_unread(self) -> bytes:
        """What `unread` put back."""
        data, self._unread = self._unread, b""
        return data

    @property
    def ready(self) -> bool:
        """Whether there is something to read."""
        return bool(self._unread) or super().ready

    def recv(self, nr_bytes: int) -> bytearray:
        """Read exactly that many bytes, fewer when the connection ends.

        Raises
        ------
        OSError
            If the peer announces a PDU beyond every limit, stalls, or sends it byte by byte.
        """
        if nr_bytes > LARGEST_PDU_BYTES:
            raise OSError(f"PDU of {nr_bytes} bytes")
        received = bytearray(nr_bytes)
        view = memoryview(received)
        late_at = time.monotonic() + SLOWEST_PDU_S
        position = min(len(self._unread), nr_bytes)
        view[:position] = self._unread[:position]
        self._unread = self._unread[position:]
        while position < nr_bytes:
            count = self.socket.recv_into(view[position : position + RECEIVE_CHUNK_BYTES])
            if not count:
                return bytearray(view[:position])
            position += count
            if time.monotonic() > late_at:
                raise OSError("PDU takes too long")
        return received


def nothing() -> None:
    """What is to be done at an end where there is nothing to do."""


class WindowedAcse(ACSE):
    """Association control that grants an Asynchronous Operations Window (PS3.7 D.3.3.3): pynetdicom answers (1, 1)."""

    def _check_async_ops(self) -> AsynchronousOperationsWindowNegotiation:
        """The answer to what was asked for, where 0 means any number.

        Requests sent ahead wait for their turn and are answered in order; sub-operations of a C-GET go out as many at
        once.
        """
        invoked, performed = self.requestor.asynchronous_operations
        association = cast("IncomingAssociation", self.assoc)
        association.sub_operations_at_once = min(performed or LARGEST_WINDOW, LARGEST_WINDOW)
        item = AsynchronousOperationsWindowNegotiation()
        item.maximum_number_operations_invoked = min(invoked or LARGEST_BACKLOG, LARGEST_BACKLOG)
        item.maximum_number_operations_performed = association.sub_operations_at_once
        return item


class IncomingAssociation(Association):
    """An association that a modality or PACS opened."""

    def __init__(self, ae: Any, archive: Archive) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self.archive = archive
        self.objects = archive.objects
        self.counts = archive.counts
        self.correlation_id = uuid.uuid4().hex
        self.calling_ae_title = ""
        self.hospital = ""
        self.services: frozenset[str] = frozenset()
        self.extensions: dict[str, Extensions] = {}
        """By C-FIND SOP class."""
        self.relational_retrieve: set[str] = set()
        """SOP classes of C-MOVE and C-GET under which keys above the level may be missing."""
        self.sub_operations_at_once = 1
        """C-STORE sub-operations of a C-GET that the peer takes at once (PS3.7 D.3.3.3)."""
        self.event_reports = EventReports()
        self.admitted = True
        """False: there are as many associations as there may be; the request is rejected for now."""
        self.on_end: Callable[[], None] = nothing
        self.certificate_fingerprint = ""
        """SHA-256 of the certificate that the peer showed; "" without TLS."""
        self.revoked = False
        """Whether it is to end after the message under way: its application entity may have it no more."""
        self.end_of_hospital: Callable[[], None] = nothing
        """Ends what `HospitalAssociations.begin` began."""
        self.acse = WindowedAcse(self)
        self.dimse = BoundedDimse(self, archive.memory)
        if archive.own_c_store_path:
            self.dul = StorageDul(self)

    @property
    def certificate(self) -> bytes:
        """The certificate (DER) that the peer showed; empty without TLS, or when the connection is over."""
        connection = getattr(self.dul.socket, "socket", None)
        if not isinstance(connection, ssl.SSLSocket):
            return b""
        try:
            return connection.getpeercert(binary_form=True) or b""
        except (OSError, ValueError):
            return b""

    def log(self, message: str, level: str = "info", **fields: Any) -> None:
        """One JSON line with the association's correlation id. Never pass a patient's data."""
        getattr(self.archive.logger, level)(
            message,
            extra={
                "correlation_id": self.correlation_id,
                "calling_ae_title": self.calling_ae_title,
                "hospital": self.hospital,
                **fields,
            },
        )

    def log_unforeseen(self, message: str, error: Exception) -> None:
        """Kind and place of an unforeseen error, without its text."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        self.log(message, level="error", error=type(error).__name__, place=place)

    def run(self) -> None:
        """Thread of the association."""
        try:
            super().run()
        finally:
            if self.dul.is_alive():
                self.dul.join(STALLED_AFTER_S)
            self.dimse.close()
            self.end_of_hospital()
            self.on_end()

    def _serve_request(self, msg: Any, context_id: int) -> None:
        """C-STORE goes to the archive under every SOP class, private ones included; the rest as pynetdicom does."""
        if isinstance(msg, Report):
            self.dimse.send_msg(msg.event, context_id)
            return
        context = self._accepted_cx.get(context_id)
        try:
            serve = _SERVICES.get(type(msg)) if context is not None and msg.MessageID is not None else None
            if isinstance(msg, N_EVENT_REPORT) and msg.MessageIDBeingRespondedTo is not None:
                self.event_reports.heard(msg)
            elif serve and _is_of(context, msg):
                serve(self, msg, context)
            else:
                super()._serve_request(msg, context_id)
        finally:
            self.dimse.served()


_SERVICES: dict[type, Callable[[IncomingAssociation, Any, Any], None]] = {
    C_STORE: c_store.serve,
    C_FIND: c_find.serve,
    C_MOVE: c_move.serve,
    C_GET: c_get.serve,
    N_ACTION: n_action.serve,
}
_SERVICE_NUMBERS = {C_FIND: ".1", C_MOVE: ".2", C_GET: ".3"}


def _is_of(context: PresentationContext, request: Any) -> bool:
    """Whether a request belongs under its presentation context: C-STORE is judged where it is served."""
    number = _SERVICE_NUMBERS.get(type(request))
    return number is None or (service_of(context.abstract_syntax) in ("query", "retrieve") and
                              context.abstract_syntax.endswith(number))  # fmt: skip
