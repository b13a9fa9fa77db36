"""Bodies of multipart/related (`dicom.multipart_reader`): the same events however the body is cut."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.dicom.multipart_reader import MalformedMultipart, MultipartReader, PartData, PartStart

_HEADER = b"Content-Type: application/dicom\r\n\r\n"
SEEDS = [
    b"\x03b:--b\r\n" + _HEADER + b"one\r\n--b\r\n\r\n\r\n--b--",
    b"\x01boundary:preamble\r\n--boundary  \r\n" + _HEADER + b"\r\n--boundary-not\r\n--boundary--\r\nepilogue",
    b"\x05b:--b\r\nA: b\r\n c\r\nContent-Location: x\r\n\r\n\r\n--b\r\n\r\n\r\n--b\r\n--b--",
]
LONGEST_BYTES = 2048


def fuzz(data: bytes) -> None:
    """First byte: how long the pieces are; up to the colon: the boundary; the rest: the body."""
    size, (boundary, _, body) = max(1, data[0]) if data else 1, data[1:].partition(b":")
    whole = _parts(boundary.decode("latin-1"), [body])
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert _parts(boundary.decode("latin-1"), pieces) == whole
    if isinstance(whole, list):
        assert sum(len(content) for _, content in whole) <= len(body)


def _parts(boundary: str, pieces: list[bytes]) -> list[tuple[dict[str, str], bytes]] | str:
    """Header and content of each part, or why there are none."""
    try:
        return list(_read(boundary, pieces))
    except MalformedMultipart as error:
        return str(error)


def _read(boundary: str, pieces: list[bytes]) -> Iterator[tuple[dict[str, str], bytes]]:
    reader = MultipartReader(boundary)
    headers: dict[str, str] = {}
    content = b""
    for piece in pieces:
        for event in reader.feed(piece):
            if isinstance(event, PartStart):
                headers, content = dict(event.headers), b""
            elif isinstance(event, PartData):
                content += event.content
            else:
                yield headers, content
    reader.close()
