"""Command sets of C-STORE (`scp_fargate.command_set`, PS3.7 9.3.1)."""

from __future__ import annotations

from scp_fargate.command_set import (
    StoreRequest,
    command_pdus,
    decode_command_set,
    encode_store_response,
    store_request,
)
from scp_fargate.pdu import ProtocolError
from tests.fuzz.messages import C_ECHO_RQ, C_FIND_RQ, C_STORE_RQ

SEEDS = [C_STORE_RQ, C_ECHO_RQ, C_FIND_RQ, C_STORE_RQ[:-3], b""]
LONGEST_BYTES = 1024


def fuzz(data: bytes) -> None:
    """A command set; a response to it can be read, whole, in pieces of every length that a peer may take."""
    try:
        values = decode_command_set(data)
        request = store_request(data)
    except ProtocolError:
        return
    assert sum(8 + len(value) for value in values.values()) <= len(data)
    if request is None:
        return
    assert isinstance(request, StoreRequest)
    assert 0 <= request.message_id < 1 << 16
    response = encode_store_response(request.message_id, 0xA900, request.sop_class_uid[:64], "1.2", "Comment")
    assert int.from_bytes(decode_command_set(response)[0x0120], "little") == request.message_id
    for limit in (0, 7, 64, 16384):
        assert len(command_pdus(1, response, limit)) > len(response)
