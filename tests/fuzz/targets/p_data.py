"""P-DATA-TF PDUs (`scp_fargate.pdu`, PS3.8 9.3.5): no length is believed before it was judged."""

from __future__ import annotations

from scp_fargate.pdu import ConnectionEnded, PDataReader, ProtocolError
from tests.fuzz.messages import STORE_PDUS
from tests.fuzz.targets.store_association import Connection

SEEDS = STORE_PDUS
MAXIMUM_PDU_BYTES = 1024


def fuzz(data: bytes) -> None:
    """First byte: length of the pieces that arrive; the rest: PDUs. What is not read comes back byte for byte."""
    if not data:
        return
    content = data[1:]
    reader = PDataReader(Connection(content, 1 + data[0]), MAXIMUM_PDU_BYTES)  # type: ignore[arg-type]
    scratch = memoryview(bytearray(MAXIMUM_PDU_BYTES))
    try:
        while (header := reader.next_pdv()) is not None:
            context_id, control = header
            assert reader.pdv_left + reader.pdu_left <= MAXIMUM_PDU_BYTES
            length = reader.pdv_left
            assert reader.read_into(scratch) == length
            if control & 0x80:
                again = reader.give_up_message(context_id, control, bytes(scratch[:length]))
                assert bytes(scratch[:length]) in again
                return
    except (ProtocolError, ConnectionEnded):
        return
    assert reader.give_up()
