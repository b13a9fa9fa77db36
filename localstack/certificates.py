"""Certificates of the local platform's TLS port: an authority, the endpoint's certificate, one for each hospital."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localstack.deployment import write_private
from localstack.local_settings import LocalSettings
from localstack.region import HOSPITALS

VALID_FOR = timedelta(days=3650)
AUTHORITY, ENDPOINT = "ca", "sansfilm"


def folder(settings: LocalSettings) -> Path:
    """Where `{ca,sansfilm,hospital id}.pem` and `.key` are."""
    return settings.state_dir / "dicom-tls"


def ensure_certificates(settings: LocalSettings) -> dict[str, str]:
    """Make what is not there; return the settings of the ingest service that lead to it."""
    where = folder(settings)
    where.mkdir(mode=0o700, exist_ok=True)
    wanted = [AUTHORITY, ENDPOINT, *(hospital.hospital_id for hospital in HOSPITALS)]
    if not (where / f"{AUTHORITY}.pem").exists():
        # What another authority issued is of no use.
        for left in where.glob("*.pem"):
            left.unlink()
    for name in wanted:
        if not (where / f"{name}.pem").exists():
            _make(where, name)
    return {
        "SANSFILM_DICOM_TLS_CERTIFICATE_FILE": str(where / f"{ENDPOINT}.pem"),
        "SANSFILM_DICOM_TLS_PRIVATE_KEY_FILE": str(where / f"{ENDPOINT}.key"),
        "SANSFILM_DICOM_TLS_CLIENT_CA_FILE": str(where / f"{AUTHORITY}.pem"),
    }


def fingerprints(settings: LocalSettings) -> dict[str, str]:
    """SHA-256 of each hospital's certificate, by hospital."""
    found = {}
    for hospital in HOSPITALS:
        pem = (folder(settings) / f"{hospital.hospital_id}.pem").read_bytes()
        der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
        found[hospital.hospital_id] = hashlib.sha256(der).hexdigest()
    return found


def _make(where: Path, name: str) -> None:
    """Issue a certificate; its file appears last, so that a key is never without one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if name == AUTHORITY:
        issuer, issuer_key = _name("Sans Film local authority"), key
    else:
        issuer = x509.load_pem_x509_certificate((where / f"{AUTHORITY}.pem").read_bytes()).subject
        loaded = serialization.load_pem_private_key((where / f"{AUTHORITY}.key").read_bytes(), password=None)
        assert isinstance(loaded, rsa.RSAPrivateKey)  # noqa: S101 - narrows a type
        issuer_key = loaded
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer if name == AUTHORITY else _name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=name == AUTHORITY, path_length=None), critical=True)
    )
    for extension, critical in _purpose(name):
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(where / f"{name}.key", private.decode())
    write_private(where / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM).decode())


def _purpose(name: str) -> list[tuple[x509.ExtensionType, bool]]:
    is_authority = name == AUTHORITY
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    purpose: list[tuple[x509.ExtensionType, bool]] = [(usage, True)]
    if name == ENDPOINT:
        addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
        purpose.append((x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), False))
    if not is_authority:
        # Hospitals' certificates serve in both directions: the archive also calls their application entities.
        purpose.append(
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        )
    return purpose


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
