"""Native DICOM Model (PS3.19 A.1) of data sets in the DICOM JSON Model: `application/dicom+xml` (PS3.18 8.7.3)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any

from chalicelib.dicom.attributes import resolve
from chalicelib.dicom.multipart import PartHeader, boundary_of, content_type, encode

DicomJson = dict[str, Any]
MEDIA_TYPE = "application/dicom+xml"
NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 cannot hold, not even as a character reference (XML 1.0 2.2)."""
_PRIVATE_CREATOR = re.compile(r"[0-9A-F]{3}[13579BDF]00[1-9A-F][0-9A-F]")


_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_QUOTES = {**_IN_TEXT, ord('"'): "&quot;", ord("\n"): "&#10;", ord("\t"): "&#9;"}


def to_xml(dataset: DicomJson) -> bytes:
    """A data set as a document of the Native DICOM Model, UTF-8.

    Private elements name their creator instead of their block (gggg00ee), so the creators' own elements are left out.
    An attribute with characters that XML cannot hold is its bytes, in UTF-8, as InlineBinary.

    >>> to_xml({"00100020": {"vr": "LO", "Value": ["A<B"]}}).decode().splitlines()[2]
    '<DicomAttribute keyword="PatientID" tag="00100020" vr="LO"><Value number="1">A&lt;B</Value></DicomAttribute>'
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">',
        *_data_set(dataset),
        "</NativeDicomModel>",
    ]
    return "\n".join(lines).encode("utf-8", "replace")


def to_multipart(datasets: list[DicomJson]) -> tuple[bytes, str]:
    """Data sets as one part each, and the Content-Type of the whole (PS3.18 8.7.3.2)."""
    documents = [to_xml(dataset) for dataset in datasets]
    boundary = boundary_of("".join(hashlib.sha256(document).hexdigest() for document in documents))
    body = encode(((PartHeader(MEDIA_TYPE), document) for document in documents), boundary)
    return body, content_type(MEDIA_TYPE, boundary)


def _data_set(dataset: DicomJson) -> Iterator[str]:
    creators = {
        tag: str((element.get("Value") or [""])[0] or "")
        for tag, element in dataset.items()
        if _PRIVATE_CREATOR.fullmatch(tag)
    }
    for tag, element in sorted(dataset.items()):
        creator = creators.get(tag[:4] + "00" + tag[4:6], "") if int(tag[3], 16) & 1 else ""
        if tag not in creators:
            yield _attribute(tag, element, creator)


def _attribute(tag: str, element: dict[str, Any], creator: str) -> str:
    vr = str(element["vr"])
    keyword = "" if int(tag[3], 16) & 1 else (known.keyword if (known := resolve(tag)) else "")
    names = f" keyword={_quoted(keyword)}" if keyword else ""
    if creator:
        tag = f"{tag[:4]}00{tag[6:]}"
    begin = f'<DicomAttribute{names} tag="{tag}" vr={_quoted(vr)}'
    if creator:
        begin += f" privateCreator={_quoted(creator)}"
    content = _content(vr, element)
    return f"{begin}>{content}</DicomAttribute>" if content else f"{begin}/>"


def _quoted(text: str) -> str:
    readable = _NOT_XML.sub("\ufffd", text)
    return f'"{readable.translate(_IN_QUOTES)}"'


def _content(vr: str, element: dict[str, Any]) -> str:
    if "BulkDataURI" in element:
        return f"<BulkData uri={_quoted(str(element['BulkDataURI']))}/>"
    if "InlineBinary" in element:
        return f"<InlineBinary>{element['InlineBinary']}</InlineBinary>"
    values = element.get("Value") or []
    if vr == "SQ":
        return "".join(_item(number, item or {}) for number, item in enumerate(values, start=1))
    texts = list(map(_value_text, values))
    if any(map(_NOT_XML.search, texts)):
        joined = "\\".join(texts).encode("utf-8", "replace")
        return f"<InlineBinary>{base64.b64encode(joined).decode()}</InlineBinary>"
    if vr == "PN":
        return "".join(_person_name(number, value) for number, value in enumerate(values, start=1))
    return "".join(_element("Value", text, f' number="{number}"') for number, text in enumerate(texts, start=1))


def _item(number: int, item: DicomJson) -> str:
    return _wrapped("Item", "".join(_data_set(item)), f' number="{number}"')


def _value_text(value: Any) -> str:
    """A value as DICOM would write it; a Person Name with its delimiters."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return "=".join(str(value.get(group, "")) for group in _GROUPS).rstrip("=")
    return str(value)


def _person_name(number: int, value: Any) -> str:
    groups = value if isinstance(value, dict) else ({"Alphabetic": str(value)} if value else {})
    content = "".join(f"<{group}>{_components(str(groups[group]))}</{group}>" for group in _GROUPS if groups.get(group))
    return _wrapped("PersonName", content, f' number="{number}"')


def _components(text: str) -> str:
    """Components of a group; what has more than the five of the standard stays in the last."""
    parts = text.split("^", len(_COMPONENTS) - 1)
    return "".join(_element(name, part) for name, part in zip(_COMPONENTS, parts, strict=False) if part)


def _element(name: str, text: str, attributes: str = "") -> str:
    return _wrapped(name, text.translate(_IN_TEXT), attributes)


def _wrapped(name: str, content: str, attributes: str = "") -> str:
    return f"<{name}{attributes}>{content}</{name}>" if content else f"<{name}{attributes}/>"
