"""Applications by RFC 6238, one step of drift, no step twice; printed codes once each."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access import second_factors
from chalicelib.access.holders import Holder
from chalicelib.access.proxies import Proxy, Relation
from chalicelib.access.second_factors import (
    PrintedList,
    Totp,
    begin_totp,
    check_printed,
    check_totp,
    matching_step,
    print_codes,
    read_printed,
)
from chalicelib.archive.scope import PatientRef
from tests.unit.access.test_patient_codes import Key

PATIENT = PatientRef("nord", "P1")
OWN = Holder(PATIENT)
PARENT = Proxy(
    "0123456789abcdef", PATIENT, "Karim BENALI", Relation.PARENT, "livret de famille", "", 0, "Accueil", 2**40
)


class Factors:
    """Implements `second_factors.SecondFactors` for one process."""

    def __init__(self) -> None:
        self.totps: dict[str, Totp] = {}
        self.lists: dict[str, PrintedList] = {}

    def totp(self, holder: Holder) -> Totp:
        return self.totps.get(holder.subject, Totp())

    def begin_totp(self, holder: Holder, nonce: str, until: int) -> None:
        self.totps[holder.subject] = replace(self.totp(holder), pending_nonce=nonce, pending_until=until)

    def confirm_totp(self, holder: Holder, nonce: str, step: int) -> bool:
        self.totps[holder.subject] = Totp(nonce, 1, step)
        return True

    def use_step(self, holder: Holder, nonce: str, step: int) -> bool:
        known = self.totp(holder)
        self.totps[holder.subject] = replace(known, last_step=max(step, known.last_step))
        return known.nonce == nonce and known.last_step < step

    def forget_totp(self, holder: Holder) -> bool:
        return self.totps.pop(holder.subject, None) is not None

    def printed(self, holder: Holder) -> PrintedList:
        return self.lists.get(holder.subject, PrintedList())

    def put_printed(self, holder: Holder, printed: PrintedList) -> None:
        self.lists[holder.subject] = printed

    def use_printed(self, holder: Holder, index: str) -> bool:
        return self.printed(holder).codes.pop(index, None) is not None

    def forget(self, holder: Holder) -> None:
        self.forget_totp(holder)
        self.lists.pop(holder.subject, None)


RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_VECTORS = {59: "287082", 1111111109: "081804", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"}


@pytest.mark.parametrize("now", RFC_VECTORS)
def test_the_vectors_of_the_rfc(now: int) -> None:
    """RFC 6238, appendix B, SHA-1: the last six of its eight digits."""
    assert matching_step(RFC_SECRET, RFC_VECTORS[now], now) == now // 30
    for drift in (-30, 30):
        assert matching_step(RFC_SECRET, RFC_VECTORS[now], now + drift) == now // 30
    for drift in (-60, 60):
        assert matching_step(RFC_SECRET, RFC_VECTORS[now], max(0, now + drift)) is None or now + drift < 0


@given(st.text(max_size=20))
def test_any_text_is_compared_without_failing(offered: str) -> None:
    assert matching_step(RFC_SECRET, offered, 59) is None or offered in RFC_VECTORS.values() or offered.isascii()
    read_printed(offered)


def test_a_step_opens_once_and_none_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    factors, key = Factors(), Key()
    secret, uri = begin_totp(key, factors, OWN, "mes images")
    assert uri.startswith("otpauth://totp/Sans%20Film:mes%20images?secret=")
    # Nothing that is kept leads to the secret without the key.
    assert secret not in repr(factors.totps)
    nonce = factors.totp(OWN).pending_nonce
    now = 1_800_000_000
    monkeypatch.setattr(second_factors.time, "time", lambda: now)
    totp = pyotp.TOTP(secret)
    assert check_totp(key, factors, OWN, totp.at(now)) is None, "not before it was confirmed"
    factors.confirm_totp(OWN, nonce, now // 30 - 2)
    use = check_totp(key, factors, OWN, totp.at(now))
    assert use
    assert use()
    assert not use(), "two requests at once"
    assert check_totp(key, factors, OWN, totp.at(now)) is None, "replayed"
    assert check_totp(key, factors, OWN, totp.at(now - 30)) is None, "the step before it"
    assert check_totp(key, factors, OWN, totp.at(now + 30))
    assert check_totp(key, factors, PARENT.holder, totp.at(now + 30)) is None, "somebody else's"
    assert check_totp(Key(b"another"), factors, OWN, totp.at(now + 30)) is None


def test_printed_codes_are_good_once_each_and_for_their_holder() -> None:
    factors, key = Factors(), Key()
    codes, kept = print_codes(key, OWN)
    factors.put_printed(OWN, kept)
    assert len(set(codes)) == len(kept.codes) == second_factors.PRINTED_CODES
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code) for code in codes)
    assert not any(code.replace("-", "") in repr(kept) for code in codes)
    assert abs(kept.printed_at - time.time()) < 60
    first, second = codes[:2]
    assert check_printed(key, factors, PARENT.holder, first) is None
    use = check_printed(key, factors, OWN, first.lower().replace("-", " "))
    assert use
    assert use()
    assert not use(), "two requests at once"
    assert check_printed(key, factors, OWN, first) is None, "used"
    assert check_printed(key, factors, OWN, "7K4M-2XR9") is None
    assert check_printed(key, factors, OWN, second)
    # A new list is worth what the old one was worth before.
    _, renewed = print_codes(key, OWN)
    factors.put_printed(OWN, renewed)
    assert check_printed(key, factors, OWN, second) is None
