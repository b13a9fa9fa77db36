"""What the ingest service records, and what it does when it cannot."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chalicelib.access.audit import Action, AuditEvent, Who
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.scope import PatientRef
from chalicelib.dicom.attributes import resolve
from chalicelib.dicom.matching import Condition
from chalicelib.errors import Unavailable
from scp_fargate.trail import Trail

CALLER = Who("ae:CT1", "application-entity", "CT1", "nord", "association", "192.0.2.1")


class Recorder:
    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.is_down = False

    def record(self, event: AuditEvent) -> bool:
        if self.is_down:
            raise Unavailable("down")
        self.events.append(event)
        return True


def trail_of(recorder: Recorder) -> Trail:
    return Trail(recorder, logging.getLogger("test"))  # type: ignore[arg-type]


def test_a_study_that_an_association_stores_is_one_event() -> None:
    recorder = Recorder()
    trail = trail_of(recorder)
    for study in ["1.2.1"] * 50 + ["1.2.2"] * 50:
        trail.stored(CALLER, "nord", study)
    trail.close()
    assert sorted((event.action, event.study_instance_uid) for event in recorder.events) == sorted(
        [(Action.STORE, "1.2.1"), (Action.STORE, "1.2.2")], key=str
    )


def test_reception_goes_on_without_the_trail_and_is_recorded_later() -> None:
    recorder = Recorder()
    recorder.is_down = True
    trail = trail_of(recorder)
    trail.stored(CALLER, "nord", "1.2.1")
    trail.close()
    recorder.is_down = False
    trail._executor = None
    trail.stored(CALLER, "nord", "1.2.1")
    trail.close()
    assert len(recorder.events) == 1


def test_what_is_sent_names_its_patient_or_is_not_sent() -> None:
    recorder = Recorder()
    attributes: dict[str, Any] = {"00100020": {"vr": "LO", "Value": ["P1"]}}
    study = StudyRecord("nord", "1.2.1", attributes, (), (), 1, 1, 0, 0, 0)
    trail = trail_of(recorder)
    trail.sent(Action.MOVE, CALLER, [study, study], "PACS")
    (event,) = recorder.events
    assert (event.patient, event.detail["destination"]) == (PatientRef("nord", "P1"), "PACS")
    recorder.is_down = True
    with pytest.raises(Unavailable):
        trail.sent(Action.RETRIEVE, CALLER, [study])


def test_a_query_is_recorded_with_its_keys() -> None:
    recorder = Recorder()
    attribute = resolve("PatientID")
    assert attribute is not None
    trail_of(recorder).searched(CALLER, "STUDY", [Condition((attribute,), "P1")])
    assert recorder.events[0].detail == {"protocol": "C-FIND", "level": "STUDY", "query": "00100020=P1"}
