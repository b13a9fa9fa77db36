from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dicom.names import TOKEN_LENGTH, fold, tokens


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Lefèvre", "LEFEVRE"),
        ("LEFE\u0300VRE", "LEFEVRE"),
        ("Œuvrard", "OEUVRARD"),
        ("Læticia", "LAETICIA"),
        ("D'Été-Guÿ", "DETEGUY"),
        ("Straße", "STRASSE"),
        ("Çelik İbrahim", "CELIKIBRAHIM"),
        ("Ørsted Łódź", "ORSTEDLODZ"),
        ("ﬁnance", "FINANCE"),
        ("Иванов", "ИВАНОВ"),
        ("김희중", unicodedata.normalize("NFKD", "김희중")),
        (" ^=*?", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_case_and_normal_form_do_not_matter(text: str) -> None:
    assert fold(text) == fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


def test_ascii_and_general_path_agree() -> None:
    assert fold("O'Brien 2nd") == fold("O'Brien 2nd\u0301") == "OBRIEN2ND"


def test_tokens_of_every_group() -> None:
    names = [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}]
    assert {"YAMADA", "TAROU", "山田", "太郎", fold("やまだ"), fold("たろう")} == set(tokens(names))


def test_tokens_are_bounded() -> None:
    assert tokens([{"Alphabetic": "x" * 1000}]) == ("X" * TOKEN_LENGTH,)
    assert tokens([]) == ()
