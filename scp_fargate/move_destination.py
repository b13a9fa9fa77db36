"""Associations to the destination of a C-MOVE: proposed after what is to be sent, several at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.model import InstanceRecord
from scp_fargate.operation import PeerGone, acknowledge_at_once, drop, set_no_delay
from scp_fargate.outgoing import Outgoing
from scp_fargate.reactor_checkpoint import keep_responses
from scp_fargate.storage_scu import LARGEST_PDU_BYTES, UNCOMPRESSED, StorageScu

if TYPE_CHECKING:
    from pynetdicom.association import Association

BATCH = 1000
"""Instances looked at before an association is proposed for them."""
MOST_CONTEXTS = 128
CONNECT_TIMEOUT_S = 10
ACSE_TIMEOUT_S = 15
WORTH_ANOTHER = 10
"""Instances for which one more association pays."""
DECLINED_FOR_S = 3600.0
LARGEST_MEMORY = 1000
WINDOW = 8
"""Outstanding sub-operations proposed to the destination; most answer that they take one at a time."""

Pair = tuple[str, str]
"""SOP class and transfer syntax."""


def batches(records: Iterable[InstanceRecord]) -> Iterator[list[InstanceRecord]]:
    """Records in groups that one association can carry: no more than `BATCH`, no more contexts than PS3.8 allows."""
    batch: list[InstanceRecord] = []
    pairs: frozenset[Pair] = frozenset()
    for record in records:
        more = pairs | proposed_pairs([record])
        if len(batch) == BATCH or len(more) > MOST_CONTEXTS:
            yield batch
            batch, more = [], proposed_pairs([record])
        batch.append(record)
        pairs = more
    if batch:
        yield batch


def proposed_pairs(records: Iterable[InstanceRecord]) -> frozenset[Pair]:
    """Contexts for records: each class in each stored syntax, and uncompressed in case that is refused."""
    pairs = {(record.sop_class_uid, record.transfer_syntax_uid) for record in records}
    return frozenset(pairs | {(sop_class, syntax) for sop_class, _ in pairs for syntax in UNCOMPRESSED})


class Remaining:
    """Records that wait to be sent, shared by the threads of one batch."""

    def __init__(self, records: Iterable[InstanceRecord]) -> None:
        self._records = deque(records)
        self._lock = threading.Lock()
        self._helpers: list[threading.Thread] | None = []

    def __iter__(self) -> Iterator[InstanceRecord]:
        while True:
            with self._lock:
                if not self._records:
                    return
                record = self._records.popleft()
            yield record

    def put_back(self, records: Iterable[InstanceRecord]) -> None:
        """Return records that were taken and not sent."""
        with self._lock:
            self._records.extendleft(reversed(list(records)))

    def join(self, helper: threading.Thread) -> bool:
        """Whether a thread may begin to send; False once the batch is closed."""
        with self._lock:
            if self._helpers is None or not self._records:
                return False
            self._helpers.append(helper)
            return True

    def close(self) -> list[threading.Thread]:
        """Let no thread begin any more; those that did."""
        with self._lock:
            helpers, self._helpers = self._helpers or [], None
        return helpers

    def take_all(self) -> list[InstanceRecord]:
        """Everything that is left."""
        with self._lock:
            left, self._records = list(self._records), deque()
        return left


class Declined:
    """Destinations that do not grant a second association, remembered for a while. Safe to share between threads."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, ae_title: str) -> None:
        """Remember one."""
        if len(self._until) >= LARGEST_MEMORY:
            self._until.clear()
        self._until[ae_title] = time.monotonic() + DECLINED_FOR_S

    def __contains__(self, ae_title: str) -> bool:
        return self._until.get(ae_title, 0.0) > time.monotonic()


DECLINED = Declined()


