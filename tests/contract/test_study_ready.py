"""Study ready: a ledger line once and an SMS at most once, whatever is redelivered and wherever it crashes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import errors, wiring, wiring_meters
from chalicelib.access.model import Contact, Hospital
from chalicelib.archive.confidentiality import Kind, Mark, Target
from chalicelib.archive.model import InstanceKeys, InstanceRecord
from chalicelib.aws.clients import client
from chalicelib.billing import facts, verify
from chalicelib.billing.fact_blocks import totals_of
from chalicelib.functions import study_ready
from chalicelib.functions.study_ready import Parts, finish_study, parts
from chalicelib.notify.announce import State
from tests.contract.test_sns_sms import sent
from tests.emulator import Cloud

RECEIVED_MS = 1_795_600_000_000
QUIET = datetime.fromtimestamp(RECEIVED_MS / 1000, UTC) + timedelta(seconds=2)
numbers = itertools.count(1000)
"""Of exams; their last digits are those of telephone numbers, of which other tests use the first hundred."""


class Killed(BaseException):
    """The process died."""


@dataclass
class Exam:
    """A study of two series whose patient can be reached."""

    study: str
    patient_id: str
    phone_number: str

    def finish(self, own: Parts, now: datetime = QUIET, last_received_at_ms: int = RECEIVED_MS) -> str:
        return finish_study(own, "nord", self.study, last_received_at_ms, now)


def instance(study: str, patient_id: str, series: int, number: int, received_at_ms: int) -> InstanceRecord:
    keys = InstanceKeys("nord", study, f"{study}.{series}", f"{study}.{series}.{number}")
    values = {
        "00080018": ("UI", keys.sop_instance_uid),
        "00080050": ("SH", "ACC1"),
        "00080060": ("CS", "CT"),
        "00100020": ("LO", patient_id),
        "0020000D": ("UI", keys.study_instance_uid),
        "0020000E": ("UI", keys.series_instance_uid),
    }
    return InstanceRecord(
        keys=keys,
        object_key=f"archive/nord/{study}/{keys.series_instance_uid}/{keys.sop_instance_uid}/d.dcm",
        digest=f"{number:064x}",
        size_bytes=100,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        received_at_ms=received_at_ms,
        dicom_json={tag: {"vr": vr, "Value": [value]} for tag, (vr, value) in values.items()},
    )


def receive(exam: Exam, received_at_ms: int, number: int = 1) -> None:
    for series in (1, 2):
        wiring.index_writer().add_instances([instance(exam.study, exam.patient_id, series, number, received_at_ms)])


@pytest.fixture
def hospital(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANSFILM_SMS_QUIET_HOURS", "")
    wiring.settings.cache_clear()
    wiring.registry().put_hospital(Hospital("nord", "Hôpital Nord"))


def new_exam(*, consent: bool = True, with_contact: bool = True) -> Exam:
    n = next(numbers)
    exam = Exam(f"1.2.{n}", f"P{n}", f"+3363998{n:04}")
    receive(exam, RECEIVED_MS)
    if with_contact:
        wiring.registry().put_contact(Contact("nord", exam.patient_id, "", exam.phone_number, consent))
    return exam


def lines_of(exam: Exam) -> int:
    return sum(line.study_instance_uid == exam.study for line in wiring.ledger().lines("nord"))


def metered(exam: Exam) -> dict[str, int]:
    """What was metered of an exam, by meter."""
    store = wiring_meters.facts()
    starts = {facts.INSTANCES_IN: (0, 2), facts.BYTES_IN: (0, 200)}
    known = [(meter, f"{exam.study}|from {start}") for meter, each in starts.items() for start in each]
    notification = wiring.notifications().of_study("nord", exam.study)
    known += [(facts.SMS_SEGMENTS, notification.detail)] if notification else []
    events = (store.event(facts.MeterFact("nord", meter, text, 0, 0).fact_id) for meter, text in known)
    totals = totals_of(event for event in events if event)
    return {kind.partition("#")[0]: quantity for kind, quantity in totals.items()}


def state_of(exam: Exam) -> State | None:
    notification = wiring.notifications().of_study("nord", exam.study)
    return notification.state if notification else None


@pytest.mark.usefixtures("hospital")
def test_a_study_that_is_kept_back_from_its_patient_is_announced_when_that_is_lifted(cloud: Cloud) -> None:
    exam = new_exam()
    mark = Mark("1", Kind.DELAYED, Target(), "u", "U", 0)
    wiring.marks().put("nord", exam.study, [mark], 0)
    assert exam.finish(parts()) == "kept-back"
    assert lines_of(exam) == 1
    assert not list(sent(cloud, exam.phone_number))
    wiring.marks().put("nord", exam.study, [replace(mark, lifted_at=1)], 1)
    assert exam.finish(parts()) == "sent"


@pytest.mark.usefixtures("hospital")
def test_a_quiet_study_is_ready_metered_and_announced_once(cloud: Cloud) -> None:
    exam = new_exam()
    assert exam.finish(parts()) == "sent"
    study = wiring.index_reader().study("nord", exam.study)
    assert study is not None
    assert study.state == "ready"
    assert all(series.metadata_key for series in wiring.index_reader().series_of_study("nord", exam.study))
    (message,) = sent(cloud, exam.phone_number)
    text = json.dumps(message)
    assert "Hopital Nord : les images de votre examen sont disponibles sur http://127.0.0.1:8080" in text
    assert exam.study not in text
    assert exam.patient_id + '"' not in text
    (line,) = wiring.ledger().lines("nord")
    assert (line.event, line.accession_number, line.study_instance_uid) == ("exam archived", "ACC1", exam.study)
    assert [exam.finish(parts()) for _ in range(3)] == ["settled"] * 3
    assert (lines_of(exam), len(sent(cloud, exam.phone_number))) == (1, 1)
    assert metered(exam) == {facts.INSTANCES_IN: 2, facts.BYTES_IN: 200, facts.SMS_SEGMENTS: 1}


@pytest.mark.usefixtures("hospital")
def test_a_late_instance_makes_the_study_ready_again_without_a_second_sms_or_line(cloud: Cloud) -> None:
    exam = new_exam()
    exam.finish(parts())
    late_ms = RECEIVED_MS + 3_600_000
    receive(exam, late_ms, number=2)
    assert exam.finish(parts(), last_received_at_ms=RECEIVED_MS) == "superseded"
    assert exam.finish(parts(), QUIET + timedelta(hours=1), late_ms) == "settled"
    study = wiring.index_reader().study("nord", exam.study)
    assert study is not None
    assert (study.state, study.instance_count) == ("ready", 4)
    assert (lines_of(exam), len(sent(cloud, exam.phone_number))) == (1, 1)
    assert metered(exam) == {facts.INSTANCES_IN: 4, facts.BYTES_IN: 400, facts.SMS_SEGMENTS: 1}


@pytest.mark.usefixtures("hospital")
def test_a_study_that_is_not_quiet_or_gone_waits_or_is_dropped() -> None:
    exam = new_exam()
    assert exam.finish(parts(), QUIET - timedelta(seconds=1.5)) == "not-quiet-yet"
    assert _waiting() == 1
    assert lines_of(exam) == 0
    wiring.index_writer().remove_study("nord", exam.study)
    assert exam.finish(parts()) == "forgotten"


def _waiting() -> int:
    queue = next(queue for queue in wiring.queue_depths().read() if queue["name"] == "study-ready")
    return int(queue["available"] + queue["delayed"])


@pytest.mark.usefixtures("hospital")
@pytest.mark.parametrize(
    ("with_contact", "consent", "state"), [(False, False, State.NO_CONTACT), (True, False, State.NO_CONSENT)]
)
def test_without_contact_or_consent_there_is_no_sms(
    cloud: Cloud, with_contact: bool, consent: bool, state: State
) -> None:
    exam = new_exam(with_contact=with_contact, consent=consent)
    assert exam.finish(parts()) == state.value
    assert (lines_of(exam), len(sent(cloud, exam.phone_number)), state_of(exam)) == (1, 0, state)
    # Once the patient can be reached, the next time the study gets ready tells of it.
    wiring.registry().put_contact(Contact("nord", exam.patient_id, "", exam.phone_number, True))
    assert exam.finish(parts()) == "sent"


@pytest.mark.usefixtures("hospital")
@pytest.mark.parametrize("patient_id", ["", "9" * 65])
def test_a_patient_id_that_cannot_be_registered_does_not_hold_up_the_study(patient_id: str) -> None:
    exam = Exam(f"1.2.{next(numbers)}", patient_id, "")
    receive(exam, RECEIVED_MS)
    assert exam.finish(parts()) == "no-contact"


@pytest.mark.usefixtures("hospital")
def test_quiet_hours_put_the_sms_off_and_nothing_else(cloud: Cloud) -> None:
    exam = new_exam()
    night = replace(parts(), settings=replace(wiring.settings(), sms_quiet_hours="20-8"))
    evening = datetime(2026, 11, 26, 21, 0, tzinfo=UTC)
    assert exam.finish(night, evening) == "quiet-hours"
    assert (lines_of(exam), len(sent(cloud, exam.phone_number)), _waiting()) == (1, 0, 1)
    assert exam.finish(night, datetime(2026, 11, 27, 7, 30, tzinfo=UTC)) == "sent"
    assert exam.finish(night, evening) == "settled"
    assert _waiting() == 1


@pytest.mark.usefixtures("hospital")
def test_concurrent_deliveries(cloud: Cloud) -> None:
    exam = new_exam()

    def deliver(_: int) -> str:
        try:
            return exam.finish(parts())
        except errors.Unavailable:
            return "again"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(deliver, range(6)))
    outcomes += [exam.finish(parts())] if "again" in outcomes else []
    assert outcomes.count("sent") == 1
    assert (lines_of(exam), len(sent(cloud, exam.phone_number))) == (1, 1)


class Dying:
    """A port that dies just before or just after one of the calls made through all ports."""

    def __init__(self, port: Any, calls: Iterator[int], fatal: int, *, after: bool) -> None:
        self._port, self._calls, self._fatal, self._after = port, calls, fatal, after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            is_fatal = next(self._calls) == self._fatal
            if is_fatal and not self._after:
                raise Killed
            answer = method(*args, **kwargs)
            if is_fatal:
                raise Killed
            return answer

        return call


def dying_parts(fatal: int, *, after: bool) -> tuple[Parts, Iterator[int]]:
    own, calls = parts(), itertools.count(1)
    ports = {field.name: getattr(own, field.name) for field in fields(Parts) if field.name != "settings"}
    dying = {name: Dying(port, calls, fatal, after=after) for name, port in ports.items()}
    return Parts(**dying, settings=own.settings), calls


@pytest.mark.usefixtures("hospital")
def test_a_crash_at_any_call(cloud: Cloud) -> None:
    own, calls = dying_parts(10_000, after=False)
    new_exam().finish(own)
    call_count = next(calls) - 1
    assert call_count > 12
    unknown = 0
    for fatal, after in itertools.product(range(1, call_count + 1), (False, True)):
        exam = new_exam()
        with pytest.raises(Killed):
            exam.finish(dying_parts(fatal, after=after)[0])
        for _ in range(2):
            exam.finish(parts())
        study = wiring.index_reader().study("nord", exam.study)
        assert study is not None
        assert (study.state, lines_of(exam)) == ("ready", 1)
        is_told = state_of(exam) is State.SENT
        came = {facts.INSTANCES_IN: 2, facts.BYTES_IN: 200}
        assert metered(exam) == came | ({facts.SMS_SEGMENTS: 1} if is_told else {})
        messages = len(sent(cloud, exam.phone_number))
        if state_of(exam) is State.CLAIMED:
            unknown += 1
            assert messages <= 1
            assert exam.study in [n.study_instance_uid for n in wiring.notifications().unresolved("nord")]
        else:
            assert (state_of(exam), messages) == (State.SENT, 1)
    # Only between the claim and the record of the outcome is the outcome unknown: after the claim, before and after
    # sending, before the record.
    assert unknown == 4
    assert list(verify.problems(wiring.ledger(), "nord")) == []


@pytest.mark.usefixtures("hospital")
@pytest.mark.parametrize("fatal", range(1, 9))
def test_a_service_that_fails_once_is_asked_again(cloud: Cloud, fatal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exam = new_exam()
    own, _ = dying_parts(fatal, after=False)
    monkeypatch.setitem(globals(), "Killed", errors.Unavailable("The service did not answer."))
    with pytest.raises(errors.Unavailable):
        exam.finish(own)
    assert exam.finish(parts()) == "sent"
    assert (lines_of(exam), len(sent(cloud, exam.phone_number))) == (1, 1)


def test_the_handler_fails_messages_one_by_one(cloud: Cloud, hospital: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "SansFilm")
    good = new_exam()
    bodies = [
        json.dumps({"hospital": "nord", "study_instance_uid": good.study, "last_received_at_ms": RECEIVED_MS}),
        "not json",
        json.dumps({"hospital": "nord"}),
    ]
    event = {
        "Records": [
            {"messageId": str(n), "body": body, "eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}}
            for n, body in enumerate(bodies)
        ]
    }

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return QUIET

    monkeypatch.setattr(study_ready, "datetime", Clock)

    class Context:
        function_name = "study-ready"

    answer = study_ready.handler(event, Context())  # type: ignore[arg-type]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    assert len(sent(cloud, good.phone_number)) == 1


def test_the_queue_leads_to_the_handler(cloud: Cloud, hospital: None) -> None:
    """What the index schedules is what the handler reads."""
    exam = new_exam()
    wiring.study_ready_queue().schedule("nord", exam.study, RECEIVED_MS, 0)
    received = client("sqs").receive_message(QueueUrl=wiring.settings().study_ready_queue_url, WaitTimeSeconds=2)
    (message,) = received["Messages"]
    assert json.loads(message["Body"]) == {
        "hospital": "nord",
        "study_instance_uid": exam.study,
        "last_received_at_ms": RECEIVED_MS,
    }


@pytest.mark.usefixtures("hospital")
def test_a_rebuild_of_the_index_tells_nobody_of_exams_that_arrived_long_ago(cloud: Cloud) -> None:
    exam = new_exam()
    assert exam.finish(parts(), QUIET + timedelta(days=8)) == "arrived-long-ago"
    assert (lines_of(exam), len(sent(cloud, exam.phone_number))) == (1, 0)
