"""TLS of both directions: BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12).

Both sides show certificates. That of the peer has to be issued by an authority of the settings and not be revoked. On
the TLS port it has to be registered for the calling AE title (`admission`); that of a destination for its AE title too,
or, where none is registered, to be of the host name that is called.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from aws_lambda_powertools import Logger
from cryptography import x509

from chalicelib.errors import Unavailable
from chalicelib.settings import Settings
from scp_fargate.unnamed_file import unnamed_file

CIPHER_SUITES = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
"""Of TLS 1.2 (RFC 9325 4.2); those of TLS 1.3 are all good."""
FILES_FRESH_S = 2.0
SECRET_FRESH_S = 60.0


@dataclass(frozen=True)
class Material:
    """What the endpoint shows and whom it trusts, each PEM."""

    certificate: str
    """With its chain."""
    private_key: str
    client_ca: str
    crl: str = ""


class Tls:
    """Handshakes of the TLS port. Safe to share between threads.

    Certificates and revocation lists are read anew after a while, so that they change without a restart; what cannot
    be read or does not fit together leaves what was there before.
    """

    def __init__(
        self, read: Callable[[], Material], fresh_s: float, handshake_timeout_s: float, logger: Logger
    ) -> None:
        """Read certificates.

        Raises
        ------
        Unavailable
            If they cannot be read.
        ValueError
            If they do not fit together.
        """
        self._read = read
        self._fresh_s = fresh_s
        self._handshake_timeout_s = handshake_timeout_s
        self._logger = logger
        self._lock = threading.Lock()
        self._material = self._readable()
        self._read_at = time.monotonic()

    def accept(self, connection: socket.socket) -> tuple[ssl.SSLSocket, str]:
        """Shake hands; return the secured connection and the SHA-256 fingerprint of the peer's certificate.

        Raises
        ------
        OSError
            If the peer does not do so in time, or shows no certificate that is trusted. The connection is closed.
        """
        connection.settimeout(self._handshake_timeout_s)
        # A context for each connection: no session is resumed, so every certificate is verified as of now.
        context = _context(self._current(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        secured = context.wrap_socket(connection, server_side=True)
        certificate = secured.getpeercert(binary_form=True)
        if not certificate:
            secured.close()
            raise OSError("no certificate")
        return secured, hashlib.sha256(certificate).hexdigest()

    def context_for(self, certificate_fingerprints: frozenset[str]) -> ssl.SSLContext:
        """How a destination is called: it has to present one of these certificates, or if there is none the one of
        its host name. The archive presents the certificate of its own TLS port."""
        context = _context(self._current(), _CallingContext(ssl.PROTOCOL_TLS_CLIENT))
        context.check_hostname = not certificate_fingerprints
        context.certificate_fingerprints = certificate_fingerprints
        return context

    def is_revoked(self, certificate: bytes) -> bool:
        """Whether a certificate (DER) is on a revocation list now."""
        crl = self._current().crl
        if not crl:
            return False
        found = x509.load_der_x509_certificate(certificate)
        return (found.issuer.public_bytes(), found.serial_number) in _revoked(crl)

    def _current(self) -> Material:
        with self._lock:
            if time.monotonic() - self._read_at > self._fresh_s:
                self._read_at = time.monotonic()
                try:
                    self._material = self._readable()
                except (Unavailable, ValueError) as error:
                    self._logger.error("TLS certificates cannot be renewed", extra={"reason": str(error)})
            return self._material

    def _readable(self) -> Material:
        material = self._read()
        try:
            _context(material, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", "") or type(error).__name__
            raise ValueError(f"TLS certificates do not fit together ({reason}).") from error
        return material


def configured_tls(settings: Settings, read_secret: Callable[[str], dict[str, str]], logger: Logger) -> Tls | None:
    """TLS as the settings say; None where they name no certificate, or no port.

    Raises
    ------
    Unavailable, ValueError
        If the certificates are not there, or do not fit together.
    """
    if not settings.dicom_tls_port:
        return None
    if settings.dicom_tls_secret:

        def read() -> Material:
            try:
                return Material(**read_secret(settings.dicom_tls_secret))
            except TypeError as error:
                raise ValueError("The secret of the TLS port lacks a part, or has others.") from error

        return Tls(read, SECRET_FRESH_S, settings.tls_handshake_timeout_s, logger)
    if settings.dicom_tls_certificate_file:
        return Tls(lambda: _read_files(settings), FILES_FRESH_S, settings.tls_handshake_timeout_s, logger)
    return None


def _read_files(settings: Settings) -> Material:
    try:
        return Material(
            certificate=Path(settings.dicom_tls_certificate_file).read_text(),
            private_key=Path(settings.dicom_tls_private_key_file).read_text(),
            client_ca=Path(settings.dicom_tls_client_ca_file).read_text(),
            crl=Path(settings.dicom_tls_crl_file).read_text() if settings.dicom_tls_crl_file else "",
        )
    except OSError as error:
        raise Unavailable(f"A file of the TLS port cannot be read: {error.strerror}.") from error


class _CallingSocket(ssl.SSLSocket):
    """A connection that is of use only if the peer showed a certificate that is registered for it."""

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        wanted = self.context.certificate_fingerprints if isinstance(self.context, _CallingContext) else ()
        if wanted and hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest() not in wanted:
            raise ssl.SSLCertVerificationError("The certificate is not registered.")


class _CallingContext(ssl.SSLContext):
    """TLS towards one destination."""

    certificate_fingerprints: frozenset[str] = frozenset()
    sslsocket_class = _CallingSocket


@lru_cache(maxsize=4)
def _revoked(crl: str) -> frozenset[tuple[bytes, int]]:
    """Issuers and serial numbers of revocation lists."""
    end = "-----END X509 CRL-----"
    lists = [x509.load_pem_x509_crl(f"{each}{end}".encode()) for each in crl.split(end) if "BEGIN X509 CRL" in each]
    return frozenset((each.issuer.public_bytes(), entry.serial_number) for each in lists for entry in each)


Context = TypeVar("Context", bound=ssl.SSLContext)


def _context(material: Material, context: Context) -> Context:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHER_SUITES)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    with _file_with(material.certificate) as certificate, _file_with(material.private_key) as private_key:
        context.load_cert_chain(certificate, private_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=material.client_ca)
    if material.crl:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        with _file_with(material.crl) as crl:
            context.load_verify_locations(cafile=crl)
    return context


@contextmanager
def _file_with(text: str) -> Iterator[str]:
    """Path of a file for a moment: OpenSSL's functions take nothing else."""
    with unnamed_file() as file:
        file.write(text.encode("ascii"))
        file.flush()
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"
