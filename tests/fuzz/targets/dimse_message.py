"""Messages of other services than C-STORE: pynetdicom's assembly behind our bounds (`scp_fargate.association`)."""

from __future__ import annotations

import queue
from types import SimpleNamespace
from typing import Any

from pynetdicom.pdu import P_DATA_TF

from scp_fargate.application_entity import _configure_pynetdicom
from scp_fargate.association import BoundedDimse, Memory
from tests.fuzz.messages import MESSAGE_PDUS

_configure_pynetdicom()
SEEDS = MESSAGE_PDUS
LONGEST_BYTES = 8192


class Association(SimpleNamespace):
    """What pynetdicom's DIMSE provider needs of an association."""

    def get_handlers(self, _: Any) -> list[Any]:
        return []


def fuzz(data: bytes) -> None:
    """PDUs, one after the other.

    pynetdicom raises whatever it likes at what it cannot read, and the association ends; memory is given back.
    """
    memory = Memory(1 << 20)
    dimse = BoundedDimse.__new__(BoundedDimse)
    dimse._assoc = Association(_accepted_cx={1: None}, sub_operations_at_once=1)  # type: ignore[attr-defined]
    BoundedDimse.__init__(dimse, dimse._assoc, memory)  # type: ignore[arg-type]
    dimse.msg_queue = queue.Queue()
    at = 0
    try:
        while at + 6 <= len(data):
            length = int.from_bytes(data[at + 2 : at + 6], "big")
            if at + 6 + length > len(data):
                break
            pdu = P_DATA_TF()
            pdu.decode(data[at : at + 6 + length])
            dimse.receive_primitive(pdu.to_primitive())
            at += 6 + length
    except Exception:
        pass
    assert 0 <= memory._used <= len(data)
    dimse.close()
    assert memory._used == 0
