"""RPPS numbers as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.rpps import read_rpps
from chalicelib.errors import BadRequest

NUMBERS = st.text("0123456789", min_size=11, max_size=11)
SEPARATORS = st.sampled_from(["", " ", "\u00a0", "-", ".", "\u2011"])


@given(NUMBERS, st.lists(SEPARATORS, min_size=12, max_size=12), st.booleans())
def test_separators_and_the_type_before_it_do_not_matter(number: str, between: list[str], typed: bool) -> None:
    written = "".join(a + b for a, b in zip(between, [*number, ""], strict=True))
    assert read_rpps("8" * typed + written) == number


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    try:
        number = read_rpps(text)
    except BadRequest:
        return
    assert len(number) == 11
    assert number.isascii()
    assert number.isdecimal()


@pytest.mark.parametrize("text", ["", "1010000001", "101000000170", "1010000001O", "\u0661" * 11, "9" + "1" * 11])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(BadRequest):
        read_rpps(text)
