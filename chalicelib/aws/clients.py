"""boto3 clients: one per service and process, with timeouts that fit Lambda and a bounded number of retries."""

from __future__ import annotations

import threading
from typing import Any, cast

_lock = threading.Lock()
_clients: dict[tuple[str, int], Any] = {}


def client(name: str, attempts: int = 5) -> Any:
    """A client of an AWS service, e.g. `client("s3")`; made once (making is not thread-safe, using is).

    `attempts` bounds how often a call is tried in all. Region, credentials and endpoint come from the environment as
    for any program of the AWS SDK.
    """
    with _lock:
        if (name, attempts) not in _clients:
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=3,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": attempts},
                max_pool_connections=32,
                tcp_keepalive=True,
            )
            # Its type stubs want a literal name.
            _clients[name, attempts] = cast(Any, boto3).client(name, config=config)
        return _clients[name, attempts]


def forget_clients() -> None:
    """Make the next `client` read the environment anew (tests point it at one emulator after another)."""
    with _lock:
        _clients.clear()
