from __future__ import annotations

import pytest

from chalicelib.access.edge_proof import READ_AGAIN_S, EdgeProof
from chalicelib.errors import Unavailable


class Secret:
    """A secret, how often it was read, and a clock."""

    def __init__(self, value: str = "known") -> None:
        self.value, self.readings, self.now = value, 0, 1000.0

    def read(self) -> str:
        self.readings += 1
        return self.value

    def proof(self) -> EdgeProof:
        return EdgeProof(self.read, lambda: self.now)


def test_the_secret_is_read_when_first_offered_and_once() -> None:
    secret = Secret()
    proof = secret.proof()
    assert not proof.holds("")
    assert secret.readings == 0
    assert [proof.holds("known") for _ in range(3)] == [True, True, True]
    assert secret.readings == 1


@pytest.mark.parametrize("offered", ["guessed", "know", "known ", "é", "\ud800", "KNOWN"])
def test_nothing_else_is_the_edge_and_guessing_does_not_read_again_and_again(offered: str) -> None:
    secret = Secret()
    proof = secret.proof()
    assert not any(proof.holds(offered) for _ in range(10))
    assert secret.readings == 1
    assert proof.holds("known")


def test_a_new_value_counts_after_a_minute_at_most() -> None:
    secret = Secret()
    proof = secret.proof()
    assert proof.holds("known")
    secret.value = "new"
    assert not proof.holds("new")
    secret.now += READ_AGAIN_S
    assert proof.holds("new")
    assert not proof.holds("known")
    assert secret.readings == 2


def test_without_a_value_nobody_is_the_edge() -> None:
    proof = Secret("").proof()
    assert not proof.holds("")
    assert not proof.holds("any")


def test_what_cannot_be_checked_is_not_believed_and_asked_for_again() -> None:
    answers = iter(["", "known"])

    def read() -> str:
        if not (value := next(answers)):
            raise Unavailable("A secret cannot be read.")
        return value

    proof = EdgeProof(read)
    with pytest.raises(Unavailable):
        proof.holds("known")
    assert proof.holds("known")
