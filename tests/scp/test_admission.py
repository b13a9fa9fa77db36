"""Who may have an association, and for how long: networks, TLS alone, changes of the registry, quotas."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from chalicelib import errors, wiring
from chalicelib.access.model import ApplicationEntity, Hospital
from scp_fargate.callers import FRESH_S
from scp_fargate.quotas import TELL_EVERY_S, Quotas, QuotaUsedUp
from tests.emulator import free_port
from tests.scp.certificates import Issued, TlsEndpoint
from tests.scp.conftest import Ingest
from tests.scp.scu import CT, EXPLICIT, KEEP_REJECTION, associate, c_store, data_set, rejection, send
from tests.scp.stow import multipart, post
from tests.scp.test_processes import wait_for

NOT_RECOGNIZED = (1, 1, 3)
WITHIN_S = FRESH_S + 4


def change(ae_title: str = "NORD_CT1", **changes: Any) -> None:
    """Change what is registered of an application entity."""
    registry = wiring.registry()
    known = registry.application_entity(ae_title)
    assert known is not None
    registry.put_application_entity(replace(known, **changes))


def change_hospital(**changes: Any) -> None:
    """Change what is registered of the hospital `nord`."""
    registry = wiring.registry()
    known = registry.hospital("nord")
    assert known is not None
    registry.put_hospital(replace(known, **changes))


def call_from(ingest: Ingest, address: str, ae_title: str = "NORD_CT1") -> Association:
    """Ask for an association from an address: all of 127/8 is this machine."""
    ae = AE(ae_title=ae_title)
    return ae.associate(
        "127.0.0.1", ingest.port, contexts=[build_context(Verification)], ae_title="SANSFILM",
        bind_address=(address, 0), evt_handlers=KEEP_REJECTION,
    )  # fmt: skip


def call_tls(endpoint: TlsEndpoint, issued: Issued) -> Association:
    """Ask for an association on the TLS port."""
    ae = AE(ae_title="NORD_CT1")
    contexts = [build_context(Verification), build_context(CT, EXPLICIT)]
    tls = (endpoint.calling(issued), "localhost")
    return ae.associate("127.0.0.1", endpoint.port, contexts=contexts, ae_title="SANSFILM", tls_args=tls)


@pytest.fixture
def endpoint(tmp_path: Path) -> TlsEndpoint:
    return TlsEndpoint.make(tmp_path, free_port())


def test_networks_of_an_application_entity_or_else_of_its_hospital(start_ingest: Callable[..., Ingest]) -> None:
    change_hospital(networks=frozenset({"127.0.0.2/32", "10.0.0.0/8"}))
    change("NORD_CONSOLE", networks=frozenset({"127.0.0.1/32", "2001:db8::/32"}))
    ingest = start_ingest()
    for address, ae_title, admitted in (
        ("127.0.0.2", "NORD_CT1", True),
        ("127.0.0.1", "NORD_CT1", False),
        ("127.0.0.1", "NORD_CONSOLE", True),
        ("127.0.0.2", "NORD_CONSOLE", False),
        ("127.0.0.3", "SUD_CT1", True),
    ):
        association = call_from(ingest, address, ae_title)
        assert bool(association.is_established) == admitted, (address, ae_title)
        if admitted:
            association.release()
        else:
            assert rejection(association) == NOT_RECOGNIZED
    assert "address outside the registered networks" in ingest.log()


def test_who_has_to_use_tls_may_not_do_without(start_ingest: Callable[..., Ingest], endpoint: TlsEndpoint) -> None:
    nord = endpoint.authority.issue("nord")
    ingest = start_ingest(**endpoint.settings)
    change(certificate_fingerprints=frozenset({nord.fingerprint}), tls_only=True)
    assert rejection(associate(ingest.port, "NORD_CT1", [build_context(Verification)])) == NOT_RECOGNIZED
    association = call_tls(endpoint, nord)
    assert association.is_established
    association.release()


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("how", ["disabled", "removed", "given to another hospital"])
def test_open_associations_end_with_their_application_entity(
    start_ingest: Callable[..., Ingest], how: str, processes: str
) -> None:
    ingest = start_ingest(SANSFILM_INGEST_PROCESSES=processes)
    idle = associate(ingest.port, "NORD_CT1", [build_context(Verification)])
    other = associate(ingest.port, "SUD_CT1", [build_context(Verification)])
    sending = Sending(ingest)
    wait_for(lambda: len(sending.statuses) > 3)
    registry = wiring.registry()
    if how == "disabled":
        change(enabled=False)
    else:
        known = registry.application_entity("NORD_CT1")
        assert known
        registry.delete_application_entity(known, known.revision)
        if how != "removed":
            registry.put_application_entity(ApplicationEntity("NORD_CT1", "sud", frozenset({"store"})))
    began = time.monotonic()
    for association in (idle, sending.association):
        while association.is_established:
            assert time.monotonic() - began < WITHIN_S
            time.sleep(0.05)
    sending.thread.join(10)
    assert set(sending.statuses) == {0}
    # What was answered is there; at most the one that was under way is there besides.
    assert len(ingest.objects("archive/")) - len(sending.statuses) in (0, 1)
    assert other.is_established
    assert other.send_c_echo().Status == 0
    other.release()
    wait_for(lambda: ingest.health()["associations"] == 0)
    assert ingest.health()["associations_revoked"] == 2


class Sending:
    """A modality that sends one instance after the other until its association ends."""

    def __init__(self, ingest: Ingest) -> None:
        self.statuses: list[int] = []
        self.association = associate(ingest.port, "NORD_CT1", [build_context(CT, EXPLICIT)])
        assert self.association.is_established
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        for number in range(1, 100_000):
            try:
                response = c_store(self.association, data_set(sop=f"1.2.3.3.{number}"), sop=f"1.2.3.3.{number}")
            except (AssertionError, RuntimeError, AttributeError):
                return
            self.statuses.append(int(response.Status))


def test_open_associations_end_with_their_certificate(
    start_ingest: Callable[..., Ingest], endpoint: TlsEndpoint
) -> None:
    revoked, removed, good = (endpoint.authority.issue("nord") for _ in range(3))
    change(certificate_fingerprints=frozenset(each.fingerprint for each in (revoked, removed, good)))
    ingest = start_ingest(**endpoint.settings, SANSFILM_DICOM_TLS_CRL_FILE=str(endpoint.authority.revoke()))
    opened = {each: call_tls(endpoint, each) for each in (revoked, removed, good)}
    assert all(association.is_established for association in opened.values())
    endpoint.authority.revoke(revoked)
    change(certificate_fingerprints=frozenset(each.fingerprint for each in (revoked, good)))
    began = time.monotonic()
    while opened[revoked].is_established or opened[removed].is_established:
        assert time.monotonic() - began < WITHIN_S
        time.sleep(0.05)
    assert opened[good].is_established
    opened[good].release()
    assert {"certificate revoked", "certificate not registered"} <= set(ingest.log().split('"'))


@pytest.mark.parametrize("path", ["own", "pynetdicom"])
def test_a_hospital_that_has_used_up_its_quota(start_ingest: Callable[..., Ingest], path: str) -> None:
    change_hospital(maximum_instances_per_minute=3, maximum_bytes_per_day=10**9)
    ingest = start_ingest(SANSFILM_C_STORE_PATH=path)
    left_s = 60 - time.time() % 60
    if left_s < 10:
        # The window is a minute of the clock.
        time.sleep(left_s)
    with_status = [send(ingest.port, data_set(sop=f"1.2.3.{n}"), sop=f"1.2.3.{n}") for n in range(5)]
    assert with_status == [0, 0, 0, 0xA700, 0xA700]
    assert send(ingest.port, data_set(), ae_title="SUD_CT1") == 0
    answer = post(ingest, multipart([b""]))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert len(ingest.objects("archive/nord/")) == 3
    change_hospital(maximum_instances_per_minute=0)
    time.sleep(FRESH_S + 0.5)
    assert send(ingest.port, data_set(sop="1.2.3.9"), sop="1.2.3.9") == 0
    change_hospital(maximum_bytes_per_day=10)
    time.sleep(FRESH_S + 0.5)
    assert send(ingest.port, data_set(sop="1.2.3.10"), sop="1.2.3.10") == 0xA700
    assert "NORD" in ingest.log()


def test_quotas_are_the_regions() -> None:
    """Two processes that count in one registry."""
    nord = Hospital("nord", "Nord", maximum_instances_per_minute=10, maximum_bytes_per_day=0)
    counted: Counter[tuple[str, int]] = Counter()
    now, up = [120.0], [True]

    def count(key: str, window: int, window_s: int, by: int) -> int:
        if not up[0]:
            raise errors.Unavailable("")
        assert (key, window_s) == ("QUOTA#INSTANCES#nord", 60)
        counted[key, window] += by
        return counted[key, window]

    first, second = (Quotas(lambda _: nord, count, Logger(service="test"), lambda: now[0]) for _ in range(2))
    for _ in range(6):
        first.admit("nord")
        first.add("nord", 100)
        second.admit("nord")
    up[0] = False
    first.tell()
    up[0] = True
    first.tell()
    for _ in range(4):
        second.admit("nord")
        second.add("nord", 100)
    second.tell()
    with pytest.raises(QuotaUsedUp) as used_up:
        second.admit("nord")
    assert used_up.value.retry_after_s == 60
    first.admit("nord")
    first.tell()
    with pytest.raises(QuotaUsedUp):
        first.admit("nord")
    now[0] += 60
    for quotas in (first, second):
        quotas.admit("nord")
    assert counted == {("QUOTA#INSTANCES#nord", 2): 10}
    assert TELL_EVERY_S < 5
