"""DICOM JSON to data sets (`dicom.from_json`): what is written can be walked to its end."""

from __future__ import annotations

import json

from chalicelib.dicom.elements import EXPLICIT_LITTLE, BytesSource, Malformed, walk
from chalicelib.dicom.from_json import BulkData, write_data_set

SEEDS = [
    b'\0{"00080018":{"vr":"UI","Value":["1.2.3"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B"}]}}',
    b'\1{"00081032":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["X"]}},{}]},"00280010":{"vr":"US","Value":[2]}}',
    b'\2{"7FE00010":{"vr":"OW","BulkDataURI":"x"},"00090010":{"vr":"LO","Value":["M"]}}',
    b'\0{"00091001":{"vr":"UN","InlineBinary":"AQID"},"00180050":{"vr":"DS","Value":[1.5,null]}}',
]
LONGEST_BYTES = 1024
PARTS = (
    [BulkData(b"\1\2\3\4", "application/octet-stream")],
    [BulkData(b"\xff\xd8a", "image/jpeg"), BulkData(b"\xff\xd8b", "image/jpeg")],
    [],
)


def fuzz(data: bytes) -> None:
    """First byte: what BulkDataURIs lead to; the rest: the JSON."""
    parts = PARTS[data[0] % 3] if data else []
    try:
        data_set = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    if not isinstance(data_set, dict):
        return
    out = bytearray()
    try:
        write_data_set(data_set, lambda _uri: parts, out.extend)
    except Malformed:
        return
    source = BytesSource(bytes(out))
    for _ in walk(source, 0, source.size, EXPLICIT_LITTLE):
        pass
