"""Password hashes have OWASP's parameters, that of nobody included."""

from __future__ import annotations

from chalicelib.access.passwords import HASH_OF_NOBODY, hash_password, verify_password


def test_parameters() -> None:
    for password_hash in (hash_password("secret"), HASH_OF_NOBODY):
        assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_verification() -> None:
    password_hash = hash_password("mot de passe é")
    assert verify_password(password_hash, "mot de passe é")
    assert not verify_password(password_hash, "mot de passe e")
    assert not verify_password("not a hash", "x")
    assert not verify_password("", "")
