"""Rendered resources (PS3.18 8.3.5): pictures of real files against what pydicom decodes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, apply_windowing

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.aws.lambda_renderer import LambdaRenderer
from chalicelib.errors import InvalidInstance
from tests.dicom_files import data_set, part10, real_files
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import RenderedFunction, archive

Get = Callable[..., Any]
BIG_ENDIAN = "1.2.840.10008.1.2.2"


@pytest.fixture
def get(http: HttpClient, bearer: Issue, monkeypatch: pytest.MonkeyPatch) -> Get:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))  # type: ignore[arg-type]
    headers = bearer(Role.RADIOLOGIST, "nord")
    return lambda path, accept="image/png": http.get(f"/dicomweb{path}", headers={**headers, "Accept": accept})


def url_of(dataset: Dataset) -> str:
    return f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"


def pixels(answer: Any) -> Any:
    assert answer.status_code == 200, answer.body
    return np.asarray(Image.open(BytesIO(answer.body)))


def expected_pixels(dataset: Dataset, frame: int) -> Any:
    """The picture by pydicom's own pipeline, scaled to 8 bits."""
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    array = dataset.pixel_array[frame] if frames > 1 else dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        colours = apply_color_lut(array, dataset)
        return colours >> 8 if colours.dtype == np.uint16 else colours
    if array.ndim == 3:
        return array >> (dataset.BitsStored - 8)
    values = apply_modality_lut(array, dataset)
    if "WindowWidth" in dataset and not dataset.get("VOILUTSequence"):
        # pydicom's range of output depends on the instance; a window that nothing exceeds shows its ends.
        ends = apply_windowing(np.array([-1e9, 1e9]), dataset)
        shown = (apply_windowing(values, dataset) - ends[0]) / (ends[1] - ends[0])
    elif dataset.get("VOILUTSequence"):
        shown = apply_voi_lut(values.astype(np.int32), dataset) / (
            2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
        )
    elif values.dtype == np.uint8 and dataset.BitsStored == 8:
        shown = values / 255
    else:
        low, high = float(values.min()), float(values.max())
        shown = (values - low) / ((high - low) or 1)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    return np.rint(np.clip(shown, 0, 1) * 255)


def is_comparable(dataset: Dataset) -> bool:
    """pydicom applies no functional groups, and reads palettes of big endian data sets the wrong way round."""
    is_big_endian_palette = (
        dataset.file_meta.TransferSyntaxUID == BIG_ENDIAN and dataset.PhotometricInterpretation == "PALETTE COLOR"
    )
    return (
        not dataset.get("SharedFunctionalGroupsSequence")
        and not is_big_endian_palette
        and "PixelPaddingValue" not in dataset
    )


def decodable(path: Path) -> Dataset | None:
    try:
        dataset = dcmread(path)
        return dataset if dataset.pixel_array.size else None
    except Exception:
        return None


@pytest.mark.filterwarnings("ignore")
def test_every_real_file_that_pydicom_decodes_is_rendered_like_it(get: Get, http: HttpClient, bearer: Issue) -> None:
    rendered, compared, wrong = 0, 0, []
    for number, path in enumerate(real_files()):
        dataset = decodable(path)
        # Several files carry the same SOP Instance UID: a hospital each.
        if dataset is None or not is_archived(path, f"h{number}"):
            continue
        frames = int(dataset.get("NumberOfFrames", 1) or 1)
        headers = {**bearer(Role.RADIOLOGIST, f"h{number}"), "Accept": "image/png"}
        answer = http.get(f"/dicomweb{url_of(dataset)}/frames/{frames}/rendered", headers=headers)
        if answer.status_code != 200:
            wrong.append((path.name, answer.body))
            continue
        rendered += 1
        if is_comparable(dataset):
            compared += 1
            difference = np.abs(pixels(answer).astype(int) - expected_pixels(dataset, frames - 1)).max()
            if difference > 1:
                wrong.append((path.name, int(difference)))
    assert wrong == [], wrong
    assert rendered > 160
    assert compared > 140


def is_archived(path: Path, hospital: str) -> bool:
    try:
        archive(path.read_bytes(), hospital)
    except InvalidInstance:
        return False
    return True


def ramp(**attributes: Any) -> str:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    dataset = data_set(**{"Rows": 64, "Columns": 64, "BitsStored": 12, "PixelData": values.tobytes(), **attributes})
    archive(part10(dataset))
    return url_of(dataset)