class Destination:
    """Associations with a move destination, opened as needed and kept from one batch to the next.

    Parameters
    ----------
    make_scu
        Makes a `StorageScu` of an association and its window.
    """

    def __init__(
        self,
        outgoing: Outgoing,
        destination: ApplicationEntity,
        associations: int,
        make_scu: Callable[[Association, int], StorageScu],
    ) -> None:
        self._ae = AE(ae_title=outgoing.ae_title)
        self._ae.maximum_pdu_size = LARGEST_PDU_BYTES
        self._ae.connection_timeout = CONNECT_TIMEOUT_S
        self._ae.acse_timeout = ACSE_TIMEOUT_S
        self._ae.network_timeout = None
        self._destination = destination
        self._outgoing = outgoing
        self._most = associations
        self._make_scu = make_scu
        self._idle: list[StorageScu] = []
        self._pairs: frozenset[Pair] = frozenset()
        self._lock = threading.Lock()

    def send(self, records: list[InstanceRecord], check: Callable[[], None]) -> list[InstanceRecord]:
        """Send a batch over as many associations as the destination grants; return what could not be tried.

        The first association does not wait for the others: a destination that serves one at a time leaves them
        waiting. `check` raises to stop.
        """
        pairs = proposed_pairs(records)
        if not pairs <= self._pairs:
            self.close()
            self._pairs = pairs
        remaining = Remaining(records)
        first = self._take()
        if first is None:
            return records
        wanted = 1 if self._destination.ae_title in DECLINED else min(self._most, -(-len(records) // WORTH_ANOTHER))
        helpers = [
            threading.Thread(target=self._help, args=(remaining, check), name="move", daemon=True)
            for _ in range(wanted - 1)
        ]
        for helper in helpers:
            helper.start()
        self._run(first, remaining, check)
        for helper in remaining.close():
            helper.join()
        return remaining.take_all()

    def _help(self, remaining: Remaining, check: Callable[[], None]) -> None:
        scu = self._take()
        if scu is None:
            DECLINED.add(self._destination.ae_title)
        elif remaining.join(threading.current_thread()):
            self._run(scu, remaining, check)
        else:
            self._release(scu)

    def _run(self, scu: StorageScu, remaining: Remaining, check: Callable[[], None]) -> None:
        try:
            scu.send_all(remaining, check)
        except Stop:
            pass
        except PeerGone:
            remaining.put_back(scu.unsent)
            drop(scu.association)
            scu.association._reactor_checkpoint.set()
            return
        remaining.put_back(scu.unsent)
        with self._lock:
            self._idle.append(scu)

    def _take(self) -> StorageScu | None:
        """An association that is idle, or a new one; None if the destination grants none."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        association = self._associate()
        if association is None:
            return None
        window, _ = association.acceptor.asynchronous_operations
        return self._make_scu(association, min(max(window, 1), WINDOW))

    def _associate(self) -> Association | None:
        try:
            route = self._outgoing.route(self._destination)
        except (OSError, UnicodeError, errors.Conflict):
            return None
        asynchronous = AsynchronousOperationsWindowNegotiation()
        asynchronous.maximum_number_operations_invoked = WINDOW
        asynchronous.maximum_number_operations_performed = 1
        association = self._ae.associate(
            route.address,
            route.port,
            contexts=contexts(self._pairs),
            ae_title=self._destination.ae_title,
            max_pdu=LARGEST_PDU_BYTES,
            tls_args=route.tls_args,
            ext_neg=[asynchronous],
            evt_handlers=[
                (evt.EVT_CONN_OPEN, set_no_delay),
                (evt.EVT_CONN_OPEN, keep_responses),
                (evt.EVT_DATA_SENT, acknowledge_at_once),
            ],
        )
        if not association.is_established:
            return None
        # pynetdicom's own loop must not take the responses.
        association._reactor_checkpoint.clear()
        return association

    def _release(self, scu: StorageScu) -> None:
        scu.association._reactor_checkpoint.set()
        if scu.association.is_established:
            scu.association.release()

    def close(self) -> None:
        """Release every association."""
        with self._lock:
            idle, self._idle = self._idle, []
        for scu in idle:
            self._release(scu)


class Stop(Exception):
    """The C-MOVE was cancelled or its requestor is gone: take no new instance."""


def contexts(pairs: Iterable[Pair]) -> list[PresentationContext]:
    """Presentation contexts of one transfer syntax each, so that the destination says yes or no to every one."""
    return [build_context(*pair) for pair in islice(sorted(pairs), MOST_CONTEXTS)]
