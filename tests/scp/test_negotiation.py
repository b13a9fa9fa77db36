"""Who may open an association, and for what (PS3.8 9.3)."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable

import pytest
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import StoragePresentationContexts, build_context
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    PatientRootQueryRetrieveInformationModelFind,
    Verification,
)

from scp_fargate.presentation_contexts import is_storage
from tests.scp.conftest import Ingest
from tests.scp.scu import CT, EXPLICIT, associate, c_store, data_set, rejection

PRIVATE_CLASS = "1.2.276.0.7230010.3.1.0.1"
PRIVATE_SYNTAX = "1.2.276.0.7230010.3.99.1"


def test_registered_caller_is_admitted(ingest: Ingest) -> None:
    association = associate(ingest.port, "NORD_CT1", [build_context(Verification)])
    assert association.is_established
    assert association.send_c_echo().Status == 0
    association.release()


@pytest.mark.parametrize(
    ("calling", "called", "reason"), [("NOBODY", "SANSFILM", 3), ("NORD_CT1", "OTHER", 7), ("nord_ct1", "SANSFILM", 3)]
)
def test_strangers_are_rejected(ingest: Ingest, calling: str, called: str, reason: int) -> None:
    association = associate(ingest.port, calling, [build_context(Verification)], called)
    assert rejection(association) == (1, 1, reason)
    assert ingest.health()["associations_rejected"] == 1


def test_every_storage_class_and_transfer_syntax_is_accepted(ingest: Ingest) -> None:
    contexts = [build_context(cx.abstract_syntax, EXPLICIT) for cx in StoragePresentationContexts[:128]]
    association = associate(ingest.port, "NORD_CT1", contexts)
    assert len(association.accepted_contexts) == len(contexts)
    association.release()
    contexts = [build_context(CT, syntax) for syntax in (*AllTransferSyntaxes, PRIVATE_SYNTAX)]
    association = associate(ingest.port, "NORD_CT1", contexts)
    assert [cx.transfer_syntax[0] for cx in association.accepted_contexts] == [cx.transfer_syntax[0] for cx in contexts]
    association.release()


def test_private_class_in_a_private_syntax_is_stored_as_sent(ingest: Ingest) -> None:
    association = associate(ingest.port, "NORD_CT1", [build_context(PRIVATE_CLASS, PRIVATE_SYNTAX)])
    data = data_set(sop_class=PRIVATE_CLASS)
    assert c_store(association, data, sop_class=PRIVATE_CLASS).Status == 0
    association.release()
    ((key, body),) = ingest.objects("archive/").items()
    assert body.endswith(data)
    assert PRIVATE_SYNTAX.encode() in body[: len(body) - len(data)]
    assert ingest.metadata(key)["transfer-syntax-uid"] == PRIVATE_SYNTAX


@pytest.mark.parametrize("service", [PatientRootQueryRetrieveInformationModelFind, ModalityPerformedProcedureStep])
def test_services_that_are_not_offered_are_refused(ingest: Ingest, service: str) -> None:
    association = associate(ingest.port, "NORD_CT1", [build_context(service), build_context(CT)])
    assert [cx.abstract_syntax for cx in association.accepted_contexts] == [CT]
    assert [cx.result for cx in association.rejected_contexts] == [3]
    association.release()


def test_caller_without_the_store_service_may_only_verify(ingest: Ingest) -> None:
    contexts = [build_context(Verification), build_context(CT)]
    association = associate(ingest.port, "NORD_CONSOLE", contexts)
    assert [cx.abstract_syntax for cx in association.accepted_contexts] == [Verification]
    # Storing under the verification context is no way around.
    assert c_store(association, data_set()).Status == 0x0122
    association.release()
    assert not ingest.objects("")


def test_non_patient_objects_and_query_classes_are_no_storage() -> None:
    assert not is_storage("1.2.840.10008.5.1.4.38.1")
    assert not is_storage("1.2.840.10008.5.1.4.1.2.1.1")
    assert not is_storage("1.2.840.10008.1.3.10")
    assert is_storage("1.2.840.10008.5.1.4.1.1.99999")


def test_one_association_too_many_is_rejected_for_now(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest(SANSFILM_MAXIMUM_ASSOCIATIONS="2")
    opened = [associate(ingest.port, "NORD_CT1", [build_context(Verification)]) for _ in range(2)]
    assert all(association.is_established for association in opened)
    refused = associate(ingest.port, "NORD_CT1", [build_context(Verification)])
    assert rejection(refused) == (2, 3, 2)
    for association in opened:
        association.release()


def test_absurd_pdu_closes_the_connection_only(ingest: Ingest) -> None:
    with socket.create_connection(("127.0.0.1", ingest.port), timeout=10) as peer:
        peer.sendall(struct.pack(">BBL", 4, 0, 300 << 20))
        began = time.monotonic()
        while peer.recv(1024):
            pass
        assert time.monotonic() - began < 5
    assert ingest.health()["status"] == "ok"


def test_dcmtk(ingest: Ingest) -> None:
    echo = ["echoscu", "-aec", "SANSFILM", "127.0.0.1", str(ingest.port)]
    assert subprocess.run([*echo, "-aet", "NORD_CT1"], timeout=60, check=False).returncode == 0
    rejected = subprocess.run([*echo, "-aet", "NOBODY"], timeout=60, capture_output=True, text=True, check=False)
    assert rejected.returncode != 0
    assert "Calling AE Title Not Recognized" in rejected.stdout + rejected.stderr
