"""What associations and STOW-RS requests leave in the audit trail (D10, docs/adr/0024).

What is read is recorded before it is sent, or not sent. What is stored is recorded beside the reception, which goes on
without: an exam that is not archived harms the patient, and the stored object itself says who sent it and when.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.access.audit import Action, AuditEvent, AuditTrail, Who, event_now
from chalicelib.archive.model import StudyRecord
from chalicelib.archive.scope import PatientRef
from chalicelib.archive.visible import ISSUER_OF_PATIENT_ID, PATIENT_ID
from chalicelib.dicom.matching import Condition

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from scp_fargate.association import IncomingAssociation

LARGEST_MEMORY = 10_000
LONGEST_QUERY = 1000
LONGEST_ID = 64
STUDY_INSTANCE_UID = "0020000D"
_NOT_ONE = set("*?\\")
"""What makes a matching key more than one value (PS3.4 C.2.2.2.2, C.2.2.2.4)."""


def caller_of(association: IncomingAssociation) -> Who:
    """The application entity that opened an association."""
    title = association.calling_ae_title
    return Who(
        f"ae:{title}",
        "application-entity",
        title,
        association.hospital,
        association.correlation_id,
        str(association.requestor.address or ""),
    )


def _only(conditions: Sequence[Condition], tag: str) -> str:
    """The value of a key that names exactly one: what a search is found by, beside user and period."""
    texts = [condition.text for condition in conditions if condition.tag == tag and len(condition.path) == 1]
    if len(texts) != 1 or len(texts[0]) > LONGEST_ID or _NOT_ONE & set(texts[0]):
        return ""
    return texts[0]


class Trail:
    """Records events of the ingest service. Safe to share between threads."""

    def __init__(self, trail: AuditTrail, logger: Logger) -> None:
        self._trail = trail
        self._logger = logger
        self._stored: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()
        # Made when it is needed: threads do not survive the fork of worker processes.
        self._executor: ThreadPoolExecutor | None = None

    def searched(self, who: Who, level: str, conditions: Sequence[Condition]) -> None:
        """A query that is about to be answered.

        Raises
        ------
        errors.Unavailable
            If it could not be recorded.
        """
        keys = "&".join(f"{condition.tag}={condition.text}" for condition in conditions)
        detail = {"protocol": "C-FIND", "level": level, "query": keys[:LONGEST_QUERY]}
        named = {tag: _only(conditions, tag) for tag in (PATIENT_ID, ISSUER_OF_PATIENT_ID, STUDY_INSTANCE_UID)}
        patient_id = named[PATIENT_ID]
        event = event_now(
            Action.SEARCH,
            who,
            hospital=who.hospital,
            patient=PatientRef(who.hospital, patient_id, named[ISSUER_OF_PATIENT_ID]) if patient_id else None,
            study_instance_uid=named[STUDY_INSTANCE_UID],
            detail=detail,
        )
        self._trail.record(event)

    def sent(self, action: Action, who: Who, studies: Sequence[StudyRecord], destination: str = "") -> None:
        """Studies that are about to be sent. Raises as `searched`."""
        detail = {"protocol": "C-MOVE", "destination": destination} if destination else {"protocol": "C-GET"}
        for study in {each.study_instance_uid: each for each in studies}.values():
            patient_id = study.value(PATIENT_ID)
            patient = PatientRef(study.hospital, patient_id, study.value(ISSUER_OF_PATIENT_ID)) if patient_id else None
            event = event_now(
                action,
                who,
                hospital=study.hospital,
                patient=patient,
                study_instance_uid=study.study_instance_uid,
                detail=detail,
            )
            self._trail.record(event)

    def stored(self, who: Who, hospital: str, study_instance_uid: str) -> None:
        """An instance that is durable: one event for each association (or request) and study."""
        key = (who.session_id, hospital, study_instance_uid)
        with self._lock:
            if key in self._stored:
                return
            if len(self._stored) >= LARGEST_MEMORY:
                self._stored.clear()
            self._stored.add(key)
            if self._executor is None:
                self._executor = ThreadPoolExecutor(2, thread_name_prefix="audit")
        event = event_now(
            Action.STORE, who, hospital=hospital, study_instance_uid=study_instance_uid, occasion="|".join(key)
        )
        self._executor.submit(self._record_stored, key, event)

    def _record_stored(self, key: tuple[str, str, str], event: AuditEvent) -> None:
        try:
            self._trail.record(event)
        except errors.ArchiveError as error:
            with self._lock:
                self._stored.discard(key)  # the next instance tries again
            self._logger.error("reception not recorded", extra={"error": type(error).__name__})

    def close(self) -> None:
        """Record what is left."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
