"""Sends the demonstration exams by DICOM associations of the hospitals' own application entities."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from tqdm import tqdm

from localstack.demo.exams import instance_count, instances_of
from localstack.demo.mr_brain import VolumeUnavailable
from localstack.demo.region_exams import EXAMS, Exam
from scp_fargate.reactor_checkpoint import keep_responses

PARALLEL_ASSOCIATIONS = 3
ATTEMPTS = 3
SEND_LARGEST_FIRST = {"ct-jean": 0, "mr-camille": 1, "mr-helene-prior": 2}


class NotSent(Exception):
    """The archive did not take an instance; the message says which and why."""


def send_region(host: str, port: int, state_dir: Path) -> int:
    """Send every exam that the state file does not list as accepted; return the number of instances sent.

    Dates count back from the day of the first load, which the state file keeps: the same instances have the same
    bytes however often they are sent.

    Raises
    ------
    NotSent
        If the archive refuses an instance or cannot be reached.
    """
    state = _State(state_dir)
    exams = sorted(
        (exam for exam in EXAMS if exam.key not in state.accepted), key=lambda exam: SEND_LARGEST_FIRST.get(exam.key, 9)
    )
    if not exams:
        return 0
    total = sum(map(instance_count, exams))
    with (
        warnings.catch_warnings(),
        tqdm(total=total, desc="demonstration exams", unit="instance", file=sys.stderr, mininterval=0.5) as progress,
        ThreadPoolExecutor(PARALLEL_ASSOCIATIONS) as pool,
    ):
        # The real files hold values that pydicom calls unusual; they are sent as they are.
        warnings.simplefilter("ignore")
        sent = pool.map(lambda exam: _send_exam(exam, host, port, state, progress), exams)
        return sum(sent)


class _State:
    """What was accepted so far, and the day that every date counts back from."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self._path = path = state_dir / "demo.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        self.today = date.fromisoformat(known.get("today", datetime.now(UTC).date().isoformat()))
        self.accepted: set[str] = set(known.get("accepted", ()))
        self._write()

    def accept(self, exam: Exam) -> None:
        self.accepted.add(exam.key)
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
        content = {"today": self.today.isoformat(), "accepted": sorted(self.accepted)}
        unfinished.write_text(json.dumps(content, indent=1))
        unfinished.replace(self._path)


def _send_exam(exam: Exam, host: str, port: int, state: _State, progress: tqdm[None]) -> int:
    try:
        instances = instances_of(exam, state.today, state.state_dir)
        count = send_instances(instances, exam.ae_title, host, port, progress.update)
    except VolumeUnavailable as error:
        progress.write(f"{exam.description} left out: {error}", file=sys.stderr)
        progress.update(instance_count(exam))
        return 0
    state.accept(exam)
    return count


def send_instances(
    instances: Iterable[Dataset], ae_title: str, host: str, port: int, sent: Callable[[], object] = lambda: None
) -> int:
    """Send instances as an application entity, one association per SOP class and transfer syntax in a row, as a
    modality opens one per series; return their number. `sent` is called after each.

    Raises
    ------
    NotSent
        If the archive refuses an instance or cannot be reached.
    """
    association: Association | None = None
    offered = ("", "")
    count = 0
    try:
        for instance in instances:
            wanted = (str(instance.SOPClassUID), str(instance.file_meta.TransferSyntaxUID))
            if association is None or wanted != offered:
                if association is not None:
                    association.release()
                association, offered = _associate(ae_title, host, port, *wanted), wanted
            _store(association, instance, ae_title)
            count += 1
            sent()
    finally:
        if association is not None:
            association.release()
    return count


def _associate(ae_title: str, host: str, port: int, sop_class_uid: str, transfer_syntax_uid: str) -> Association:
    ae = AE(ae_title=ae_title)
    ae.connection_timeout = ae.acse_timeout = 30
    ae.dimse_timeout = 120
    ae.network_timeout = None
    context = build_context(sop_class_uid, transfer_syntax_uid or ExplicitVRLittleEndian)
    for attempt in range(ATTEMPTS):
        association = ae.associate(
            host,
            port,
            contexts=[context],
            ae_title="SANSFILM",
            max_pdu=128 << 10,
            evt_handlers=[(evt.EVT_CONN_OPEN, keep_responses)],
        )
        if association.is_established:
            return association
        time.sleep(attempt + 1)
    raise NotSent(f"{ae_title} could not open an association with {host}:{port}.")


def _store(association: Association, instance: Dataset, ae_title: str) -> None:
    for attempt in range(ATTEMPTS):
        status = association.send_c_store(instance)
        code = status.get("Status")
        if code == 0x0000:
            return
        if code is None or code != 0xA700:
            break
        time.sleep(2**attempt)
    answer = "no answer" if code is None else f"status {code:04X}"
    raise NotSent(f"{ae_title} got {answer} to an instance of {instance.StudyDescription}.")
