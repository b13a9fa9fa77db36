"""Events as pages of the portal need them: with the names of hospitals and, for a patient, of the patient's exams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib import wiring
from chalicelib.access.audit import AuditEvent
from chalicelib.access.audit_search import shown
from chalicelib.access.model import Session
from chalicelib.archive.restricted import reader_within

MOST_AT_ONCE = 100


def events_answer(
    events: Sequence[AuditEvent], before: str | None, session: Session, *, to_patient: bool = False
) -> dict[str, Any]:
    """A page of events; exams are described as far as the session's own scope shows them, so for patients alone."""
    return {
        "events": [shown(event, to_patient=to_patient) for event in events],
        "before": before,
        "hospitals": _hospitals(events),
        "studies": _studies(events, session) if to_patient else [],
    }


def _hospitals(events: Sequence[AuditEvent]) -> dict[str, str]:
    """Names by id of the hospitals that events name."""
    named = {hospital for event in events for hospital in (event.chain, event.who.hospital) if hospital}
    found = (wiring.registry().hospital(hospital) for hospital in sorted(named))
    return {hospital.hospital_id: hospital.name for hospital in found if hospital}


def _studies(events: Sequence[AuditEvent], session: Session) -> list[dict[str, Any]]:
    reader = reader_within(wiring.index_reader(), session.scope)
    by_hospital: dict[str, dict[str, None]] = {}
    for event in events:
        if event.study_instance_uid:
            by_hospital.setdefault(event.chain, {})[event.study_instance_uid] = None
    described = []
    for hospital, uids in by_hospital.items():
        wanted = list(uids)
        for start in range(0, len(wanted), MOST_AT_ONCE):
            for row in reader.studies(hospital, wanted[start : start + MOST_AT_ONCE]):
                ids = (row.value("00100020"), row.value("00100021"))
                if session.scope.permits(hospital, row.study_instance_uid, *ids):
                    described.append(
                        {
                            "hospital": hospital,
                            "study_instance_uid": row.study_instance_uid,
                            "study_date": row.value("00080020"),
                            "description": row.value("00081030"),
                            "modalities": list(row.modalities),
                        }
                    )
    return described
