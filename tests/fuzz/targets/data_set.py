"""The data set walker (`dicom.elements`): elements follow each other and stay within the source."""

from __future__ import annotations

from chalicelib.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    BytesSource,
    Encoding,
    Malformed,
    items,
    walk,
)
from tests.fuzz.data_sets import SAMPLES

ENCODINGS = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)
SEEDS = [bytes([number]) + content for number, content in SAMPLES]


def fuzz(data: bytes) -> None:
    """First byte: the encoding; the rest: the data set."""
    encoding = ENCODINGS[data[0] % 3] if data else EXPLICIT_LITTLE
    source = BytesSource(data[1:])
    _walk(source, 0, source.size, encoding, 0)


def _walk(source: BytesSource, start: int, end: int, encoding: Encoding, depth: int) -> None:
    at = start
    try:
        for element in walk(source, start, end, encoding, depth):
            assert element.offset == at < element.value_offset <= element.value_offset + element.length
            assert element.value_offset + element.length <= element.end <= end
            at = element.end
            if element.undefined_length and not element.is_fragments and depth < 3:
                for offset, length in items(source, element, encoding, depth):
                    assert element.value_offset < offset <= offset + length <= element.end
    except Malformed:
        pass
