"""CloudFront signed URLs with a canned policy for objects of the archive bucket."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from mypy_boto3_secretsmanager import SecretsManagerClient

LIFETIME_S = 900
"""A download has to begin within this time; it may last longer."""
_SECRET_LIFETIME_S = 300
_CLOUDFRONT_ALPHABET = str.maketrans("+=/", "-_~")


class CloudFrontUrlSigner:
    """`archive.ports.ObjectUrlSigner`; the key pair comes from Secrets Manager and is read anew after a rotation."""

    def __init__(self, secrets: SecretsManagerClient, secret_name: str, public_url: str) -> None:
        self._secrets: Any = secrets
        self._secret_name = secret_name
        self._public_url = public_url
        self._key_pair: tuple[str, RSAPrivateKey] | None = None
        self._read_at = 0.0

    def _current_key_pair(self) -> tuple[str, RSAPrivateKey]:
        if self._key_pair is None or time.monotonic() - self._read_at > _SECRET_LIFETIME_S:
            from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            try:
                secret = json.loads(self._secrets.get_secret_value(SecretId=self._secret_name)["SecretString"])
                private_key = load_pem_private_key(secret["private_key"].encode(), password=None)
                key_pair_id = str(secret["key_pair_id"])
            except (ClientError, BotoCoreError) as error:
                raise Unavailable("The key that signs addresses of objects cannot be read.") from error
            except (KeyError, TypeError, ValueError) as error:
                raise Unavailable("The key that signs addresses of objects was not put into its secret.") from error
            if not isinstance(private_key, RSAPrivateKey):
                raise Unavailable("The key that signs addresses of objects is not an RSA key.")
            self._key_pair, self._read_at = (key_pair_id, private_key), time.monotonic()
        return self._key_pair

    def signed_url(self, key: str) -> str:
        """`{public_url}/objects/{key}` with Expires, Signature and Key-Pair-Id.

        Raises
        ------
        Unavailable
            If the signing key cannot be read.
        """
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        key_pair_id, private_key = self._current_key_pair()
        url = f"{self._public_url}/objects/{quote(key)}"
        expires = int(time.time()) + LIFETIME_S
        policy = canned_policy(url, expires)
        # SHA-1 is what CloudFront verifies.
        signature = private_key.sign(policy.encode(), PKCS1v15(), hashes.SHA1())  # noqa: S303 - CloudFront takes no other
        text = base64.b64encode(signature).decode().translate(_CLOUDFRONT_ALPHABET)
        return f"{url}?Expires={expires}&Signature={text}&Key-Pair-Id={key_pair_id}"


def canned_policy(url: str, expires: int) -> str:
    """What is signed: exactly this text, without white space (CloudFront developer guide, canned policy).

    >>> canned_policy("http://h/objects/k", 1)
    '{"Statement":[{"Resource":"http://h/objects/k","Condition":{"DateLessThan":{"AWS:EpochTime":1}}}]}'
    """
    condition = {"DateLessThan": {"AWS:EpochTime": expires}}
    return json.dumps({"Statement": [{"Resource": url, "Condition": condition}]}, separators=(",", ":"))
