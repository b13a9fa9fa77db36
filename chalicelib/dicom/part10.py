"""DICOM files (PS3.10 7): File Meta Information, transfer syntax, identifiers; structure checked to the last byte."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chalicelib.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    BytesSource,
    Element,
    Encoding,
    Malformed,
    Source,
    Truncated,
    walk,
)
from chalicelib.dicom.inflated_source import InflatedSource
from chalicelib.dicom.skim import LONGEST_VALUE_BYTES, skim

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
"""Deflated Explicit VR Little Endian, JPIP Referenced Deflate, JPIP HTJ2K Referenced Deflate (PS3.5 A.5, A.7, A.9)."""
INFLATED_LIMIT_BYTES = 256 << 20
"""Deflation shrinks a thousandfold: what is inflated must fit the memory of a Lambda beside its copies."""

MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003
TRANSFER_SYNTAX_UID = 0x00020010
_FILE_META_UIDS = frozenset({MEDIA_STORAGE_SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID, TRANSFER_SYNTAX_UID})
SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
_IDENTIFYING = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID})


@dataclass(frozen=True)
class DataSet:
    """Where the data set of a file lies and how it is encoded."""

    source: Source
    """The file; for a deflated transfer syntax File Meta Information followed by the inflated data set."""
    start: int
    """Offset of the data set: the length of preamble and File Meta Information."""
    encoding: Encoding
    transfer_syntax_uid: str
    deflated: bool = False

    def elements(self) -> Iterator[Element]:
        """Top-level elements; see `elements.walk`."""
        return walk(self.source, self.start, self.source.size, self.encoding)


@dataclass(frozen=True)
class Identifiers:
    """UIDs of an instance, `""` where absent, not yet validated."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""


def open_data_set(source: Source, *, one_pass: bool = False) -> DataSet:
    """Find the data set of a DICOM file, with or without preamble and File Meta Information.

    With `one_pass` it will be read once and forwards, so that a deflated one need not be in memory as a whole.

    Raises
    ------
    Malformed
        If it cannot be one (`Truncated` where a beginning is recognised).
    """
    has_prefix = source.read_at(128, 4) == b"DICM"
    offset = 132 if has_prefix else 0
    file_meta, offset = _file_meta(source, offset)
    transfer_syntax_uid = file_meta.get(TRANSFER_SYNTAX_UID, "")
    first = source.read_at(offset, 8)
    if not has_prefix and offset == 0 and not _may_begin_data_set(first):
        raise Malformed("Neither a DICOM file nor a data set.")
    if transfer_syntax_uid in DEFLATED:
        inflated = InflatedSource(source, offset, INFLATED_LIMIT_BYTES) if one_pass else inflate(source, offset)
        return DataSet(inflated, offset, EXPLICIT_LITTLE, transfer_syntax_uid, deflated=True)
    if len(first) == 8 and not _may_begin_instance(first):
        raise Malformed("Not a data set: its first element comes after SOP Class UID.")
    encoding = _encoding(first, transfer_syntax_uid)
    if not transfer_syntax_uid:
        transfer_syntax_uid = _default_syntax(encoding)
    return DataSet(source, offset, encoding, transfer_syntax_uid)


def data_set_offset(source: Source) -> int:
    """Length of preamble and File Meta Information: where the data set begins, deflated or not.

    A beginning of the file that holds them is enough.
    """
    return _file_meta(source, 132 if source.read_at(128, 4) == b"DICM" else 0)[1]


def _file_meta(source: Source, offset: int) -> tuple[dict[int, str], int]:
    """UIDs of group 0002, and its end: its extent decides, since group lengths in the field are often wrong."""
    elements, end = skim(source, offset, source.size, EXPLICIT_LITTLE, _FILE_META_UIDS, group=2)
    return {tag: _text(value) for tag, value in elements}, end


def _may_begin_data_set(first: bytes) -> bool:
    """Whether bytes look like the first element of a data set: group 0008 in either byte order."""
    return len(first) == 8 and first[0:2] in (b"\x08\x00", b"\x00\x08")


def _may_begin_instance(first: bytes) -> bool:
    """Whether the first element's group is at most 0008 in either byte order: elements ascend (PS3.5 7.1)."""
    return len(first) >= 2 and ((first[1] == 0 and first[0] <= 8) or (first[0] == 0 and first[1] <= 8))


