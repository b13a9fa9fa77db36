"""C-STORE's own way from the socket to the archive, within an association that pynetdicom negotiates and ends.

While data sets arrive one after the other, the thread that reads the association's socket parses P-DATA-TF itself,
stores, and answers; any other message or PDU goes back to pynetdicom as it came. See docs/adr/0010-c-store-path.md.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from typing import TYPE_CHECKING, cast

from pynetdicom.dul import DULServiceProvider

from chalicelib.dicom import uid
from scp_fargate import c_store, dimse_status
from scp_fargate.command_set import (
    LARGEST_COMMAND_BYTES,
    StoreRequest,
    command_pdus,
    encode_store_response,
    store_request,
)
from scp_fargate.dimse_status import Status
from scp_fargate.pdu import COMMAND, LAST, PDataReader, ProtocolError
from scp_fargate.receiving import Receiving

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

    from scp_fargate.association import BoundedSocket, IncomingAssociation

LINGER_S = 0.25
"""How long the next request is waited for before pynetdicom's loops take over."""
STALLED_AFTER_S = 30
STALLED_AFTER = struct.pack("ll", STALLED_AFTER_S, 0)
DATA_TRANSFER = "Sta6"


class _GivenUp(Exception):
    """The association is being aborted from within while a data set arrives."""


class StorageDul(DULServiceProvider):  # type: ignore[misc]
    """pynetdicom's upper layer provider, but for C-STORE requests."""

    def _read_pdu_data(self) -> None:
        association = cast("IncomingAssociation", self.assoc)
        if self.state_machine.current_state != DATA_TRANSFER or association.dimse.message is not None:
            super()._read_pdu_data()
            return
        if association.revoked:
            # Nothing more is read; its own thread aborts it.
            time.sleep(0.01)
            return
        try:
            other = StoreRequests(association).serve()
        except ProtocolError as error:
            # A-ABORT (PS3.8 AA-8).
            association.log("protocol error", level="warning", reason=str(error))
            self.event_queue.put("Evt19")
        except _GivenUp:
            return
        except OSError:
            association.log("connection closed or stalled within a message", level="warning")
            self.event_queue.put("Evt17")
        else:
            if other:
                super()._read_pdu_data()


class StoreRequests:
    """C-STORE requests that arrive one after the other on an association."""

    def __init__(self, association: IncomingAssociation) -> None:
        connection = cast("BoundedSocket", association.dul.socket)
        self._association = association
        self._connection = connection
        assert connection.socket is not None  # noqa: S101 - narrows a type
        self._reader = PDataReader(connection.socket, association.acceptor.maximum_length, connection.take_unread())
        self._receiving = Receiving(association, self._fill)
        self._context_id = 0
        self._last = False

    def serve(self) -> bool:
        """Serve until nothing comes for a while, or something else than a C-STORE request: then return True.

        Raises
        ------
        ProtocolError
            If the peer breaks PS3.8 or PS3.7.
        OSError
            If the connection ends or stalls within a message.
        """
        checkpoint = self._association._reactor_checkpoint
        # The association's own thread has nothing to look for meanwhile.
        checkpoint.clear()
        connection = self._connection.socket
        try:
            if not isinstance(connection, ssl.SSLSocket):
                # Blocking, so that the kernel collects a whole fragment; it gives up on a peer that stalls.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, STALLED_AFTER)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, STALLED_AFTER)
                connection.settimeout(None)
            while self._serve_one():
                if self._association.revoked or self._asked_to_leave() or not self._reader.wait(LINGER_S):
                    return False
            return True
        finally:
            self._receiving.close()
            self._connection.unread(self._reader.give_up())
            if connection.fileno() >= 0:
                connection.settimeout(STALLED_AFTER_S)
            checkpoint.set()

    def _serve_one(self) -> bool:
        """Serve a request; False when what comes is for pynetdicom."""
        reader = self._reader
        header = reader.next_pdv()
        if header is None:
            return False
        context_id, control = header
        if not control & COMMAND:
            raise ProtocolError("data set without a command set")
        if reader.pdv_left > LARGEST_COMMAND_BYTES:
            raise ProtocolError("command set is too long")
        command = bytearray(reader.pdv_left)
        reader.read_into(memoryview(command))
        context = self._association._accepted_cx.get(context_id)
        request = store_request(bytes(command)) if control & LAST and context is not None else None
        if request is None:
            self._connection.unread(reader.give_up_message(context_id, control, bytes(command)))
            return False
        assert context is not None  # noqa: S101 - narrows a type
        self._context_id, self._last = context_id, not request.has_data_set
        began = time.perf_counter()
        status = self._store(request, context)
        self._respond(request, status)
        self._association.counts.observe_latency_ms((time.perf_counter() - began) * 1000)
        return True

    def _store(self, request: StoreRequest, context: PresentationContext) -> Status:
        """Receive a data set to its end and hand it to the archive; whatever happens becomes a status."""
        association, receiving = self._association, self._receiving
        receiving.begin(request, context)
        try:
            stored = receiving.store()
        except (ProtocolError, _GivenUp, OSError):
            raise
        except Exception as error:
            status = c_store.refuse(association, error)
        else:
            c_store.account_for(association, stored)
            status = Status(dimse_status.SUCCESS)
        # The rest of a data set that was refused while it arrived.
        receiving.drain()
        c_store.count(association, receiving.received_bytes, status)
        return status

    def _fill(self, view: memoryview) -> int:
        """Fill a view with the data set; fewer bytes only at its end."""
        reader, done = self._reader, 0
        while done < len(view):
            if not reader.pdv_left:
                if self._last:
                    break
                self._next_fragment()
            done += reader.read_into(view[done:])
        return done

    def _next_fragment(self) -> None:
        if self._asked_to_leave():
            raise _GivenUp
        header = self._reader.next_pdv()
        if header is None:
            # A release is out of place here, an abort is the peer's right: pynetdicom knows what to do with either.
            raise _GivenUp
        context_id, control = header
        if control & COMMAND or context_id != self._context_id:
            raise ProtocolError("another message within a data set")
        self._last = bool(control & LAST)

    def _asked_to_leave(self) -> bool:
        return bool(self._association.dul.to_provider_queue.queue) or self._association.dul._kill_thread

    def _respond(self, request: StoreRequest, status: Status) -> None:
        # A response repeats UIDs, not whatever came in their place.
        sop_class_uid, sop_instance_uid = (
            value if uid.is_valid(value) else "" for value in (request.sop_class_uid, request.sop_instance_uid)
        )
        command = encode_store_response(
            request.message_id, status.code, sop_class_uid, sop_instance_uid, status.error_comment
        )
        peer_limit = self._association.requestor.maximum_length or 0
        self._connection.socket.sendall(command_pdus(self._context_id, command, peer_limit))
