"""Decoding of every real file: without pydicom's steps, to every lossless target, as a picture or refused clearly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from chalicelib.archive.transfer_syntaxes import DEFLATED_EXPLICIT, ENCODED, EXPLICIT_LITTLE_ENDIAN
from chalicelib.dicom import pictures, pixels, shown
from chalicelib.dicom.transcoding import transcoded
from chalicelib.errors import ArchiveError, NotAcceptable
from tests.dicom_files import data_set, part10, real_files

LOSSY_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
TARGETS = (EXPLICIT_LITTLE_ENDIAN, DEFLATED_EXPLICIT, *ENCODED)
LARGEST_DECODED_BYTES = 1_000_000
"""Larger files take most of the time and show nothing more."""

pytestmark = pytest.mark.filterwarnings("ignore")


def with_pixels() -> Iterator[tuple[Path, Dataset, np.ndarray]]:  # type: ignore[type-arg]
    """Files whose pixels pydicom decodes, with what it makes of them."""
    for path in real_files():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                dataset = dcmread(path)
                yield path, dataset, pixel_array(dataset, raw=True)
            except Exception:
                continue  # what pydicom cannot decode is judged by other tests


def test_plain_frames_are_what_pydicom_decodes() -> None:
    compared = 0
    for path, dataset, _ in with_pixels():
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        for frame in range(min(3, int(dataset.get("NumberOfFrames") or 1))):
            plain = pixels._plain_frame(dataset, frame, syntax)
            if plain is None:
                continue
            compared += 1
            expected = pixel_array(dataset, index=frame, raw=True)
            assert plain.dtype == expected.dtype, path
            assert np.array_equal(plain, expected), path
    assert compared > 60


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("stored", [1, 8, 10, 12, 15, 16])
def test_bits_above_bits_stored_do_not_count(stored: int, signed: int) -> None:
    words = np.random.default_rng(stored).integers(0, 1 << 16, (7, 5), np.uint16)
    dataset = data_set(
        Rows=7, Columns=5, BitsAllocated=16, BitsStored=stored, HighBit=stored - 1, PixelRepresentation=signed,
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", PixelData=words.tobytes(),
    )  # fmt: skip
    read = dcmread(BytesIO(part10(dataset)))
    plain = pixels._plain_frame(read, 0, EXPLICIT_LITTLE_ENDIAN)
    assert plain is not None
    assert np.array_equal(plain, pixel_array(read))


def test_every_lossless_target_keeps_every_value_of_real_files() -> None:
    exact, refused = 0, 0
    for path, dataset, expected in with_pixels():
        if expected.nbytes > LARGEST_DECODED_BYTES or dataset.file_meta.TransferSyntaxUID in LOSSY_JPEG:
            continue
        body = path.read_bytes()
        for target in TARGETS:
            try:
                content = transcoded(body, target)
            except ArchiveError:
                refused += 1
                continue
            assert np.array_equal(pixel_array(dcmread(BytesIO(content)), raw=True), expected), (path, target)
            exact += 1
    assert exact > 700
    assert refused < exact / 5  # more than 16 bits, floating point, single bits: stated in the conformance statement


def test_every_real_file_is_shown_or_refused() -> None:
    made = 0
    for path, dataset, expected in with_pixels():
        if expected.nbytes > 8 * LARGEST_DECODED_BYTES:
            continue
        try:
            array = shown.shown_frame(dataset, 0, 0, str(dataset.file_meta.TransferSyntaxUID))
        except NotAcceptable:
            continue
        assert array.dtype == np.uint8, path
        picture = pictures.picture(array, dataset, pictures.View(viewport=(64, 64)))
        assert max(picture.size) <= 64
        assert pictures.encoded_picture(picture, "image/jpeg", 90)[:2] == b"\xff\xd8"
        made += 1
    assert made > 150
