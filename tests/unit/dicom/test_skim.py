"""`skim` sees what `walk` sees, on real files, damaged ones and elements of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from chalicelib.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    BytesSource,
    Encoding,
    Malformed,
    walk,
)
from chalicelib.dicom.part10 import open_data_set
from chalicelib.dicom.skim import LONGEST_VALUE_BYTES, Found, skim
from tests.dicom_files import real_files

DAMAGES = 6
Outcome = tuple[list[Found], int] | type[Malformed]


def outcome(see: Callable[[], tuple[list[Found], int]]) -> Outcome:
    try:
        return see()
    except Malformed as error:
        return type(error)


def walked(source: BytesSource, start: int, encoding: Encoding) -> tuple[list[Found], int]:
    found, end = [], start
    for element in walk(source, start, source.size, encoding):
        read = element.length <= LONGEST_VALUE_BYTES
        found.append((element.tag, source.read_at(element.value_offset, element.length) if read else b""))
        end = element.end
    return found, end


class _All(frozenset[int]):
    def __contains__(self, tag: object) -> bool:
        return True


@pytest.mark.parametrize("encoding", [None, EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_it_sees_what_walk_sees(encoding: Encoding | None) -> None:
    random_numbers = random.Random(19)
    compared = 0
    for path in real_files():
        data = path.read_bytes()[: 256 << 10]
        try:
            data_set = open_data_set(BytesSource(data))
        except Malformed:
            continue
        for damage in range(DAMAGES):
            damaged = bytearray(data)
            if damage:
                position = random_numbers.randrange(data_set.start, max(data_set.start + 1, min(len(data), 4000)))
                damaged[position : position + 1] = random_numbers.choice((b"\0", b"\xff", b"\xfe", b"", b"AB"))
            source = BytesSource(damaged)
            way = encoding or data_set.encoding
            expected = outcome(lambda: walked(source, data_set.start, way))  # noqa: B023
            assert outcome(lambda: skim(source, data_set.start, source.size, way, _All())) == expected, path  # noqa: B023
            compared += not isinstance(expected, type)
    assert compared > 20


def test_it_stops_at_another_group() -> None:
    meta = b"\x02\x00\x10\x00UI\x04\x001.2\0" + b"\x02\x00\x01\x00OB\0\0\x02\0\0\0\0\x01"
    data = meta + b"\x08\x00\x05\x00\x0a\0\0\0ISO_IR 100"
    found, end = skim(BytesSource(data), 0, len(data), EXPLICIT_LITTLE, (0x00020010,), group=2)
    assert (found, end) == ([(0x00020010, b"1.2\0")], len(meta))
