"""What is written is read back the same: every real file, both encodings."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.dicom.character_sets import NotInRepertoire, decode, encode
from chalicelib.dicom.data_set_writer import encode_data_set
from chalicelib.dicom.elements import BytesSource, Encoding, walk
from chalicelib.dicom.json_model import convert
from chalicelib.dicom.part10 import open_data_set
from tests.real_files import real_files

UTF_8 = {"vr": "CS", "Value": ["ISO_IR 192"]}


def without_bulk(dataset: dict[str, Any]) -> dict[str, Any]:
    """The data set but for bulk data, private elements and character sets: VRs of private ones are not in implicit."""
    kept = {}
    for tag, attribute in dataset.items():
        if "BulkDataURI" in attribute or int(tag[3], 16) & 1 or tag == "00080005":
            continue
        items = attribute.get("Value") if attribute["vr"] == "SQ" else None
        kept[tag] = {"vr": "SQ", "Value": [without_bulk(item) for item in items]} if items else attribute
    return kept


@pytest.mark.parametrize("implicit_vr", [True, False])
def test_every_real_file_comes_back_the_same(implicit_vr: bool) -> None:
    compared = 0
    for file in real_files():
        opened = open_data_set(BytesSource(file.body))
        dataset = without_bulk(convert(opened.source, opened.elements(), opened.encoding).dicom_json)
        if implicit_vr and "UN" in str(dataset):
            continue
        encoded = encode_data_set({**dataset, "00080005": UTF_8}, implicit_vr, ("ISO_IR 192",))
        source, encoding = BytesSource(encoded), Encoding(implicit_vr)
        again = without_bulk(convert(source, walk(source, 0, source.size, encoding), encoding).dicom_json)
        different = {tag for tag in dataset if dataset[tag] != again.get(tag)}
        # VRs that a file writes otherwise than the dictionary, and numbers cut to 16 characters.
        assert all(_may_differ(dataset[tag], again[tag]) for tag in different), (file.path.name, different)
        compared += 1
    assert compared > 150


def _may_differ(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first["vr"] in ("DS", "SQ") or first["vr"] != second["vr"]


@pytest.mark.parametrize(
    ("text", "character_sets"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", ["ISO 2022 IR 13", "ISO 2022 IR 87"]),
        ("Hong^Gildong=洪^吉洞=홍^길동", ["", "ISO 2022 IR 149"]),
        ("Zhang^XiaoDong=张^小东", ["", "ISO 2022 IR 58"]),
        ("Wang^XiaoDong=王^小东", ["GB18030"]),
        ("Διονυσιος", ["ISO_IR 126"]),
        ("Lefèvre Διον", ["ISO 2022 IR 100", "ISO 2022 IR 126"]),
    ],
)
def test_names_in_their_character_sets(text: str, character_sets: list[str]) -> None:
    encoded = encode(text, character_sets, person_name=True)
    assert decode(encoded, character_sets, person_name=True) == text


@pytest.mark.parametrize(
    ("text", "character_sets"),
    [("山田", ["ISO_IR 100"]), ("é", []), ("é", ["ISO_IR 999"]), ("山", ["ISO_IR 13"]), ("é", ["ISO_IR 126"])],
)
def test_nothing_is_replaced(text: str, character_sets: list[str]) -> None:
    with pytest.raises(NotInRepertoire):
        encode(text, character_sets)
