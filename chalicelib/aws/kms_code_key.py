"""The key of patient codes in KMS (HMAC_256, GENERATE_VERIFY_MAC)."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable


class KmsCodeKey:
    """Implements `access.patient_codes.CodeKey`."""

    def __init__(self, kms: Any, key_id: str) -> None:
        self._kms = kms
        self._key_id = key_id

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256 of a message of at most 4,096 bytes (KMS's limit)."""
        try:
            answer = self._kms.generate_mac(KeyId=self._key_id, Message=message, MacAlgorithm="HMAC_SHA_256")
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("Codes cannot be checked at the moment.") from error
        return bytes(answer["Mac"])
