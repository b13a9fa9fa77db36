"""Instances and frames in another transfer syntax (PS3.18 8.7.3.5): decoded, encoded without loss, UIDs kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from chalicelib.dicom import encoders
from chalicelib.dicom.part10 import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from chalicelib.dicom.pixels import (
    EXPLICIT_BIG_ENDIAN,
    KEYWORDS,
    Array,
    decode,
    frame_bytes,
    is_encapsulated,
    native_octets,
    read_data_set,
)
from chalicelib.errors import ArchiveError, NotAcceptable, TooMuch

MAXIMUM_DECODED_BYTES = 512 << 20
"""Decoded size of all frames of an instance that is re-encoded in memory."""
DEFLATED_EXPLICIT = "1.2.840.10008.1.2.1.99"
NATIVE_TARGETS = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT)
_LOSSY_JPEG = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})


def transcoded_frame(dataset: Dataset, frame: int, transfer_syntax_uid: str, target: str) -> bytes:
    """One frame (zero-based) in another transfer syntax: octets if that is uncompressed, else a codestream.

    Raises
    ------
    NotAcceptable
        If it cannot be decoded, or not be encoded so.
    """
    array, _ = decode(dataset, frame, transfer_syntax_uid, raw=True)
    if target in NATIVE_TARGETS:
        return native_octets(array, dataset)
    return _encoded(array, dataset, target)


def _encoded(array: Array, dataset: Dataset, target: str) -> bytes:
    if dataset.get("BitsAllocated") not in (8, 16) or array.dtype.kind not in "iu":
        raise NotAcceptable("Only pixels of 8 or 16 bits can be compressed.")
    # A decoder may have found less: 8 bits of codestream in 16 bits of attributes.
    array = array.astype(f"{array.dtype.kind}{dataset.BitsAllocated // 8}", copy=False)
    try:
        return encoders.encode(array, int(dataset.get("BitsStored", dataset.BitsAllocated)), target)
    except Exception as error:
        raise NotAcceptable("The frame cannot be given in that transfer syntax.") from error


def transcoded(part10: bytes, target: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    """A Part 10 file in another transfer syntax.

    Raises
    ------
    NotAcceptable
        If it cannot be decoded, encoded or written.
    TooMuch
        If its frames do not fit memory.
    """
    dataset = read_data_set(part10)
    try:
        _transcode(dataset, target)
        return _written(dataset, target)
    except ArchiveError:
        raise
    except Exception as error:
        raise NotAcceptable("The instance cannot be given in that transfer syntax.") from error


def _transcode(dataset: Dataset, target: str) -> None:
    stored = str(dataset.file_meta.TransferSyntaxUID)
    keyword = next((keyword for keyword in KEYWORDS.values() if keyword in dataset), "")
    if target not in NATIVE_TARGETS and keyword != "PixelData":
        raise NotAcceptable("The instance has no pixels that could be compressed.")
    if is_encapsulated(stored) and keyword:
        _decode_icons(dataset, stored)
    if keyword and (is_encapsulated(stored) or is_encapsulated(target) or stored == EXPLICIT_BIG_ENDIAN):
        _replace_frames(dataset, stored, target)
    if stored == EXPLICIT_BIG_ENDIAN:
        _swap_words(dataset)


def _replace_frames(dataset: Dataset, stored: str, target: str) -> None:
    count = max(1, int(dataset.get("NumberOfFrames") or 1))
    if count * frame_bytes(dataset) > MAXIMUM_DECODED_BYTES:
        raise TooMuch("The instance is too large to be decoded as a whole: ask for frames, or for transfer-syntax=*.")
    # Lossy JPEG is decoded to RGB, as its readers expect; what is lossless keeps every value.
    raw = stored not in _LOSSY_JPEG
    photometric = ""

    def arrays() -> Iterator[Array]:
        nonlocal photometric
        for frame in range(count):
            array, photometric = decode(dataset, frame, stored, raw=raw)
            yield array

    keyword = next(keyword for keyword in KEYWORDS.values() if keyword in dataset)
    if is_encapsulated(target):
        content: Any = encapsulate([_encoded(array, dataset, target) for array in arrays()])
    else:
        content = _native(arrays(), dataset)
    setattr(dataset, keyword, content)
    if dataset.get("SamplesPerPixel", 1) > 1:
        dataset.PlanarConfiguration = 0
    element = dataset[keyword]
    element.is_undefined_length = is_encapsulated(target)
    if keyword == "PixelData":
        element.VR = "OB" if is_encapsulated(target) or dataset.BitsAllocated <= 8 else "OW"
    dataset.PhotometricInterpretation = photometric
    for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if name in dataset:
            delattr(dataset, name)


def _native(arrays: Iterator[Array], dataset: Dataset) -> bytes:
    """Frames one after the other; those of single bits are packed as a whole."""
    if dataset.BitsAllocated == 1:
        content = np.packbits(np.concatenate([a.reshape(-1) != 0 for a in arrays]), bitorder="little").tobytes()
    else:
        content = b"".join(native_octets(array, dataset, 0) for array in arrays)
    return content + b"\0" * (len(content) % 2)


def _decode_icons(dataset: Dataset, stored: str) -> None:
    """Icons are compressed as the image is; one that cannot be decoded is left out, for nobody could read it."""
    if "IconImageSequence" not in dataset:
        return
    icons = []
    for icon in dataset.IconImageSequence:
        if "PixelData" in icon and icon["PixelData"].is_undefined_length:
            with suppress(Exception):
                _replace_frames(icon, stored, EXPLICIT_VR_LITTLE_ENDIAN)
                icons.append(icon)
        else:
            icons.append(icon)
    if icons:
        dataset.IconImageSequence = icons
    else:
        del dataset.IconImageSequence


def _swap_words(dataset: Dataset) -> None:
    """Turn binary words, which pydicom keeps as they were read, from big to little endian (PS3.5 7.3)."""
    decoded = [dataset[keyword] for keyword in KEYWORDS.values() if keyword in dataset]
    for element in dataset.iterall():
        if any(element is one for one in decoded):
            continue
        width = {"OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2}.get(element.VR)
        if width and not element.is_undefined_length and element.value and len(element.value) % width == 0:
            element.value = np.frombuffer(element.value, f"u{width}").byteswap().tobytes()


def _written(dataset: Dataset, target: str) -> bytes:
    if str(dataset.file_meta.TransferSyntaxUID) == EXPLICIT_BIG_ENDIAN:
        dataset.set_original_encoding(False, True)
    dataset.file_meta.TransferSyntaxUID = UID(target)
    output = BytesIO()
    implicit_vr = target == IMPLICIT_VR_LITTLE_ENDIAN
    dataset.save_as(output, implicit_vr=implicit_vr, little_endian=True, enforce_file_format=True)
    return output.getvalue()
