"""P-DATA-TF and command sets, mutated and generated, against pynetdicom's decoders (PS3.8 9.3.5, PS3.7 9.3.1)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_STORE_RQ, C_STORE_RSP
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu import P_DATA_TF

from scp_fargate.command_set import (
    command_pdus,
    decode_command_set,
    encode_store_response,
    store_request,
)
from scp_fargate.pdu import AHEAD_BYTES, COMMAND, LAST, ConnectionEnded, PDataReader, ProtocolError

MAXIMUM = 4096
UIDS = st.from_regex(r"\A[1-9][0-9]{0,8}(\.[1-9][0-9]{0,5}){1,7}\Z")
PDVS = st.tuples(st.integers(0, 127).map(lambda n: 2 * n + 1), st.integers(0, 3), st.binary(max_size=300))
PDUS = st.lists(st.lists(PDVS, min_size=1, max_size=5), max_size=6)


def encode_pdu(pdvs: list[tuple[int, int, bytes]]) -> bytes:
    """P-DATA-TF PDU of PDVs (context ID, control, data)."""
    body = b"".join(struct.pack(">LBB", len(data) + 2, context, control) + data for context, control, data in pdvs)
    return struct.pack(">BBL", 4, 0, len(body)) + body


def read_all(stream: bytes, view_bytes: int = 64, unread: bytes = b"") -> tuple[list[tuple[int, int, bytes]], bytes]:
    """PDVs of a stream, and what the reader left unused, up to another PDU or the end of the connection."""
    peer, own = socket.socketpair()
    own.settimeout(5)

    def send() -> None:
        # The reader may have refused the stream and gone before all of it was sent.
        with contextlib.suppress(OSError):
            peer.sendall(stream)
        peer.close()

    # More than the socket's buffer may have to wait for the reader.
    sender = threading.Thread(target=send)
    sender.start()
    found = []
    try:
        reader = PDataReader(own, MAXIMUM, unread)
        view = memoryview(bytearray(view_bytes))
        while True:
            try:
                header = reader.next_pdv()
            except ConnectionEnded:
                return found, reader.give_up()
            if header is None:
                rest = reader.give_up()
                while piece := own.recv(65536):
                    rest += piece
                return found, rest
            data = b""
            while reader.pdv_left:
                data += view[: reader.read_into(view)].tobytes()
            found.append((*header, data))
    finally:
        own.close()
        sender.join()


@given(PDUS, st.integers(1, 400))
def test_what_is_encoded_is_read(pdus: list[list[tuple[int, int, bytes]]], view_bytes: int) -> None:
    stream = b"".join(map(encode_pdu, pdus))
    found, rest = read_all(stream, view_bytes)
    assert found == [pdv for pdu in pdus for pdv in pdu]
    assert not rest
    theirs = []
    for pdu in pdus:
        decoded = P_DATA_TF()
        decoded.decode(encode_pdu(pdu))
        for item in decoded.presentation_data_value_items:
            value = item.presentation_data_value
            theirs.append((item.presentation_context_id, value[0], value[1:]))
    assert theirs == found


@given(PDUS, st.sampled_from([1, 2, 3, 5, 6, 7]), st.binary(max_size=50))
def test_other_pdus_are_left_as_they_came(pdus: list[list[tuple[int, int, bytes]]], kind: int, body: bytes) -> None:
    other = struct.pack(">BBL", kind, 0, len(body)) + body
    found, rest = read_all(b"".join(map(encode_pdu, pdus)) + other)
    assert found == [pdv for pdu in pdus for pdv in pdu]
    assert rest == other


@given(PDUS, st.integers(0, AHEAD_BYTES))
def test_what_was_read_ahead_by_another_reader_comes_first(
    pdus: list[list[tuple[int, int, bytes]]], ahead: int
) -> None:
    stream = b"".join(map(encode_pdu, pdus))
    found, _ = read_all(stream[ahead:], unread=stream[:ahead])
    assert found == [pdv for pdu in pdus for pdv in pdu]


@given(PDUS, st.data())
def test_mutations_are_read_like_pynetdicom_or_refused(
    pdus: list[list[tuple[int, int, bytes]]], data: st.DataObject
) -> None:
    stream = bytearray(b"".join(map(encode_pdu, pdus)))
    for _ in range(data.draw(st.integers(0, 4)) if stream else 0):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = read_all(bytes(stream))
    except (ProtocolError, ConnectionEnded):
        return
    # Whatever was accepted is what the lengths say: encoded again, it is a beginning of the stream's data.
    assert sum(len(value) + 6 for _, _, value in found) <= len(stream)
    offset = 0
    for context, control, value in found:
        pdv = struct.pack(">LBB", len(value) + 2, context, control) + value
        offset = bytes(stream).index(pdv, offset) + len(pdv)


@given(st.binary(max_size=200))
def test_garbage_ends_in_an_error_or_nothing(garbage: bytes) -> None:
    try:
        found, _ = read_all(garbage)
    except (ProtocolError, ConnectionEnded):
        return
    assert sum(len(value) for _, _, value in found) <= len(garbage)


@pytest.mark.parametrize(
    "pdu",
    [
        struct.pack(">BBL", 4, 0, MAXIMUM + 1),
        struct.pack(">BBL", 4, 0, 0xFFFFFFFF),
        struct.pack(">BBLLBB", 4, 0, 3, 2, 1, 0),
        struct.pack(">BBLLBB", 4, 0, 6, 1, 1, 0),
        struct.pack(">BBLLBB", 4, 0, 6, 0xFFFFFFFF, 1, 0),
        struct.pack(">BBLLBB", 4, 0, 10, 2, 1, 0) + bytes(4),
    ],
)
def test_lengths_that_contradict_are_refused_before_anything_is_allocated(pdu: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_all(pdu + bytes(32))


def their_request(sop_class: str, sop: str, message_id: int, move: bool) -> bytes:
    """Command set of a C-STORE-RQ as pynetdicom encodes it."""
    request = C_STORE()
    request.MessageID, request.Priority = message_id, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, sop
    if move:
        request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID = "OTHER", 3
    request.DataSet = BytesIO(b"12")
    message = C_STORE_RQ()
    message.primitive_to_message(request)
    encoded = encode(message.command_set, True, True)
    assert encoded is not None
    return bytes(encoded)


@given(UIDS, UIDS, st.integers(0, 65535), st.booleans())
def test_requests_of_pynetdicom(sop_class: str, sop: str, message_id: int, move: bool) -> None:
    request = store_request(their_request(sop_class, sop, message_id, move))
    assert request is not None
    assert (request.message_id, request.has_data_set) == (message_id, True)
    assert (request.sop_class_uid, request.sop_instance_uid) == (sop_class, sop)


@given(UIDS, UIDS, st.integers(0, 65535), st.integers(0, 65535), st.sampled_from(["", "Data set is empty", "x" * 64]))
def test_pynetdicom_reads_responses(sop_class: str, sop: str, message_id: int, status: int, comment: str) -> None:
    command = encode_store_response(message_id, status, sop_class, sop, comment)
    message = C_STORE_RSP()
    message.command_set = decode(BytesIO(command), True, True)
    response = message.message_to_primitive()
    assert (response.MessageIDBeingRespondedTo, response.Status) == (message_id, status)
    assert (response.AffectedSOPClassUID, response.AffectedSOPInstanceUID) == (sop_class, sop)
    assert (response.ErrorComment or "") == comment
    assert message.command_set.CommandGroupLength == len(command) - 12


@given(st.integers(0, 300), st.binary(min_size=2, max_size=500))
def test_responses_keep_to_the_peers_maximum_pdu_length(maximum: int, command: bytes) -> None:
    pdus = command_pdus(5, command, maximum)
    found, _ = read_all(pdus)
    assert b"".join(data for _, _, data in found) == command
    assert [control for _, control, _ in found] == [COMMAND] * (len(found) - 1) + [COMMAND | LAST]
    if maximum >= 8:
        assert all(len(data) + 6 <= maximum for _, _, data in found)


@given(UIDS, UIDS, st.data())
def test_mutated_requests_are_decoded_or_refused(sop_class: str, sop: str, data: st.DataObject) -> None:
    command = bytearray(their_request(sop_class, sop, 7, False))
    for _ in range(data.draw(st.integers(1, 4))):
        command[data.draw(st.integers(0, len(command) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(command[: data.draw(st.integers(0, len(command)))])
    try:
        values = decode_command_set(cut)
        store_request(cut)
    except (ProtocolError, ConnectionEnded):
        return
    assert sum(map(len, values.values())) <= len(cut)


@given(st.binary(max_size=100))
def test_garbage_is_no_command_set(garbage: bytes) -> None:
    try:
        assert store_request(garbage) is None or len(garbage) >= 30
    except (ProtocolError, ConnectionEnded):
        return


def test_a_pdu_that_comes_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scp_fargate.pdu.SLOWEST_PDU_S", 0.2)
    peer, own = socket.socketpair()
    with peer, own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50_000))
        peer.sendall(struct.pack(">BBLLBB", 4, 0, 1006, 1002, 1, 0))
        reader = PDataReader(own, MAXIMUM)
        assert reader.next_pdv() == (1, 0)

        def trickle() -> None:
            with contextlib.suppress(OSError):
                for _ in range(100):
                    peer.sendall(b"x")
                    time.sleep(0.02)

        sender = threading.Thread(target=trickle)
        sender.start()
        with pytest.raises(ConnectionEnded, match="slow"):
            reader.read_into(memoryview(bytearray(1000)))
        own.close()
        sender.join()
