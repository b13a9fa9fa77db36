"""Which attributes belong to patient and study, and which to series (PS3.3 A.1.2; PS3.4 C.6.1.1; PS3.18 10.6).

The index keeps these in the rows of a study and of a series; every other attribute belongs to the instance.
"""

from __future__ import annotations

from enum import Enum

from chalicelib.dicom.attributes import resolve


class Level(Enum):
    """Query/Retrieve level; the patient is part of the study's rows."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


def _tags(keywords: str) -> frozenset[str]:
    return frozenset(attribute.tag for keyword in keywords.split() if (attribute := resolve(keyword)))


STUDY_TAGS = _tags(
    "SpecificCharacterSet TimezoneOffsetFromUTC StudyDate StudyTime AccessionNumber IssuerOfAccessionNumberSequence "
    "ReferringPhysicianName ReferringPhysicianIdentificationSequence ConsultingPhysicianName StudyDescription "
    "ProcedureCodeSequence PhysiciansOfRecord NameOfPhysiciansReadingStudy AdmittingDiagnosesDescription "
    "AdmittingDiagnosesCodeSequence ReferencedStudySequence ReferencedPatientSequence StudyInstanceUID StudyID "
    "RequestingService ReasonForVisit AdmissionID ServiceEpisodeID ServiceEpisodeDescription "
    "PatientName PatientID IssuerOfPatientID IssuerOfPatientIDQualifiersSequence TypeOfPatientID PatientBirthDate "
    "PatientBirthTime PatientSex OtherPatientIDs OtherPatientIDsSequence OtherPatientNames PatientBirthName "
    "PatientMotherBirthName PatientAge PatientSize PatientWeight EthnicGroup Occupation PatientComments "
    "PatientAddress PatientTelephoneNumbers AdditionalPatientHistory PregnancyStatus SmokingStatus "
    "MedicalAlerts Allergies PatientState ResponsiblePerson ResponsiblePersonRole ResponsibleOrganization "
    "PatientSpeciesDescription PatientBreedDescription PatientSexNeutered "
    "ClinicalTrialSponsorName ClinicalTrialProtocolID ClinicalTrialProtocolName ClinicalTrialSiteID "
    "ClinicalTrialSiteName ClinicalTrialSubjectID ClinicalTrialTimePointID ClinicalTrialTimePointDescription "
    "PatientIdentityRemoved DeidentificationMethod"
)
"""Attributes of the Patient and Study modules."""

SERIES_TAGS = _tags(
    "Modality SeriesInstanceUID SeriesNumber Laterality SeriesDate SeriesTime SeriesDescription "
    "SeriesDescriptionCodeSequence PerformingPhysicianName OperatorsName ProtocolName BodyPartExamined "
    "PatientPosition ReferencedPerformedProcedureStepSequence RequestAttributesSequence PerformedProcedureStepID "
    "PerformedProcedureStepStartDate PerformedProcedureStepStartTime PerformedProcedureStepDescription "
    "PerformedProtocolCodeSequence CommentsOnThePerformedProcedureStep FrameOfReferenceUID "
    "PositionReferenceIndicator Manufacturer InstitutionName InstitutionAddress InstitutionalDepartmentName "
    "StationName ManufacturerModelName DeviceSerialNumber SoftwareVersions"
)
"""Attributes of the Series, Frame of Reference and Equipment modules."""

_COMPUTED_STUDY_TAGS = _tags(
    "ModalitiesInStudy SOPClassesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances"
)
_COMPUTED_SERIES_TAGS = _tags("NumberOfSeriesRelatedInstances")


def level_of(tag: str) -> Level:
    """Highest level whose rows hold an attribute, those that the archive computes included."""
    if tag in STUDY_TAGS or tag in _COMPUTED_STUDY_TAGS:
        return Level.STUDY
    return Level.SERIES if tag in SERIES_TAGS or tag in _COMPUTED_SERIES_TAGS else Level.INSTANCE
