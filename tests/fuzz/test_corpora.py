"""Every input that a fuzzer found worth keeping, fed again: quickly, without a fuzzer."""

from __future__ import annotations

import time

import pytest

from tests.fuzz import registry

LONGEST_INPUT_S = 5


@pytest.mark.parametrize("name", registry.names())
def test_corpus(name: str) -> None:
    target = registry.load(name)
    assert target.seeds
    for what, content in target.inputs():
        started = time.perf_counter()
        try:
            target.fuzz(content)
        except Exception as error:
            error.add_note(f"input {what} of target {name}: {content[:200]!r}")
            raise
        assert time.perf_counter() - started < LONGEST_INPUT_S, what
