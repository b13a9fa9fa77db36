"""Exams as ZIP files: every instance as it is stored, reports beside them, for those alone who may download."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.archive import retrieve_series, zip_exam
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.archive.zip_exam import READ_ME
from chalicelib.functions import pack_series
from tests.dicom_files import data_set, part10
from tests.emulator import Cloud
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import archive
from tests.http.sharing import DOCUMENT, FIRST, IMAGE, STUDY, guest, post, share, store_exams

ZIP = {"Accept": "application/zip"}
ADDRESS = f"/dicomweb/studies/{STUDY}"
PDF = "COMPTES-RENDUS/compte-rendu-1.pdf"
Get = Callable[..., Any]


class Signer:
    def signed_url(self, key: str) -> str:
        return f"signed:{key}"


@pytest.fixture
def exams(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> HttpClient:
    monkeypatch.setattr(wiring, "object_url_signer", Signer)
    store_exams()
    return http


@pytest.fixture
def big(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A study that is too big to be handed over in an answer."""
    monkeypatch.setattr(wiring, "object_url_signer", Signer)
    bodies = [
        part10(data_set(sop=f"1.2.3.4.{n}", Rows=1000, Columns=1100, PixelData=os.urandom(2_200_000)))
        for n in (1, 2, 3)
    ]
    for body in bodies:
        archive(body)
    return bodies


def opened(answer: Any) -> zipfile.ZipFile:
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip"), answer.body[:300]
    return zipfile.ZipFile(io.BytesIO(answer.body))


def stored(answer: Any) -> zipfile.ZipFile:
    assert answer.status_code == 307
    key = answer.headers["Location"].removeprefix("signed:")
    found = wiring.object_store()._client.get_object(Bucket=wiring.settings().archive_bucket, Key=key)
    assert found["ContentType"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(found["Body"].read()))


def instances(file: zipfile.ZipFile) -> int:
    return sum(name.endswith(".dcm") for name in file.namelist())


def test_a_study_and_a_series(exams: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord") | ZIP
    answer = exams.get(ADDRESS, headers=headers)
    with opened(answer) as study:
        assert study.testzip() is None
        names = study.namelist()
        assert [name for name in names if not name.startswith("DICOM/")] == ["LISEZMOI.txt", PDF]
        assert study.read("LISEZMOI.txt").decode() == READ_ME
        assert study.read(PDF).rstrip(b"\0") == b"%PDF-1.4 "
        assert instances(study) == 4
        assert len({name.split("/")[1] for name in names if name.startswith("DICOM/")}) == 3
        reader = wiring.index_reader()
        records = reader.instances_of_series("nord", STUDY, FIRST)
        expected = {wiring.object_store().read(record.object_key) for record in records}
        assert expected < {study.read(name) for name in names}
    assert not any(text in " ".join(names) for text in ("P1", "LEFEVRE", "LEF"))
    known = exams.get(ADDRESS, headers=headers | {"If-None-Match": answer.headers["ETag"]})
    assert known.status_code == 304
    with opened(exams.get(f"{ADDRESS}/series/{FIRST}", headers=headers)) as series:
        assert instances(series) == 2
    by_query = exams.get(f"{ADDRESS}?accept=application/zip", headers=bearer(Role.RADIOLOGIST, "nord"))
    assert by_query.body == answer.body
    for accept, status in (
        ('application/zip;q=0.1, multipart/related; type="application/dicom"', "multipart"),
        ("*/*", "multipart"),
        ("application/zip; transfer-syntax=*", "application/zip"),
    ):
        assert exams.get(ADDRESS, headers=headers | {"Accept": accept}).headers["Content-Type"].startswith(status)
    refused = exams.get(
        ADDRESS, headers=headers | {"Accept": "application/zip; transfer-syntax=1.2.840.10008.1.2.4.90"}
    )
    assert refused.status_code == 406
    assert "application/zip; transfer-syntax=*" in refused.json_body["detail"]


def test_what_is_kept_back_is_not_in_it(exams: HttpClient, bearer: Issue) -> None:
    patient = bearer(Role.PATIENT, "", Scope(patients=(PatientRef("nord", "P1"),))) | ZIP
    radiologist, tags = bearer(Role.RADIOLOGIST, "nord"), set()
    for instance in (DOCUMENT, IMAGE):
        mark = {"kind": "delayed", "series": FIRST, "instance": instance}
        made = post(exams, f"/api/studies/{STUDY}/marks", mark, radiologist).json_body
        answer = exams.get(ADDRESS, headers=patient)
        with opened(answer) as file:
            assert instances(file) == 3
            assert (PDF in file.namelist()) == (instance == IMAGE)
        tags.add(answer.headers["ETag"])
        exams.delete(f"/api/studies/{STUDY}/marks/{made['id']}", headers=radiologist)
    # As many instances, others: what was made of the one must never be found by the other.
    assert len(tags) == 2
    with opened(exams.get(ADDRESS, headers=patient)) as file:
        assert instances(file) == 4
    other = exams.get(ADDRESS, headers=bearer(Role.RADIOLOGIST, "sud") | ZIP)
    assert other.status_code == 404


def test_a_share_without_download_gives_none(exams: HttpClient, bearer: Issue) -> None:
    looked_at = guest(exams, share(exams, bearer, download=False))
    assert exams.get(ADDRESS, headers=looked_at | ZIP).status_code == 403
    given = guest(exams, share(exams, bearer, series=(FIRST,), reports=False))
    with opened(exams.get(ADDRESS, headers=given | ZIP)) as file:
        assert instances(file) == 1


def test_a_big_one_is_an_object(big: list[bytes], http: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord") | ZIP
    first = http.get("/dicomweb/studies/1.2.3", headers=headers)
    with stored(first) as file:
        assert file.testzip() is None
        assert sorted(file.read(name) for name in file.namelist() if name.endswith(".dcm")) == sorted(big)
    assert http.get("/dicomweb/studies/1.2.3", headers=headers).headers["Location"] == first.headers["Location"]


def test_a_very_big_one_is_made_by_a_function(
    big: list[bytes], http: HttpClient, bearer: Issue, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieve_series, "MOST_BYTES_AT_ONCE", 1_000_000)
    headers = bearer(Role.RADIOLOGIST, "nord") | ZIP
    for _ in range(2):
        answer = http.get("/dicomweb/studies/1.2.3", headers=headers)
        assert (answer.status_code, int(answer.headers["Retry-After"]) >= 10) == (503, True)
    sqs, url = cloud.client("sqs"), wiring.settings().pack_queue_url
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert len(messages) == 1
    gone = {"hospital": "nord", "study_instance_uid": "1.2.3", "zipped_series": ["1.2.3.4", "1.2.3.5"]}
    bodies = [messages[0]["Body"], messages[0]["Body"], json.dumps(gone)]
    event = {"Records": [{"messageId": str(n), "body": body} for n, body in enumerate(bodies)]}
    assert pack_series.handler(event, None) == {"batchItemFailures": []}  # type: ignore[arg-type]
    with stored(http.get("/dicomweb/studies/1.2.3", headers=headers)) as file:
        assert file.testzip() is None
        assert instances(file) == len(big)
    # A late instance is in the next one.
    archive(part10(data_set(sop="1.2.3.4.9")))
    assert http.get("/dicomweb/studies/1.2.3", headers=headers).status_code == 503
    monkeypatch.setattr(zip_exam.pack, "LARGEST_PACK_BYTES", 1_000_000)
    assert http.get("/dicomweb/studies/1.2.3", headers=headers).status_code == 413
