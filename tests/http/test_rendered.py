"""Rendered resources (PS3.18 8.3.5): pictures of real files against what pydicom decodes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, apply_windowing
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit

from chalicelib import wiring
from chalicelib.access.model import Role
from chalicelib.archive import rendered as rendered_archive
from chalicelib.aws.lambda_renderer import LambdaRenderer
from chalicelib.errors import InvalidInstance
from tests.dicom_files import data_set, part10, real_files
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import RenderedFunction, archive, parts_of

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
        and not any(group in dataset for group in [(0x6000, 0x0010), (0x6002, 0x0010)])
    )


def decodable(path: Path) -> Dataset | None:
    try:
        dataset = dcmread(path)
        return dataset if dataset.pixel_array.size else None
    except Exception:
        return None


LOSSY_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
"""Another decoder's inverse transform rounds differently (ISO/IEC 10918-2), by up to 3 before colours are converted."""


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
            if difference > (5 if dataset.file_meta.TransferSyntaxUID in LOSSY_JPEG else 1):
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
     "viewport=9999,1", "annotation=face", "iccprofile=cmyk", "colour=1", "window=nan,5", "window=inf,5"],
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
    assert get(f"{ramp(sop='1.2.3.4.9')}/rendered", "image/avif").status_code == 406


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


# Several pictures -------------------------------------------------------------------------------------------------


def cine(frames: int = 4, **attributes: Any) -> str:
    values = (np.arange(frames * 4096, dtype=np.uint16) % 4096).reshape(frames, 64, 64)
    values += np.arange(frames, dtype=np.uint16)[:, None, None]
    dataset = data_set(
        **{"Rows": 64, "Columns": 64, "BitsStored": 12, "NumberOfFrames": frames, "FrameTime": 40,
           "PixelData": values.tobytes(), **attributes}
    )  # fmt: skip
    archive(part10(dataset))
    return url_of(dataset)


@pytest.mark.parametrize("media_type", ["image/gif", "image/webp"])
def test_a_cine_is_an_animation_for_who_asks_for_one(get: Get, media_type: str) -> None:
    url = cine()
    answer = get(f"{url}/rendered", media_type)
    assert answer.headers["Content-Type"] == media_type
    animation = Image.open(BytesIO(answer.body))
    assert (getattr(animation, "n_frames", 1), animation.size) == (4, (64, 64))
    animation.load()
    assert animation.info["duration"] == 40
    assert getattr(Image.open(BytesIO(get(f"{url}/frames/2,3/rendered", media_type).body)), "n_frames", 1) == 2


