"""Transcoding keeps every value: generated pixels through every encoder and back by pydicom's decoders."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from chalicelib.dicom import encoders, pixels
from chalicelib.dicom.codestreams import FrameSize, frame_size
from chalicelib.dicom.transcoding import NATIVE_TARGETS, transcoded, transcoded_frame
from chalicelib.errors import NotAcceptable, TooMuch
from tests.dicom_files import data_set, part10

EXPLICIT = "1.2.840.10008.1.2.1"
TARGETS = (*NATIVE_TARGETS, *encoders.ENCODERS)


def image(array: np.ndarray[Any, Any], bits_stored: int, frames: int = 1, **attributes: Any) -> Dataset:
    samples = array.shape[-1] if array.ndim == 3 + (frames > 1) else 1
    rows, columns = array.shape[frames > 1 :][:2]
    return data_set(
        Rows=rows, Columns=columns, BitsAllocated=array.dtype.itemsize * 8, BitsStored=bits_stored,
        HighBit=bits_stored - 1, PixelRepresentation=int(array.dtype.kind == "i"), SamplesPerPixel=samples,
        PhotometricInterpretation="RGB" if samples == 3 else "MONOCHROME2",
        PlanarConfiguration=0 if samples == 3 else None, NumberOfFrames=frames if frames > 1 else None,
        PixelData=array.astype(array.dtype.newbyteorder("<")).tobytes() + b"\0" * (array.nbytes % 2), **attributes,
    )  # fmt: skip


@st.composite
def generated(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], int]:
    bits = draw(st.sampled_from([8, 10, 12, 16]))
    signed, samples = draw(st.booleans()), draw(st.sampled_from([1, 1, 3])) if bits == 8 else 1
    signed = signed and samples == 1
    shape = (draw(st.integers(33, 70)), draw(st.integers(33, 70)), *([3] if samples == 3 else []))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = f"{'i' if signed else 'u'}{1 if bits == 8 else 2}"
    smooth = np.linspace(low, high, int(np.prod(shape))).reshape(shape)
    noise = random.integers(low, high + 1, shape)
    return np.where(random.random(shape) < draw(st.sampled_from([0, 0.1, 1])), noise, smooth).astype(kind), bits


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=25, deadline=None)
@given(generated())
def test_every_value_survives_every_encoder(case: tuple[np.ndarray[Any, Any], int]) -> None:
    array, bits = case
    body = part10(image(array, bits))
    for target in TARGETS[1:]:
        encoded = transcoded(body, target)
        assert dcmread(BytesIO(encoded), stop_before_pixels=True).file_meta.TransferSyntaxUID == target
        found = pixels.read_data_set(encoded)
        assert np.array_equal(pixels.decode(found, 0, target, raw=True)[0], array), target
        if target not in NATIVE_TARGETS:
            # And back again, in another hand's reading.
            native = dcmread(BytesIO(transcoded(part10_of(found), EXPLICIT)))
            assert np.array_equal(native.pixel_array, array), target


def part10_of(dataset: Dataset) -> bytes:
    output = BytesIO()
    dataset.save_as(output)
    return output.getvalue()


@pytest.mark.parametrize("target", TARGETS[1:])
def test_frames_stay_apart(target: str) -> None:
    frames = np.random.default_rng(0).integers(0, 4096, (3, 40, 50)).astype(np.uint16)
    found = dcmread(BytesIO(transcoded(part10(image(frames, 12, 3)), target)))
    assert found.NumberOfFrames == 3
    assert np.array_equal(found.pixel_array, frames)


def test_planes_become_pixels() -> None:
    array = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    planar = image(array, 8)
    planar.PlanarConfiguration = 1
    planar.PixelData = np.moveaxis(array, -1, 0).tobytes()
    for target in encoders.ENCODERS:
        found = dcmread(BytesIO(transcoded(part10(planar), target)))
        assert (found.PlanarConfiguration, found.PhotometricInterpretation) == (0, "RGB")
        assert np.array_equal(found.pixel_array, array), target


def test_progressive_htj2k_is_by_resolution_with_tile_part_lengths() -> None:
    array = np.zeros((64, 64), np.uint16)
    encoded = transcoded_frame(image(array, 16), 0, EXPLICIT, encoders.HTJ2K_RPCL)
    assert encoded[encoded.index(b"\xff\x52") + 5] == 2
    assert b"\xff\x55" in encoded


def test_what_has_no_pixels_is_not_compressed() -> None:
    with pytest.raises(NotAcceptable, match="no pixels"):
        transcoded(part10(data_set(PixelData=None, Rows=None)), encoders.RLE)


# Bad input --------------------------------------------------------------------------------------------------------


def j2k(rows: int = 64, columns: int = 64) -> tuple[Dataset, bytes]:
    dataset = image(np.arange(rows * columns, dtype=np.uint16).reshape(rows, columns), 16)
    return dataset, transcoded_frame(dataset, 0, EXPLICIT, encoders.JPEG_2000)


@pytest.mark.parametrize("target", [encoders.JPEG_2000, encoders.JPEG_LS, encoders.HTJ2K])
def test_codestreams_say_how_large_they_are(target: str) -> None:
    dataset = image(np.zeros((40, 60), np.uint16), 16)
    assert frame_size(transcoded_frame(dataset, 0, EXPLICIT, target)) == FrameSize(40, 60, 1)
    assert frame_size(transcoded_frame(dataset, 0, EXPLICIT, encoders.RLE)) is None


def test_a_codestream_that_would_be_larger_than_the_image_is_refused_before_it_is_decoded() -> None:
    dataset, encoded = j2k()
    bomb = bytearray(encoded)
    place = bomb.index(b"\xff\x51") + 6
    bomb[place : place + 8] = (60_000).to_bytes(4) * 2
    dataset.PixelData = encapsulate([bytes(bomb)])
    with pytest.raises(NotAcceptable, match="60000 rows"):
        pixels.decode(dataset, 0, encoders.JPEG_2000)


@pytest.mark.parametrize("damage", ["truncated", "zeros", "noise", "empty"])
@pytest.mark.parametrize("target", encoders.ENCODERS)
def test_damaged_frames_are_refused_or_decoded_in_bounds(target: str, damage: str) -> None:
    dataset, _ = j2k()
    encoded = transcoded_frame(dataset, 0, EXPLICIT, target)
    noise = np.random.default_rng(0).bytes(len(encoded))
    damaged = {"truncated": encoded[: len(encoded) // 3], "zeros": encoded[:60] + bytes(len(encoded) - 60),
               "noise": encoded[:100] + noise[100:], "empty": b"\0\0"}[damage]  # fmt: skip
    dataset.PixelData = encapsulate([damaged + b"\0" * (len(damaged) % 2)])
    try:
        array, _ = pixels.decode(dataset, 0, target)
    except NotAcceptable:
        return
    assert array.shape == (64, 64)


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"Rows": 65535, "Columns": 65535}, TooMuch),
        ({"Rows": 8000, "Columns": 8000}, NotAcceptable),
        ({"BitsAllocated": 65535}, NotAcceptable),
        ({"BitsAllocated": 12}, NotAcceptable),
        ({"SamplesPerPixel": 65535}, NotAcceptable),
        ({"Rows": 0}, NotAcceptable),
        ({"Rows": None}, NotAcceptable),
        ({"NumberOfFrames": 2**31 - 1}, NotAcceptable),
    ],
)
def test_attributes_that_lie(attributes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        pixels.decode(data_set(**attributes), 0, EXPLICIT)


def test_an_instance_that_inflates_too_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.dicom.part10.INFLATED_LIMIT_BYTES", 1 << 20)
    bomb = part10(data_set(PixelData=bytes(4 << 20)), "1.2.840.10008.1.2.1.99")
    assert len(bomb) < 1 << 16
    with pytest.raises(NotAcceptable, match="too big"):
        pixels.read_data_set(bomb)
