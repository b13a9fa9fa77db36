"""Multipart bodies in any pieces, well formed and not."""

from __future__ import annotations

from email.message import Message
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.dicom import multipart
from chalicelib.dicom.multipart_reader import (
    LARGEST_PART_HEADER_BYTES,
    LARGEST_PREAMBLE_BYTES,
    MalformedMultipart,
    MultipartReader,
    PartData,
    PartStart,
    parse_content_type,
)

BOUNDARY = "b-1"
Parts = list[tuple[dict[str, str], bytes]]

near_delimiters = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"b-1", b"\r\n--b-", b"\r\n--b-1x", b" ", b"x"]), max_size=12
).map(b"".join)
contents = st.lists(near_delimiters | st.binary(max_size=40), max_size=5)


def read(body: bytes, cuts: list[int], boundary: str = BOUNDARY) -> Parts:
    reader = MultipartReader(boundary)
    parts: list[tuple[dict[str, str], bytearray]] = []
    ended = 0
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        for event in reader.feed(body[start:end]):
            if isinstance(event, PartStart):
                assert ended == len(parts)
                parts.append((dict(event.headers), bytearray()))
            elif isinstance(event, PartData):
                parts[-1][1].extend(event.content)
            else:
                ended += 1
    reader.close()
    assert ended == len(parts)
    return [(headers, bytes(content)) for headers, content in parts]


def _holds_a_delimiter(content: bytes) -> bool:
    """A delimiter line would end the part (RFC 2046 5.1.1); the sender has to choose another boundary."""
    return any(end in b"\r\n" + content + b"\r\n" for end in (b"\r\n--b-1\r\n", b"\r\n--b-1--")) or b"--b-1 " in content


@given(contents, st.lists(st.integers(0, 10_000), max_size=30), st.binary(max_size=20), st.binary(max_size=20))
@example([b"--b-1\r"], [], b"", b"")
@example([b"--b-1x", b"--b-1"], list(range(200)), b"", b"")
def test_what_was_put_in_comes_out(bodies: list[bytes], cuts: list[int], preamble: bytes, epilogue: bytes) -> None:
    bodies = [body for body in bodies if not _holds_a_delimiter(body)]
    if not bodies:
        return
    whole = multipart.encode([(multipart.PartHeader("application/dicom"), body) for body in bodies], BOUNDARY)
    before = preamble.replace(b"-", b"") + b"\r\n" if preamble else b""
    expected = [({"content-type": "application/dicom"}, body) for body in bodies]
    assert read(before + whole + epilogue, cuts) == expected


@given(st.binary(max_size=300) | contents.map(b"\r\n--b-1\r\n".join), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_parts_or_malformed_however_they_are_cut(body: bytes, cuts: list[int]) -> None:
    def outcome(cuts: list[int]) -> Parts | None:
        try:
            return read(body, cuts)
        except MalformedMultipart:
            return None

    assert outcome(cuts) == outcome([])


@given(st.text(max_size=60))
def test_any_content_type_is_parsed_or_malformed(text: str) -> None:
    try:
        media_type, _ = parse_content_type(text)
    except MalformedMultipart:
        return
    assert media_type == media_type.lower()


@pytest.mark.parametrize("boundary", ["a", "a b", "a=b", "a:b/c", "x" * 70, "'()+_,-./:=?"])
def test_boundaries_quoted_as_the_standard_library_does(boundary: str) -> None:
    message = Message()
    message.add_header("Content-Type", "multipart/related", type="application/dicom", boundary=boundary)
    media_type, parameters = parse_content_type(message["Content-Type"])
    assert media_type == "multipart/related"
    assert parameters == {"type": "application/dicom", "boundary": boundary}
    assert read(f"--{boundary}\r\n\r\nx\r\n--{boundary}--".encode(), [], boundary) == [({}, b"x")]


def test_an_unquoted_type_with_a_slash() -> None:
    assert parse_content_type("multipart/related; type=application/dicom; boundary=b")[1] == {
        "type": "application/dicom",
        "boundary": "b",
    }


@pytest.mark.parametrize("boundary", ["", "x" * 201, "é", "a\r\nb"])
def test_what_is_no_boundary(boundary: str) -> None:
    with pytest.raises(MalformedMultipart):
        MultipartReader(boundary)


def test_white_space_after_delimiters_folded_fields_and_what_surrounds_the_parts() -> None:
    body = b"preamble\r\n--b-1 \t\r\nA: 1\r\n  2\r\n\r\n\r\n--b-1\r\n\r\ny\r\n--b-1-- \r\nepilogue\r\n--b-1\r\n\r\nz"
    assert read(body, []) == [({"a": "1 2"}, b""), ({}, b"y")]


def test_an_empty_part_without_a_line_break_of_its_own() -> None:
    assert read(b"--b-1\r\nA: 1\r\n\r\n--b-1\r\n\r\nx\r\n--b-1--", []) == [({"a": "1"}, b""), ({}, b"x")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b-1\r\n\r\nx",
        b"--b-1\r\n\r\nx\r\n--b-1",
        b"--b-1\r\nno colon\r\n\r\nx\r\n--b-1--",
        b"--b-1\r\n: x\r\n\r\nx\r\n--b-1--",
        b"--b-1\r\nA: " + b"x" * LARGEST_PART_HEADER_BYTES + b"\r\n\r\n\r\n--b-1--",
        b"x" * (LARGEST_PREAMBLE_BYTES + 1) + b"\r\n--b-1\r\n\r\n\r\n--b-1--",
    ],
)
def test_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMultipart):
        read(body, [])


def test_memory_is_bounded_by_a_piece() -> None:
    reader = MultipartReader(BOUNDARY)
    list(reader.feed(b"--b-1\r\n\r\n"))
    for _ in range(100):
        list(reader.feed(b"\r\n--b-" * 10_000))
        assert len(reader._buffer) < 100
