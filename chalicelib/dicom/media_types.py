"""Content negotiation (PS3.18 8.7; RFC 9110 12.5.1): what a caller accepts, against what the archive can give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.errors import BadRequest, NotAcceptable

MULTIPART = "multipart/related"
ANY_SYNTAX = "*"
MAXIMUM_RANGES = 100
_LOWER = 1e-6
"""Quality of what the header accepts beside that of the query parameter: less than any that can be written."""

_WORD = r"[^\s\",;=]+"
_RANGE = re.compile(r"\s*([^\s\",;/]+)/([^\s\",;/]+)\s*")
_PARAMETER = re.compile(rf'\s*;\s*(?:({_WORD})\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD})))?)?\s*')
_QUALITY = re.compile(r"\d(\.\d*)?", re.ASCII)


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
    less_wanted: tuple[MediaRange, ...] = ()
    """Narrower elements of a lower quality, 0 included: they decide about what they name (RFC 9110 12.5.1)."""

    def covers(self, media_type: str, multipart: bool) -> bool:
        """Whether a representation of that type, wrapped or not, is accepted; transfer syntaxes apart."""
        if self.multipart != multipart and not self.bare:
            return False
        main, _, sub = self.media_type.partition("/")
        offered_main, _, offered_sub = media_type.partition("/")
        is_named = main in ("*", offered_main) and sub in ("*", offered_sub)
        return is_named and not any(each.covers(media_type, multipart) for each in self.less_wanted)

    @property
    def _breadth(self) -> int:
        return self.media_type.count("*") + self.bare


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
            value = parameter[3] or "" if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(parameter[1].lower(), value)
        position = parameter.end()
    quality = parameters.get("q", "1")
    if not _QUALITY.fullmatch(quality):
        raise BadRequest("The Accept header has a malformed q value.")
    multipart = media_type in (MULTIPART, "multipart/*")
    part_type = parameters.get("type", "*/*").strip().lower() if multipart else media_type
    syntax = parameters.get("transfer-syntax", "").strip()
    found = MediaRange(part_type, multipart, syntax, min(1.0, float(quality)), bare=media_type == "*/*")
    return found, position


def parse_accept(header: str) -> list[MediaRange]:
    """Elements of an Accept header that are wanted at all, most wanted first; equally wanted ones as they are listed.

    Raises
    ------
    BadRequest
        If the header is not a list of media ranges.

    >>> [r.media_type for r in parse_accept('image/png;q=0.5, multipart/related; type="application/dicom"')]
    ['application/dicom', 'image/png']
    >>> [r.covers("image/gif", False) for r in parse_accept("image/gif;q=0, image/*")]
    [False]
    """
    ranges: list[MediaRange] = []
    position = 0
    while position < len(text := header.strip()):
        if text[position] == "," or text[position].isspace():
            position += 1
            continue
        if len(ranges) == MAXIMUM_RANGES:
            raise BadRequest(f"The Accept header lists more than {MAXIMUM_RANGES} media types.")
        media_range, position = _parse_one(text, position)
        ranges.append(media_range)
        if position < len(text) and text[position] != ",":
            raise BadRequest("The Accept header is malformed.")
    if not ranges:
        ranges.append(MediaRange("*/*", bare=True))
    wanted = [_with_exceptions(each, ranges) for each in ranges if each.quality > 0]
    return sorted(wanted, key=lambda each: -each.quality)


def _with_exceptions(media_range: MediaRange, ranges: Sequence[MediaRange]) -> MediaRange:
    narrower = tuple(
        each
        for each in ranges
        if each.quality < media_range.quality and each._breadth < media_range._breadth and not each.transfer_syntax
    )
    return replace(media_range, less_wanted=narrower) if narrower else media_range


def accepted(header: str, query: Mapping[str, Sequence[str]]) -> list[MediaRange]:
    """What the caller accepts: by the `accept` query parameter, else by the header (PS3.18 8.3.3.1, 8.7.8.1).

    Raises
    ------
    BadRequest
        See `parse_accept`.
    NotAcceptable
        If the `charset` query parameter (8.3.3.2) does not allow UTF-8.
    """
    check_character_set(query)
    by_header = parse_accept(header)
    # A plus sign that was not percent-encoded arrives as a space.
    text = ", ".join(re.sub(r"(?<=\w) (?=json|xml)", "+", value) for value in query.get("accept", ()))
    if not text.strip(" ,"):
        return by_header
    by_query = parse_accept(text)
    # The header only speaks where the parameter names nothing that there is.
    return [*by_query, *(replace(each, quality=each.quality * _LOWER) for each in by_header)]


def check_character_set(query: Mapping[str, Sequence[str]]) -> None:
    """Refuse a `charset` query parameter that leaves out UTF-8, in which all text is (PS3.18 8.8).

    >>> check_character_set({"charset": ["iso-8859-1;q=0.5, UTF-8"]})
    """
    texts = [text for value in query.get("charset", ()) for text in value.split(",")]
    names = {text.partition(";")[0].strip().lower() for text in texts}
    if texts and not names & {"utf-8", "utf8", "*", "us-ascii", ""}:
        raise NotAcceptable("Available: charset=utf-8.")


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


def best_offer(ranges: Iterable[MediaRange], offers: Sequence[Representation]) -> Representation:
    """The offer with the highest quality; among equals the first offered, not the first that the caller lists.

    Browsers list image types of equal quality in an order that says nothing (RFC 9110 12.5.1).

    Raises
    ------
    NotAcceptable
        Listing the offers, when none is accepted.
    """
    ranges = list(ranges)
    best: tuple[float, Representation] | None = None
    for offer in offers:
        covering = [r for r in ranges if r.covers(offer.media_type, offer.multipart)]
        if covering:
            closest = min(covering, key=lambda r: r.media_type.count("*"))
            if best is None or closest.quality > best[0]:
                best = (closest.quality, offer)
    if best is None:
        raise not_acceptable(offers)
    return best[1]


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
