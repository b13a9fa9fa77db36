"""JPEG by libjpeg-turbo, judged by pylibjpeg-libjpeg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from chalicelib.dicom import jpeg_decoding
from chalicelib.dicom.pixels import decode
from chalicelib.errors import NotAcceptable
from tests.dicom_files import real_files


def _transfer_syntax(path: Path) -> str:
    try:
        return str(read_file_meta_info(path).get("TransferSyntaxUID", ""))
    except Exception:
        return ""


JPEG_FILES = sorted(
    {path.name: path for path in real_files() if _transfer_syntax(path) in jpeg_decoding.TRANSFER_SYNTAXES}.items()
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, _ in JPEG_FILES])
def test_agrees_with_libjpeg(name: str) -> None:
    dataset = dcmread(dict(JPEG_FILES)[name])
    syntax = dataset.file_meta.TransferSyntaxUID
    if "Rows" not in dataset:
        pytest.skip("no image")
    mine, photometric = decode(dataset, 0, syntax, raw=True)
    if name == "JPEG-lossy.dcm":
        # A defect of its header is too much for the other; pydicom brings it without, too.
        sound = decode(dcmread(dict(JPEG_FILES)["JPGExtended.dcm"]), 0, syntax, raw=True)[0]
        assert np.array_equal(mine, sound)
        return
    theirs, properties = get_decoder(syntax).as_array(dataset, index=0, raw=True, decoding_plugin="pylibjpeg")
    assert (mine.shape, mine.dtype, photometric) == (
        theirs.shape,
        theirs.dtype,
        properties["photometric_interpretation"],
    )
    difference = np.abs(mine.astype(int) - theirs.astype(int))
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        assert not difference.any()
    else:
        assert difference.max() <= 3
        assert difference.mean() < 0.1


@pytest.mark.filterwarnings("ignore")
def test_what_is_no_codestream() -> None:
    dataset = dcmread(dict(JPEG_FILES)["JPEG-LL.dcm"])
    start = dataset.PixelData.index(b"\xff\xc3")
    dataset.PixelData = dataset.PixelData[: start + 2] + bytes(len(dataset.PixelData) - start - 2)
    with pytest.raises(NotAcceptable):
        decode(dataset, 0, dataset.file_meta.TransferSyntaxUID)
