"""Associations to the destination of a C-MOVE: proposed after what is to be sent, several at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pynetdicom import AE
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.model import InstanceRecord
from scp_fargate.operation import PeerGone, drop
from scp_fargate.storage_scu import LARGEST_PDU_BYTES, UNCOMPRESSED, StorageScu

if TYPE_CHECKING:
    from pynetdicom.association import Association

BATCH = 1000
"""Instances looked at before an association is proposed for them."""
MOST_CONTEXTS = 128
CONNECT_TIMEOUT_S = 10
ACSE_TIMEOUT_S = 30
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

    def take_all(self) -> list[InstanceRecord]:
        """Everything that is left."""
        with self._lock:
            left, self._records = list(self._records), deque()
        return left


class Destination:
    """Associations with a move destination, opened as needed and kept from one batch to the next.

    Parameters
    ----------
    make_scu
        Makes a `StorageScu` of an association and its window.
    """

    def __init__(
        self,
        calling_ae_title: str,
        destination: ApplicationEntity,
        associations: int,
        make_scu: Callable[[Association, int], StorageScu],
    ) -> None:
        self._ae = AE(ae_title=calling_ae_title)
        self._ae.maximum_pdu_size = LARGEST_PDU_BYTES
        self._ae.connection_timeout = CONNECT_TIMEOUT_S
        self._ae.acse_timeout = ACSE_TIMEOUT_S
        self._ae.network_timeout = None
        self._destination = destination
        self._most = associations
        self._make_scu = make_scu
        self._open: list[tuple[Association, StorageScu]] = []
        self._broken: list[StorageScu] = []
        self._pairs: frozenset[Pair] = frozenset()

    def send(self, records: list[InstanceRecord], check: Callable[[], None]) -> list[InstanceRecord]:
        """Send a batch over as many associations as the destination grants; return what could not be tried.

        An association that breaks is replaced as long as the destination admits a new one. `check` raises to stop.
        """
        pairs = proposed_pairs(records)
        if not pairs <= self._pairs:
            self.close()
            self._pairs = pairs
        remaining = Remaining(records)
        self._connect(min(self._most, len(records)))
        threads = [
            threading.Thread(target=self._run, args=(scu, remaining, check), name="move", daemon=True)
            for _, scu in self._open[1:]
        ]
        for thread in threads:
            thread.start()
        if self._open:
            self._run(self._open[0][1], remaining, check)
        for thread in threads:
            thread.join()
        self._open = [pair for pair in self._open if pair[1] not in self._broken]
        self._broken = []
        return remaining.take_all()

    def _run(self, scu: StorageScu, remaining: Remaining, check: Callable[[], None]) -> None:
        try:
            scu.send_all(remaining, check)
        except Stop:
            remaining.put_back(scu.unsent)
        except PeerGone:
            remaining.put_back(scu.unsent)
            self._broken.append(scu)
            drop(scu.association)
            scu.association._reactor_checkpoint.set()

    def _connect(self, wanted: int) -> None:
        while len(self._open) < wanted:
            association = self._associate()
            if association is None:
                return
            window, _ = association.acceptor.asynchronous_operations
            self._open.append((association, self._make_scu(association, min(max(window, 1), WINDOW))))

    def _associate(self) -> Association | None:
        asynchronous = AsynchronousOperationsWindowNegotiation()
        asynchronous.maximum_number_operations_invoked = WINDOW
        asynchronous.maximum_number_operations_performed = 1
        association = self._ae.associate(
            self._destination.host,
            self._destination.port,
            contexts=contexts(self._pairs),
            ae_title=self._destination.ae_title,
            max_pdu=LARGEST_PDU_BYTES,
            ext_neg=[asynchronous],
        )
        if not association.is_established:
            return None
        # pynetdicom's own loop must not take the responses.
        association._reactor_checkpoint.clear()
        return association

    def close(self) -> None:
        """Release every association."""
        for association, _ in self._open:
            association._reactor_checkpoint.set()
            if association.is_established:
                association.release()
        self._open = []


class Stop(Exception):
    """The C-MOVE was cancelled or its requestor is gone: take no new instance."""


def contexts(pairs: Iterable[Pair]) -> list[PresentationContext]:
    """Presentation contexts of one transfer syntax each, so that the destination says yes or no to every one."""
    return [build_context(*pair) for pair in islice(sorted(pairs), MOST_CONTEXTS)]
