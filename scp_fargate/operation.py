"""A DIMSE operation that answers by many responses (C-FIND, C-MOVE, C-GET): cancel, abort, slow peers."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE

from chalicelib.dicom.part10 import IMPLICIT_VR_LITTLE_ENDIAN
from scp_fargate.dimse_status import ERROR_COMMENT_LENGTH, Status

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event
    from pynetdicom.presentation import PresentationContext

    from scp_fargate.association import IncomingAssociation

SLOWEST_BYTES_PER_S = 32 << 10
"""A peer that takes less is dropped: it would hold an association and its memory for hours."""
QUICK_ACKNOWLEDGEMENT = getattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)
"""Linux has the former."""
LONGEST_QUEUE = 16
"""PDUs that wait for the socket of one association."""


class Cancelled(Exception):
    """The peer sent C-CANCEL for the operation (PS3.7 9.3.2.3)."""


class PeerGone(Exception):
    """The association ended, or was ended because its peer does not take what it is sent."""


def is_open(association: Association) -> bool:
    """Whether messages can still be exchanged."""
    return bool(association.is_established and not association.acse.is_aborted() and association.dul.is_alive())


def drop(association: Association) -> None:
    """Close the connection under an association whose peer does not read: an A-ABORT would wait behind the data."""
    with suppress(OSError, AttributeError):
        association.dul.socket.socket.shutdown(socket.SHUT_RDWR)


def set_no_delay(event: Event) -> None:
    """Send small segments at once (EVT_CONN_OPEN of associations that the archive opens)."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def acknowledge_at_once(event: Event) -> None:
    """Acknowledge what comes next without delay (EVT_DATA_SENT).

    Many peers write a response in pieces and wait for the acknowledgement of the first (Nagle), which the kernel
    would put off for 40 ms: once per sub-operation. The option lasts until the next segment, hence again and again.
    """
    with suppress(OSError, AttributeError):
        event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACKNOWLEDGEMENT, 1)


def wait_for_room(association: Association, deadline: float) -> None:
    """Wait until the peer has taken most of what was sent, so that memory stays bounded.

    Raises
    ------
    PeerGone
        If the association ended, or the deadline (of `time.monotonic`) passed and it was dropped.
    """
    queue = association.dul.to_provider_queue
    while queue.qsize() >= LONGEST_QUEUE:
        if not is_open(association):
            raise PeerGone
        if time.monotonic() > deadline:
            drop(association)
            raise PeerGone
        time.sleep(0.001)


def forget_stale_cancel(event: Event) -> None:
    """Forget a C-CANCEL that came after its operation had ended when a new one takes the same Message ID."""
    if event.message.__class__.__name__ in ("C_FIND_RQ", "C_MOVE_RQ", "C_GET_RQ"):
        event.assoc.dimse.cancel_req.pop(event.message.command_set.get("MessageID"), None)


class Operation:
    """A C-FIND, C-MOVE or C-GET under way."""

    def __init__(
        self, association: IncomingAssociation, request: C_FIND | C_MOVE | C_GET, context: PresentationContext
    ) -> None:
        self.association = association
        self.request = request
        self.context_id: int = context.context_id
        self.abstract_syntax = str(context.abstract_syntax)
        self.implicit_vr = str(context.transfer_syntax[0]) == IMPLICIT_VR_LITTLE_ENDIAN

    def check(self) -> None:
        """Raise Cancelled or PeerGone when there is reason to stop; who may have no association is as good as gone."""
        if self.request.MessageID in self.association.dimse.cancel_req:
            raise Cancelled
        if not is_open(self.association) or self.association.revoked:
            raise PeerGone

    def respond(self, status: Status, identifier: bytes = b"", counters: Mapping[str, int] | None = None) -> None:
        """Send a response; `counters` are those of sub-operations by the names of pynetdicom."""
        wait_for_room(self.association, time.monotonic() + self.association.archive.slow_peer_grace_s)
        response = type(self.request)()
        response.MessageIDBeingRespondedTo = self.request.MessageID
        response.AffectedSOPClassUID = self.abstract_syntax
        response.Status = status.code
        if status.error_comment:
            response.ErrorComment = status.error_comment[:ERROR_COMMENT_LENGTH]
        if identifier:
            response.Identifier = BytesIO(identifier)
        for name, number in (counters or {}).items():
            setattr(response, name, number)
        self.association.dimse.send_msg(response, self.context_id)

    def close(self) -> None:
        """Forget a C-CANCEL that was acted upon or came too late."""
        if self.association.dimse.cancel_req.pop(self.request.MessageID, None):
            self.association.dimse.served()


class Interruptible:
    """A port whose iterators stop when their operation is cancelled: scans of the index that match nothing too."""

    def __init__(self, port: Any, operation: Operation) -> None:
        self._port = port
        self._operation = operation

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*arguments: Any) -> Any:
            self._operation.check()
            found = method(*arguments)
            return self._checked(found) if isinstance(found, Iterator) else found

        return call

    def _checked(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self._operation.check()
            yield item
