"""CloudFront signed URLs (canned policy), made as CloudFront's documentation makes them, by botocore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from localstack.edge_objects import is_signed

URL = "http://127.0.0.1:8080/objects/archive/hopital-nord/1.2/1.3/1.4/ab.dcm"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _query(key: rsa.RSAPrivateKey, url: str = URL) -> dict[str, str]:
    signer = CloudFrontSigner("K1", lambda message: key.sign(message, PKCS1v15(), hashes.SHA1()))
    signed = signer.generate_presigned_url(url, date_less_than=NOW + timedelta(minutes=15))
    return dict(parse_qsl(urlsplit(signed).query))


def test_a_signed_url_is_admitted_until_it_expires(key: rsa.RSAPrivateKey) -> None:
    query = _query(key)
    assert is_signed(key.public_key(), URL, query, NOW.timestamp())
    assert is_signed(key.public_key(), URL, query, NOW.timestamp() + 899)
    assert not is_signed(key.public_key(), URL, query, NOW.timestamp() + 900)


def test_nothing_about_a_signed_url_may_change(key: rsa.RSAPrivateKey) -> None:
    query, public = _query(key), key.public_key()
    later = query | {"Expires": str(int(query["Expires"]) + 1)}
    other = _query(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    for url, changed in (
        (URL + "x", query),
        (URL.replace("nord", "sud"), query),
        (URL.replace("http:", "https:"), query),
        (URL, later),
        (URL, other),
    ):
        assert not is_signed(public, url, changed, NOW.timestamp())


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"Expires": "9999999999"},
        {"Expires": "soon", "Signature": "AAAA"},
        {"Expires": "9999999999", "Signature": ""},
        {"Expires": "9999999999", "Signature": "é"},
        {"Expires": "9999999999", "Signature": "A" * 5},
        {"Expires": "9" * 5000, "Signature": "AAAA"},
    ],
)
def test_what_is_no_signature_is_refused(key: rsa.RSAPrivateKey, query: dict[str, str]) -> None:
    assert not is_signed(key.public_key(), URL, query, NOW.timestamp())