def test_browsers_get_the_first_frame_of_a_cine(get: Get) -> None:
    answer = get(f"{cine()}/rendered", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")
    assert answer.headers["Content-Type"] == "image/jpeg"


def test_several_frames_are_parts_in_the_order_asked_for(get: Get) -> None:
    url = cine()
    answer = get(f"{url}/frames/3,1/rendered?window=2048,4096", 'multipart/related; type="image/png"')
    parts = parts_of(answer.body, answer.headers["Content-Type"])
    assert [headers["Content-Location"].rsplit("/frames/")[1] for headers, _ in parts] == ["3/rendered", "1/rendered"]
    alone = get(f"{url}/frames/3/rendered?window=2048,4096")
    assert parts[0][1] == alone.body
    assert get(f"{url}/frames/1,2/rendered", "image/png").status_code == 406
    assert get(f"{url}/frames/1,9/rendered", "*/*").status_code == 404


def test_studies_and_series_are_rendered_image_by_image(get: Get) -> None:
    url = ramp(InstanceNumber=2)
    other = ramp(sop="1.2.3.4.6", InstanceNumber=1, WindowCenter=9, WindowWidth=9)
    archive(part10(data_set(series="1.2.3.5", sop="1.2.3.5.1", PixelData=None, Rows=None, Modality="SR")))
    for path in (url.split("/instances/")[0], url.split("/series/")[0]):
        answer = get(f"{path}/rendered", "*/*")
        assert answer.headers["Content-Type"].startswith('multipart/related; type="image/jpeg"')
        locations = [
            headers["Content-Location"] for headers, _ in parts_of(answer.body, answer.headers["Content-Type"])
        ]
        assert [other in locations[0], url in locations[1], len(locations)] == [True, True, 2]
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert getattr(Image.open(BytesIO(get(f"{path}/rendered", "image/gif").body)), "n_frames", 1) == 2


def test_too_many_pictures_are_refused_with_advice(get: Get) -> None:
    answer = get(f"{cine(rendered_archive.MAXIMUM_PICTURES + 1)}/rendered", "image/gif")
    assert answer.status_code == 413
    assert "frames" in answer.json_body["detail"]


# Parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/gif", "image/webp"])
def test_every_picture_format(get: Get, media_type: str) -> None:
    answer = get(f"{ramp()}/rendered", media_type)
    assert answer.headers["Content-Type"] == media_type
    assert Image.MIME[str(Image.open(BytesIO(answer.body)).format)] == media_type


def test_text_is_burned_in_when_asked_for(get: Get) -> None:
    url = ramp(WindowCenter=100000, WindowWidth=2, PatientName="Lefèvre^Éloïse", KVP=120)
    assert not pixels(get(f"{url}/rendered?viewport=400,400")).any()
    patient = pixels(get(f"{url}/rendered?viewport=400,400&annotation=patient"))
    assert patient[:60].any()
    assert not patient[200:].any()
    both = pixels(get(f"{url}/rendered?viewport=400,400&annotation=patient,technique"))
    assert both[:60].any()
    assert both[300:].any()


@pytest.mark.parametrize("name", ["yes", "srgb", "adobergb", "rommrgb"])
def test_profiles_are_embedded_when_asked_for(get: Get, name: str) -> None:
    url = ramp()
    assert "icc_profile" not in Image.open(BytesIO(get(f"{url}/rendered").body)).info
    answer = get(f"{url}/rendered?iccprofile={name}", "image/jpeg")
    profile = ImageCms.ImageCmsProfile(BytesIO(Image.open(BytesIO(answer.body)).info["icc_profile"]))
    expected = {"adobergb": "Adobe RGB", "rommrgb": "ROMM"}.get(name, "sRGB")
    assert expected in ImageCms.getProfileName(profile)


def test_overlays_are_shown(get: Get) -> None:
    plane = np.zeros((64, 64), np.uint8)
    plane[10:20, 30:40] = 1
    dataset = data_set(Rows=64, Columns=64, PixelData=bytes(8192), WindowCenter=100, WindowWidth=10)
    dataset.add_new(0x60000010, "US", 64)
    dataset.add_new(0x60000011, "US", 64)
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [3, 1])
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60003000, "OW", np.packbits(plane, bitorder="little").tobytes())
    archive(part10(dataset))
    shown = pixels(get(f"{url_of(dataset)}/rendered"))
    assert shown[12:22, 30:40].min() == 255
    assert (shown == 255).sum() == 100


# Documents, reports, presentation states --------------------------------------------------------------------------


def pdf() -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    output = BytesIO()
    canvas = Canvas(output, pagesize=(200, 300))
    canvas.rect(0, 0, 100, 300, fill=1)
    canvas.save()
    return output.getvalue() + b"\n" * (len(output.getvalue()) % 2)


def test_documents_are_given_as_they_are_and_have_a_first_page(get: Get) -> None:
    dataset = data_set(PixelData=None, Rows=None, MIMETypeOfEncapsulatedDocument="application/pdf",
                       EncapsulatedDocument=pdf() + bytes(4096))  # fmt: skip
    archive(part10(dataset))
    assert get(f"{url_of(dataset)}/rendered", "*/*").headers["Content-Type"] == "application/pdf"
    page = pixels(get(f"{url_of(dataset)}/thumbnail"))
    assert page.shape[:2] == (256, 171)
    assert page[100, 20].max() < 50
    assert page[100, 150].min() > 200
    assert get(f"{url_of(dataset)}/rendered", "image/jpeg").headers["Content-Type"] == "image/jpeg"


