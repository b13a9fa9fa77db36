"""Decoding of frames (PS3.5 8, Annex A) and their grayscale and colour pipeline for a screen (PS3.4 N.2).

The rendering Lambda alone loads it, for the sake of everyone else's cold start.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from chalicelib.dicom.pictures import View
from chalicelib.errors import NotAcceptable, TooMuch

Array = NDArray[Any]

MAXIMUM_FRAME_BYTES = 512 << 20
"""Decoded size of a frame that fits the Lambda's memory beside its floating point copies."""
_KEYWORDS = {"7FE00010": "PixelData", "7FE00008": "FloatPixelData", "7FE00009": "DoubleFloatPixelData"}


# Decoding ---------------------------------------------------------------------------------------------------------


def read_data_set(part10: bytes, before_pixels: bool = False) -> Dataset:
    """A data set; only what comes before Pixel Data if so asked, then the bytes may end there.

    Raises
    ------
    NotAcceptable
        If pydicom cannot read it.
    """
    try:
        return dcmread(BytesIO(part10), force=True, stop_before_pixels=before_pixels)
    except Exception as error:
        raise NotAcceptable("The instance cannot be read for rendering.") from error


def with_frame(header: Dataset, encoded: bytes, transfer_syntax_uid: str, pixel_data_tag: str = "7FE00010") -> Dataset:
    """The header as a data set of that one frame; `header` is changed."""
    syntax = UID(transfer_syntax_uid)
    header.NumberOfFrames = 1
    for keyword in (*_KEYWORDS.values(), "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in header:
            delattr(header, keyword)
    is_encapsulated = syntax.is_transfer_syntax and syntax.is_encapsulated
    setattr(header, _KEYWORDS[pixel_data_tag], encapsulate([encoded]) if is_encapsulated else encoded)
    header[pixel_data_tag].is_undefined_length = is_encapsulated
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
    size = dataset.get("Rows", 0) * dataset.get("Columns", 0) * dataset.get("SamplesPerPixel", 1)
    if size * dataset.get("BitsAllocated", 16) // 8 > MAXIMUM_FRAME_BYTES:
        raise TooMuch("The frame is too large to be decoded.")
    try:
        decoder = get_decoder(UID(transfer_syntax_uid))
        array, properties = decoder.as_array(dataset, index=frame, raw=raw)
    except Exception as error:
        raise NotAcceptable("The frame cannot be decoded. It is available in its stored transfer syntax.") from error
    return array, str(properties["photometric_interpretation"])


def native_octets(array: Array, dataset: Dataset) -> bytes:
    """A decoded frame as Explicit VR Little Endian has it, in the planar configuration of the data set."""
    bits = int(dataset.get("BitsAllocated", array.dtype.itemsize * 8))
    if bits == 1:
        return np.packbits(array.reshape(-1) != 0, bitorder="little").tobytes()
    if array.ndim == 3 and dataset.get("PlanarConfiguration", 0) == 1:
        array = np.moveaxis(array, -1, 0)
    kind = array.dtype.kind
    return array.astype(np.dtype(f"<{kind}{max(1, bits // 8)}"), copy=False).tobytes()


def transcoded(part10: bytes, implicit_vr: bool = False) -> bytes:
    """A Part 10 file re-encoded as Explicit or Implicit VR Little Endian, decompressed if need be; UIDs are kept.

    Raises
    ------
    NotAcceptable
        If it cannot be decoded or written.
    """
    dataset = read_data_set(part10)
    try:
        if dataset.file_meta.TransferSyntaxUID.is_compressed and "PixelData" in dataset:
            dataset.decompress(generate_instance_uid=False)
        if not dataset.file_meta.TransferSyntaxUID.is_little_endian:
            _swap_words(dataset)
        output = BytesIO()
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit_vr else ExplicitVRLittleEndian
        dataset.save_as(output, implicit_vr=implicit_vr, little_endian=True, enforce_file_format=True)
    except Exception as error:
        raise NotAcceptable("The instance cannot be given in an uncompressed transfer syntax.") from error
    return output.getvalue()


def _swap_words(dataset: Dataset) -> None:
    """Turn binary words, which pydicom keeps as they were read, from big to little endian (PS3.5 7.3)."""
    for element in dataset.iterall():
        width = {"OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2}.get(element.VR)
        if width and element.value and len(element.value) % width == 0:
            element.value = np.frombuffer(element.value, f"u{width}").byteswap().tobytes()
    dataset.set_original_encoding(False, True)


# Pipeline ---------------------------------------------------------------------------------------------------------


def _functional_group(dataset: Dataset, frame: int, keyword: str) -> Dataset:
    """Item of a functional group of a frame (PS3.3 C.7.6.16); the data set itself where there are no groups."""
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]
    groups += list(dataset.get("SharedFunctionalGroupsSequence") or [])[:1]
    for group in groups:
        items = group.get(keyword)
        if items:
            item: Dataset = items[0]
            return item
    return dataset


def _lut_entries(item: Dataset, little_endian: bool) -> Array:
    """Entries of a LUT, whether pydicom gives numbers or bytes."""
    data = item.LUTData
    if isinstance(data, bytes):
        entries = int(item.LUTDescriptor[0]) or 65536
        width = 1 if len(data) <= entries + 1 else 2
        kind = np.dtype("u1" if width == 1 else f"{'<' if little_endian else '>'}u2")
        return np.frombuffer(data[: len(data) // width * width], kind)
    return np.atleast_1d(np.asarray(data))


def _look_up(values: Array, item: Dataset, little_endian: bool) -> Array:
    """Map stored values by a LUT; values beyond its ends get its first or last entry (PS3.3 C.11.1.1)."""
    entries = _lut_entries(item, little_endian)
    first = int(item.LUTDescriptor[1])
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, len(entries) - 1)
    mapped: Array = entries[index]
    return mapped


def modality_values(array: Array, dataset: Dataset, frame: int, little_endian: bool = True) -> Array:
    """Output units of the modality: Modality LUT or rescale slope and intercept (PS3.3 C.11.1)."""
    if dataset.get("ModalityLUTSequence"):
        return _look_up(array, dataset.ModalityLUTSequence[0], little_endian)
    group = _functional_group(dataset, frame, "PixelValueTransformationSequence")
    slope, intercept = group.get("RescaleSlope"), group.get("RescaleIntercept")
    if slope is None or intercept is None:
        return array
    rescaled: Array = array.astype(np.float64) * float(slope) + float(intercept)
    return rescaled


def windowed(values: Array, center: float, width: float, function: str = "LINEAR") -> Array:
    """VOI LUT function (PS3.3 C.11.2.1.2 and C.11.2.1.3) onto 0 to 1."""
    x = values.astype(np.float64)
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (x - center) / width, -700, 700)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width <= 0:
        return (x > center).astype(np.float64)
    return np.clip((x - center) / width + 0.5, 0, 1)


def _window_of(group: Dataset) -> tuple[float, float, str] | None:
    """First window of a VOI LUT module or macro, None if there is none that can be applied."""

    def first(keyword: str) -> float | None:
        value = group.get(keyword)
        if value is None or isinstance(value, str):
            return None
        try:
            return float(value if isinstance(value, (int, float)) else value[0])
        except (TypeError, ValueError, IndexError):
            return None

    center, width = first("WindowCenter"), first("WindowWidth")
    function = str(group.get("VOILUTFunction") or "LINEAR").upper()
    if center is None or width is None or not np.isfinite([center, width]).all():
        return None
    smallest = 1 if function == "LINEAR" else np.nextafter(0, 1)
    return (center, width, function) if width >= smallest else None


def _voi(values: Array, stored: Array, dataset: Dataset, frame: int, view: View, little_endian: bool) -> Array:
    """Values of interest onto 0 to 1: the caller's window, the instance's LUT or window, else its range of values."""
    if view.window:
        return windowed(values, *view.window)
    group = _functional_group(dataset, frame, "FrameVOILUTSequence")
    if group.get("VOILUTSequence"):
        item = group.VOILUTSequence[0]
        bits = int(item.LUTDescriptor[2]) or 16
        return np.clip(_look_up(values, item, little_endian) / float(2**bits - 1), 0, 1)
    window = _window_of(group)
    if window:
        return windowed(values, *window)
    is_plain_8_bit = stored.dtype == np.uint8 and dataset.get("BitsStored") == 8 and values is stored
    if is_plain_8_bit:
        return values / 255.0
    return _range_of_values(values, stored, dataset)


def _range_of_values(values: Array, stored: Array, dataset: Dataset) -> Array:
    """Smallest value black, largest white; padding pixels and what is not a number are not counted."""
    values = values.astype(np.float64)
    counted = np.isfinite(values)
    padding = dataset.get("PixelPaddingValue")
    if isinstance(padding, int):
        limit = dataset.get("PixelPaddingRangeLimit", padding)
        low, high = sorted((padding, limit if isinstance(limit, int) else padding))
        counted &= (stored < low) | (stored > high)
    if not counted.any():
        return np.zeros(values.shape)
    low, high = values[counted].min(), values[counted].max()
    scaled: Array = np.clip((np.nan_to_num(values) - low) / ((high - low) or 1.0), 0, 1)
    return scaled


def _grayscale(array: Array, photometric: str, dataset: Dataset, frame: int, view: View, little_endian: bool) -> Array:
    values = modality_values(array, dataset, frame, little_endian)
    shown = _voi(values, array, dataset, frame, view, little_endian)
    # For MONOCHROME1 a Presentation LUT Shape of INVERSE says the same thing again (PS3.3 C.11.6).
    is_inverse = photometric == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    gray: Array = np.rint((1 - shown if is_inverse else shown) * 255).astype(np.uint8)
    return gray


def _swap_palette(dataset: Dataset) -> None:
    """Big endian palettes as pydicom takes them: 16 bit entries, unless segmented, as if little endian."""
    for colour in ("Red", "Green", "Blue"):
        data = dataset.get(f"{colour}PaletteColorLookupTableData")
        is_words = dataset.get(f"{colour}PaletteColorLookupTableDescriptor", (0, 0, 8))[2] > 8
        if isinstance(data, bytes) and is_words:
            swapped = np.frombuffer(data, ">u2").astype("<u2").tobytes()
            setattr(dataset, f"{colour}PaletteColorLookupTableData", swapped)


def _colour(array: Array, photometric: str, dataset: Dataset, little_endian: bool) -> Array:
    """(Rows x Columns x 3) of 8 bits."""
    if photometric == "PALETTE COLOR":
        if not little_endian:
            _swap_palette(dataset)
        array = apply_color_lut(array, dataset)
        return (array >> 8 if array.dtype == np.uint16 else array)[..., :3].astype(np.uint8)
    stored_bits = int(dataset.get("BitsStored", 8))
    if stored_bits > 8:
        array = array >> (stored_bits - 8)
    return array[..., :3].astype(np.uint8)


def shown_frame(dataset: Dataset, decoded_frame: int, frame: int, transfer_syntax_uid: str, view: View) -> Array:
    """A frame as 8 bit gray (Rows x Columns) or RGB (Rows x Columns x 3).

    `decoded_frame` is its number within the pixel data of `dataset`, `frame` within the instance (both zero-based).
    """
    array, photometric = decode(dataset, decoded_frame, transfer_syntax_uid)
    little_endian = transfer_syntax_uid != "1.2.840.10008.1.2.2"
    try:
        if array.ndim == 3 or photometric == "PALETTE COLOR":
            return _colour(array, photometric, dataset, little_endian)
        return _grayscale(array, photometric, dataset, frame, view, little_endian)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, NotImplementedError) as error:
        raise NotAcceptable("The attributes of the image do not allow rendering it.") from error
