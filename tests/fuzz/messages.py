"""Association requests, messages and identifiers to start from."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role, dimse_messages
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from tests.fuzz.data_sets import EXPLICIT as ENCODED_EXPLICIT
from tests.fuzz.data_sets import SAMPLES

CT, EXPLICIT, IMPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"


def _command(message: Any, primitive: Any) -> bytes:
    message.primitive_to_message(primitive)
    return encode(message.command_set, True, True) or b""


def _store() -> bytes:
    request = C_STORE()
    request.MessageID, request.Priority = 1, 0
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = CT, "1.2.3.4"
    request.DataSet = BytesIO(b"\0\0")
    return _command(dimse_messages.C_STORE_RQ(), request)


def _echo() -> bytes:
    request = C_ECHO()
    request.MessageID = 7
    return _command(dimse_messages.C_ECHO_RQ(), request)


def _find() -> bytes:
    request = C_FIND()
    request.MessageID, request.Priority, request.AffectedSOPClassUID = 9, 0, FIND
    request.Identifier = BytesIO(b"\0\0")
    return _command(dimse_messages.C_FIND_RQ(), request)


C_STORE_RQ, C_ECHO_RQ, C_FIND_RQ = _store(), _echo(), _find()


def pdu(*values: tuple[int, int, bytes]) -> bytes:
    """A P-DATA-TF of (presentation context, message control header, fragment)."""
    items = b"".join(struct.pack(">LBB", len(data) + 2, context, control) + data for context, control, data in values)
    return struct.pack(">BBL", 4, 0, len(items)) + items


_DATA_SETS = [content for encoding, content in SAMPLES if encoding == ENCODED_EXPLICIT]
STORE_PDUS = [
    b"\xff" + pdu((1, 3, C_STORE_RQ), (1, 2, _DATA_SETS[0])),
    b"\x05" + pdu((1, 3, C_STORE_RQ)) + pdu((1, 0, _DATA_SETS[0][:100])) + pdu((1, 2, _DATA_SETS[0][100:])),
    b"\xff" + 2 * (pdu((1, 3, C_STORE_RQ)) + pdu((1, 2, _DATA_SETS[1]))),
    b"\xff" + pdu((1, 3, C_ECHO_RQ)),
    b"\xff" + pdu((1, 1, C_STORE_RQ[:20])) + pdu((1, 3, C_STORE_RQ[20:])),
    b"\xff" + pdu((1, 3, C_STORE_RQ)) + bytes.fromhex("07000000000400000000"),
    b"\xff" + struct.pack(">BBL", 4, 0, 1 << 20),
]
_IDENTIFIER = bytes.fromhex("0800520043530600") + b"STUDY " + bytes.fromhex("10002000 4c4f0000".replace(" ", ""))
MESSAGE_PDUS = [
    pdu((1, 3, C_ECHO_RQ)),
    pdu((1, 3, C_FIND_RQ), (1, 2, _IDENTIFIER)),
    pdu((1, 3, C_FIND_RQ)) + pdu((1, 0, _IDENTIFIER[:9])) + pdu((1, 2, _IDENTIFIER[9:])),
    pdu((1, 3, C_STORE_RQ), (1, 2, _DATA_SETS[0])),
    6 * pdu((1, 3, C_ECHO_RQ)),
]


def _identifiers() -> list[bytes]:
    made = []
    for flags, keys in (
        (0b00010, {"QueryRetrieveLevel": "STUDY", "PatientName": "D?pont*", "StudyDate": "20240101-20240131",
                   "StudyTime": "08-", "StudyInstanceUID": ["1.2", "1.3"], "ModalitiesInStudy": "CT"}),
        (0b11001, {"QueryRetrieveLevel": "IMAGE", "PatientID": "P1", "StudyInstanceUID": "1.2",
                   "SeriesInstanceUID": "1.2.3", "SOPInstanceUID": ["1.4", "1.5"], "InstanceNumber": "7"}),
        (0b00101, {"QueryRetrieveLevel": "PATIENT", "PatientID": "", "NumberOfPatientRelatedStudies": ""}),
    ):  # fmt: skip
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        for keyword, value in keys.items():
            setattr(dataset, keyword, value)
        step = Dataset()
        step.ScheduledProcedureStepID = "S1"
        dataset.RequestAttributesSequence = [step]
        made.append(bytes([flags]) + (encode(dataset, bool(flags & 1), True) or b""))
    return made


def _association_request(contexts: list[Any], *more: Any) -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "NORD_CT1", "SANSFILM"
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = contexts
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16382
    implementation.implementation_class_uid = "1.2.3.4"
    request.user_information = [length, implementation, *more]
    encoded = A_ASSOCIATE_RQ()
    encoded.from_primitive(request)
    return encoded.encode()


def _association_requests() -> list[bytes]:
    window, extended, identity = (
        AsynchronousOperationsWindowNegotiation(), SOPClassExtendedNegotiation(), UserIdentityNegotiation(),
    )  # fmt: skip
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 8
    extended.sop_class_uid, extended.service_class_application_information = FIND, b"\1\1\1\0"
    identity.user_identity_type, identity.primary_field, identity.positive_response_requested = 1, b"user", False
    return [
        _association_request([build_context(CT, [EXPLICIT, IMPLICIT])]),
        _association_request([build_context(FIND), build_context(CT)], window, extended, build_role(CT, scp_role=True)),
        _association_request([build_context("1.2.840.10008.1.1")], identity),
    ]


IDENTIFIERS = _identifiers()
ASSOCIATION_REQUESTS = _association_requests()
