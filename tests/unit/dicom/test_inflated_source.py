"""Deflated data sets are read in one pass and constant memory."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import pytest

from chalicelib.dicom import part10
from chalicelib.dicom.elements import BytesSource, Malformed, Truncated
from chalicelib.dicom.inflated_source import LOOK_BACK_BYTES, PIECE_BYTES, InflatedSource
from chalicelib.dicom.part10 import identify, open_data_set
from scp_fargate.c_store import encode_file_meta
from tests.scp.scu import data_set

DEFLATED = "1.2.840.10008.1.2.1.99"


def deflated(content: bytes) -> bytes:
    """RFC 1951, padded as PS3.5 A.5 says."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    compressed = compressor.compress(content) + compressor.flush()
    return compressed + b"\0" * (len(compressed) % 2)


def file(content: bytes) -> bytes:
    """A DICOM file of a deflated data set."""
    return encode_file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3.3", DEFLATED, "") + deflated(content)


def test_reads_forwards_are_those_of_the_whole() -> None:
    content = random.Random(1).randbytes(3 * PIECE_BYTES) + bytes(2_000_000)
    source = InflatedSource(BytesSource(b"meta" + deflated(content)), 4, 1 << 30)
    assert source.read_at(0, 100) == b"meta"
    numbers = random.Random(2)
    offset = 0
    while offset < len(content):
        length = numbers.choice((1, 8, 1000, PIECE_BYTES + 1))
        assert source.read_at(4 + offset, length) == content[offset : offset + length]
        offset += numbers.choice((1, 3000, 500_000))
    assert source.read_at(4 + len(content), 1) == b""
    assert source.size == 4 + len(content)
    with pytest.raises(Malformed):
        source.read_at(4 + len(content) - 3 * LOOK_BACK_BYTES, 1)


def test_identifiers_come_in_constant_memory() -> None:
    content = file(data_set(pixels=bytes(100 << 20)))
    tracemalloc.start()
    found = identify(open_data_set(BytesSource(content), one_pass=True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.study_instance_uid, found.sop_instance_uid) == ("1.2.3.1", "1.2.3.3")
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (file(data_set())[:-60], Truncated),
        (file(data_set()[:-10]), Truncated),
        (file(b"")[:-4] + b"\xff\xff\xff\xff", Malformed),
        (file(data_set(pixels=bytes(1 << 20))), Malformed),  # beyond the limit below
    ],
)
def test_what_is_no_deflated_data_set(content: bytes, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part10, "INFLATED_LIMIT_BYTES", 1 << 20)
    for one_pass in (True, False):
        with pytest.raises(error):
            identify(open_data_set(BytesSource(content), one_pass=one_pass))
