"""Comptes-rendus: Encapsulated PDF (PS3.3 A.45.1) and Basic Text SR (PS3.3 A.35.1), in French."""

from __future__ import annotations

import io
from datetime import date, timedelta

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import BasicTextSRStorage, EncapsulatedPDFStorage
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import HRFlowable, ListFlowable, ListItem, Paragraph, SimpleDocTemplate, Spacer, Table

from localstack.demo.modules import INSTITUTIONS, REFERRING, accession_number, coded, demo_uid, study_uid
from localstack.demo.region_exams import Exam, Report

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
RADIOLOGY_REPORT = ("18748-4", "LN", "Diagnostic imaging report")


def report_instance(exam: Exam, report: Report, today: date) -> Dataset:
    """The report of an exam as one instance, not yet identified."""
    return _encapsulated_pdf(exam, report, today) if report.kind == "pdf" else _basic_text_sr(exam, report, today)


def french_date(day: date) -> str:
    """A date in words.

    >>> french_date(date(2026, 8, 1))
    '1er août 2026'
    """
    return f"{'1er' if day.day == 1 else day.day} {MONTHS[day.month - 1]} {day.year}"


def _encapsulated_pdf(exam: Exam, report: Report, today: date) -> Dataset:
    instance = Dataset()
    instance.SOPClassUID = EncapsulatedPDFStorage
    instance.Modality = "DOC"
    instance.ConversionType = "WSD"
    instance.SeriesDescription = "Compte-rendu"
    instance.DocumentTitle = f"Compte-rendu : {exam.description}"
    instance.ConceptNameCodeSequence = Sequence([coded(*RADIOLOGY_REPORT)])
    instance.BurnedInAnnotation = "YES"
    instance.AcquisitionDateTime = ""
    instance.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document = _pdf(exam, report, today)
    instance.EncapsulatedDocumentLength = len(document)
    instance.EncapsulatedDocument = document + b"\x00" * (len(document) % 2)
    return instance


def _pdf(exam: Exam, report: Report, today: date) -> bytes:
    """One page A4; the same bytes for the same exam and date."""
    styles = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=styles["BodyText"], fontSize=10.5, leading=15)
    heading = ParagraphStyle("heading", parent=styles["Heading3"], textColor="#1f4e79", spaceBefore=10, spaceAfter=2)
    title = ParagraphStyle("title", parent=styles["Title"], fontSize=15, spaceBefore=14, spaceAfter=8)
    right = ParagraphStyle("right", parent=body, alignment=2)
    patient = exam.patient
    family, _, given = patient.name.partition("^")
    birth = date(int(patient.birth_date[:4]), int(patient.birth_date[4:6]), int(patient.birth_date[6:]))
    day = today - timedelta(days=exam.days_ago)
    civility = "Mme" if patient.sex == "F" else "M."
    born = "née" if patient.sex == "F" else "né"
    referring = REFERRING[exam.hospital].split("^")
    left = f"<b>{INSTITUTIONS[exam.hospital]}</b><br/>Service d'imagerie médicale"
    identity = (
        f"{civility} <b>{family} {given}</b><br/>{born} le {birth:%d/%m/%Y}<br/>"
        f"IPP {patient.patient_ids[exam.hospital]}<br/>N° d'examen {accession_number(exam)}"
    )
    story = [
        Table([[Paragraph(left, body), Paragraph(identity, right)]], colWidths=[85 * mm, 85 * mm]),
        HRFlowable(width="100%", color="#1f4e79", spaceBefore=4, spaceAfter=4),
        Paragraph(f"Compte-rendu<br/>{exam.description}", title),
        Paragraph(f"Examen du {french_date(day)}, demandé par le Dr {referring[1]} {referring[0]}.", body),
        Paragraph("Indication", heading),
        Paragraph(report.indication, body),
        Paragraph("Technique", heading),
        Paragraph(report.technique, body),
        Paragraph("Résultats", heading),
        ListFlowable([ListItem(Paragraph(text, body)) for text in report.findings], bulletType="bullet", start="–"),
        Paragraph("Conclusion", heading),
        Paragraph(f"<b>{report.conclusion}</b>", body),
        Spacer(1, 14 * mm),
        Paragraph(f"{report.physician}<br/>Compte-rendu validé le {french_date(day)}", right),
    ]
    output = io.BytesIO()
    document = SimpleDocTemplate(
        output, pagesize=A4, leftMargin=20 * mm, rightMargin=20 * mm, topMargin=18 * mm, bottomMargin=18 * mm,
        title=f"Compte-rendu : {exam.description}", author=INSTITUTIONS[exam.hospital], invariant=1,
    )  # fmt: skip
    document.build(story)
    return output.getvalue()


def _basic_text_sr(exam: Exam, report: Report, today: date) -> Dataset:
    day = (today - timedelta(days=exam.days_ago)).strftime("%Y%m%d")
    instance = Dataset()
    instance.SOPClassUID = BasicTextSRStorage
    instance.Modality = "SR"
    instance.Manufacturer = "Sans Film"
    instance.SeriesDescription = "Compte-rendu structuré"
    instance.ReferencedPerformedProcedureStepSequence = Sequence([])
    instance.PerformedProcedureCodeSequence = Sequence([])
    instance.CompletionFlag = "COMPLETE"
    instance.VerificationFlag = "VERIFIED"
    observer = Dataset()
    title, given, family = report.physician.split(" ", 2)
    observer.VerifyingObserverName = f"{family}^{given}^^{title}"
    observer.VerifyingOrganization = INSTITUTIONS[exam.hospital]
    observer.VerificationDateTime = f"{day}{exam.time}"
    observer.VerifyingObserverIdentificationCodeSequence = Sequence([])
    instance.VerifyingObserverSequence = Sequence([observer])
    instance.CurrentRequestedProcedureEvidenceSequence = Sequence([_evidence(exam)])
    instance.ValueType = "CONTAINER"
    instance.ContinuityOfContent = "SEPARATE"
    instance.ConceptNameCodeSequence = Sequence([coded(*RADIOLOGY_REPORT)])
    instance.ContentSequence = Sequence(
        [
            _text("121060", "History", "Indication", report.indication),
            _text("121064", "Current Procedure Descriptions", "Technique", report.technique),
            *(_text("121071", "Finding", "Résultat", text) for text in report.findings),
            _text("121077", "Conclusion", "Conclusion", report.conclusion),
        ]
    )
    return instance


def _evidence(exam: Exam) -> Dataset:
    """The first image of the exam."""
    image = Dataset()
    image.ReferencedSOPClassUID = (
        "1.2.840.10008.5.1.4.1.1.4" if exam.content.startswith("mni") else "1.2.840.10008.5.1.4.1.1.1"
    )
    image.ReferencedSOPInstanceUID = demo_uid(exam.key, 1, 1)
    series = Dataset()
    series.SeriesInstanceUID = demo_uid(exam.key, 1)
    series.ReferencedSOPSequence = Sequence([image])
    study = Dataset()
    study.StudyInstanceUID = study_uid(exam)
    study.ReferencedSeriesSequence = Sequence([series])
    return study


def _text(code: str, standard_meaning: str, heading: str, text: str) -> Dataset:
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "CONTAINER"
    item.ConceptNameCodeSequence = Sequence([coded(code, "DCM", standard_meaning)])
    item.ValueType = "TEXT"
    item.TextValue = f"{heading} : {text}"
    return item