def test_reports_are_pages_that_run_nothing(get: Get) -> None:
    content = Dataset()
    content.ValueType, content.TextValue, content.RelationshipType = "TEXT", "<b>Normal</b>", "CONTAINS"
    dataset = data_set(PixelData=None, Rows=None, Modality="SR", ValueType="CONTAINER", ContentSequence=[content])
    archive(part10(dataset))
    answer = get(f"{url_of(dataset)}/rendered", "text/html,application/xhtml+xml,*/*;q=0.8")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert b"&lt;b&gt;Normal&lt;/b&gt;" in answer.body
    assert b"<b>Normal" in get(f"{url_of(dataset)}/rendered", "text/plain").body
    assert get(f"{url_of(dataset)}/rendered", "image/jpeg").status_code == 406


def test_a_presentation_state_shows_its_image(get: Get) -> None:
    ramp()
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5"
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.3.4", [image]
    voi = Dataset()
    voi.WindowCenter, voi.WindowWidth = 100000, 2
    attributes = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1", "PixelData": None, "Rows": None, "Modality": "PR",
        "SoftcopyVOILUTSequence": [voi], "PresentationLUTShape": "INVERSE", "ReferencedSeriesSequence": [series],
    }  # fmt: skip
    state = data_set(series="1.2.3.9", sop="1.2.3.9.1", **attributes)
    archive(part10(state))
    shown = pixels(get(f"{url_of(state)}/rendered"))
    assert (shown.shape, shown.min()) == ((64, 64), 255)
    assert get(f"{url_of(state)}/thumbnail").status_code == 200
    image.ReferencedSOPInstanceUID = "1.2.3.4.99"
    lost = data_set(series="1.2.3.9", sop="1.2.3.9.2", **attributes)
    archive(part10(lost))
    assert get(f"{url_of(lost)}/rendered").status_code == 404


# Transcoding ------------------------------------------------------------------------------------------------------


SYNTAXES = ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201",
            "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.1.99"]  # fmt: skip


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_instances_and_series_in_the_transfer_syntax_asked_for(get: Get, syntax: str) -> None:
    url = ramp()
    for path in (url, url.split("/instances/")[0]):
        answer = get(path, f'multipart/related; type="application/dicom"; transfer-syntax={syntax}')
        ((headers, content),) = parts_of(answer.body, answer.headers["Content-Type"])
        assert headers["Content-Type"] == f"application/dicom; transfer-syntax={syntax}"
        found = dcmread(BytesIO(content))
        assert found.file_meta.TransferSyntaxUID == syntax
        assert found.pixel_array.reshape(-1).tolist() == list(range(4096))


def test_frames_by_media_type(get: Get) -> None:
    url = ramp()
    for media_type, start in (("image/jls", b"\xff\xd8"), ("image/jp2", b"\xff\x4f"), ("image/jphc", b"\xff\x4f"),
                              ("image/dicom-rle", b"\x02\0\0\0")):  # fmt: skip
        answer = get(f"{url}/frames/1", media_type)
        assert answer.headers["Content-Type"].startswith(f"{media_type}; transfer-syntax=")
        assert answer.body.startswith(start)


def test_the_default_is_uncompressed_unless_stored_with_loss(get: Get) -> None:
    compressed = dcmread(BytesIO(get(ramp(), f"application/dicom; transfer-syntax={SYNTAXES[0]}").body))
    compressed.SOPInstanceUID = compressed.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.7"
    output = BytesIO()
    compressed.save_as(output)
    archive(output.getvalue())
    default = dcmread(BytesIO(get(url_of(compressed), "application/dicom").body))
    assert default.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    answer = get(url_of(compressed), "application/dicom; transfer-syntax=*")
    assert answer.body == output.getvalue()
    refused = get(url_of(compressed), "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50")
    assert refused.status_code == 406
    assert all(syntax in refused.json_body["detail"] for syntax in SYNTAXES)
