"""Decoding of frames (PS3.5 8, Annex A): from the bytes of an instance to arrays and back to octets.

The rendering Lambda alone loads it, for the sake of everyone else's cold start.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from chalicelib.dicom import jpeg_decoding
from chalicelib.dicom.codestreams import frame_size
from chalicelib.dicom.elements import BytesSource, Malformed
from chalicelib.dicom.part10 import (
    DEFLATED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    inflated_file,
    open_data_set,
)
from chalicelib.errors import NotAcceptable, TooMuch

Array = NDArray[Any]

MAXIMUM_FRAME_BYTES = 256 << 20
"""Decoded size of a frame that fits the Lambda's memory beside its copies."""
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_NATIVE_LITTLE_ENDIAN = (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN)
_PLUGINS: dict[str, str] = {
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    **dict.fromkeys(jpeg_decoding.TRANSFER_SYNTAXES, jpeg_decoding.PLUGIN),
}
"""Decoders that pydicom would not have taken; CharLS needs an eighth of libjpeg's time."""
KEYWORDS = {"7FE00010": "PixelData", "7FE00008": "FloatPixelData", "7FE00009": "DoubleFloatPixelData"}
_PIXEL_TAGS = frozenset(int(tag, 16) for tag in KEYWORDS)


def read_header(beginning: bytes) -> Dataset:
    """What comes before Pixel Data, of a file of which the rest may be missing; half of `dcmread`'s time.

    Raises
    ------
    NotAcceptable
        If pydicom cannot read it.
    """
    try:
        opened = open_data_set(BytesSource(beginning))
        content = BytesIO(beginning)
        content.seek(opened.start)
        encoding = opened.encoding
        dataset = read_dataset(content, encoding.implicit_vr, encoding.little_endian, stop_when=_is_pixel_data)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(opened.transfer_syntax_uid)
    except Exception as error:
        raise NotAcceptable("The instance cannot be read for rendering.") from error
    return dataset


def _is_pixel_data(tag: int, vr: str | None, length: int) -> bool:
    return tag in _PIXEL_TAGS


def read_data_set(part10: bytes) -> Dataset:
    """A whole data set.

    Raises
    ------
    NotAcceptable
        If pydicom cannot read it, or it would not fit memory once inflated.
    """
    try:
        # pydicom inflates without a bound.
        return dcmread(BytesIO(inflated_file(part10)), force=True)
    except Malformed as error:
        raise NotAcceptable(f"The instance cannot be read for rendering. {error}") from error
    except Exception as error:
        raise NotAcceptable("The instance cannot be read for rendering.") from error


def is_encapsulated(transfer_syntax_uid: str) -> bool:
    """Whether a transfer syntax keeps frames in fragments; private ones are taken for native."""
    syntax = UID(transfer_syntax_uid)
    return bool(syntax.is_transfer_syntax and syntax.is_encapsulated)


