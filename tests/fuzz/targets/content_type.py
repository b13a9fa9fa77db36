"""Content-Type of a request (`dicom.multipart_reader.parse_content_type`)."""

from __future__ import annotations

from chalicelib.dicom.multipart_reader import MalformedMultipart, parse_content_type

SEEDS = [
    b'multipart/related; type="application/dicom"; boundary=a=b',
    b'Multipart/Related;type=application/dicom+json ;; boundary="q\\"uoted"',
    b"application/dicom",
]
LONGEST_BYTES = 512


def fuzz(data: bytes) -> None:
    """The header as HTTP hands it over."""
    try:
        media_type, parameters = parse_content_type(data.decode("latin-1"))
    except MalformedMultipart:
        return
    assert media_type == media_type.lower()
    assert "/" in media_type
    assert all(name == name.lower() for name in parameters)
