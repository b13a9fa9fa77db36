"""How often a patient's code may be tried (docs/adr/0023): attempts are counted before anything is looked up.

Windows are fixed and end by themselves. A span of 30 days touches at most two windows of 30 days, so the allowance of
a code is half of the hundred failures that it may see in such a span.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.access.addresses import place_of
from chalicelib.access.ports import Registry
from chalicelib.errors import TooManyAttempts

QUARTER_S = 900
DAY_S = 86_400
MONTH_S = 30 * DAY_S
FAILURES_PER_ADDRESS = 100
"""In a quarter of an hour: patients of one mobile operator, or of a waiting room, share an address."""
FAILURES_PER_CODE_AND_CALLER = 10
"""In a quarter of an hour, of one address or one professional."""
FAILURES_PER_PROFESSIONAL = 30
"""In a day."""
FAILURES_PER_CODE = 50
"""In a window of 30 days, from addresses from which the patient never signed in."""
MESSAGES_PER_CODE = 5
"""One-time passwords in an hour."""
MESSAGES_WINDOW_S = 3600
SIGN_INS_PER_CODE = 20
"""Begun in an hour without a message: by an application, or with a printed list."""
UNLIMITED = 1 << 40


@dataclass(frozen=True)
class Allowance:
    """Failures under a key within windows of some length."""

    key: str
    failures: int
    window_s: int


class Attempt:
    """One attempt under several allowances; those that come first protect those that follow."""

    def __init__(self, registry: Registry, allowances: Sequence[Allowance]) -> None:
        self._registry = registry
        self._now = int(time.time())
        self._allowances = allowances

    def count(self) -> None:
        """Count. Raises `errors.TooManyAttempts` when there were too many."""
        for allowance in self._allowances:
            window = self._now // allowance.window_s
            if self._registry.count_attempt(allowance.key, window, allowance.window_s) > allowance.failures:
                raise TooManyAttempts(
                    "Too many attempts; wait before the next one.",
                    retry_after_s=max(1, (window + 1) * allowance.window_s - self._now),
                )

    def settle(self, *, succeeded: bool) -> None:
        """What succeeded counts as no failure; the work is the same either way."""
        for allowance in self._allowances:
            window = self._now // allowance.window_s
            self._registry.count_attempt(allowance.key, window, allowance.window_s, by=-1 if succeeded else 0)


def by_a_patient(registry: Registry, index: str, address: str, *, is_known: bool) -> Attempt:
    """An attempt to sign in with a code; at an address of the patient's own a stranger's failures do not bind."""
    origin = origin_digest(address)
    own = Allowance(f"CODE#{index}#{origin}", FAILURES_PER_CODE_AND_CALLER, QUARTER_S)
    anyone = Allowance(f"CODE-ADDRESS#{origin}", UNLIMITED if is_known else FAILURES_PER_ADDRESS, QUARTER_S)
    return Attempt(registry, [anyone, own, of_code(index, is_known=is_known)])


def by_a_professional(registry: Registry, index: str, subject: str, address: str) -> Attempt:
    """An attempt of a signed-in professional to use a patient's code."""
    who = digest(subject)
    return Attempt(
        registry,
        [
            Allowance(f"CODE-ADDRESS#{origin_digest(address)}", FAILURES_PER_ADDRESS, QUARTER_S),
            Allowance(f"CODE-PROFESSIONAL#{who}", FAILURES_PER_PROFESSIONAL, DAY_S),
            Allowance(f"CODE#{index}#{who}", FAILURES_PER_CODE_AND_CALLER, QUARTER_S),
            of_code(index),
        ],
    )


def of_code(index: str, *, is_known: bool = False) -> Allowance:
    """Failures of one code, whoever tries; they do not bind at an address of the patient's own."""
    return Allowance(f"CODE#{index}", UNLIMITED if is_known else FAILURES_PER_CODE, MONTH_S)


def of_second_factor(index: str, origin: str) -> Allowance:
    """Wrong second factors of a code at one address, the patient's own too: somebody at home may know the code.

    A stranger who has the code uses up nothing at an address of the patient's own.
    """
    return Allowance(f"CODE-FACTOR#{index}#{origin}", FAILURES_PER_CODE, MONTH_S)


def take_message(
    registry: Registry, index: str, address: str, means: str = "sms", *, is_known: bool, is_right: bool
) -> bool:
    """Whether a sign-in may go on by some means (`second_factors.Means`), for a message to be sent or without; the
    work is the same either way.

    An address of the patient's own has messages of its own: a stranger who knows the code cannot use them up.
    """
    window = int(time.time()) // MESSAGES_WINDOW_S
    kind, most = ("MESSAGES", MESSAGES_PER_CODE) if means == "sms" else (f"SIGN-INS-{means}", SIGN_INS_PER_CODE)
    key = f"CODE-{kind}#{index}#{origin_digest(address) if is_known else ''}"
    return registry.count_attempt(key, window, MESSAGES_WINDOW_S, by=int(is_right)) <= most and is_right


def digest(text: str) -> str:
    """What a counter is named after: addresses and names are not kept."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def origin_digest(address: str) -> str:
    """What a counter of the callers of one place is named after."""
    return digest(place_of(address))
