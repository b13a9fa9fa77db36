"""Password hashes: Argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

HASH_OF_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$rrk3bwQoueewDGW2HLy/Sw$8Q93CUnbtvDenbH/Xo2EIhryMXwJok2omms8hacAI+M"
"""Of a random password that nobody knows: verified when there is no user, so that the answer takes as long."""

if TYPE_CHECKING:
    from argon2 import PasswordHasher


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher
    from argon2.low_level import Type

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)


def hash_password(password: str) -> str:
    """Hash in PHC string format."""
    return _hasher().hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password is the one that was hashed."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
