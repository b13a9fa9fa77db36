"""Guesses in parallel are counted before they are looked at."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from chalicelib import errors, wiring
from chalicelib.access.model import Role, User
from chalicelib.access.passwords import hash_password
from chalicelib.access.sign_in import FAILURES_PER_USER_AND_ADDRESS, sign_in
from chalicelib.archive.scope import Scope
from tests.emulator import Cloud


def attempt(password: str, address: str = "192.0.2.1") -> str:
    try:
        sign_in(
            wiring.registry(),
            wiring.session_signer(),
            "someone",
            password,
            address,
            issuer="http://127.0.0.1",
            lifetime_s=60,
        )
    except errors.ArchiveError as error:
        return type(error).__name__
    return "signed in"


def test_parallel_guesses_share_one_allowance(cloud: Cloud) -> None:
    wiring.registry().put_user(User("someone", "", Role.DESK, "nord", Scope(), hash_password("right")))
    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(attempt, [f"guess {n}" for n in range(24)]))
    assert outcomes == {
        "NotAuthenticated": FAILURES_PER_USER_AND_ADDRESS,
        "TooManyAttempts": 24 - FAILURES_PER_USER_AND_ADDRESS,
    }
    assert attempt("right") == "TooManyAttempts"
    assert attempt("right", "192.0.2.2") == "signed in"
