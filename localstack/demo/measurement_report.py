"""Imaging Measurement Report (PS3.16 TID 1500, Comprehensive 3D SR) of one length drawn on a CT slice."""

from __future__ import annotations

from datetime import date, timedelta

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import Comprehensive3DSRStorage

from localstack.demo import ct_phantom
from localstack.demo.modules import INSTITUTIONS, coded, demo_uid, study_uid
from localstack.demo.region_exams import Exam

TRACKING_IDENTIFIER = "Cornerstone3DTools@^0.1.0:Length"
"""What OHIF writes for a length of its own, and takes back as one that can be edited."""
OBSERVER = "ESTÈVE^Raphaël^^Dr"


def tumour_diameter(exam: Exam, ct: ct_phantom.Series, images: list[Dataset], today: date) -> Dataset:
    """The largest diameter of the phantom's nodule, on the slice nearest to its centre."""
    x, y, depth = ct_phantom.NODULE_MM
    index = round(depth / ct.thickness_mm - 0.5)
    radius = (ct.nodule_radius_mm**2 - ((index + 0.5) * ct.thickness_mm - depth) ** 2) ** 0.5
    # Graphic Data count from the top left corner of the image, a pixel's centre being at its half (PS3.3 C.18.6.1).
    column, row = ((value - ct.corner_mm) / ct.spacing_mm + 0.5 for value in (x, y))
    ends = [column - radius / ct.spacing_mm, row, column + radius / ct.spacing_mm, row]
    instance = Dataset()
    instance.SOPClassUID = Comprehensive3DSRStorage
    instance.Modality = "SR"
    instance.Manufacturer = "Sans Film"
    instance.ManufacturerModelName = "Thorax phantom"
    instance.DeviceSerialNumber = instance.SoftwareVersions = "1"
    instance.SeriesDescription = "Mesures"
    instance.ReferencedPerformedProcedureStepSequence = Sequence([])
    instance.PerformedProcedureCodeSequence = Sequence([])
    instance.CompletionFlag = "COMPLETE"
    instance.VerificationFlag = "UNVERIFIED"
    instance.PreliminaryFlag = "FINAL"
    instance.CurrentRequestedProcedureEvidenceSequence = Sequence([_evidence(exam, images[index])])
    instance.update(_container(("126000", "DCM", "Imaging Measurement Report"), "", [
        *_context(exam),
        _code_item("HAS CONCEPT MOD", ("121058", "DCM", "Procedure reported"), ("44139-4", "LN", "PET whole body")),
        _container(("111028", "DCM", "Image Library"), "CONTAINS", [], template=""),
        _container(("126010", "DCM", "Imaging Measurements"), "CONTAINS", [
            _measurement_group(exam, images[index], ends, 2 * radius),
        ], template=""),
    ], template="1500"))  # fmt: skip
    day = today - timedelta(days=exam.days_ago)
    instance.InstanceCreationDate, instance.InstanceCreationTime = f"{day:%Y%m%d}", exam.time
    return instance


def _context(exam: Exam) -> list[Dataset]:
    """Language and observer (TID 1204, TID 1001)."""
    language = _code_item(
        "HAS CONCEPT MOD",
        ("121049", "DCM", "Language of Content Item and Descendants"),
        ("fr", "RFC5646", "French"),
    )
    observer_type = _code_item("HAS OBS CONTEXT", ("121005", "DCM", "Observer Type"), ("121006", "DCM", "Person"))
    name = _item("HAS OBS CONTEXT", "PNAME", ("121008", "DCM", "Person Observer Name"))
    name.PersonName = OBSERVER
    organization = _item("HAS OBS CONTEXT", "TEXT", ("121009", "DCM", "Person Observer's Organization Name"))
    organization.TextValue = INSTITUTIONS[exam.hospital]
    return [language, observer_type, name, organization]


def _measurement_group(exam: Exam, image: Dataset, ends: list[float], length_mm: float) -> Dataset:
    """TID 1501 with a planar measurement: a polyline selected from its image."""
    tracking = _item("HAS OBS CONTEXT", "TEXT", ("112039", "DCM", "Tracking Identifier"))
    tracking.TextValue = TRACKING_IDENTIFIER
    tracking_uid = _item("HAS OBS CONTEXT", "UIDREF", ("112040", "DCM", "Tracking Unique Identifier"))
    tracking_uid.UID = demo_uid(exam.key, "tracked length")
    finding = _code_item("CONTAINS", ("121071", "DCM", "Finding"), ("4147007", "SCT", "Mass"))
    site = _code_item("CONTAINS", ("363698007", "SCT", "Finding Site"), ("45653009", "SCT", "Upper lobe of lung"))
    length = _item("CONTAINS", "NUM", ("410668003", "SCT", "Length"))
    value = Dataset()
    value.NumericValue = f"{length_mm:.1f}"
    value.MeasurementUnitsCodeSequence = Sequence([coded("mm", "UCUM", "millimeter")])
    length.MeasuredValueSequence = Sequence([value])
    line = Dataset()
    line.RelationshipType, line.ValueType = "INFERRED FROM", "SCOORD"
    line.GraphicType, line.GraphicData = "POLYLINE", ends
    selected = Dataset()
    selected.RelationshipType, selected.ValueType = "SELECTED FROM", "IMAGE"
    selected.ReferencedSOPSequence = Sequence([image])
    line.ContentSequence = Sequence([selected])
    length.ContentSequence = Sequence([line])
    return _container(
        ("125007", "DCM", "Measurement Group"),
        "CONTAINS",
        [tracking, tracking_uid, finding, site, length],
        template="1501",
    )


def _container(name: tuple[str, str, str], relationship: str, content: list[Dataset], template: str) -> Dataset:
    item = _item(relationship, "CONTAINER", name)
    item.ContinuityOfContent = "SEPARATE"
    if template:
        used = Dataset()
        used.MappingResource, used.TemplateIdentifier = "DCMR", template
        item.ContentTemplateSequence = Sequence([used])
    if content:
        item.ContentSequence = Sequence(content)
    return item


def _code_item(relationship: str, name: tuple[str, str, str], value: tuple[str, str, str]) -> Dataset:
    item = _item(relationship, "CODE", name)
    item.ConceptCodeSequence = Sequence([coded(*value)])
    return item


def _item(relationship: str, value_type: str, name: tuple[str, str, str]) -> Dataset:
    item = Dataset()
    if relationship:
        item.RelationshipType = relationship
    item.ValueType = value_type
    item.ConceptNameCodeSequence = Sequence([coded(*name)])
    return item


def _evidence(exam: Exam, image: Dataset) -> Dataset:
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID = demo_uid(exam.key, 1)
    series.ReferencedSOPSequence = Sequence([image])
    study.StudyInstanceUID = study_uid(exam)
    study.ReferencedSeriesSequence = Sequence([series])
    return study
