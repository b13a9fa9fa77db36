"""Codes, challenges and grants in DynamoDB, while several people do the same thing at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import wiring
from chalicelib.access.access_grants import AccessGrant
from chalicelib.access.patient_codes import PatientCode, keyed, prepare_code, read_code
from chalicelib.access.patient_sign_in import Challenge
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import Conflict, Unavailable
from tests.emulator import Cloud

PATIENT = PatientRef("nord", "P1")
LATER = 1 << 32


@pytest.fixture(autouse=True)
def _cloud(cloud: Cloud) -> None:
    pass


def code(number: int, patient: PatientRef = PATIENT) -> PatientCode:
    return PatientCode(patient, f"{number:032x}", "$argon2id$", 1, LATER)


def test_desks_at_once_leave_one_code_that_is_found_both_ways() -> None:
    codes = wiring.patient_codes()
    codes.put(code(0))

    def put(number: int) -> int:
        try:
            codes.put(code(number))
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(1, 9))) >= 1
    live = codes.of_patient(PATIENT)
    assert live is not None
    assert [number for number in range(9) if codes.of_index(f"{number:032x}")] == [int(live.index, 16)]
    assert codes.delete(PATIENT)
    assert not codes.delete(PATIENT)
    assert codes.of_patient(PATIENT) is codes.of_index(live.index) is None


def test_a_code_under_a_taken_index_is_refused() -> None:
    wiring.patient_codes().put(code(1))
    with pytest.raises(Conflict):
        wiring.patient_codes().put(code(1, PatientRef("sud", "P9")))
    assert wiring.patient_codes().of_patient(PatientRef("sud", "P9")) is None


def test_issuers_are_told_apart() -> None:
    for number, issuer in enumerate(("", "A", "A#B")):
        wiring.patient_codes().put(code(number, PatientRef("nord", "P1", issuer)))
        wiring.access_grants().put(AccessGrant(PatientRef("nord", "P1", issuer), "gp", "Dr", 1, LATER))
    for number, issuer in enumerate(("", "A", "A#B")):
        patient = PatientRef("nord", "P1", issuer)
        found = wiring.patient_codes().of_patient(patient)
        assert found == code(number, patient)
        assert [grant.patient for grant in wiring.access_grants().of_patient(patient)] == [patient]
    assert len(wiring.access_grants().of_professional("gp")) == 3


def test_a_challenge_takes_one_password_five_tries_and_one_success() -> None:
    challenges = wiring.challenges()
    challenges.put(Challenge("c1", "0" * 32, True, LATER))
    with ThreadPoolExecutor(8) as pool:
        given = [
            found for found in pool.map(lambda n: challenges.set_one_time_password("c1", str(n)), range(8)) if found
        ]
        assert len(given) == 1
        tries = list(pool.map(lambda _: challenges.take_try("c1", 5), range(12)))
        assert len([found for found in tries if found]) == 5
        assert {found.one_time_password for found in tries if found} == {given[0].one_time_password}
        assert sum(pool.map(lambda _: challenges.close("c1"), range(8))) == 1
    assert challenges.take_try("c1", 5) is None


def test_a_void_or_expired_challenge_takes_no_password() -> None:
    challenges = wiring.challenges()
    challenges.put(Challenge("void", "0" * 32, False, LATER))
    challenges.put(Challenge("late", "0" * 32, True, 1))
    assert [challenges.set_one_time_password(name, "1") for name in ("void", "late", "unknown")] == [None] * 3


def test_the_key_of_codes_never_leaves_kms_and_always_answers_the_same(cloud: Cloud) -> None:
    key = wiring.code_key()
    printed, kept = prepare_code(key, PATIENT, "1976-02-01", 1)
    assert keyed(key, read_code(printed)).index == kept.index
    with pytest.raises(Unavailable):
        type(key)(cloud.client("kms"), cloud.settings["session_key_id"]).mac(b"x")
