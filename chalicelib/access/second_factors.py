"""Second factors beside the SMS: an authenticator application (TOTP, RFC 6238) and a printed list of one-time codes.

What is kept of either is worth nothing without the key of codes (docs/adr/0035): an application's secret is derived by
the key from a random number and kept nowhere; a printed code is kept as an index and an Argon2id verifier of its MAC.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from chalicelib.access.code_attempts import QUARTER_S, Allowance, Attempt
from chalicelib.access.holders import Holder
from chalicelib.access.passwords import HASH_OF_NOBODY, hash_password, verify_password
from chalicelib.access.patient_codes import ALPHABET, CodeKey
from chalicelib.access.ports import Registry
from chalicelib.errors import Conflict, NotAllowed

STEP_S = 30
"""RFC 6238 4.1: the step that every application knows."""
DRIFT = 1
"""Steps by which a telephone's clock may be off (RFC 6238 5.2)."""
SECRET_BYTES = 20
"""RFC 4226 4, R6: 160 bits."""
ENROLMENT_S = 900
CONFIRMATIONS = 10
"""Tries to confirm in a quarter of an hour."""
PRINTED_CODES = 10
PRINTED_CHARACTERS = 8
"""40 bits."""
FEW_LEFT = 3
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212_.]+")
_READ_AS = str.maketrans("OIL", "011")
_NO_NONCE = "0" * 32


class Means(Enum):
    """How somebody proves more than the code. The value is stored: add members, never change one."""

    SMS = "sms"
    TOTP = "totp"
    PRINTED = "printed"


@dataclass(frozen=True)
class Totp:
    """An authenticator application of a holder. Times are seconds since the epoch."""

    nonce: str = ""
    """What its secret is derived from; "" until it was confirmed."""
    confirmed_at: int = 0
    last_step: int = 0
    """The step that was used last: it and those before are refused."""
    pending_nonce: str = ""
    pending_until: int = 0


@dataclass(frozen=True)
class PrintedList:
    """Printed codes that were not used yet."""

    printed_at: int = 0
    codes: dict[str, str] = field(default_factory=dict)
    """Verifier by index."""


class SecondFactors(Protocol):
    """Second factors of holders. `errors.Unavailable` when the service does not answer."""

    def totp(self, holder: Holder) -> Totp:
        """The application of a holder; an empty one where there is none."""

    def begin_totp(self, holder: Holder, nonce: str, until: int) -> None:
        """Keep what an application that is being added is derived from."""

    def confirm_totp(self, holder: Holder, nonce: str, step: int) -> bool:
        """Make the pending application the only one; False if it is pending no more."""

    def use_step(self, holder: Holder, nonce: str, step: int) -> bool:
        """Use a step of an application, which is so for one caller only, and for none before a later one."""

    def forget_totp(self, holder: Holder) -> bool:
        """Forget an application; return whether there was one."""

    def printed(self, holder: Holder) -> PrintedList:
        """The printed codes of a holder."""

    def put_printed(self, holder: Holder, printed: PrintedList) -> None:
        """Replace the printed codes of a holder."""

    def use_printed(self, holder: Holder, index: str) -> bool:
        """Use a printed code, which is so for one caller only."""

    def forget(self, holder: Holder) -> None:
        """Forget all of a holder's."""


Use = Callable[[], bool]
"""Uses up what was shown; False if somebody else did."""


# Verification -------------------------------------------------------------------------------------------------------


def check_totp(key: CodeKey, factors: SecondFactors, holder: Holder, offered: str) -> Use | None:
    """What uses up the step of a right password, None for a wrong one; the work is the same with no application."""
    enrolled = factors.totp(holder)
    step = matching_step(_seed(key, holder, enrolled.nonce or _NO_NONCE), offered, time.time())
    if not enrolled.nonce or step is None or step <= enrolled.last_step:
        return None
    return lambda: factors.use_step(holder, enrolled.nonce, step)


