"""Real, de-identified images of the pydicom-data package under demonstration identities."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

SOURCES: dict[str, tuple[tuple[str, str], ...]] = {
    "cr-chest": (("RG1_J2KR.dcm", "Thorax face"),),
    "cr-leg": (("RG3_J2KR.dcm", "Jambe droite face"),),
    "ct-head": (("693_UNCR.dcm", "Crâne sans injection, 5 mm"),),
    "mr-shoulder": (("MR2_UNCR.dcm", "Coronale T1"),),
    "mr-liver": (("MR-SIEMENS-DICOM-WithOverlays.dcm", "Axiale T1 écho de gradient, temps portal"),),
    "ct-pancreas": (("explicit_VR-UN.dcm", "Abdomen, temps portal"),),
    "ct-enhanced": (("eCT_Supplemental.dcm", "Perfusion cérébrale"),),
    "nm-bone": (("JPEG2000_UNC.dcm", "Corps entier, face postérieure"),),
    "us-obstetric": (("OBXXXX1A_rle_2frame.dcm", "Clarté nucale"), ("OBXXXX1A_rle.dcm", "Longueur cranio-caudale")),
    "us-heart": (
        ("color3d_jpeg_baseline.dcm", "Quatre cavités, boucle"),
        ("JPGLosslessP14SV1_1s_1f_8b.dcm", "Aorte ascendante"),
    ),
    "us-pelvis": (("gdcm-US-ALOKA-16.dcm", "Pelvis, coupes axiale et sagittale"),),
}
"""By exam content: file and French series description, one series a file."""

LEFT_OVERS = (
    "OtherPatientIDs", "OtherPatientNames", "OtherPatientIDsSequence", "PatientAddress", "PatientTelephoneNumbers",
    "AdditionalPatientHistory", "PatientComments", "MilitaryRank", "EthnicGroup", "Occupation", "IssuerOfPatientID",
    "InstitutionAddress", "InstitutionalDepartmentName", "OperatorsName", "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "RequestingPhysician", "RequestedProcedureDescription",
    "RequestedProcedureID", "PerformedProcedureStepDescription", "PerformedProcedureStepID", "ImageComments",
    "ReferencedStudySequence", "ReferencedPerformedProcedureStepSequence", "ReferencedImageSequence",
    "SourceImageSequence", "RequestAttributesSequence", "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime",
    "InstanceCreationDate", "InstanceCreationTime", "PatientBirthTime", "DeviceSerialNumber", "ProtocolName",
    "IconImageSequence", "StudyComments", "SeriesDescriptionCodeSequence", "ProcedureCodeSequence",
    "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
)  # fmt: skip
"""Attributes of the first owners of the files that would contradict the new identity."""


def images(content: str) -> Iterator[Dataset]:
    """Images of an exam's content, pixels and geometry untouched, private attributes removed."""
    folder = _folder()
    for name, description in SOURCES[content]:
        instance = dcmread(folder / name)
        instance.remove_private_tags()
        for keyword in LEFT_OVERS:
            if keyword in instance:
                delattr(instance, keyword)
        instance.SeriesDescription = description
        if not instance.get("FrameOfReferenceUID"):
            instance.pop("FrameOfReferenceUID", None)
        yield instance


def _folder() -> Path:
    spec = importlib.util.find_spec("data_store")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("The pydicom-data package is not installed.")
    return Path(next(iter(spec.submodule_search_locations))) / "data"