def with_frame(header: Dataset, encoded: bytes, transfer_syntax_uid: str, pixel_data_tag: str = "7FE00010") -> Dataset:
    """The header as a data set of that one frame; `header` is changed."""
    header.NumberOfFrames = 1
    for keyword in (*KEYWORDS.values(), "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in header:
            delattr(header, keyword)
    encapsulated = is_encapsulated(transfer_syntax_uid)
    setattr(header, KEYWORDS[pixel_data_tag], encapsulate([encoded]) if encapsulated else encoded)
    header[pixel_data_tag].is_undefined_length = encapsulated
    return header


def decode(dataset: Dataset, frame: int, transfer_syntax_uid: str, raw: bool = False) -> tuple[Array, str]:
    """One frame (zero-based), (Rows x Columns) or (Rows x Columns x Samples), and its Photometric Interpretation.

    `raw` leaves YBR_FULL as it is; otherwise it becomes RGB. Values are not rescaled.

    Raises
    ------
    NotAcceptable
        If no decoder can.
    TooMuch
        If the frame would not fit memory.
    """
    if transfer_syntax_uid in DEFLATED:
        transfer_syntax_uid = EXPLICIT_VR_LITTLE_ENDIAN  # `read_data_set` has inflated it.
    _check_size(dataset, frame, transfer_syntax_uid)
    plain = _plain_frame(dataset, frame, transfer_syntax_uid)
    if plain is not None:
        return plain, str(dataset.PhotometricInterpretation)
    try:
        decoder = get_decoder(UID(transfer_syntax_uid))
        plugin = _PLUGINS.get(transfer_syntax_uid, "")
        array, properties = decoder.as_array(dataset, index=frame, raw=raw, decoding_plugin=plugin)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # A panic of the RLE decoder, which is in Rust, is no Exception.
        raise NotAcceptable("The frame cannot be decoded. It is available in its stored transfer syntax.") from error
    return array, str(properties["photometric_interpretation"])


def _plain_frame(dataset: Dataset, frame: int, transfer_syntax_uid: str) -> Array | None:
    """What most images are, without pydicom's steps: one sample of 8 or 16 bits, native, little endian; else None.

    Bits above Bits Stored may be anything, an overlay for one; the sign is put in their place, as pydicom does it.
    """
    if transfer_syntax_uid not in _NATIVE_LITTLE_ENDIAN or dataset.get("SamplesPerPixel") != 1:
        return None
    allocated, stored = dataset.get("BitsAllocated"), dataset.get("BitsStored")
    signed, octets = dataset.get("PixelRepresentation"), dataset.get("PixelData")
    if allocated not in (8, 16) or not isinstance(stored, int) or not 0 < stored <= allocated:
        return None
    if signed not in (0, 1) or not isinstance(octets, bytes) or not isinstance(dataset.get("Rows"), int):
        return None
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    size, count = frame_bytes(dataset), dataset.get("NumberOfFrames") or 1
    if not size or not frame < count or count * size > len(octets) or "PhotometricInterpretation" not in dataset:
        return None
    kind = np.dtype(f"<{'i' if signed else 'u'}{allocated // 8}")
    words: Array = np.frombuffer(octets, kind, rows * columns, frame * size).reshape(rows, columns)
    low, high = (-1 << stored - 1, 1 << stored - 1) if signed else (0, 1 << stored)
    if low <= words.min() and words.max() < high:
        return words
    unused = allocated - stored
    signed_words: Array = words << unused >> unused
    return signed_words


def frame_bytes(dataset: Dataset) -> int:
    """Decoded size of a frame by the attributes of the image.

    Raises
    ------
    NotAcceptable
        If they are absent or no numbers.
    """
    try:
        pixels = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel", 1))
        return pixels * max(8, int(dataset.get("BitsAllocated", 16))) // 8
    except (AttributeError, TypeError, ValueError) as error:
        raise NotAcceptable("The attributes of the image do not say how large it is.") from error


def _check_size(dataset: Dataset, frame: int, transfer_syntax_uid: str) -> None:
    """Refuse what a decoder would allocate too much for: by the attributes, then by the codestream's own header."""
    if frame_bytes(dataset) > MAXIMUM_FRAME_BYTES:
        raise TooMuch("The frame is too large to be decoded.")
    if not is_encapsulated(transfer_syntax_uid) or "PixelData" not in dataset:
        return
    try:
        count = max(1, int(dataset.get("NumberOfFrames") or 1))
        offsets = _extended_offsets(dataset)
        declared = frame_size(get_frame(dataset.PixelData, frame, number_of_frames=count, extended_offsets=offsets))
    except Exception as error:
        raise NotAcceptable("The frame is not there: its fragments are damaged.") from error
    if declared and (declared.rows, declared.columns) != (dataset.Rows, dataset.Columns):
        raise NotAcceptable(
            f"The compressed frame is of {declared.rows} rows and {declared.columns} columns, "
            f"not of {dataset.Rows} and {dataset.Columns}. It is available in its stored transfer syntax."
        )


def _extended_offsets(dataset: Dataset) -> tuple[bytes, bytes] | None:
    offsets, lengths = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    return (offsets, lengths) if offsets and lengths else None


def native_octets(array: Array, dataset: Dataset, planar_configuration: int | None = None) -> bytes:
    """A decoded frame as Explicit VR Little Endian has it, in that planar configuration, else in the data set's."""
    if planar_configuration is None:
        planar_configuration = dataset.get("PlanarConfiguration", 0)
    bits = int(dataset.get("BitsAllocated", array.dtype.itemsize * 8))
    if bits == 1:
        return np.packbits(array.reshape(-1) != 0, bitorder="little").tobytes()
    if array.ndim == 3 and planar_configuration == 1:
        array = np.moveaxis(array, -1, 0)
    kind = array.dtype.kind
    return array.astype(np.dtype(f"<{kind}{max(1, bits // 8)}"), copy=False).tobytes()
