"""More sub-operations than a counter of 16 bits can say, on a real association (PS3.7 9.1.3.1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom.config
import pytest
from aws_lambda_powertools import Logger
from pynetdicom import _config

from chalicelib import wiring, wiring_meters
from chalicelib.archive.model import InstanceRecord, StudyRecord
from chalicelib.settings import Settings
from scp_fargate.application_entity import listen
from scp_fargate.association import Archive as Parts
from scp_fargate.association import Memory
from scp_fargate.callers import Callers, Remembered
from scp_fargate.counts import Counts
from scp_fargate.limits import HospitalAssociations
from scp_fargate.outgoing import outgoing
from scp_fargate.quotas import Quotas
from scp_fargate.sent_meter import SentMeter
from scp_fargate.sub_operations import LONGEST_FAILED_LIST
from scp_fargate.trail import Trail
from scp_fargate.unnamed_file import unnamed_file
from tests.emulator import free_port
from tests.scp.query_retrieve.conftest import Archive
from tests.scp.query_retrieve.scu import GET, identifier, open_association
from tests.scp.query_retrieve.test_c_move import counts

COUNT = 66_000


class Multiplied:
    """The index, but for the series `1.2.78.1`, which has many times its instances."""

    def __getattr__(self, name: str) -> Any:
        return getattr(wiring.index_reader(), name)

    def study(self, hospital: str, study_instance_uid: str) -> StudyRecord | None:
        found = wiring.index_reader().study(hospital, study_instance_uid)
        return replace(found, instance_count=COUNT) if found else None

    def instances_of_series(self, hospital: str, study: str, series: str) -> Iterator[InstanceRecord]:
        record = next(iter(wiring.index_reader().instances_of_series(hospital, study, series)))
        for number in range(COUNT):
            yield replace(record, keys=replace(record.keys, sop_instance_uid=f"1.2.78.1.{number}"))


@pytest.fixture
def port(archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    """Of the endpoint in this process: what it configures of pydicom and pynetdicom is taken back."""
    monkeypatch.setitem(_config.VALIDATORS, "UI", _config.VALIDATORS["UI"])
    monkeypatch.setattr(
        pydicom.config.settings, "reading_validation_mode", pydicom.config.settings.reading_validation_mode
    )
    settings = Settings(dicom_port=free_port(), dicom_tls_port=0)
    registry, logger = wiring.registry(), Logger(service="test", level="ERROR")
    hospitals = Remembered(registry.hospital)
    parts = Parts(
        objects=wiring.object_store(),
        callers=Callers(registry.application_entity),
        counts=Counts(),
        logger=logger,
        memory=Memory(1 << 20),
        index_reader=Multiplied(),  # type: ignore[arg-type]
        renderer=wiring.renderer(),
        commitments=None,  # type: ignore[arg-type]
        maximum_matches=1,
        move_associations=1,
        slow_peer_grace_s=10,
        hospitals=hospitals,
        hospital_associations=HospitalAssociations(unnamed_file(), lambda _: 4),
        quotas=Quotas(hospitals.resolve, registry.count_attempt, logger),
        outgoing=outgoing(settings, None),
        trail=Trail(wiring.audit_trail(), logger),
        sent=SentMeter(wiring_meters.facts, tmp_path, logger),
        tls=None,
    )
    entity = listen(settings, parts)
    yield settings.dicom_port
    for server in entity.servers:
        server.shutdown()
    assert entity.watch
    entity.watch.stop()
    parts.quotas.stop()


def test_counters_end_at_what_they_can_say(port: int) -> None:
    """None of the instances can be sent, which is quick: no context for them was proposed."""
    with open_association(port, "NORD_PACS", GET) as association:
        association.dimse_timeout = 120
        responses = list(association.send_c_get(identifier(StudyInstanceUID="1.2.78"), GET))
    pending, (final, failures) = [status for status, _ in responses[:-1]], responses[-1]
    assert pending[0].NumberOfRemainingSuboperations == 0xFFFF
    remaining = [status.NumberOfRemainingSuboperations for status in pending]
    assert remaining == sorted(remaining, reverse=True)
    assert {status.Status for status in pending} == {0xFF00}
    assert (final.Status, *counts(final)) == (0xA702, 0, 0xFFFF, 0)
    assert failures is not None
    # Longer than an element of VR UI can be in Explicit VR: it comes as UN (PS3.5 6.2.2).
    assert len(failures["FailedSOPInstanceUIDList"].value.split(b"\\")) == LONGEST_FAILED_LIST
