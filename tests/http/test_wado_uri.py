"""URI Service (WADO-URI, PS3.18 9): the answers of WADO-RS, by other names."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.archive.scope import Scope, StudyRef
from chalicelib.aws.lambda_renderer import LambdaRenderer
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import RenderedFunction, archive

UIDS = {"requestType": "WADO", "studyUID": "1.2.3", "seriesUID": "1.2.3.4", "objectUID": "1.2.3.4.5"}
INSTANCE = "/dicomweb/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"
ROWS, COLUMNS = 40, 60
Get = Callable[..., Any]


def image(**more: Any) -> bytes:
    frames = np.arange(2 * ROWS * COLUMNS, dtype=np.uint16).reshape(2, ROWS, COLUMNS)
    attributes = {
        "Rows": ROWS, "Columns": COLUMNS, "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
        "PixelRepresentation": 0, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
        "NumberOfFrames": 2, "PixelData": frames.tobytes(),
    }  # fmt: skip
    return part10(data_set(**attributes, **more))


@pytest.fixture
def get(http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> Get:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))  # type: ignore[arg-type]
    headers = bearer(Role.RADIOLOGIST, "nord")

    def ask(accept: str = "*/*", **parameters: str) -> Any:
        query = urlencode({**UIDS, **parameters})
        return http.get(f"/dicomweb/wado?{query}", headers={**headers, "Accept": accept})

    return ask


@pytest.fixture
def rs(http: HttpClient, bearer: Issue) -> Get:
    headers = bearer(Role.RADIOLOGIST, "nord")
    return lambda path, accept="image/png": http.get(INSTANCE + path, headers={**headers, "Accept": accept})


def size(answer: Any) -> tuple[int, int]:
    assert answer.status_code == 200, answer.body
    return Image.open(BytesIO(answer.body)).size


def test_an_instance_as_it_was_received(get: Get) -> None:
    body = image()
    archive(body)
    answer = get(contentType="application/dicom")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert answer.body == body
    assert answer.headers["ETag"]
    assert get(contentType="application/dicom", transferSyntax="*").body == body
    assert get(contentType="APPLICATION/DICOM", transferSyntax="1.2.840.10008.1.2.1").body == body
    assert get("application/dicom").body == body
    refused = get(contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.4.100")
    assert refused.status_code == 406


def test_pictures_are_those_of_wado_rs(get: Get, rs: Get) -> None:
    archive(image())
    assert get().headers["Content-Type"] == "image/jpeg"
    assert get(contentType="image/png").body == rs("/frames/1/rendered").body
    assert get(contentType="image/png", frameNumber="2").body == rs("/frames/2/rendered").body
    window = get(contentType="image/png", windowCenter="1000", windowWidth="500")
    assert window.body == rs("/frames/1/rendered?window=1000,500").body
    assert window.body != rs("/frames/1/rendered").body
    assert len(get(imageQuality="10").body) < len(get(imageQuality="100").body)
    assert get("image/avif,image/webp,image/apng,image/*,*/*;q=0.8").status_code == 200


def test_rows_columns_and_region(get: Get) -> None:
    archive(image())
    assert size(get()) == (COLUMNS, ROWS)
    assert size(get(rows="20")) == (30, 20)
    assert size(get(columns="20", rows="20"))[0] == 20
    assert size(get(region="0.5,0.0,1.0,0.5")) == (COLUMNS // 2, ROWS // 2)
    whole = np.asarray(Image.open(BytesIO(get(contentType="image/png").body)))
    corner = get(contentType="image/png", region="0.5,0.5,1,1")
    assert np.array_equal(np.asarray(Image.open(BytesIO(corner.body))), whole[ROWS // 2 :, COLUMNS // 2 :])


def test_an_encapsulated_document(get: Get) -> None:
    document = b"%PDF-1.7\n" + b"%" * 2000 + b"\n"
    attributes = {"EncapsulatedDocument": document, "MIMETypeOfEncapsulatedDocument": "application/pdf"}
    dataset = data_set(**attributes)
    dataset.pop("PixelData", None)
    archive(part10(dataset))
    answer = get()
    assert answer.status_code == 200, answer.body
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.body == document
    assert get(contentType="application/pdf").body == answer.body
    assert get(contentType="image/png").status_code == 406


def test_a_report_is_a_page_or_text(get: Get, rs: Get) -> None:
    content = Dataset()
    content.ValueType, content.TextValue, content.RelationshipType = "TEXT", "<b>Normal</b>", "CONTAINS"
    archive(
        part10(data_set(PixelData=None, Rows=None, Modality="SR", ValueType="CONTAINER", ContentSequence=[content]))
    )
    page = get()
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.body == rs("/rendered", "text/html").body
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert get(contentType="text/html").body == page.body
    assert b"<b>Normal" in get(contentType="text/plain").body
    assert get(contentType="application/dicom").headers["Content-Type"].startswith("application/dicom")
    refused = get(contentType="image/jpeg")
    assert (refused.status_code, "text/html" in refused.json_body["detail"]) == (406, True)
    assert get(rows="10").status_code == 400


def test_what_cannot_be_shown_comes_as_dicom_by_default(get: Get) -> None:
    dataset = data_set()
    dataset.pop("PixelData", None)
    archive(part10(dataset))
    answer = get()
    assert answer.headers["Content-Type"].startswith("application/dicom;")
    assert dcmread(BytesIO(answer.body)).SOPInstanceUID == UIDS["objectUID"]


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"requestType": "QIDO"}, "requestType"),
    ({"studyUID": ""}, "studyUID"),
    ({"objectUID": "x"}, "objectUID"),
    ({"windowCenter": "1"}, "windowWidth"),
    ({"windowCenter": "a", "windowWidth": "1"}, "window"),
    ({"rows": "0"}, "rows"),
    ({"columns": "-1"}, "columns"),
    ({"rows": "99999"}, "viewport"),
    ({"region": "0.5,0,0.4,1"}, "region"),
    ({"region": "0,0,nan,1"}, "region"),
    ({"frameNumber": "0"}, "frameNumber"),
    ({"frameNumber": "1,2"}, "frameNumber"),
    ({"imageQuality": "101"}, "quality"),
    ({"presentationUID": "1.2"}, "presentationUID"),
    ({"anonymize": "yes", "contentType": "application/dicom"}, "anonymize is not supported"),
    ({"anonymize": "no", "contentType": "application/dicom"}, "anonymize"),
    ({"anonymize": "yes", "contentType": "image/png"}, "anonymize"),
    ({"rows": "10", "contentType": "application/dicom"}, "rows"),
    ({"transferSyntax": "x", "contentType": "application/dicom"}, "transferSyntax"),
    ({"transferSyntax": "1.2", "contentType": "image/png"}, "transferSyntax"),
    ({"contentType": "image"}, "Accept"),
    ({"unknown": "1"}, "unknown"),
]


def test_no_parameter_is_ignored(get: Get) -> None:
    archive(image())
    for parameters, says in REFUSED:
        answer = get(**parameters)
        assert answer.status_code == 400, (parameters, answer.body)
        assert says in answer.json_body["detail"], parameters


def test_statuses(get: Get, http: HttpClient, bearer: Issue) -> None:
    archive(image())
    assert get(objectUID="1.9").status_code == 404
    assert get(frameNumber="3").status_code == 404
    assert get(contentType="text/html").status_code == 406
    assert "image/jpeg" in get(contentType="text/html").json_body["detail"]
    assert get(charset="iso-8859-1").status_code == 406
    query = urlencode(UIDS)
    twice = http.get(f"/dicomweb/wado?{query}&rows=1&rows=2", headers=bearer(Role.RADIOLOGIST, "nord"))
    assert twice.status_code == 400
    etag = get(contentType="image/png").headers["ETag"]
    headers = {**bearer(Role.RADIOLOGIST, "nord"), "If-None-Match": etag, "Accept": "image/png"}
    assert http.get(f"/dicomweb/wado?{query}", headers=headers).status_code == 304


def test_the_scope_is_that_of_the_session(http: HttpClient, bearer: Issue) -> None:
    archive(image())
    query = urlencode({**UIDS, "contentType": "application/dicom"})
    assert http.get(f"/dicomweb/wado?{query}").status_code == 401
    assert http.get(f"/dicomweb/wado?{query}", headers=bearer(Role.RADIOLOGIST, "sud")).status_code == 404
    other = bearer(Role.GP, scope=Scope(studies=(StudyRef("nord", "1.2.9"),)))
    assert http.get(f"/dicomweb/wado?{query}", headers=other).status_code == 404
    assert http.get(f"/dicomweb/wado?{query}", headers=bearer(Role.FINANCE, "nord")).status_code == 403
