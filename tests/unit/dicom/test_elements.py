"""The walker: every encoding, nothing beyond the end, no endless recursion."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from chalicelib.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    MAXIMUM_DEPTH,
    BytesSource,
    Encoding,
    Malformed,
    Truncated,
    items,
    walk,
)

ENCODINGS = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)


def encode(data_set: Dataset, encoding: Encoding) -> bytes:
    from pydicom.filebase import DicomBytesIO

    buffer = DicomBytesIO()
    buffer.is_implicit_VR = encoding.implicit_vr
    buffer.is_little_endian = encoding.little_endian
    write_dataset(buffer, data_set)
    return bytes(buffer.getvalue())


def walk_all(data: bytes, encoding: Encoding) -> list[tuple[int, bytes]]:
    elements = walk(BytesSource(data), 0, len(data), encoding)
    return [(element.tag, data[element.value_offset : element.value_offset + element.length]) for element in elements]


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 2) -> Dataset:
    data_set = Dataset()
    data_set.PatientID = draw(st.text("abcdefgh0123456789", max_size=20))
    data_set.Rows = draw(st.integers(0, 65535))
    if draw(st.booleans()):
        data_set.add_new(
            0x00091010, "OB", draw(st.binary(max_size=40).map(lambda value: value + b"\0" * (len(value) % 2)))
        )
    if depth and draw(st.booleans()):
        sequence = Sequence(draw(st.lists(data_sets(depth - 1), max_size=3)))
        for item in sequence:
            item.is_undefined_length_sequence_item = draw(st.booleans())
        data_set.RequestAttributesSequence = sequence
        data_set["RequestAttributesSequence"].is_undefined_length = draw(st.booleans())
    return data_set


@given(data_sets(), st.sampled_from(ENCODINGS))
def test_finds_what_was_written(data_set: Dataset, encoding: Encoding) -> None:
    data = encode(data_set, encoding)
    assert [tag for tag, _ in walk_all(data, encoding)] == sorted(int(element.tag) for element in data_set)


@given(data_sets(), st.sampled_from(ENCODINGS), st.data())
def test_every_cut_is_noticed_or_falls_between_elements(
    data_set: Dataset, encoding: Encoding, data: st.DataObject
) -> None:
    whole = encode(data_set, encoding)
    cut = data.draw(st.integers(0, len(whole)))
    ends = {0} | {element.end for element in walk(BytesSource(whole), 0, len(whole), encoding)}
    try:
        walk_all(whole[:cut], encoding)
    except Malformed:
        assert cut not in ends
    else:
        assert cut in ends or not any(whole[max(end for end in ends if end <= cut) : cut])


@given(st.binary(max_size=300), st.sampled_from(ENCODINGS))
def test_any_bytes_end_in_elements_within_bounds_or_malformed(data: bytes, encoding: Encoding) -> None:
    try:
        for element in walk(BytesSource(data), 0, len(data), encoding):
            assert element.offset < element.value_offset <= element.end <= len(data)
    except Malformed:
        pass


def _nested(depth: int) -> bytes:
    start = struct.pack("<HHI", 0x0040, 0x0275, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return start * depth + end * depth


def test_deep_nesting_is_refused_in_bounded_time() -> None:
    assert len(walk_all(_nested(MAXIMUM_DEPTH - 1), IMPLICIT_LITTLE)) == 1
    for depth in (MAXIMUM_DEPTH + 1, 5000):
        with pytest.raises(Malformed):
            walk_all(_nested(depth), IMPLICIT_LITTLE)


def test_fragments() -> None:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 4)
    value = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + item + b"\xfe\xff\xdd\xe0" + item + b"abcd"
    data = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + value + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    (element,) = walk(BytesSource(data), 0, len(data), EXPLICIT_LITTLE)
    assert element.is_fragments
    assert list(items(BytesSource(data), element, EXPLICIT_LITTLE)) == [(20, 0), (28, 4), (40, 4)]
    with pytest.raises(Truncated):
        walk_all(data[:-8], EXPLICIT_LITTLE)


def test_zero_padding_at_the_end_is_tolerated() -> None:
    data = encode(Dataset(), IMPLICIT_LITTLE) + struct.pack("<HHI", 0x0010, 0x0020, 2) + b"P1"
    for padding in (1, 8, 4096):
        assert walk_all(data + bytes(padding), IMPLICIT_LITTLE) == [(0x00100020, b"P1")]


def test_zeros_before_something_else_are_refused_at_once() -> None:
    with pytest.raises(Malformed):
        walk_all(bytes(8 << 20) + b"\x01", IMPLICIT_LITTLE)


def test_un_of_undefined_length_holds_implicit_items() -> None:
    inner = struct.pack("<HHI", 0x0010, 0x0020, 2) + b"P1"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    data = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF) + item + end
    assert walk_all(data, EXPLICIT_LITTLE) == [(0x00091001, item)]
