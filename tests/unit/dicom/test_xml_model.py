"""The Native DICOM Model, read back by a parser and compared with the DICOM JSON that it came from."""

from __future__ import annotations

import base64
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dicom.elements import BytesSource
from chalicelib.dicom.json_model import convert
from chalicelib.dicom.part10 import open_data_set
from chalicelib.dicom.xml_model import NAMESPACE, to_multipart, to_xml
from tests.real_files import RealFile, real_files

COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def local(element: ElementTree.Element) -> str:
    assert element.tag.startswith(f"{{{NAMESPACE}}}")
    return element.tag.rpartition("}")[2]


def read(document: bytes) -> dict[str, Any]:
    root = ElementTree.fromstring(document)
    assert local(root) == "NativeDicomModel"
    assert root.attrib == {"{http://www.w3.org/XML/1998/namespace}space": "preserve"}
    return read_items(root)


def read_items(parent: ElementTree.Element) -> dict[str, Any]:
    """Attributes by (tag, private creator)."""
    found: dict[str, Any] = {}
    for attribute in parent:
        assert local(attribute) == "DicomAttribute"
        children = list(attribute)
        kinds = {local(child) for child in children}
        assert len(kinds) <= 1
        kind = kinds.pop() if kinds else ""
        if kind in ("Value", "PersonName", "Item"):
            assert [child.attrib["number"] for child in children] == [str(n + 1) for n in range(len(children))]
        content: Any = None
        if kind == "Value":
            content = [child.text or "" for child in children]
        elif kind == "PersonName":
            content = [{local(group): components(group) for group in child} for child in children]
        elif kind == "Item":
            content = [read_items(child) for child in children]
        elif kind == "BulkData":
            content = {"uri": children[0].attrib["uri"]}
        elif kind:
            assert kind == "InlineBinary"
            content = base64.b64decode(children[0].text or "", validate=True)
        key = attribute.attrib["tag"] + attribute.attrib.get("privateCreator", "")
        assert key not in found
        found[key] = (attribute.attrib["vr"], content)
    return found


def components(group: ElementTree.Element) -> str:
    named = {local(part): part.text or "" for part in group}
    return "^".join(named.get(name, "") for name in COMPONENTS).rstrip("^")


def expected(dataset: dict[str, Any]) -> dict[str, Any]:
    creators = {t: (e.get("Value") or [""])[0] for t, e in dataset.items() if is_creator(t)}
    found = {}
    for tag, element in dataset.items():
        if tag in creators:
            continue
        creator = creators.get(tag[:4] + "00" + tag[4:6], "") if int(tag[3], 16) % 2 else ""
        found[(f"{tag[:4]}00{tag[6:]}" if creator else tag) + creator] = (element["vr"], content_of(element))
    return found


def is_creator(tag: str) -> bool:
    return int(tag[3], 16) % 2 == 1 and 0x10 <= int(tag[4:], 16) <= 0xFF


def content_of(element: dict[str, Any]) -> Any:
    if "BulkDataURI" in element:
        return {"uri": element["BulkDataURI"]}
    if "InlineBinary" in element:
        return base64.b64decode(element["InlineBinary"])
    values = element.get("Value")
    if not values:
        return None
    if element["vr"] == "SQ":
        return [expected(item or {}) for item in values]
    if element["vr"] == "PN":
        return [{group: text.rstrip("^") for group, text in (value or {}).items()} for value in values]
    return ["" if value is None else str(value) for value in values]


@pytest.mark.parametrize("file", real_files(), ids=lambda file: file.path.name)
def test_every_real_file(file: RealFile) -> None:
    opened = open_data_set(BytesSource(file.body))
    dataset = convert(opened.source, opened.elements(), opened.encoding).dicom_json
    document = to_xml(dataset)
    found, wanted = read(document), expected(dataset)
    for key in [key for key, (_, content) in wanted.items() if has_controls(content)]:
        found.pop(key)
        wanted.pop(key)
    assert found == wanted


def has_controls(content: Any) -> bool:
    if isinstance(content, dict):
        return any(map(has_controls, content.values()))
    if isinstance(content, list | tuple):
        return any(map(has_controls, content))
    return isinstance(content, str) and any(c < " " and c not in "\t\n\r" for c in content)


def test_what_xml_cannot_hold_is_bytes() -> None:
    found = read(
        to_xml({"00204000": {"vr": "LT", "Value": ["one\x0ctwo"]}, "00100020": {"vr": "LO", "Value": ["é\x1b"]}})
    )
    assert found == {"00204000": ("LT", b"one\x0ctwo"), "00100020": ("LO", "é\x1b".encode())}


def test_private_elements_name_their_creator() -> None:
    dataset = {
        "00090010": {"vr": "LO", "Value": ['A & "B"']},
        "00091001": {"vr": "SH", "Value": ["x"]},
        "00111001": {"vr": "SH", "Value": ["orphan"]},
    }
    assert read(to_xml(dataset)) == {'00090001A & "B"': ("SH", ["x"]), "00111001": ("SH", ["orphan"])}


def test_white_space_names_and_numbers_survive() -> None:
    dataset: dict[str, Any] = {
        "00081030": {"vr": "LO", "Value": [" a  b ", None, "<&>\r\n\t"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B^C^D^E", "Ideographic": "山田^太郎"}, None]},
        "00280030": {"vr": "DS", "Value": [0.5, 1e-05, 3]},
        "00081140": {"vr": "SQ", "Value": [{}, {"00080018": {"vr": "UI", "Value": ["1.2"]}}]},
        "00081150": {"vr": "UI"},
    }
    assert read(to_xml(dataset)) == expected(dataset)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3), st.text(min_size=1))
def test_any_text_gives_a_document(values: list[str], name: str) -> None:
    dataset = {"00081030": {"vr": "LO", "Value": values}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]}}
    assert read(to_xml(dataset)).keys() == dataset.keys()


def test_no_documents_make_no_parts() -> None:
    body, content_type = to_multipart([])
    assert body.count(content_type.rpartition("=")[2].encode()) == 1