def check_printed(key: CodeKey, factors: SecondFactors, holder: Holder, offered: str) -> Use | None:
    """What uses up a right code of the list, None for a wrong one; the work is the same with no list."""
    index, secret = _keyed(key, holder, read_printed(offered))
    verifier = factors.printed(holder).codes.get(index)
    is_right = verify_password(verifier or HASH_OF_NOBODY, secret)
    return (lambda: factors.use_printed(holder, index)) if verifier and is_right else None


def matching_step(secret: str, offered: str, now: float) -> int | None:
    """The step whose password it is, of those that a clock may be at; all are compared.

    >>> matching_step("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "287082", 59)  # RFC 6238, appendix B
    1
    """
    import pyotp

    totp, current = pyotp.TOTP(secret, interval=STEP_S), int(now) // STEP_S
    steps = [step for step in range(current - DRIFT, current + DRIFT + 1) if step >= 0]
    found = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), offered.encode())]
    return found[-1] if found else None


# Applications -------------------------------------------------------------------------------------------------------


def begin_totp(key: CodeKey, factors: SecondFactors, holder: Holder, account: str) -> tuple[str, str]:
    """Secret (base32) and otpauth address of an application that is being added; it counts once it was confirmed."""
    import pyotp

    nonce = secrets.token_hex(16)
    factors.begin_totp(holder, nonce, int(time.time()) + ENROLMENT_S)
    secret = _seed(key, holder, nonce)
    return secret, pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=account, issuer_name="Sans Film")


def confirm_totp(registry: Registry, key: CodeKey, factors: SecondFactors, holder: Holder, offered: str) -> None:
    """Make an application that shows the right password the holder's only one.

    Raises
    ------
    errors.NotAllowed
        If the password is wrong.
    errors.Conflict
        If none is being added, or it took too long.
    errors.TooManyAttempts
        After too many wrong ones.
    """
    attempt = Attempt(registry, [Allowance(f"TOTP-CONFIRM#{holder.subject}", CONFIRMATIONS, QUARTER_S)])
    attempt.count()
    enrolled = factors.totp(holder)
    nonce = enrolled.pending_nonce if enrolled.pending_until > time.time() else ""
    if not nonce:
        raise Conflict("No application is being added: begin again.")
    step = matching_step(_seed(key, holder, nonce), offered, time.time())
    if step is None:
        raise NotAllowed("The application shows another password.")
    if not factors.confirm_totp(holder, nonce, step):
        raise Conflict("The application was changed meanwhile: begin again.")
    attempt.settle(succeeded=True)


def _seed(key: CodeKey, holder: Holder, nonce: str) -> str:
    import base64

    mac = key.mac(b"sansfilm/totp/1\0" + holder.name + b"\0" + nonce.encode("ascii"))
    return base64.b32encode(mac[:SECRET_BYTES]).decode("ascii")


# Printed lists ------------------------------------------------------------------------------------------------------


def print_codes(key: CodeKey, holder: Holder) -> tuple[list[str], PrintedList]:
    """New codes as they are printed, and what is to be kept of them (`SecondFactors.put_printed`)."""
    codes: list[str] = []
    kept: dict[str, str] = {}
    while len(kept) < PRINTED_CODES:
        characters = "".join(secrets.choice(ALPHABET) for _ in range(PRINTED_CHARACTERS))
        index, secret = _keyed(key, holder, characters)
        if index not in kept:
            kept[index] = hash_password(secret)
            codes.append(f"{characters[:4]}-{characters[4:]}")
    return codes, PrintedList(int(time.time()), kept)


def read_printed(text: str) -> str:
    """The characters of a printed code as somebody typed it.

    >>> read_printed(" 7k4m 2xr9 ")
    '7K4M2XR9'
    """
    return _SEPARATORS.sub("", text).upper().translate(_READ_AS)


def _keyed(key: CodeKey, holder: Holder, characters: str) -> tuple[str, str]:
    mac = key.mac(b"sansfilm/printed-code/1\0" + holder.name + b"\0" + characters.encode("utf-8")).hex()
    return mac[:16], mac[16:]
