"""A secret of Secrets Manager whose value is a JSON object."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import Unavailable


def read_secret(secrets: Any, name: str) -> dict[str, str]:
    """Its value now.

    Raises
    ------
    Unavailable
        If it cannot be read, or is not a JSON object.
    """
    try:
        value = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    except (ClientError, BotoCoreError, KeyError, ValueError) as error:
        raise Unavailable("A secret cannot be read.") from error
    if not isinstance(value, dict):
        raise Unavailable("A secret is not a JSON object.")
    return value
