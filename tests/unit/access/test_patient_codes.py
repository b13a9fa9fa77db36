"""Codes are random, read as people type them, and kept so that nothing leads back to them."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.passwords import verify_password
from chalicelib.access.patient_codes import (
    ALPHABET,
    generate_code,
    keyed,
    prepare_code,
    read_birth_date,
    read_code,
    verifiable,
)
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import BadRequest
from chalicelib.notify.gsm7 import septets
from chalicelib.notify.patient_message import access_given_text, one_time_password_text

PATIENT = PatientRef("nord", "P1")


class Key:
    def __init__(self, secret: bytes = b"k") -> None:
        self.secret = secret

    def mac(self, message: bytes) -> bytes:
        return hmac.new(self.secret, message, hashlib.sha256).digest()


def test_a_code_is_fifty_bits_in_two_groups() -> None:
    assert len(ALPHABET) ** 10 == 2**50
    codes = {generate_code() for _ in range(500)}
    assert len(codes) == 500
    assert all(re.fullmatch(f"[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}", code) for code in codes)


@given(st.text(ALPHABET, min_size=10, max_size=10), st.data())
def test_reading_forgives_what_people_mistake(characters: str, data: st.DataObject) -> None:
    mistaken = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(
        data.draw(st.sampled_from(mistaken.get(each, each + each.lower())))
        + data.draw(st.sampled_from(["", "", "", "-", " ", "–", "\u00a0", "."]))
        for each in characters
    )
    assert read_code(typed) == characters


@pytest.mark.parametrize(
    "text", ["", "7K4MP-2XR9", "7K4MP-2XR9T7", "7K4MP-2XR9U", "7K4MP-2XR9é", "７K4MP2XR91", "\0" * 10]
)
def test_what_cannot_be_a_code_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_code(text)


@pytest.mark.parametrize(
    "text", ["", "1976-02-30", "76-02-01", "01/02/1976", "1800-01-01", "2999-01-01", "1976-W05-1", "19760201"]
)
def test_what_cannot_be_a_birth_date_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_birth_date(text)


def test_what_is_kept_depends_on_key_code_and_birth_date() -> None:
    code, kept = prepare_code(Key(), PATIENT, "1976-02-01", 10)
    own = keyed(Key(), read_code(code))
    assert kept.index == own.index
    assert verify_password(kept.verifier, verifiable(own, "1976-02-01"))
    assert not verify_password(kept.verifier, verifiable(own, "1976-02-02"))
    other = keyed(Key(b"another"), read_code(code))
    assert other.index != own.index
    assert not verify_password(kept.verifier, verifiable(other, "1976-02-01"))
    assert not verify_password(kept.verifier, verifiable(keyed(Key(), read_code(generate_code())), "1976-02-01"))
    assert kept.expires_at - kept.handed_over_at == 10 * 86_400
    # Neither code nor birth date is in it, and the index shows nothing of the verifier's secret.
    assert read_code(code) not in repr(kept)
    assert own.secret not in repr(kept)


@pytest.mark.parametrize("name", ["Dr Hélène Lefèvre-Dubois", "Żółć 李医生", "", "é" * 200, "a[b]{c}~|€" * 20])
@pytest.mark.parametrize("url", ["https://sansfilm.example", "https://" + "a" * 100 + ".example"])
def test_messages_are_one_segment_whatever_the_name(name: str, url: str) -> None:
    assert septets(access_given_text(name, date(2026, 12, 25), url)) <= 160
    assert septets(one_time_password_text("000000")) <= 160
