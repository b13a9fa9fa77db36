from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dicom.uid import is_valid


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=6))
def test_dotted_numbers_are_valid(components: list[int]) -> None:
    assert is_valid(".".join(map(str, components)))


@given(st.text())
def test_nothing_but_digits_and_dots_passes(text: str) -> None:
    if is_valid(text):
        assert 1 <= len(text) <= 64
        assert set(text) <= set("0123456789.")


@pytest.mark.parametrize("text", ["", ".", "1.", ".1", "1..2", "1.2\n", "1.2/3", "1.2*", "..", "1" * 65, "١.٢", "1 2"])
def test_invalid(text: str) -> None:
    assert not is_valid(text)
