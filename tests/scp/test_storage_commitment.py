"""Storage Commitment Push Model against the ingest service as a process, pynetdicom as the requester (PS3.4 J)."""

from __future__ import annotations

import queue
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity
from chalicelib.archive.index_instance import Index, index_objects
from chalicelib.archive.store import ReceivedInstance, store_instance
from tests.emulator import free_port
from tests.scp.conftest import STORE, Ingest
from tests.scp.scu import CT, data_set

QUICK = {
    "SANSFILM_COMMITMENT_WAIT_S": "2",
    "SANSFILM_COMMITMENT_LEASE_S": "3",
    "SANSFILM_COMMITMENT_RETRY_S": "1",
}
ALL_COMMITTED, FAILURES_EXIST = 1, 2


def put(body: bytes, hospital: str = "nord") -> str:
    """Store without indexing; the object's key."""
    return store_instance(wiring.object_store(), ReceivedInstance(hospital, body, "c0ffee", "NORD_CT1")).object_key


def put_in_index(*keys: str) -> None:
    index = Index(
        wiring.object_store(), wiring.index_writer(), wiring.index_reader(), wiring.study_ready_queue(), study_quiet_s=0
    )
    assert all(result.error is None for result in index_objects(index, list(keys)))


class Requester:
    """A modality: asks, and hears reports on the association that asked or as an SCP."""

    def __init__(self) -> None:
        self.reports: queue.Queue[tuple[int, Dataset, bool]] = queue.Queue()
        self.status = 0x0000
        self.port = free_port()

    def _hear(self, event: Any) -> tuple[int, None]:
        self.reports.put((event.event_type, event.event_information, event.assoc.is_requestor))
        return self.status, None

    @contextmanager
    def associated(self, ingest: Ingest, ae_title: str = "NORD_CT1") -> Iterator[Association]:
        ae = AE(ae_title=ae_title)
        association = ae.associate(
            "127.0.0.1",
            ingest.port,
            contexts=[build_context(StorageCommitmentPushModel), build_context(CT)],
            ae_title="SANSFILM",
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._hear)],
        )
        assert association.is_established
        try:
            yield association
        finally:
            association.release()

    @contextmanager
    def listening(self, tls: ssl.SSLContext | None = None) -> Iterator[None]:
        ae = AE(ae_title="NORD_CT1")
        ae.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        server = ae.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._hear)], ssl_context=tls
        )
        try:
            yield
        finally:
            server.shutdown()

    def register(self) -> None:
        wiring.registry().put_application_entity(ApplicationEntity("NORD_CT1", "nord", STORE, "127.0.0.1", self.port))

    def report(self, timeout_s: float = 20) -> tuple[int, Dataset, bool]:
        return self.reports.get(timeout=timeout_s)


@pytest.fixture
def requester() -> Requester:
    return Requester()


def ask(association: Association, *instances: str, transaction: str = "1.2.3.99", sop_class: str = CT) -> int:
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = []
    for instance in instances:
        item = Dataset()
        item.ReferencedSOPClassUID = sop_class
        # Not checked here: what is refused is for the archive to say.
        item.add(DataElement("ReferencedSOPInstanceUID", "UI", instance, validation_mode=config.IGNORE))
        request.ReferencedSOPSequence.append(item)
    return send_action(association, request)


def send_action(association: Association, request: Dataset | None, action: int = 1, instance: str = "") -> int:
    status, _ = association.send_n_action(
        request, action, StorageCommitmentPushModel, instance or StorageCommitmentPushModelInstance
    )
    return int(status.Status)


def committed(information: Dataset) -> list[str]:
    return [item.ReferencedSOPInstanceUID for item in information.get("ReferencedSOPSequence", ())]


def failed(information: Dataset) -> dict[str, int]:
    return {item.ReferencedSOPInstanceUID: item.FailureReason for item in information.get("FailedSOPSequence", ())}


def pending() -> list[Any]:
    return list(wiring.pending_commitments().due(int((time.time() + 10**6) * 1000)))


def wait_until_nothing_is_pending() -> None:
    deadline = time.monotonic() + 10
    while pending():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_report_on_the_association_that_asked(
    start_ingest: Callable[..., Ingest], requester: Requester, processes: str
) -> None:
    ingest = start_ingest(**QUICK, SANSFILM_INGEST_PROCESSES=processes)
    put_in_index(*(put(data_set(sop=f"1.2.3.{number}")) for number in (3, 4)))
    with requester.associated(ingest) as association:
        assert ask(association, "1.2.3.3", "1.2.3.4") == 0
        event_type, information, on_same = requester.report()
        assert (event_type, on_same) == (ALL_COMMITTED, True)
        assert committed(information) == ["1.2.3.3", "1.2.3.4"]
        assert information.TransactionUID == "1.2.3.99"
        assert information.RetrieveAETitle == "SANSFILM"
        wait_until_nothing_is_pending()
        # The association goes on.
        assert ask(association, "1.2.3.3", transaction="1.2.3.98") == 0
        assert requester.report()[1].TransactionUID == "1.2.3.98"
        wait_until_nothing_is_pending()
    assert ingest.health()["commitment_reports"] == 2


