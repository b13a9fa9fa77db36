"""Whatever matches is listed under every term that its search requires: otherwise it would not be found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.archive.search_terms import ANY, MOST_TERMS, required_terms, study_terms
from chalicelib.dicom.attributes import resolve_path
from chalicelib.dicom.matching import Condition

LETTERS = "ABELÉÈœŒçt -'^"


def name_key(text: str, fuzzy: bool = False) -> Condition:
    path = resolve_path("PatientName")
    assert path
    return Condition(path, text, fuzzy)


def named(text: str) -> dict[str, object]:
    return {"00100010": {"vr": "PN", "Value": [{"Alphabetic": text}]}}


def is_listed(key: Condition, name: str) -> bool:
    terms = study_terms(named(name), ["CT"])
    return all(set(alternatives) & terms or ANY in terms for alternatives in required_terms([key]))


@given(st.text(LETTERS, min_size=1, max_size=20), st.data())
def test_every_wildcard_key_that_matches_finds(name: str, data: st.DataObject) -> None:
    key = list(name)
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(key)))
        end = data.draw(st.integers(start, min(len(key), start + 4)))
        key[start:end] = [data.draw(st.sampled_from("*?")) if end - start == 1 else "*"]
    condition = name_key("".join(key))
    if condition.matches(named(name)):
        assert is_listed(condition, name)


@given(st.text(LETTERS, max_size=20), st.text(LETTERS, max_size=12))
def test_every_fuzzy_key_that_matches_finds(name: str, key: str) -> None:
    for text in (key, name, name[: len(name) // 2], " ".join(reversed(name.split("^")))):
        condition = name_key(text, fuzzy=True)
        if condition.matches(named(name)):
            assert is_listed(condition, name)


@pytest.mark.parametrize(
    ("key", "fuzzy", "expected"),
    [
        ("lefe*", False, [("FLEFE",)]),
        ("*^marie", False, [("WMARI",)]),
        ("*vre", False, [("TVRE",), ("TRE$",)]),
        ("*efev*", False, [("TEFE",), ("TFEV",)]),
        ("m*", False, [("FM",)]),
        ("*ar*", False, []),
        ("*", False, []),
        ("lefebvre", True, [("WLEFEBVRE", "PLEFEVR")]),
        ("le goff", True, [("WGOFF", "WLEGOFF", "PGOF", "PLEGOF")]),
    ],
)
def test_terms_of_keys(key: str, fuzzy: bool, expected: list[tuple[str, ...]]) -> None:
    assert sorted(required_terms([name_key(key, fuzzy)])) == sorted(expected)


def test_names_of_the_usual_length_are_listed_under_each_of_their_terms() -> None:
    for name in ("DE LA ROCHEFOUCAULD^MARIE-BERNADETTE^^MME", "Yamada^Tarou", "李^小龍"):
        terms = study_terms(named(name), ["CT", "SR"])
        assert {"MCT", "MSR"} <= terms
        assert len(terms) <= MOST_TERMS


@pytest.mark.parametrize("name", ["X" * 65, "^".join(f"N{n}A B{n}C D{n}E" for n in range(30)), "x" * 100_000])
def test_names_with_too_many_terms_are_looked_at_by_every_search(name: str) -> None:
    assert study_terms(named(name), ["CT"]) == {ANY}
