"""Modules of every demonstration instance: patient, study, series, equipment, SOP common (PS3.3 C.7, C.12)."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from localstack.demo.region_exams import Exam

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://demo.sansfilm.invalid/")
INSTITUTIONS = {
    "hopital-nord": "Hôpital Nord",
    "hopital-sud": "Hôpital Sud",
    "clinique-ouest": "Clinique Ouest",
}
REFERRING = {
    "hopital-nord": "MOREL^Sylvie^^Dr",
    "hopital-sud": "FAURE^Étienne^^Dr",
    "clinique-ouest": "PICARD^Agnès^^Dr",
}


def demo_uid(*names: object) -> str:
    """A UID derived from a UUID (PS3.5 B.2), the same for the same names."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(map(str, names))).int}"


def study_uid(exam: Exam) -> str:
    """Study Instance UID of an exam."""
    return demo_uid(exam.key)


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> FileMetaDataset:
    """File Meta Information of a demonstration instance."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    return meta


def identify(instance: Dataset, exam: Exam, today: date, series_number: int, instance_number: int) -> None:
    """Give an instance its demonstration patient, study, series and UIDs; geometry and pixels stay as they are."""
    patient = exam.patient
    study_date = (today - timedelta(days=exam.days_ago)).strftime("%Y%m%d")
    birth_date = date(int(patient.birth_date[:4]), int(patient.birth_date[4:6]), int(patient.birth_date[6:]))
    age_years = (today - timedelta(days=exam.days_ago) - birth_date).days // 365
    # Everything below is text, so the character set comes first.
    instance.SpecificCharacterSet = patient.character_set
    instance.PatientName = patient.name
    instance.PatientID = patient.patient_ids[exam.hospital]
    instance.PatientBirthDate = patient.birth_date
    instance.PatientSex = patient.sex
    instance.PatientAge = f"{age_years:03d}Y"
    instance.StudyInstanceUID = study_uid(exam)
    instance.StudyID = f"{uuid.uuid5(NAMESPACE, exam.key).int % 90000 + 10000}"
    instance.AccessionNumber = accession_number(exam)
    instance.StudyDate = instance.SeriesDate = instance.ContentDate = study_date
    instance.StudyTime = exam.time
    instance.SeriesTime = instance.ContentTime = f"{int(exam.time) + 100 * series_number:06d}"
    instance.StudyDescription = exam.description
    instance.ReferringPhysicianName = REFERRING[exam.hospital]
    instance.InstitutionName = INSTITUTIONS[exam.hospital]
    instance.StationName = exam.ae_title
    instance.SeriesInstanceUID = demo_uid(exam.key, series_number)
    instance.SeriesNumber = series_number
    instance.InstanceNumber = instance_number
    instance.SOPInstanceUID = demo_uid(exam.key, series_number, instance_number)
    meta = getattr(instance, "file_meta", None)
    syntax = meta.TransferSyntaxUID if meta is not None else ExplicitVRLittleEndian
    instance.file_meta = file_meta(instance.SOPClassUID, instance.SOPInstanceUID, syntax)


def accession_number(exam: Exam) -> str:
    """Accession Number (SH), unique within the region's demonstration data."""
    prefix = {"hopital-nord": "N", "hopital-sud": "S", "clinique-ouest": "O"}[exam.hospital]
    return f"{prefix}{uuid.uuid5(NAMESPACE, 'accession/' + exam.key).int % 10**9:09d}"


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """Item of a code sequence (PS3.3 8.8).

    >>> coded("39607008", "SCT", "Lung").CodeMeaning
    'Lung'
    """
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """SOP Instance Reference macro (PS3.3 10.8)."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    return item


def put_pixels(instance: Dataset, pixels: NDArray[Any], bits_stored: int) -> None:
    """Image Pixel module (PS3.3 C.7.6.3) of a monochrome image; `pixels` has shape (rows, columns), 16 bits."""
    little_endian = pixels.astype("<i2" if np.issubdtype(pixels.dtype, np.signedinteger) else "<u2")
    instance.SamplesPerPixel = 1
    instance.PhotometricInterpretation = "MONOCHROME2"
    instance.Rows, instance.Columns = pixels.shape
    instance.BitsAllocated = 16
    instance.BitsStored = bits_stored
    instance.HighBit = bits_stored - 1
    instance.PixelRepresentation = int(little_endian.dtype.kind == "i")
    instance.PixelData = little_endian.tobytes()
