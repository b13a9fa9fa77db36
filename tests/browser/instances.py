"""Instances that the browser tests send: real pixels under patients of the tests' own."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from reportlab.pdfgen.canvas import Canvas

ENCAPSULATED_PDF_STORAGE = "1.2.840.10008.5.1.4.1.1.104.1"
BASIC_TEXT_SR_STORAGE = "1.2.840.10008.5.1.4.1.1.88.11"
CR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.1"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


_CT = {
    "SOPClassUID": CT_IMAGE_STORAGE,
    "Modality": "CT",
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [1, 1],
    "SliceThickness": 1,
    "RescaleIntercept": -1000,
    "RescaleSlope": 1,
    "RescaleType": "HU",
    "WindowCenter": 500,
    "WindowWidth": 1000,
}


def real_instance(name: str, **attributes: Any) -> Dataset:
    """A file of pydicom's test set under new UIDs; keywords replace attributes."""
    instance = dcmread(str(get_testdata_file(name)))
    instance.StudyInstanceUID, instance.SeriesInstanceUID = generate_uid(), generate_uid()
    return _with(instance, **attributes)


def plain_instance(**attributes: Any) -> Dataset:
    """A small radiograph of a gradient."""
    rows = np.mgrid[:32, :32][0] * 100
    return _with(
        Dataset(),
        **{
            "SOPClassUID": CR_IMAGE_STORAGE,
            "Modality": "CR",
            "StudyDate": "20240315",
            "StudyTime": "101500",
            "StudyInstanceUID": generate_uid(),
            "SeriesInstanceUID": generate_uid(),
            "InstanceNumber": 1,
            "SeriesNumber": 1,
            **_pixels(rows),
            **attributes,
        },
    )


def ct_series(count: int, **attributes: Any) -> list[Dataset]:
    """A CT series in which slice n holds the value 40 n in its middle, so that a picture tells its place."""
    study, series = generate_uid(), generate_uid()
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
    slices = []
    for number in range(1, count + 1):
        values = np.zeros((64, 64), dtype=np.uint16)
        values[16:48, 16:48] = 1000 + number * 40
        slices.append(
            plain_instance(
                **{
                    **_CT,
                    **uids,
                    **_pixels(values),
                    "InstanceNumber": number,
                    "ImagePositionPatient": [0, 0, number],
                    **attributes,
                }
            )
        )
    return slices


def pdf_report(title: str, lines: list[str], **attributes: Any) -> Dataset:
    """An encapsulated PDF of one page."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    for number, line in enumerate(lines):
        canvas.drawString(72, 760 - 24 * number, line)
    canvas.save()
    content = buffer.getvalue()
    return _with(
        Dataset(),
        **{
            "SOPClassUID": ENCAPSULATED_PDF_STORAGE,
            "Modality": "DOC",
            "StudyDate": "20240315",
            "StudyTime": "101500",
            "StudyInstanceUID": generate_uid(),
            "SeriesInstanceUID": generate_uid(),
            "SeriesNumber": 900,
            "InstanceNumber": 1,
            "DocumentTitle": title,
            "MIMETypeOfEncapsulatedDocument": "application/pdf",
            "EncapsulatedDocument": content + b"\0" * (len(content) % 2),
            **attributes,
        },
    )


def structured_report(title: str, findings: str, **attributes: Any) -> Dataset:
    """A Basic Text SR of one finding."""
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", findings
    item.ConceptNameCodeSequence = [_code("121071", "Constatation")]
    return _with(
        Dataset(),
        **{
            "SOPClassUID": BASIC_TEXT_SR_STORAGE,
            "Modality": "SR",
            "StudyDate": "20240315",
            "StudyTime": "101500",
            "StudyInstanceUID": generate_uid(),
            "SeriesInstanceUID": generate_uid(),
            "SeriesNumber": 901,
            "InstanceNumber": 1,
            "ValueType": "CONTAINER",
            "ContinuityOfContent": "SEPARATE",
            "CompletionFlag": "COMPLETE",
            "VerificationFlag": "UNVERIFIED",
            "ConceptNameCodeSequence": [_code("18748-4", title)],
            "ContentSequence": [item],
            **attributes,
        },
    )


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "99TEST", meaning
    return code


def _pixels(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    rows, columns = values.shape
    return {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": values.astype("<u2").tobytes(),
    }


def _with(instance: Dataset, **attributes: Any) -> Dataset:
    instance.SpecificCharacterSet = "ISO_IR 192"
    instance.SOPInstanceUID = generate_uid()
    for keyword, value in attributes.items():
        setattr(instance, keyword, value)
    known = getattr(instance, "file_meta", None)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(known.TransferSyntaxUID if known else ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = instance.SOPClassUID
    meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
    instance.file_meta = meta
    return instance
