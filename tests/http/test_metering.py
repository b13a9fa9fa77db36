"""What goes out through the API is counted by hospital and kind."""

from __future__ import annotations

from collections import Counter

import pytest

from chalicelib import wiring, wiring_meters
from chalicelib.access.model import Role
from chalicelib.aws.lambda_renderer import LambdaRenderer
from chalicelib.billing import facts
from chalicelib.billing.fact_blocks import seal
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import RenderedFunction, archive
from tests.real_files import real_files

INSTANCE = "/dicomweb/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5"


def test_requests_bytes_and_pictures_are_counted_and_nothing_that_failed(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))
    image = {"Rows": 2, "Columns": 2, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
    colours = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelData": b"\1\2\3\4"}
    archive(part10(data_set(**image, **colours)))
    headers = bearer(Role.RADIOLOGIST, "nord")
    sent = Counter[str]()

    def get(path: str, status: int = 200, **more: str) -> None:
        answer = http.get(path, headers={**headers, **more})
        assert answer.status_code == status, answer.body
        if status in (200, 304):
            sent[facts.REQUESTS_OUT] += 1
            sent[facts.BYTES_OUT] += len(answer.body) if status == 200 else 0

    get(INSTANCE, Accept="application/dicom")
    get(INSTANCE + "/rendered", Accept="image/png")
    etag = http.get(INSTANCE + "/rendered", headers={**headers, "Accept": "image/png"})
    sent[facts.REQUESTS_OUT] += 1
    sent[facts.BYTES_OUT] += len(etag.body)
    get(INSTANCE + "/rendered", 304, Accept="image/png", **{"If-None-Match": etag.headers["ETag"]})
    get(INSTANCE + "9/rendered", 404, Accept="image/png")
    assert wiring_meters.read_meter().flush()
    assert seal(wiring_meters.facts(), "nord", 1_795_600_000_000)
    found = {use.event: use.quantity for use in wiring_meters.facts().usage("nord", "2026-11")}
    assert found == {f"{meter}, viewer": sent[meter] for meter in sent} | {f"{facts.RENDERINGS}, viewer": 2}
    assert wiring_meters.facts().usage("sud", "2026-11") == []


def test_conversions_are_counted_by_answer_and_instance(
    http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))
    compressed = next(file for file in real_files() if file.path.name == "MR_small_RLE.dcm")
    archive(compressed.body)
    headers = bearer(Role.GATEWAY, "nord")
    series = f"/dicomweb/studies/{compressed.study_instance_uid}/series/{compressed.series_instance_uid}"
    instance = f"{series}/instances/{compressed.sop_instance_uid}"
    explicit = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1'
    as_stored = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    frames = 'multipart/related; type="application/octet-stream"'
    for path, accept in (
        (instance, explicit), (instance, as_stored), (instance + "/frames/1", frames), (series, explicit)
    ):  # fmt: skip
        answer = http.get(path, headers={**headers, "Accept": accept})
        assert answer.status_code == 200, answer.body
    assert wiring_meters.read_meter().flush()
    assert seal(wiring_meters.facts(), "nord", 1_795_600_000_000)
    found = {use.event: use.quantity for use in wiring_meters.facts().usage("nord", "2026-11")}
    assert found[f"{facts.TRANSCODES}, API"] == 3
    assert found[f"{facts.REQUESTS_OUT}, API"] == 4
