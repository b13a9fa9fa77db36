"""The session key in KMS (ECC_NIST_P256, SIGN_VERIFY)."""

from __future__ import annotations

import base64
import textwrap
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable

COORDINATE_BYTES = 32


class KmsSessionSigner:
    """Implements `access.ports.SessionSigner`."""

    def __init__(self, kms: Any, key_id: str) -> None:
        self._kms = kms
        self._key_id = key_id

    def sign(self, message: bytes) -> bytes:
        """Sign a message of at most 4,096 bytes (KMS's limit for RAW)."""
        try:
            answer = self._kms.sign(
                KeyId=self._key_id, Message=message, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("Sessions cannot be signed at the moment.") from error
        return _der_to_raw(answer["Signature"])

    def public_key_pem(self) -> bytes:
        """The public key, asked for once per process."""
        return self._public_key_pem

    @cached_property
    def _public_key_pem(self) -> bytes:
        try:
            der = self._kms.get_public_key(KeyId=self._key_id)["PublicKey"]
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("Sessions cannot be verified at the moment.") from error
        lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n".encode("ascii")


def _der_to_raw(signature: bytes) -> bytes:
    """KMS answers ECDSA-Sig-Value (RFC 3279 2.2.3), JWS wants r and s side by side (RFC 7518 3.4)."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(signature)
    return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
