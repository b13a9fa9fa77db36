"""Which transfer syntaxes an instance and its frames can be given in, and which is the default (PS3.18 8.7.3.5)."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.archive.model import InstanceRecord
from chalicelib.archive.rendered import MAXIMUM_TRANSCODED_BYTES
from chalicelib.dicom.media_types import (
    ANY_SYNTAX,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    NATIVE_LITTLE_ENDIAN,
    MediaRange,
    Representation,
    frame_media_type,
    not_acceptable,
)

DICOM = "application/dicom"
OCTETS = "application/octet-stream"

LOSSLESS = frozenset(
    {
        "1.2.840.10008.1.2",
        EXPLICIT_LITTLE_ENDIAN,
        EXPLICIT_BIG_ENDIAN,
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202",
        "1.2.840.10008.1.2.5",
    }
)
DECODED = LOSSLESS | {f"1.2.840.10008.1.2.4.{number}" for number in ("50", "51", "81", "91", "203")}
"""What the renderer has decoders for."""
ENCODED = (
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.5",
)
"""What it has encoders for, all lossless: JPEG 2000, JPEG-LS, HTJ2K, HTJ2K with RPCL, RLE."""
DEFLATED_EXPLICIT = "1.2.840.10008.1.2.1.99"


def _number(record: InstanceRecord, tag: str) -> int:
    value = (record.dicom_json.get(tag, {}).get("Value") or [0])[0]
    return value if isinstance(value, int) else 0


def decoded_size_bytes(record: InstanceRecord) -> int:
    """Size of all frames once decoded, by the attributes of the image; rows and columns may be lies."""
    pixels = _number(record, "00280010") * _number(record, "00280011") * max(1, _number(record, "00280002"))
    return pixels * max(8, _number(record, "00280100")) // 8 * record.number_of_frames


def _can_be_compressed(record: InstanceRecord) -> bool:
    return "7FE00010" in record.dicom_json and _number(record, "00280100") in (8, 16)


def frame_syntaxes(record: InstanceRecord) -> tuple[str, ...]:
    """Transfer syntaxes that single frames can be given in besides the stored one."""
    if record.transfer_syntax_uid not in DECODED:
        return (EXPLICIT_LITTLE_ENDIAN,)
    return (EXPLICIT_LITTLE_ENDIAN, *(ENCODED if _can_be_compressed(record) else ()))


def instance_syntaxes(record: InstanceRecord) -> tuple[str, ...]:
    """Transfer syntaxes that the instance can be given in, the default first.

    The default is Explicit VR Little Endian, except for what is stored with loss, which decoding would only make
    larger, and for what is too large to be decoded as a whole: these are given as stored.
    """
    stored = record.transfer_syntax_uid
    is_small = max(record.size_bytes, decoded_size_bytes(record)) <= MAXIMUM_TRANSCODED_BYTES
    if stored not in DECODED or not is_small:
        return (stored,)
    others = (EXPLICIT_LITTLE_ENDIAN, DEFLATED_EXPLICIT, *(ENCODED if _can_be_compressed(record) else ()))
    first = EXPLICIT_LITTLE_ENDIAN if stored in LOSSLESS else stored
    return tuple(dict.fromkeys((first, stored, *others)))


# Negotiation ------------------------------------------------------------------------------------------------------


def choose_instance_form(record: InstanceRecord, accept: Iterable[MediaRange]) -> Representation:
    """Which form of an instance answers an Accept header: `*` as stored, none named the default.

    Raises
    ------
    NotAcceptable
        Listing the forms that there are.
    """
    syntaxes = instance_syntaxes(record)
    for media_range in accept:
        named = media_range.transfer_syntax
        syntax = {"": syntaxes[0], ANY_SYNTAX: record.transfer_syntax_uid}.get(named, named)
        for multipart in (True, False):
            if syntax in syntaxes and media_range.covers(DICOM, multipart):
                return Representation(DICOM, multipart, syntax)
    raise not_acceptable([Representation(DICOM, multipart, s) for s in syntaxes for multipart in (True, False)])


def _frame_forms(record: InstanceRecord, single: bool) -> list[Representation]:
    """The frame as stored, as octets that every client can read, compressed; the first two alike if uncompressed."""
    octets = Representation(OCTETS, not single, EXPLICIT_LITTLE_ENDIAN)
    stored = record.transfer_syntax_uid
    is_native = stored in NATIVE_LITTLE_ENDIAN
    first = octets if is_native else Representation(frame_media_type(stored), not single, stored)
    others = [Representation(frame_media_type(syntax), not single, syntax) for syntax in frame_syntaxes(record)[1:]]
    return [first, octets, *(other for other in others if other.transfer_syntax != stored)]


def choose_frame_form(record: InstanceRecord, accept: Iterable[MediaRange], frame_count: int) -> Representation:
    """Which form of frames answers an Accept header (PS3.18 8.7.3.3).

    `transfer-syntax=*` means the stored form whatever the type beside it, as viewers send it. Without a transfer
    syntax octets mean uncompressed little endian, a type that the stored form has means that, and another type is
    encoded.

    Raises
    ------
    NotAcceptable
        Listing the forms that there are.
    """
    singles = (False, True) if frame_count == 1 else (False,)
    for media_range in accept:
        for single in singles:
            if not media_range.bare and media_range.multipart == single:
                continue
            stored, octets, *encoded = _frame_forms(record, single)
            named = media_range.transfer_syntax
            if named == ANY_SYNTAX or (named and named == stored.transfer_syntax):
                return stored
            for form in (octets, stored, *encoded):
                is_covered = media_range.covers(form.media_type, not single) or (
                    form in encoded and named and media_range.covers(OCTETS, not single)
                )
                if named in ("", form.transfer_syntax) and is_covered:
                    return form
    raise not_acceptable([form for single in singles for form in _frame_forms(record, single)])
