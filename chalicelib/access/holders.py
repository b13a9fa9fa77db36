"""Who enters with a code: the patient, or somebody who acts for the patient (docs/adr/0035)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from chalicelib.access.ports import Registry
from chalicelib.archive.scope import PatientRef


@dataclass(frozen=True)
class Holder:
    """The one to whom a code was handed over."""

    patient: PatientRef
    """Whose exams are seen."""
    proxy_id: str = ""
    """Of the one who acts for the patient; "" for the patient."""

    @property
    def subject(self) -> str:
        """Subject of the holder's sessions."""
        names = [self.patient.hospital, self.patient.patient_id, self.patient.issuer]
        kind = "patient"
        if self.proxy_id:
            kind, names = "proxy", [*names, self.proxy_id]
        return f"{kind}.{hashlib.sha256(chr(0).join(names).encode()).hexdigest()[:32]}"

    @property
    def name(self) -> bytes:
        """What secrets of this holder alone are derived from."""
        return self.subject.encode("ascii")


NOBODY = Holder(PatientRef("", "", ""))
"""In whose place the same is read where there is no holder."""


def end_sessions(registry: Registry, holder: Holder) -> None:
    """End every session of a holder: refused at the next request (docs/adr/0026)."""
    for session_id in list(registry.sessions_of(holder.subject)):
        registry.end_session(holder.subject, session_id)