def test_what_is_not_committed(start_ingest: Callable[..., Ingest], requester: Requester) -> None:
    ingest = start_ingest(**QUICK)
    put_in_index(put(data_set(sop="1.2.3.3")))
    put_in_index(put(data_set(sop="1.2.3.20")), put(data_set(sop="1.2.3.20", pixels=bytes(128))))
    put(data_set(sop="1.2.3.30"))  # in S3 only
    gone = put(data_set(sop="1.2.3.40"))
    put_in_index(gone, put(data_set(sop="1.2.3.50"), "sud"))
    s3 = ingest.cloud.client("s3")
    s3.delete_object(Bucket=ingest.cloud.settings["archive_bucket"], Key=gone)
    with requester.associated(ingest) as association:
        assert ask(association, *(f"1.2.3.{number}" for number in (3, 20, 30, 40, 50, 60))) == 0
        event_type, information, _ = requester.report()
        assert event_type == FAILURES_EXIST
        assert committed(information) == ["1.2.3.3"]
        assert failed(information) == {
            "1.2.3.20": 0x0110,
            "1.2.3.30": 0x0112,
            "1.2.3.40": 0x0112,
            "1.2.3.50": 0x0112,
            "1.2.3.60": 0x0112,
        }
        assert ask(association, "1.2.3.3", sop_class="1.2.840.10008.5.1.4.1.1.4") == 0
        assert failed(requester.report()[1]) == {"1.2.3.3": 0x0119}


def test_an_instance_that_is_indexed_a_moment_later(start_ingest: Callable[..., Ingest], requester: Requester) -> None:
    ingest = start_ingest(**(QUICK | {"SANSFILM_COMMITMENT_WAIT_S": "30"}))
    key = put(data_set(sop="1.2.3.3"))
    with requester.associated(ingest) as association:
        assert ask(association, "1.2.3.3") == 0
        time.sleep(1)
        assert requester.reports.empty()
        put_in_index(key)
        assert requester.report()[0] == ALL_COMMITTED


def test_a_report_on_a_new_association(start_ingest: Callable[..., Ingest], requester: Requester) -> None:
    ingest = start_ingest(**QUICK)
    requester.register()
    put_in_index(put(data_set(sop="1.2.3.3")))
    with requester.listening():
        with requester.associated(ingest) as association:
            # Gone before it can be judged: the second instance is waited for.
            assert ask(association, "1.2.3.3", "1.2.3.4") == 0
        event_type, information, on_same = requester.report()
        assert (event_type, on_same) == (FAILURES_EXIST, False)
        assert (committed(information), failed(information)) == (["1.2.3.3"], {"1.2.3.4": 0x0112})
    wait_until_nothing_is_pending()


def test_a_requester_that_is_away_is_tried_again(start_ingest: Callable[..., Ingest], requester: Requester) -> None:
    ingest = start_ingest(**QUICK)
    requester.register()
    with requester.associated(ingest) as association:
        assert ask(association, "1.2.3.4") == 0
    deadline = time.monotonic() + 30
    while "report not delivered" not in ingest.log():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    requester.status = 0x0110
    with requester.listening():
        assert requester.report()[0] == FAILURES_EXIST  # which the requester says it could not handle
        assert pending()
        requester.status = 0x0000
        assert requester.report(40)[0] == FAILURES_EXIST
        wait_until_nothing_is_pending()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_in_between(
    start_ingest: Callable[..., Ingest], requester: Requester, number: signal.Signals
) -> None:
    ingest = start_ingest(**(QUICK | {"SANSFILM_COMMITMENT_WAIT_S": "600"}))
    requester.register()
    key = put(data_set(sop="1.2.3.3"))
    with requester.associated(ingest) as association:
        assert ask(association, "1.2.3.3") == 0
        ingest.signal(number)
        ingest.wait()
    put_in_index(key)
    with requester.listening():
        start_ingest(**QUICK)
        event_type, _, on_same = requester.report()
    assert (event_type, on_same) == (ALL_COMMITTED, False)
    wait_until_nothing_is_pending()


def test_the_same_transaction_again_is_one_request(start_ingest: Callable[..., Ingest], requester: Requester) -> None:
    ingest = start_ingest(**(QUICK | {"SANSFILM_COMMITMENT_WAIT_S": "600"}))
    requester.register()
    key = put(data_set(sop="1.2.3.3"))
    for _ in range(3):
        with requester.associated(ingest) as association:
            assert ask(association, "1.2.3.3") == 0
    assert len(pending()) == 1
    with requester.listening():
        put_in_index(key)
        assert requester.report()[0] == ALL_COMMITTED
        wait_until_nothing_is_pending()
        time.sleep(3)
    assert requester.reports.empty()


def test_requests_that_are_refused(ingest: Ingest, requester: Requester) -> None:
    with requester.associated(ingest) as association:
        valid = Dataset()
        valid.TransactionUID = "1.2.3.99"
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, "1.2.3"
        valid.ReferencedSOPSequence = [item]
        assert send_action(association, valid, action=2) == 0x0123
        assert send_action(association, valid, instance="1.2.3") == 0x0112
        nothing = Dataset()
        nothing.PatientID = "P1"
        assert send_action(association, nothing) == 0x0120
        without_transaction = Dataset()
        without_transaction.ReferencedSOPSequence = [item]
        assert send_action(association, without_transaction) == 0x0120
        assert ask(association) == 0x0120
        assert ask(association, "../etc") == 0x0115
        assert not pending()
        assert send_action(association, valid) == 0


def test_more_instances_than_can_be_kept(ingest: Ingest, requester: Requester) -> None:
    with requester.associated(ingest) as association:
        assert ask(association, *(generate_uid() for _ in range(20_000))) == 0x0213
        assert ask(association, *(f"1.2.3.{number}" for number in range(5_000))) == 0
        assert len(pending()) == 1


def test_who_may_not_store_may_not_ask(ingest: Ingest) -> None:
    ae = AE(ae_title="NORD_CONSOLE")
    association = ae.associate(
        "127.0.0.1", ingest.port, contexts=[build_context(StorageCommitmentPushModel)], ae_title="SANSFILM"
    )
    assert not association.accepted_contexts
    association.abort()
