"""The code handed over to a patient: 50 random bits, written as ten Crockford base32 characters (docs/adr/0023).

What is kept cannot be turned back into the code: an index to find it by and a verifier, both made with a key that
never leaves its keeper.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from chalicelib.access.contacts import identifier
from chalicelib.access.holders import Holder, end_sessions
from chalicelib.access.passwords import hash_password
from chalicelib.access.ports import Registry
from chalicelib.archive.scope import PatientRef
from chalicelib.errors import BadRequest, NotFound

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no I, L, O (read as 1, 1, 0) and no U."""
CHARACTERS = 10
GROUP = 5
_READ_AS = str.maketrans("OIL", "011")
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212_.]+")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_S = 86_400


class CodeKey(Protocol):
    """A secret key (HMAC) that never leaves its keeper."""

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256 of a message, 32 bytes. `errors.Unavailable` when the keeper does not answer."""


@dataclass(frozen=True)
class KeyedCode:
    """What the key makes of a code."""

    index: str
    """32 hexadecimal digits: where a code is found."""
    secret: str
    """32 hexadecimal digits: goes into the verifier."""


@dataclass(frozen=True)
class PatientCode:
    """The live code of a patient, or of somebody who acts for the patient, as it is kept."""

    patient: PatientRef
    index: str
    verifier: str
    """Argon2id (PHC string) over the keyed code and the birth date."""
    handed_over_at: int
    """Seconds since the epoch; so is the next."""
    expires_at: int
    proxy_id: str = ""
    """Of the one who acts for the patient and holds the code; "" for the patient."""

    @property
    def holder(self) -> Holder:
        """To whom it was handed over."""
        return Holder(self.patient, self.proxy_id)


class PatientCodes(Protocol):
    """Live codes, at most one a holder. `errors.Unavailable` when the service does not answer."""

    def of_index(self, index: str) -> PatientCode | None:
        """The code of an index, expired ones left out."""

    def of_patient(self, patient: PatientRef, proxy_id: str = "") -> PatientCode | None:
        """The code of a patient, or of one who acts for the patient; expired ones left out."""

    def put(self, code: PatientCode) -> None:
        """Make it the holder's only code.

        Raises
        ------
        errors.Conflict
            If somebody else changed the patient's code at the same time.
        """

    def delete(self, patient: PatientRef, proxy_id: str = "") -> bool:
        """Forget a holder's code; return whether there was one."""


def generate_code() -> str:
    """A new code as it is printed, `XXXXX-XXXXX`."""
    characters = "".join(secrets.choice(ALPHABET) for _ in range(CHARACTERS))
    return f"{characters[:GROUP]}-{characters[GROUP:]}"


def read_code(text: str) -> str:
    """The ten characters of a code as somebody typed it.

    Raises
    ------
    errors.BadRequest
        If it cannot be a code.

    >>> read_code(" 7k4mp 2xr9l ")
    '7K4MP2XR91'
    """
    characters = _SEPARATORS.sub("", text).upper().translate(_READ_AS)
    if len(characters) != CHARACTERS or set(characters) - set(ALPHABET):
        raise BadRequest("The code is 10 letters and digits.")
    return characters


def read_birth_date(text: str) -> str:
    """A birth date as `YYYY-MM-DD`.

    Raises
    ------
    errors.BadRequest
        If it is no day of the past since 1875.
    """
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    # A day ahead of UTC: whoever is born in the archive's time zone today was born.
    if day is None or not date(1875, 1, 1) <= day <= date.fromtimestamp(time.time() + _DAY_S):
        raise BadRequest("The birth date is a day of the past, YYYY-MM-DD.")
    return day.isoformat()


def keyed(key: CodeKey, characters: str) -> KeyedCode:
    """Index and secret of a code, by one call of the key."""
    mac = key.mac(b"sansfilm/patient-code/1\0" + characters.encode("ascii")).hex()
    return KeyedCode(mac[:32], mac[32:])


def verifiable(keyed_code: KeyedCode, birth_date: str) -> str:
    """What the verifier is a hash of."""
    return f"{keyed_code.secret}/{birth_date}"


def patient_of(hospital: str, patient_id: str, issuer: str) -> PatientRef:
    """A patient as the desk names one. Raises `errors.BadRequest` if an identifier is not valid."""
    return PatientRef(
        hospital, identifier(patient_id, "patient id"), identifier(issuer, "issuer") if issuer.strip(" ") else ""
    )


def prepare_code(
    key: CodeKey, patient: PatientRef, birth_date: str, valid_days: int, *, proxy_id: str = "", ends_at: int = 0
) -> tuple[str, PatientCode]:
    """A new code as it is printed, and what is to be kept of it. Raises `errors.BadRequest` for a bad birth date.

    Parameters
    ----------
    proxy_id, ends_at
        Of the one who acts for the patient, and when that ends: the code is not good for longer.
    """
    code = generate_code()
    keyed_code = keyed(key, read_code(code))
    now = int(time.time())
    verifier = hash_password(verifiable(keyed_code, read_birth_date(birth_date)))
    until = now + valid_days * _DAY_S
    return code, PatientCode(
        patient, keyed_code.index, verifier, now, min(until, ends_at) if ends_at else until, proxy_id
    )


def hand_over(registry: Registry, codes: PatientCodes, code: PatientCode) -> None:
    """Make a prepared code its holder's only one; sessions opened with the one before end.

    Raises
    ------
    errors.Conflict
        If somebody else changed the patient's code at the same time.
    """
    codes.put(code)
    end_sessions(registry, code.holder)


def revoke(registry: Registry, codes: PatientCodes, patient: PatientRef) -> None:
    """Forget a patient's code and end the sessions that it opened.

    Raises
    ------
    errors.NotFound
        If the patient has none.
    """
    had_one = codes.delete(patient)
    end_sessions(registry, Holder(patient))
    if not had_one:
        raise NotFound("The patient has no code.")
