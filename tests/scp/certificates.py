"""Certificates for tests: good ones, expired ones, revoked ones."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as files."""

    certificate: x509.Certificate
    certificate_file: Path
    key_file: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its DER."""
        return hashlib.sha256(self.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


class Authority:
    """A certification authority that keeps its files in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.own = self._issue(name, self._key, is_authority=True)

    def issue(self, name: str, valid_from: timedelta = -DAY, valid_to: timedelta = DAY) -> Issued:
        """Issue a certificate, valid from and to times after now."""
        return self._issue(name, ec.generate_private_key(ec.SECP256R1()), valid_from, valid_to)

    def revoke(self, *revoked: Issued) -> Path:
        """Write a revocation list."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.own.certificate.subject)
            .last_update(now - DAY)
            .next_update(now + DAY)
        )
        for issued in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(issued.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - DAY).build())
        file = self._folder / f"{self._name}.crl"
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file

    def _issue(
        self, name: str, key: ec.EllipticCurvePrivateKey, valid_from: timedelta = -DAY, valid_to: timedelta = DAY,
        is_authority: bool = False,
    ) -> Issued:  # fmt: skip
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        addresses = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if is_authority else self.own.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + valid_from)
            .not_valid_after(now + valid_to)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = f"{self._name}-{name}-{certificate.serial_number}"
        certificate_file, key_file = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key_file.write_bytes(private)
        return Issued(certificate, certificate_file, key_file)


@dataclass(frozen=True)
class TlsEndpoint:
    """What an ingest service with a TLS port needs, and those who call it or are called."""

    authority: Authority
    server: Issued
    port: int

    @classmethod
    def make(cls, folder: Path, port: int) -> TlsEndpoint:
        """An authority and the endpoint's certificate."""
        authority = Authority(folder)
        return cls(authority, authority.issue("server"), port)

    @property
    def settings(self) -> dict[str, str]:
        """Settings of the ingest service."""
        return {
            "SANSFILM_DICOM_TLS_PORT": str(self.port),
            "SANSFILM_DICOM_TLS_CERTIFICATE_FILE": str(self.server.certificate_file),
            "SANSFILM_DICOM_TLS_PRIVATE_KEY_FILE": str(self.server.key_file),
            "SANSFILM_DICOM_TLS_CLIENT_CA_FILE": str(self.authority.own.certificate_file),
        }

    def calling(self, issued: Issued) -> ssl.SSLContext:
        """TLS of a modality that calls the endpoint."""
        context = ssl.create_default_context(cafile=str(self.authority.own.certificate_file))
        context.load_cert_chain(issued.certificate_file, issued.key_file)
        return context

    def called(self, issued: Issued) -> ssl.SSLContext:
        """TLS of an application entity that the endpoint calls, and that wants to see the endpoint's certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authority.own.certificate_file))
        context.load_cert_chain(issued.certificate_file, issued.key_file)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def dcmtk(self, issued: Issued) -> list[str]:
        """Options of DCMTK's programs, calling or called."""
        files = (str(issued.key_file), str(issued.certificate_file))
        return ["+tls", *files, "+cf", str(self.authority.own.certificate_file)]
