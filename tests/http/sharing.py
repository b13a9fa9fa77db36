"""Shared exams for tests: one study with two series of images, a report, and a document within a series of images."""

from __future__ import annotations

import json
from typing import Any

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.aws.clients import client
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive

JSON = {"Content-Type": "application/json"}
STUDY, OTHER_STUDY, STUDY_OF_SUD = "1.2.1", "1.2.2", "1.2.3"
FIRST, SECOND, REPORTS = "1.2.1.1", "1.2.1.2", "1.2.1.3"
IMAGE, SECOND_IMAGE, REPORT, DOCUMENT = "1.2.1.1.1", "1.2.1.2.1", "1.2.1.3.1", "1.2.1.1.9"
SR_CLASS, PDF_CLASS = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.104.1"
WITHOUT_PIXELS = dict.fromkeys(
    ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
     "SamplesPerPixel", "PhotometricInterpretation")
)  # fmt: skip


def store_exams() -> None:
    """Archive the exams at `nord` and `sud`."""
    for series, sop in ((FIRST, IMAGE), (SECOND, SECOND_IMAGE)):
        archive(part10(data_set(STUDY, series, sop)))
    report = {"SOPClassUID": SR_CLASS, "Modality": "SR", **WITHOUT_PIXELS}
    archive(part10(data_set(STUDY, REPORTS, REPORT, **report)))
    document = {"EncapsulatedDocument": b"%PDF-1.4 ", "MIMETypeOfEncapsulatedDocument": "application/pdf"}
    pdf = {"SOPClassUID": PDF_CLASS, "Modality": "CT", **document, **WITHOUT_PIXELS}
    archive(part10(data_set(STUDY, FIRST, DOCUMENT, **pdf)))
    archive(part10(data_set(OTHER_STUDY, f"{OTHER_STUDY}.1", f"{OTHER_STUDY}.1.1", PatientID="P2")))
    archive(part10(data_set(STUDY_OF_SUD, f"{STUDY_OF_SUD}.1", f"{STUDY_OF_SUD}.1.1")), "sud")


def post(http: HttpClient, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    """A JSON request."""
    return http.post(path, headers={**JSON, **(headers or {})}, body=json.dumps(body).encode())


def share(http: HttpClient, bearer: Issue, study: str = STUDY, series: tuple[str, ...] = (), **more: Any) -> Any:
    """What a radiologist of `nord` is answered who shares a study."""
    one = {"study_instance_uid": study, **({"series": list(series)} if series else {})}
    body = {"studies": [one], "kind": "link", **more}
    answer = post(http, "/api/shares", body, bearer(Role.RADIOLOGIST, "nord"))
    assert answer.status_code == 201, answer.body
    return answer.json_body


def token_of(made: Any) -> str:
    """The token of a link."""
    return str(made["url"].partition("#")[2])


def guest(http: HttpClient, made: Any, passcode: str = "") -> dict[str, str]:
    """Headers of a guest who opened a link."""
    answer = post(http, "/api/share-session", {"token": token_of(made), "passcode": passcode})
    assert answer.status_code == 200, answer.body
    cookie = answer.headers["Set-Cookie"]
    return {"Authorization": "Bearer " + cookie.partition("=")[2].partition(";")[0]}


def expire(share_id: str) -> None:
    """Let a share's time be over."""
    client("dynamodb").update_item(
        TableName=wiring.settings().registry_table,
        Key={"pk": {"S": f"SHARE#{share_id}"}, "sk": {"S": "SHARE"}},
        UpdateExpression="SET ends_at = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )
