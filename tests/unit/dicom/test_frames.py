"""Frame tables agree with pydicom's own reading of encapsulated and native Pixel Data."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import JPEG2000Lossless, RLELossless

from chalicelib.dicom.elements import EXPLICIT_LITTLE, BytesSource, Element
from chalicelib.dicom.frames import PIXEL_DATA, PixelDescription, encapsulated_frames, native_frames
from chalicelib.dicom.part10 import open_data_set
from tests.dicom_files import data_set, part10, real_files
from tests.unit.dicom.frame_tables import frame_table_of


def _bytes_of(body: bytes, fragments: tuple[tuple[int, int], ...]) -> bytes:
    return b"".join(body[offset : offset + length] for offset, length in fragments)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files(path: Path) -> None:
    body = path.read_bytes()
    try:
        table = frame_table_of(body)
    except ValueError:
        return
    instance = dcmread(path, force=True)
    if table.deflated or "PixelData" not in instance:
        return
    count = 1 if path.name == "badVR.dcm" else int(instance.get("NumberOfFrames") or 1)
    syntax = instance.file_meta.get("TransferSyntaxUID") if "file_meta" in instance.__dict__ else None
    if syntax and syntax.is_compressed and body.find(b"\xfe\xff\x00\xe0") > 0:
        expected = list(generate_frames(instance.PixelData, number_of_frames=count))
        assert [_bytes_of(body, fragments) for fragments in table.frames] == expected
    elif len(table.frames) > 1:
        assert b"".join(_bytes_of(body, fragments) for fragments in table.frames) in instance.PixelData


FRAMES = [b"\xff\x4f" + bytes([number]) * (20 + 2 * number) for number in range(5)]


@pytest.mark.parametrize("fragments_per_frame", [1, 2, 3])
@pytest.mark.parametrize("has_bot", [True, False])
def test_encapsulated_multi_frame(fragments_per_frame: int, has_bot: bool) -> None:
    pixel_data = encapsulate(FRAMES, fragments_per_frame=fragments_per_frame, has_bot=has_bot)
    instance = data_set(NumberOfFrames=5, PixelData=pixel_data)
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True
    body = part10(instance, JPEG2000Lossless)
    table = frame_table_of(body)
    assert [_bytes_of(body, fragments) for fragments in table.frames] == FRAMES
    assert all(len(fragments) == fragments_per_frame for fragments in table.frames)


def test_extended_offset_table() -> None:
    odd = [*FRAMES, b"\xff\x4f1"]
    pixel_data, offsets, lengths = encapsulate_extended(odd)
    instance = data_set(
        NumberOfFrames=6, PixelData=pixel_data, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths
    )
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True
    body = part10(instance, JPEG2000Lossless)
    found = [_bytes_of(body, fragments) for fragments in frame_table_of(body).frames]
    assert [frame.rstrip(b"\0") for frame in found] == [frame.rstrip(b"\0") for frame in odd]


def test_a_lying_offset_table_is_not_believed() -> None:
    pixel_data = bytearray(encapsulate(FRAMES, fragments_per_frame=2, has_bot=True))
    pixel_data[12:16] = b"\x07\0\0\0"
    instance = data_set(NumberOfFrames=5, PixelData=bytes(pixel_data))
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True
    body = part10(instance, JPEG2000Lossless)
    assert [_bytes_of(body, fragments) for fragments in frame_table_of(body).frames] == FRAMES


def test_unknowable_boundaries_give_no_table() -> None:
    instance = data_set(NumberOfFrames=3, PixelData=encapsulate([b"abcd"] * 5, has_bot=False))
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True
    body = part10(instance, RLELossless)
    element = list(open_data_set(BytesSource(body)).elements())[-1]
    description = PixelDescription(number_of_frames=3)
    assert encapsulated_frames(BytesSource(body), element, EXPLICIT_LITTLE, description, RLELossless) == ()
    video = "1.2.840.10008.1.2.4.102"
    ((*fragments,),) = encapsulated_frames(BytesSource(body), element, EXPLICIT_LITTLE, description, video)
    assert len(fragments) == 5


@pytest.mark.parametrize(
    ("length", "description", "expected"),
    [
        (32, PixelDescription(4, 4, 16), [(0, 32)]),
        (10, PixelDescription(3, 3, 8), [(0, 9)]),
        (20, PixelDescription(3, 3, 8, 1, 2), [(0, 9), (9, 9)]),
        (14, PixelDescription(3, 3, 8, 1, 2), [(0, 9)]),
        (4, PixelDescription(4, 4, 1, 1, 2), [(0, 2), (2, 2)]),
        (2, PixelDescription(3, 3, 1), [(0, 2)]),
        (4, PixelDescription(3, 3, 1, 1, 2), []),
        (16, PixelDescription(2, 4, 8, 3, 1, "YBR_FULL_422"), [(0, 16)]),
        (7, PixelDescription(), [(0, 7)]),
        (0, PixelDescription(4, 4, 16), []),
        (27, PixelDescription(3, 3, 8, 3), [(0, 27)]),
    ],
)
def test_native(length: int, description: PixelDescription, expected: list[tuple[int, int]]) -> None:
    element = Element(PIXEL_DATA, "OW", 0, 100, length, 100 + length, False)
    frames = native_frames(element, description)
    assert [(offset - 100, size) for ((offset, size),) in frames] == expected


def test_walk_and_frames_need_no_pydicom() -> None:
    import subprocess
    import sys

    code = (
        "import sys, chalicelib.archive.store, chalicelib.dicom.frames, chalicelib.aws.index_items;"
        "print([name for name in ('pydicom', 'numpy', 'boto3') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
