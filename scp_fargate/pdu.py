"""P-DATA-TF PDUs (PS3.8 9.3.5) straight from a socket into the memory where the data belongs.

Lengths are judged before anything is allocated, and no byte is copied between the kernel and its destination.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import struct
import time

P_DATA_TF = 0x04
PDU_HEADER = struct.Struct(">BBL")
PDV_HEADER = struct.Struct(">LBB")
AHEAD_BYTES = PDU_HEADER.size + PDV_HEADER.size
"""What lies between the data of two PDVs at most."""
COMMAND, LAST = 0x01, 0x02
"""Bits of a message control header (PS3.8 E.2)."""
SLOWEST_PDU_S = 60.0
"""A PDU takes no longer, even where every receive brings something: about 2 KiB/s for the largest."""


class ProtocolError(Exception):
    """The peer does not keep to PS3.8 or PS3.7: the association is aborted."""


class ConnectionEnded(OSError):
    """The peer closed the connection or stalled."""


class PDataReader:
    """Reads presentation data values one after the other.

    Every method raises `ConnectionEnded` when the peer closes or stalls within a PDU.
    """

    def __init__(self, connection: socket.socket, maximum_pdu_bytes: int, unread: bytes = b"") -> None:
        self._connection = connection
        self._maximum_pdu_bytes = maximum_pdu_bytes
        # In one call and one wake-up, unless it has to be decrypted record by record.
        self._flags = 0 if isinstance(connection, ssl.SSLSocket) else socket.MSG_WAITALL
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._ahead = bytearray(unread.ljust(AHEAD_BYTES, b"\0"))
        self._ahead_view = memoryview(self._ahead)
        self._ahead_length = len(unread)
        self._late_at = math.inf
        self.pdu_left = 0
        """Bytes of the current PDU that follow the current PDV."""
        self.pdv_left = 0
        """Bytes of the current PDV that were not read yet."""

    def wait(self, timeout_s: float) -> bool:
        """Whether something arrives in time."""
        if self._ahead_length or (isinstance(self._connection, ssl.SSLSocket) and self._connection.pending()):
            return True
        return bool(self._poll.poll(timeout_s * 1000))

    def next_pdv(self) -> tuple[int, int] | None:
        """Presentation context ID and message control header of the next PDV; None before another kind of PDU.

        Raises
        ------
        ProtocolError
            If a length contradicts another, or the PDU is longer than what was negotiated.
        """
        if not self.pdu_left:
            self._fill(PDU_HEADER.size)
            pdu_type, _, length = PDU_HEADER.unpack_from(self._ahead)
            if pdu_type != P_DATA_TF:
                return None
            if length > self._maximum_pdu_bytes:
                raise ProtocolError("P-DATA-TF PDU is longer than negotiated")
            self._drop_ahead(PDU_HEADER.size)
            self.pdu_left = length
            self._late_at = time.monotonic() + SLOWEST_PDU_S
        if self.pdu_left < PDV_HEADER.size:
            raise ProtocolError("P-DATA-TF PDU is too short for a presentation data value")
        self._fill(PDV_HEADER.size)
        length, context_id, control = PDV_HEADER.unpack_from(self._ahead)
        self._drop_ahead(PDV_HEADER.size)
        if not 2 <= length <= self.pdu_left - 4:
            raise ProtocolError("presentation data value does not fit into its PDU")
        self.pdv_left = length - 2
        self.pdu_left -= 4 + length
        return context_id, control

    def read_into(self, view: memoryview) -> int:
        """Fill the view with data of the current PDV, as far as there is; return how many bytes were filled."""
        wanted = min(len(view), self.pdv_left)
        done = 0
        if self._ahead_length and wanted:
            done = min(self._ahead_length, wanted)
            view[:done] = self._ahead_view[:done]
            self._drop_ahead(done)
        while done < wanted:
            received = self._connection.recv_into(view[done:wanted], wanted - done, self._flags)
            if not received:
                raise ConnectionEnded("closed")
            if time.monotonic() > self._late_at:
                raise ConnectionEnded("too slow")
            done += received
        self.pdv_left -= wanted
        return wanted

    def give_up(self) -> bytes:
        """What was read of the connection and not used: for whoever reads it next."""
        unused = bytes(self._ahead_view[: self._ahead_length])
        self._ahead_length = 0
        return unused

    def give_up_message(self, context_id: int, control: int, data: bytes) -> bytes:
        """Like `give_up`, where the PDV just read, and what follows it in its PDU, are to be read again."""
        assert not self.pdv_left  # noqa: S101 - of the caller in this package
        length = PDV_HEADER.size + len(data) + self.pdu_left
        self.pdu_left = 0
        header = PDU_HEADER.pack(P_DATA_TF, 0, length) + PDV_HEADER.pack(len(data) + 2, context_id, control)
        return header + data + self.give_up()

    def _fill(self, count: int) -> None:
        """Have at least that many bytes ahead, `AHEAD_BYTES` at most."""
        while self._ahead_length < count:
            received = self._connection.recv_into(self._ahead_view[self._ahead_length :])
            if not received:
                raise ConnectionEnded("closed")
            self._ahead_length += received

    def _drop_ahead(self, count: int) -> None:
        left = self._ahead_length - count
        if left:
            self._ahead[:left] = self._ahead[count : count + left]
        self._ahead_length = left