def _encoding(first: bytes, transfer_syntax_uid: str) -> Encoding:
    """What the first element shows, because files whose transfer syntax is declared wrongly exist."""
    explicit = first[4:6].decode("latin-1") in LONG_VRS | SHORT_VRS
    if not explicit:
        return IMPLICIT_LITTLE
    if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN or (not transfer_syntax_uid and first[0:2] == b"\x00\x08"):
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE


def _default_syntax(encoding: Encoding) -> str:
    if encoding.implicit_vr:
        return IMPLICIT_VR_LITTLE_ENDIAN
    return EXPLICIT_VR_LITTLE_ENDIAN if encoding.little_endian else EXPLICIT_VR_BIG_ENDIAN


def inflate(source: Source, offset: int) -> BytesSource:
    """The file with its data set inflated (RFC 1951), at most `INFLATED_LIMIT_BYTES`.

    Raises
    ------
    Truncated
        If the compressed data ends early.
    Malformed
        If it cannot be inflated or is too big once inflated.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces = [source.read_at(0, offset)]
    compressed = source.read_at(offset, source.size - offset)
    try:
        pieces.append(inflater.decompress(compressed, INFLATED_LIMIT_BYTES))
    except zlib.error as error:
        raise Malformed("The deflated data set cannot be inflated.") from error
    if inflater.unconsumed_tail:
        raise Malformed("The data set is too big once inflated.")
    if not inflater.eof:
        raise Truncated("The deflated data set ends early.")
    return BytesSource(b"".join(pieces))


def inflated_file(content: bytes) -> bytes:
    """A file as it would be in Explicit VR Little Endian if it is deflated, otherwise as it is; raises as `inflate`.

    File Meta Information keeps its length: the transfer syntax that it names is padded.
    """
    source = BytesSource(content)
    file_meta, end = _file_meta(source, 132 if content[128:132] == b"DICM" else 0)
    transfer_syntax_uid = file_meta.get(TRANSFER_SYNTAX_UID, "")
    if transfer_syntax_uid not in DEFLATED:
        return content
    inflated = inflate(source, end)
    named = content[:end].replace(
        transfer_syntax_uid.encode(), EXPLICIT_VR_LITTLE_ENDIAN.encode().ljust(len(transfer_syntax_uid), b"\0"), 1
    )
    return named + inflated.read_at(end, inflated.size - end)


def text_value(source: Source, element: Element) -> str:
    """A value of characters of the default repertoire, padding stripped."""
    if element.length > LONGEST_VALUE_BYTES:
        return ""
    return _text(source.read_at(element.value_offset, element.length))


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip(" \0")


def identify(data_set: DataSet) -> Identifiers:
    """Identifiers of an instance; walks to the end and so checks the structure of the whole data set.

    Raises
    ------
    Malformed, Truncated
        See `elements.walk`.
    """
    source = data_set.source
    elements, end = skim(source, data_set.start, source.size, data_set.encoding, _IDENTIFYING)
    found: dict[int, str] = {}
    for tag, value in elements:
        found.setdefault(tag, _text(value))
    if end > source.size:
        # The size of a source that is still arriving is known only now.
        raise Truncated("The data set ends within the value of an element.")
    return _identifiers(found)


def _identifiers(found: Mapping[int, str]) -> Identifiers:
    return Identifiers(
        found.get(SOP_CLASS_UID, ""),
        found.get(SOP_INSTANCE_UID, ""),
        found.get(STUDY_INSTANCE_UID, ""),
        found.get(SERIES_INSTANCE_UID, ""),
    )


def identify_as_far_as_possible(source: Source) -> Identifiers:
    """Identifiers of what may be no instance: those before the place where it ends being one."""
    found: dict[int, str] = {}
    try:
        data_set = open_data_set(source, one_pass=True)
        for element in data_set.elements():
            if element.tag in _IDENTIFYING:
                found.setdefault(element.tag, text_value(data_set.source, element))
            if element.tag > SERIES_INSTANCE_UID:
                break
    except Malformed:
        pass
    return _identifiers(found)


def media_storage_identifiers(source: Source) -> Identifiers:
    """Media Storage SOP Class and Instance UID (PS3.10 table 7.1-1) of an instance's File Meta Information."""
    found, _ = _file_meta(source, 132 if source.read_at(128, 4) == b"DICM" else 0)
    return Identifiers(found.get(MEDIA_STORAGE_SOP_CLASS_UID, ""), found.get(MEDIA_STORAGE_SOP_INSTANCE_UID, ""))