@pytest.mark.parametrize(
    ("query", "at", "value"),
    [
        ("window=2048,4096,linear", 2048, 128),
        ("window=100,2", 99, 0),
        ("window=100,2", 101, 255),
        ("window=100,0.5,linear-exact", 101, 255),
        ("window=2048,1000,sigmoid", 2048, 128),
    ],
)
def test_the_callers_window(get: Get, query: str, at: int, value: int) -> None:
    assert pixels(get(f"{ramp()}/rendered?{query}")).reshape(-1)[at] == value


def test_padding_does_not_take_part_in_the_range(get: Get) -> None:
    url = ramp(PixelPaddingValue=4095)
    assert pixels(get(f"{url}/rendered")).reshape(-1)[4094] == 255


def test_viewports(get: Get) -> None:
    url = ramp(PixelSpacing=[2, 1])
    assert pixels(get(f"{url}/rendered")).shape == (64, 64)
    assert pixels(get(f"{url}/rendered?viewport=128,128")).shape == (128, 64)
    assert pixels(get(f"{url}/rendered?viewport=32%2C32,0,0,32,16")).shape == (32, 32)
    whole = pixels(get(f"{url}/rendered?viewport=64,128,0,0,64,64")).astype(int)
    mirrored = pixels(get(f"{url}/rendered?viewport=64,128,0,0,-64,64")).astype(int)
    assert np.abs(whole - mirrored[:, ::-1]).max() <= 1
    assert get(f"{url}/rendered?viewport=64,64,100,0,10,10").status_code == 406


def test_thumbnails_of_every_level(get: Get) -> None:
    url = ramp(Rows=1024, Columns=4)
    study, series = url.split("/series/")[0], url.split("/instances/")[0]
    for path in (study, series, url, f"{url}/frames/1"):
        assert pixels(get(f"{path}/thumbnail")).shape == (256, 1)
    answer = get(f"{url}/thumbnail?viewport=64%2C64", "image/avif,image/webp,image/*,*/*;q=0.8")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert pixels(answer).shape == (64, 1)


def test_quality_makes_smaller_pictures(get: Get) -> None:
    url = ramp()
    sizes = [len(get(f"{url}/rendered?quality={quality}", "image/jpeg").body) for quality in (5, 95)]
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    "query",
    ["window=1", "window=1,0", "window=x,1", "window=1,2,cubic", "quality=0", "quality=x", "viewport=0,1", "viewport=1",
     "viewport=9999,1", "annotation=patient", "colour=1", "window=nan,5", "window=inf,5"],
)  # fmt: skip
def test_malformed_parameters_are_named(get: Get, query: str) -> None:
    answer = get(f"{ramp()}/rendered?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json_body["detail"]


def test_what_cannot_be_rendered_says_so(get: Get) -> None:
    broken = data_set(PixelData=b"\0" * 6)
    archive(part10(broken))
    assert get(f"{url_of(broken)}/rendered").status_code == 406
    text = data_set("1.2.4", "1.2.4.1", "1.2.4.1.1", PixelData=None, Rows=None, Modality="SR")
    archive(part10(text))
    assert get(f"{url_of(text)}/rendered").status_code == 404
    assert get("/studies/1.2.4/thumbnail").status_code == 404
    assert get(f"{ramp(sop='1.2.3.4.9')}/rendered", "image/gif").status_code == 406


def test_a_picture_is_not_rendered_again_for_who_has_it(get: Get, http: HttpClient, bearer: Issue) -> None:
    url = ramp()
    first = get(f"{url}/rendered")
    headers = {**bearer(Role.RADIOLOGIST, "nord"), "Accept": "image/png", "If-None-Match": first.headers["ETag"]}
    assert http.get(f"/dicomweb{url}/rendered", headers=headers).status_code == 304
    assert http.get(f"/dicomweb{url}/rendered?window=5,5", headers=headers).status_code == 200


@pytest.mark.filterwarnings("ignore")
def test_pydicom_leaves_no_trace_of_the_data_set_in_the_log(get: Get, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        body = part10(data_set(PatientBirthDate="19700101", PixelData=b"\0" * 6)).replace(b"19700101", b"SECRET!!")
    archive(body)
    get("/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/rendered")
    written = "".join(capfd.readouterr())
    assert "SECRET" not in written
    assert "Lef" not in written
