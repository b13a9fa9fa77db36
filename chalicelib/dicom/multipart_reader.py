"""Reads multipart/related bodies of any size as they arrive (RFC 2046 5.1, RFC 2387; PS3.18 8.6.1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LONGEST_BOUNDARY = 200
"""RFC 2046 5.1.1 allows 70 characters; some clients exceed it."""
LARGEST_PART_HEADER_BYTES = 16 << 10
LARGEST_PREAMBLE_BYTES = 64 << 10
LONGEST_PADDING = 128
"""White space between a delimiter and the end of its line."""

_TYPE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*")
_PARAMETER = re.compile(r'\s*;\s*(?:([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"\s][^;"]*)))?\s*')
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class MalformedMultipart(ValueError):
    """A body that is not what its Content-Type says."""


@dataclass(frozen=True)
class PartStart:
    """A part begins; names of its header fields are in lower case."""

    headers: Mapping[str, str]


@dataclass(frozen=True)
class PartData:
    """Some of the content of the part."""

    content: bytes


class PartEnd:
    """The content of the part is complete: its closing delimiter was seen."""


Event = PartStart | PartData | PartEnd


def parse_content_type(text: str) -> tuple[str, dict[str, str]]:
    """Media type (lower case) and parameters (names in lower case) of a Content-Type.

    Unquoted values may hold what only quoted ones may (`type=application/dicom`), because clients send it.

    Raises
    ------
    MalformedMultipart
        If it is none.

    >>> parse_content_type('Multipart/Related; type="application/dicom"; boundary=a=b')
    ('multipart/related', {'type': 'application/dicom', 'boundary': 'a=b'})
    """
    match = _TYPE.match(text)
    if match is None:
        raise MalformedMultipart("The Content-Type is malformed.")
    parameters: dict[str, str] = {}
    position = match.end()
    while position < len(text):
        found = _PARAMETER.match(text, position)
        if found is None:
            raise MalformedMultipart("The Content-Type is malformed.")
        if found[1]:
            value = found[3].rstrip() if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
            parameters.setdefault(found[1].lower(), value)
        position = found.end()
    return match[1].lower(), parameters


class MultipartReader:
    """Push parser: `feed` takes the body in pieces of any size and yields what they complete.

    It keeps no more than a piece, a delimiter and the header of one part. What begins like a delimiter and is not
    followed by the end of a line is content, so bytes that hold the boundary by chance do no harm.
    """

    def __init__(self, boundary: str) -> None:
        """Raise `MalformedMultipart` if the boundary cannot be one."""
        if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
            raise MalformedMultipart("The boundary is missing or malformed.")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # A body may begin with its first delimiter, which then has no line break before it.
        self._buffer = bytearray(b"\r\n")
        self._read = self._preamble
        self._preamble_bytes = 0
        self._is_closed = False

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Take the next bytes of the body.

        Raises
        ------
        MalformedMultipart
            If they cannot belong to a multipart body.
        """
        self._buffer += piece
        while True:
            reader = self._read
            events, goes_on = reader()
            yield from events
            if not goes_on:
                return

    def close(self) -> None:
        """The body ends here.

        Raises
        ------
        MalformedMultipart
            If its closing delimiter is missing.
        """
        if not self._is_closed:
            raise MalformedMultipart("The body ends before its closing delimiter.")

    def _preamble(self) -> tuple[list[Event], bool]:
        before = self._up_to_delimiter()
        self._preamble_bytes += len(before.content)
        if self._preamble_bytes > LARGEST_PREAMBLE_BYTES:
            raise MalformedMultipart("The boundary does not occur in the body.")
        return [], before.found

    def _content(self) -> tuple[list[Event], bool]:
        before = self._up_to_delimiter()
        events: list[Event] = [PartData(before.content)] if before.content else []
        if before.found:
            events.append(PartEnd())
        return events, before.found

    def _part_header(self) -> tuple[list[Event], bool]:
        # The line break that ended the delimiter line is still there: a part without header has only one more.
        end = self._buffer.find(b"\r\n\r\n", 0, LARGEST_PART_HEADER_BYTES + 4)
        if end < 0:
            if len(self._buffer) > LARGEST_PART_HEADER_BYTES:
                raise MalformedMultipart("The header of a part is too long.")
            return [], False
        headers = _parse_header(bytes(self._buffer[2:end]))
        # The delimiter of an empty part may begin with the line break that ends the header.
        del self._buffer[: end + 2]
        self._read = self._begin_content
        return [PartStart(headers)], True

    def _begin_content(self) -> tuple[list[Event], bool]:
        """Tell an empty part, whose delimiter follows its header at once, from one with content."""
        at_delimiter = self._buffer.startswith(self._delimiter)
        if not at_delimiter and self._delimiter.startswith(self._buffer):
            return [], False
        line = _delimiter_line(self._buffer, len(self._delimiter)) if at_delimiter else ("content", 0)
        if line is None:
            return [], False
        if line[0] == "content":
            del self._buffer[:2]
        self._read = self._content
        return [], True

    def _epilogue(self) -> tuple[list[Event], bool]:
        self._buffer.clear()
        return [], False

    @dataclass(frozen=True)
    class _Before:
        content: bytes
        found: bool

    def _up_to_delimiter(self) -> _Before:
        """What can be said not to be a delimiter; past it, if there is one, the next state is set."""
        buffer, start = self._buffer, 0
        while (at := buffer.find(self._delimiter, start)) >= 0:
            after = at + len(self._delimiter)
            line = _delimiter_line(buffer, after)
            if line is None:
                return self._take(at)
            kind, end = line
            if kind != "content":
                content = bytes(buffer[:at])
                self._is_closed = kind == "close"
                self._read = self._epilogue if self._is_closed else self._part_header
                del buffer[:end]
                return self._Before(content, True)
            start = after
        kept = max(_kept_for_delimiter(buffer, self._delimiter), 0)
        return self._take(len(buffer) - kept)

    def _take(self, length: int) -> _Before:
        content = bytes(self._buffer[:length])
        del self._buffer[:length]
        return self._Before(content, False)


def _delimiter_line(buffer: bytearray, after: int) -> tuple[str, int] | None:
    """What follows a delimiter: ("close" | "part" | "content", where to go on), None while that is not known."""
    if buffer[after : after + 2] == b"--":
        return "close", after + 2
    end = after
    while end < len(buffer) and end - after < LONGEST_PADDING and buffer[end] in b" \t":
        end += 1
    rest = bytes(buffer[end : end + 2])
    if rest == b"\r\n":
        return "part", end
    if len(rest) == 2 or (rest and rest not in (b"\r", b"-")) or end - after >= LONGEST_PADDING:
        return "content", after
    return None


def _kept_for_delimiter(buffer: bytearray, delimiter: bytes) -> int:
    """How many of the last bytes may be the beginning of a delimiter."""
    longest = min(len(buffer), len(delimiter) - 1)
    tail = bytes(buffer[len(buffer) - longest :])
    at = tail.find(b"\r")
    while at >= 0:
        if delimiter.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(b"\r", at + 1)
    return 0


def _parse_header(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", block).split(b"\r\n"):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        if not colon or not _FIELD_NAME.fullmatch(name.rstrip()):
            raise MalformedMultipart("The header of a part is malformed.")
        headers.setdefault(name.rstrip().decode("ascii").lower(), value.strip().decode("latin-1"))
    return headers
