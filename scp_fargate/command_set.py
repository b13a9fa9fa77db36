"""Command sets of C-STORE (PS3.7 9.3.1): Implicit VR Little Endian, group 0000, without pydicom."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from scp_fargate.pdu import COMMAND, LAST, P_DATA_TF, PDU_HEADER, PDV_HEADER, ProtocolError

C_STORE_RQ = 0x0001
C_STORE_RSP = 0x8001
NO_DATA_SET = 0x0101
LARGEST_COMMAND_BYTES = 8 << 10

AFFECTED_SOP_CLASS_UID = 0x0002
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
COMMAND_DATA_SET_TYPE = 0x0800
AFFECTED_SOP_INSTANCE_UID = 0x1000

_ELEMENT = struct.Struct("<HHL")
_US = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """A C-STORE-RQ."""

    message_id: int
    has_data_set: bool
    sop_class_uid: str
    sop_instance_uid: str


def decode_command_set(command: bytes) -> dict[int, bytes]:
    """Values by element number.

    Raises
    ------
    ProtocolError
        If it is not a sequence of whole elements of group 0000.
    """
    values: dict[int, bytes] = {}
    offset, end = 0, len(command)
    while offset < end:
        if end - offset < 8:
            raise ProtocolError("command set ends within an element")
        group, element, length = _ELEMENT.unpack_from(command, offset)
        offset += 8
        if group or length > end - offset:
            raise ProtocolError("command set is malformed")
        values[element] = command[offset : offset + length]
        offset += length
    return values


def store_request(command: bytes) -> StoreRequest | None:
    """The request that a command set holds; None where it is another message, or lacks what every request has.

    Raises
    ------
    ProtocolError
        See `decode_command_set`.
    """
    values = decode_command_set(command)
    if _short(values.get(COMMAND_FIELD)) != C_STORE_RQ:
        return None
    message_id, kind = _short(values.get(MESSAGE_ID)), _short(values.get(COMMAND_DATA_SET_TYPE))
    if message_id is None or kind is None:
        return None
    return StoreRequest(
        message_id,
        kind != NO_DATA_SET,
        _uid(values.get(AFFECTED_SOP_CLASS_UID, b"")),
        _uid(values.get(AFFECTED_SOP_INSTANCE_UID, b"")),
    )


def encode_store_response(
    message_id: int, status: int, sop_class_uid: str = "", sop_instance_uid: str = "", error_comment: str = ""
) -> bytes:
    """Command set of a C-STORE-RSP (PS3.7 9.3.1.2); what is empty is left out.

    >>> decode_command_set(encode_store_response(7, 0xA700))[0x0900].hex()
    '00a7'
    """
    elements = b"".join(
        (
            _text(AFFECTED_SOP_CLASS_UID, sop_class_uid, b"\0"),
            _element(COMMAND_FIELD, _US.pack(C_STORE_RSP)),
            _element(0x0120, _US.pack(message_id)),
            _element(COMMAND_DATA_SET_TYPE, _US.pack(NO_DATA_SET)),
            _element(0x0900, _US.pack(status)),
            _text(0x0902, error_comment, b" "),
            _text(AFFECTED_SOP_INSTANCE_UID, sop_instance_uid, b"\0"),
        )
    )
    return _element(0x0000, struct.pack("<L", len(elements))) + elements


def command_pdus(context_id: int, command: bytes, maximum_pdu_bytes: int) -> bytes:
    """P-DATA-TF PDUs that carry a command set, none longer than the peer takes (0: as long as they are)."""
    room = max(maximum_pdu_bytes - PDV_HEADER.size, 2) if maximum_pdu_bytes else len(command)
    pdus = []
    for start in range(0, len(command), room):
        piece = command[start : start + room]
        control = COMMAND | (LAST if start + room >= len(command) else 0)
        header = PDU_HEADER.pack(P_DATA_TF, 0, len(piece) + PDV_HEADER.size)
        pdus.append(header + PDV_HEADER.pack(len(piece) + 2, context_id, control) + piece)
    return b"".join(pdus)


def _short(value: bytes | None) -> int | None:
    return int(_US.unpack(value)[0]) if value is not None and len(value) == 2 else None


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").rstrip("\0 ")


def _element(element: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, element, len(value)) + value


def _text(element: int, text: str, padding: bytes) -> bytes:
    if not text:
        return b""
    value = text.encode("ascii", "replace")
    return _element(element, value + padding if len(value) % 2 else value)
