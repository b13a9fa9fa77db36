"""Content negotiation (PS3.18 8.7; RFC 9110 12.5.1): what a caller accepts, against what the archive can give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.errors import BadRequest, NotAcceptable

MULTIPART = "multipart/related"
ANY_SYNTAX = "*"

_WORD = r"[^\s\",;=]+"
_RANGE = re.compile(r"\s*([^\s\",;/]+)/([^\s\",;/]+)\s*")
_PARAMETER = re.compile(rf'\s*;\s*(?:({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD})))?\s*')


@dataclass(frozen=True)
class MediaRange:
    """One element of an Accept header."""

    media_type: str
    """Lower case; may be `*/*` or `image/*`. Within multipart/related it is the type of the parts."""
    multipart: bool = False
    transfer_syntax: str = ""
    """A UID, `*`, or "" when the caller does not say."""
    quality: float = 1.0
    bare: bool = False
    """`*/*` outside multipart: single and multiple parts are alike to the caller."""

    def covers(self, media_type: str, multipart: bool) -> bool:
        """Whether a representation of that type, wrapped or not, is accepted; transfer syntaxes apart."""
        if self.multipart != multipart and not self.bare:
            return False
        main, _, sub = self.media_type.partition("/")
        offered_main, _, offered_sub = media_type.partition("/")
        return main in ("*", offered_main) and sub in ("*", offered_sub)


@dataclass(frozen=True)
class Representation:
    """A form in which a resource can be given, best first in a list of offers."""

    media_type: str
    multipart: bool = False
    transfer_syntax: str = ""

    def content_type(self) -> str:
        """Value of Content-Type for a body or a part.

        >>> Representation("application/dicom", True, "1.2.840.10008.1.2.1").content_type()
        'application/dicom; transfer-syntax=1.2.840.10008.1.2.1'
        """
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else self.media_type

    def __str__(self) -> str:
        if not self.multipart:
            return self.content_type()
        syntax = f"; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else ""
        return f'{MULTIPART}; type="{self.media_type}"{syntax}'


def _parse_one(text: str, position: int) -> tuple[MediaRange, int]:
    match = _RANGE.match(text, position)
    if not match:
        raise BadRequest("The Accept header is malformed.")
    media_type = f"{match[1]}/{match[2]}".lower()
    parameters: dict[str, str] = {}
    position = match.end()
    while parameter := _PARAMETER.match(text, position):
        if parameter[1]:
            quoted = parameter[2]
            value = parameter[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(parameter[1].lower(), value)
        position = parameter.end()
    try:
        quality = min(1.0, max(0.0, float(parameters.get("q", "1"))))
    except ValueError:
        raise BadRequest("The Accept header has a malformed q value.") from None
    multipart = media_type == MULTIPART
    part_type = parameters.get("type", "*/*").lower() if multipart else media_type
    return (
        MediaRange(
            part_type,
            multipart,
            parameters.get("transfer-syntax", ""),
            0.0 if quality != quality else quality,
            bare=media_type == "*/*",
        ),
        position,
    )


def parse_accept(header: str) -> list[MediaRange]:
    """Elements of an Accept header, most wanted first; equally wanted ones as the caller ordered them.

    Raises
    ------
    BadRequest
        If the header is not a list of media ranges.

    >>> [r.media_type for r in parse_accept('image/png;q=0.5, multipart/related; type="application/dicom"')]
    ['application/dicom', 'image/png']
    """
    ranges: list[MediaRange] = []
    position = 0
    while position < len(text := header.strip()):
        if text[position] == ",":
            position += 1
            continue
        if text[position].isspace():
            position += 1
            continue
        media_range, position = _parse_one(text, position)
        ranges.append(media_range)
        if position < len(text) and text[position] != ",":
            raise BadRequest("The Accept header is malformed.")
    if not ranges:
        ranges.append(MediaRange("*/*", bare=True))
    return sorted((r for r in ranges if r.quality > 0), key=lambda r: -r.quality)


def accepted(header: str, query: Mapping[str, Sequence[str]]) -> list[MediaRange]:
    """What the caller accepts: the `accept` query parameter wins over the header (PS3.18 8.3.3.1)."""
    values = query.get("accept")
    # A plus sign that was not percent-encoded arrives as a space.
    return parse_accept(
        ", ".join(re.sub(r"(?<=\w) (?=json|xml)", "+", value) for value in values) if values else header
    )


def choose(ranges: Iterable[MediaRange], offers: Sequence[Representation]) -> Representation:
    """The offer that the caller wants most; among equals the first offered.

    An offer with a transfer syntax answers a range that names it, names `*` or names none.

    Raises
    ------
    NotAcceptable
        Listing the offers, when none is accepted.
    """
    for media_range in ranges:
        for offer in offers:
            named = media_range.transfer_syntax
            fits = named in ("", ANY_SYNTAX, offer.transfer_syntax) or not offer.transfer_syntax
            if fits and media_range.covers(offer.media_type, offer.multipart):
                return offer
    raise not_acceptable(offers)


def not_acceptable(offers: Sequence[Representation]) -> NotAcceptable:
    """The error that lists what is available."""
    return NotAcceptable("Available: " + ", ".join(dict.fromkeys(str(offer) for offer in offers)) + ".")


DICOM_JSON = (Representation("application/dicom+json"), Representation("application/json"))


def json_type(ranges: Iterable[MediaRange]) -> str:
    """Media type for a DICOM JSON answer; callers that ask for plain JSON get that name for it.

    >>> json_type(parse_accept("application/json"))
    'application/json'
    """
    return choose(ranges, DICOM_JSON).media_type


_FRAME_MEDIA_TYPES = {
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.110": "image/jxl",
    "1.2.840.10008.1.2.4.111": "image/jxl",
    "1.2.840.10008.1.2.4.112": "image/jxl",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
}
_JPEG = {f"1.2.840.10008.1.2.4.{number}" for number in range(50, 71)}
_VIDEO = {f"1.2.840.10008.1.2.4.{number}" for number in (100, 101)}
_VIDEO_MP4 = {f"1.2.840.10008.1.2.4.{number}" for number in range(102, 109)}

EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE_LITTLE_ENDIAN = frozenset({"1.2.840.10008.1.2", EXPLICIT_LITTLE_ENDIAN, "1.2.840.10008.1.2.1.99"})
"""Transfer syntaxes whose Pixel Data is uncompressed little endian once the data set is inflated."""


def frame_media_type(transfer_syntax_uid: str) -> str:
    """Media type of a frame in its stored transfer syntax (PS3.18 table 8.7.3-5); octets when the table has none.

    >>> frame_media_type("1.2.840.10008.1.2.4.70")
    'image/jpeg'
    """
    if transfer_syntax_uid in _JPEG:
        return "image/jpeg"
    if transfer_syntax_uid in _VIDEO:
        return "video/mpeg2"
    if transfer_syntax_uid in _VIDEO_MP4:
        return "video/mp4"
    return _FRAME_MEDIA_TYPES.get(transfer_syntax_uid, "application/octet-stream")
