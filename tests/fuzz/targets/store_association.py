"""What comes on an association in data transfer: PDUs, messages, data sets of C-STORE (`scp_fargate.p_data`)."""

from __future__ import annotations

import os
import threading
from collections import deque
from types import SimpleNamespace
from typing import Any

from pynetdicom.presentation import build_context

from scp_fargate import receiving
from scp_fargate.association import Memory
from scp_fargate.p_data import StoreRequests, _GivenUp
from scp_fargate.pdu import ConnectionEnded, ProtocolError
from tests.fuzz.messages import CT, EXPLICIT, STORE_PDUS

SEEDS = STORE_PDUS
MAXIMUM_PDU_BYTES = 16 << 10
receiving.FIRST_BYTES = 4096  # a mebibyte for each input would be most of the work
CONTEXT = build_context(CT, EXPLICIT)
CONTEXT.context_id, CONTEXT._as_scp, CONTEXT._as_scu = 1, True, False
NOWHERE = os.open(os.devnull, os.O_RDONLY)


class Connection:
    """A peer that sends some bytes in pieces of a length, then closes."""

    def __init__(self, content: bytes, piece_bytes: int) -> None:
        self._content = memoryview(content)
        self._piece_bytes = piece_bytes
        self.sent = bytearray()
        self.unread_bytes = b""

    @property
    def socket(self) -> Connection:
        return self

    def fileno(self) -> int:
        return NOWHERE

    def setsockopt(self, *_: Any) -> None:
        return

    def settimeout(self, _: Any) -> None:
        return

    def recv_into(self, view: memoryview, length: int = 0, flags: int = 0) -> int:
        count = min(length or len(view), self._piece_bytes if not flags else 1 << 30, len(self._content))
        view[:count], self._content = self._content[:count], self._content[count:]
        return count

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def take_unread(self) -> bytes:
        return b""

    def unread(self, data: bytes) -> None:
        self.unread_bytes = data + self.unread_bytes


class Objects:
    """An archive bucket that takes everything."""

    def put_if_absent(self, *_: Any) -> bool:
        return True


def association(connection: Connection, memory: Memory) -> Any:
    """What `StoreRequests` needs of an association."""

    def nothing(*_: Any, **__: Any) -> None:
        return

    counts = SimpleNamespace(add=nothing, observe_latency_ms=nothing)
    return SimpleNamespace(
        dul=SimpleNamespace(socket=connection, to_provider_queue=SimpleNamespace(queue=deque()), _kill_thread=False),
        acceptor=SimpleNamespace(maximum_length=MAXIMUM_PDU_BYTES),
        requestor=SimpleNamespace(maximum_length=MAXIMUM_PDU_BYTES, address="192.0.2.1"),
        archive=SimpleNamespace(
            memory=memory,
            quotas=SimpleNamespace(admit=nothing, add=nothing),
            trail=SimpleNamespace(stored=nothing),
        ),
        objects=Objects(),
        counts=counts,
        hospital="nord",
        correlation_id="c0ffee",
        calling_ae_title="CT1",
        revoked=False,
        log=nothing,
        log_unforeseen=_unforeseen,
        _accepted_cx={1: CONTEXT},
        _reactor_checkpoint=threading.Event(),
    )


def _unforeseen(message: str, error: Exception) -> None:
    raise AssertionError(message) from error


def fuzz(data: bytes) -> None:
    """First byte: length of the pieces that arrive; the rest: PDUs."""
    if not data:
        return
    memory = Memory(64 << 20)
    connection = Connection(data[1:], 1 + data[0])
    try:
        other = StoreRequests(association(connection, memory)).serve()
    except (ProtocolError, ConnectionEnded, _GivenUp):
        pass
    else:
        # Something else than C-STORE goes back to pynetdicom as it came.
        assert other is False or connection.unread_bytes
    assert memory._used == 0
