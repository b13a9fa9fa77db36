"""The cloud fails, the service is stopped or killed: what was acknowledged is there, the rest can be sent again."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom import build_context
from pynetdicom.sop_class import Verification

from chalicelib import errors, wiring
from chalicelib.access.model import ApplicationEntity
from chalicelib.aws.clients import forget_clients
from scp_fargate.callers import Callers
from tests.emulator import create_cloud, running_emulator
from tests.scp.conftest import Ingest, register_region
from tests.scp.scu import associate, associated, c_store, data_set, send


def test_bucket_down_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_emulator() as emulator:
        cloud = create_cloud(emulator)
        for name, value in cloud.environment().items():
            monkeypatch.setenv(name, value)
        wiring.settings.cache_clear()
        wiring.registry.cache_clear()
        forget_clients()
        register_region()
        ingest = Ingest(cloud, tmp_path / "ingest.log")
        ingest.start()
        try:
            assert send(ingest.port, data_set(sop="1.2.9.1"), sop="1.2.9.1") == 0
            emulator.stop()
            with associated(ingest.port) as association:
                assert c_store(association, data_set(sop="1.2.9.2"), sop="1.2.9.2").Status == 0xA700
                # A refusal is not lost either: without the bucket it cannot be kept, so it is not final.
                assert c_store(association, data_set()[:-17]).Status == 0xA700
                emulator.start()
                assert c_store(association, data_set(sop="1.2.9.2"), sop="1.2.9.2").Status == 0
            assert sorted(key.split("/")[4] for key in ingest.objects("archive/")) == ["1.2.9.1", "1.2.9.2"]
            assert ingest.health()["refused_unavailable"] == 2
        finally:
            ingest.stop()


def test_sigterm_lets_associations_finish(ingest: Ingest) -> None:
    with associated(ingest.port) as association:
        assert c_store(association, data_set()).Status == 0
        ingest.signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", ingest.port), timeout=2)
        assert c_store(association, data_set(sop="1.2.3.4"), sop="1.2.3.4").Status == 0
    assert ingest.wait() == 0
    assert len(ingest.objects("archive/")) == 2


def test_sigterm_ends_an_idle_association_after_the_grace_period(ingest: Ingest) -> None:
    association = associate(ingest.port, "NORD_CT1", [build_context(Verification)])
    began = time.monotonic()
    ingest.signal(signal.SIGTERM)
    assert ingest.wait() == 0
    assert 2 < time.monotonic() - began < 10
    association.join(5)
    assert association.is_aborted


def test_what_was_acknowledged_before_a_kill_is_there(ingest: Ingest) -> None:
    acknowledged: list[str] = []

    def run() -> None:
        association = associate(ingest.port, "NORD_CT1", [build_context("1.2.840.10008.5.1.4.1.1.2")])
        try:
            for index in range(1000):
                sop = f"1.2.7.{index}"
                data = data_set(sop=sop)
                implicit = association.accepted_contexts[0].transfer_syntax[0]
                assert implicit
                if c_store(association, data, sop=sop).Status == 0:
                    acknowledged.append(sop)
        except (AssertionError, RuntimeError, OSError, IndexError):
            return

    sender = threading.Thread(target=run)
    sender.start()
    while len(acknowledged) < 20:
        time.sleep(0.01)
    ingest.signal(signal.SIGKILL)
    sender.join(90)
    assert not sender.is_alive()
    stored = {key.split("/")[4] for key in ingest.objects("archive/")}
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + 1


def test_port_in_use_is_one_sentence(start_ingest: Callable[..., Ingest]) -> None:
    ingest = start_ingest()
    second = Ingest(ingest.cloud, ingest.log_path.with_suffix(".second"), {"SANSFILM_DICOM_PORT": str(ingest.port)})
    with pytest.raises(RuntimeError, match="cannot be used"):
        second.start()
    assert second.wait() == 1
    assert "Traceback" not in second.log()


class TestCallers:
    entity = ApplicationEntity("CT1", "nord", frozenset({"store"}))

    def test_answers_are_remembered_for_seconds(self) -> None:
        asked: list[str] = []
        now = [0.0]
        callers = Callers(lambda title: asked.append(title) or self.entity, lambda: now[0])
        assert callers.resolve("CT1") is callers.resolve("CT1")
        now[0] = 6.0
        callers.resolve("CT1")
        assert asked == ["CT1", "CT1"]

    def test_reception_outlives_an_outage_of_the_registry(self) -> None:
        now = [0.0]
        down = [False]

        def look_up(title: str) -> ApplicationEntity | None:
            if down[0]:
                raise errors.Unavailable("")
            return self.entity if title == "CT1" else None

        callers = Callers(look_up, lambda: now[0])
        callers.resolve("CT1")
        assert callers.resolve("NOBODY") is None
        down[0], now[0] = True, 60.0
        assert callers.resolve("CT1") is self.entity
        with pytest.raises(errors.Unavailable):
            callers.resolve("NOBODY")
        now[0] = 3600.0
        with pytest.raises(errors.Unavailable):
            callers.resolve("CT1")

    def test_a_look_up_that_hangs_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("scp_fargate.callers.LOOK_UP_TIMEOUT_S", 0.1)
        hang = threading.Event()
        callers = Callers(lambda title: hang.wait(20) and None)
        with pytest.raises(errors.Unavailable):
            callers.resolve("CT1")
        hang.set()
