"""What a session may see. Every read of the index goes through a scope, so default is deny (D9)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.archive.confidentiality import Kind


@dataclass(frozen=True)
class PatientRef:
    """A patient as one hospital knows it: hospitals are separate name spaces (D3)."""

    hospital: str
    patient_id: str
    issuer: str = ""


@dataclass(frozen=True)
class StudyRef:
    """A study within one hospital's name space."""

    hospital: str
    study_instance_uid: str


@dataclass(frozen=True)
class SharedStudy:
    """What a share gives of a study (docs/adr/0025)."""

    hospital: str
    study_instance_uid: str
    series: tuple[str, ...] = ()
    """Series Instance UIDs; empty: every series."""
    reports: bool = True
    """Whether its reports and documents are given too (`confidentiality.is_document`)."""
    download: bool = True
    """Whether instances may be retrieved as files; frames, pictures and metadata always may."""
    delayed: bool = False
    """Whether what was not yet announced to the patient is given too: one professional gives it to another."""


@dataclass(frozen=True)
class Scope:
    """Union of whole hospitals, patients, single studies and what is shared of studies; empty sees nothing."""

    hospitals: tuple[str, ...] = ()
    patients: tuple[PatientRef, ...] = ()
    studies: tuple[StudyRef, ...] = ()
    shared: tuple[SharedStudy, ...] = ()
    """Of a study that the scope holds otherwise too, no share keeps anything back."""
    sees: frozenset[Kind] = field(default_factory=frozenset, compare=False, repr=False)
    """Marks that keep nothing back from whoever asks; it follows from the role and is in no token. By default none.
    Nothing is kept back within whole hospitals: what is marked is theirs (docs/adr/0027)."""

    def candidate_hospitals(self) -> tuple[str, ...]:
        """Hospitals in whose name spaces a Study Instance UID may be looked up, without repeats, in stable order."""
        named = (
            *self.hospitals,
            *(patient.hospital for patient in self.patients),
            *(study.hospital for study in self.studies),
            *(study.hospital for study in self.shared),
        )
        return tuple(dict.fromkeys(named))

    def permits(self, hospital: str, study_instance_uid: str, patient_id: str, issuer: str) -> bool:
        """Whether a study of that hospital and patient is visible, if only in part.

        >>> Scope(hospitals=("nord",)).permits("nord", "1.2", "P1", "")
        True
        >>> Scope(patients=(PatientRef("nord", "P1"),)).permits("sud", "1.2", "P1", "")
        False
        """
        return self.holds_whole(hospital, study_instance_uid, patient_id, issuer) or bool(
            self.shared and self.shares_of(hospital, study_instance_uid)
        )

    def holds_whole(self, hospital: str, study_instance_uid: str, patient_id: str, issuer: str) -> bool:
        """Whether all of a study is visible whatever was shared.

        >>> Scope(shared=(SharedStudy("nord", "1.2"),)).holds_whole("nord", "1.2", "P1", "")
        False
        """
        return (
            hospital in self.hospitals
            or StudyRef(hospital, study_instance_uid) in self.studies
            or PatientRef(hospital, patient_id, issuer) in self.patients
        )

    def shares_of(self, hospital: str, study_instance_uid: str) -> tuple[SharedStudy, ...]:
        """What was shared of a study; what any of them gives is given.

        >>> Scope(shared=(SharedStudy("nord", "1.2"),)).shares_of("sud", "1.2")
        ()
        """
        return tuple(s for s in self.shared if (s.hospital, s.study_instance_uid) == (hospital, study_instance_uid))

    def within(self, hospital: str) -> Scope:
        """What of it lies in one hospital's name space.

        >>> Scope(hospitals=("nord", "sud")).within("sud")
        Scope(hospitals=('sud',), patients=(), studies=(), shared=())
        """
        return replace(
            self,
            hospitals=tuple(each for each in self.hospitals if each == hospital),
            patients=tuple(patient for patient in self.patients if patient.hospital == hospital),
            studies=tuple(study for study in self.studies if study.hospital == hospital),
            shared=tuple(study for study in self.shared if study.hospital == hospital),
        )

    def to_claims(self) -> dict[str, Any]:
        """Compact form carried by a session token."""
        claims: dict[str, Any] = {}
        if self.hospitals:
            claims["hospitals"] = list(self.hospitals)
        if self.patients:
            claims["patients"] = [[p.hospital, p.patient_id, p.issuer] for p in self.patients]
        if self.studies:
            claims["studies"] = [[s.hospital, s.study_instance_uid] for s in self.studies]
        if self.shared:
            claims["shared"] = [
                [s.hospital, s.study_instance_uid, list(s.series), s.reports, s.download, *([True] * s.delayed)]
                for s in self.shared
            ]
        return claims

    @classmethod
    def from_claims(cls, claims: dict[str, Any]) -> Scope:
        """Inverse of `to_claims`.

        >>> scope = Scope(hospitals=("nord",), patients=(PatientRef("sud", "P1", "X"),))
        >>> Scope.from_claims(scope.to_claims()) == scope
        True
        """
        return cls(
            tuple(claims.get("hospitals", ())),
            tuple(PatientRef(*patient) for patient in claims.get("patients", ())),
            tuple(StudyRef(*study) for study in claims.get("studies", ())),
            tuple(SharedStudy(s[0], s[1], tuple(s[2]), *map(bool, s[3:6])) for s in claims.get("shared", ())),
        )
