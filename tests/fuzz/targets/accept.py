"""Accept headers and the accept query parameter (`dicom.media_types`)."""

from __future__ import annotations

from chalicelib.dicom.media_types import (
    DICOM_JSON,
    MediaRange,
    Representation,
    accepted,
    choose,
    parse_accept,
)
from chalicelib.errors import BadRequest, NotAcceptable

OFFERS = (
    Representation("application/dicom", True, "1.2.840.10008.1.2.1"),
    Representation("application/octet-stream", True),
    Representation("image/jpeg", transfer_syntax=""),
    *DICOM_JSON,
)
SEEDS = [
    b'\0multipart/related; type="application/dicom"; transfer-syntax=*, */*;q=0.1',
    b"\0image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    b"\1application/dicom json; charset=utf-8",
    b"\0multipart/related; type=application/octet-stream; q=0.5",
    b"\0",
]
LONGEST_BYTES = 1024


def fuzz(data: bytes) -> None:
    """First byte: header or query parameter; the rest: its value."""
    text = data[1:].decode("latin-1")
    try:
        ranges = accepted("", {"accept": [text]}) if data[:1] == b"\1" else parse_accept(text)
    except BadRequest:
        return
    assert ranges == sorted(ranges, key=lambda each: -each.quality)
    assert all(isinstance(each, MediaRange) and 0 < each.quality <= 1 for each in ranges)
    try:
        chosen = choose(ranges, OFFERS)
    except NotAcceptable:
        return
    assert chosen in OFFERS
