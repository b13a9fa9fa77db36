"""Data sets to DICOM JSON (`dicom.json_model`): always JSON, bulk data always within the source."""

from __future__ import annotations

import json

from chalicelib.dicom.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, BytesSource, Malformed, walk
from chalicelib.dicom.json_model import convert
from tests.fuzz.data_sets import SAMPLES

ENCODINGS = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)
SEEDS = [bytes([number]) + content for number, content in SAMPLES]


def fuzz(data: bytes) -> None:
    """First byte: the encoding; the rest: the data set."""
    encoding = ENCODINGS[data[0] % 3] if data else EXPLICIT_LITTLE
    source = BytesSource(data[1:])
    try:
        converted = convert(source, walk(source, 0, source.size, encoding), encoding)
    except Malformed:
        return
    json.dumps(converted.dicom_json, allow_nan=False).encode()
    for offset, length in converted.bulk_data.values():
        assert 0 <= offset <= offset + length <= source.size
