"""boto3 clients: one per service and process, with timeouts that fit Lambda and a bounded number of retries."""

from __future__ import annotations

import threading
from typing import Any

_lock = threading.Lock()
_clients: dict[tuple[str, int], Any] = {}
_made_session: Any = None


def client(name: str, attempts: int = 5) -> Any:
    """A client of an AWS service, e.g. `client("s3")`; made once (making is not thread-safe, using is).

    `attempts` bounds how often a call is tried in all. Region, credentials and endpoint come from the environment as
    for any program of the AWS SDK.
    """
    with _lock:
        if (name, attempts) not in _clients:
            from botocore.config import Config

            config = Config(
                connect_timeout=3,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": attempts},
                max_pool_connections=32,
                tcp_keepalive=True,
                # Half of what a transaction of the index costs here; the service checks the same.
                parameter_validation=name != "dynamodb",
            )
            _clients[name, attempts] = _session().client(name, config=config)
        return _clients[name, attempts]


def credentials() -> Any:
    """Credentials of the process (botocore's; they renew themselves), None without any."""
    with _lock:
        return _session().get_credentials()


def _session() -> Any:
    global _made_session
    if _made_session is None:
        import boto3

        _made_session = boto3.Session()
    return _made_session


def forget_clients() -> None:
    """Make the next `client` read the environment anew (tests point it at one emulator after another)."""
    global _made_session
    with _lock:
        _clients.clear()
        _made_session = None
