"""What has to be true before the platform can start; each failure is one sentence."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import subprocess
import time
from typing import IO

from localstack.local_settings import LocalSettings, SetupFailure

NODE_MAJOR = 20
FREE_BYTES_FIRST = 3_000_000_000
FREE_BYTES = 500_000_000
STOPPING_S = 3


def check_tools() -> None:
    """Node and npm are there and new enough.

    Raises
    ------
    SetupFailure
        If one is not.
    """
    found = {tool: shutil.which(tool) for tool in ("node", "npm")}
    for tool, path in found.items():
        if path is None:
            raise SetupFailure(f"{tool} is missing: install Node.js {NODE_MAJOR} or newer.")
    command = [str(found["node"]), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - node itself
    version = done.stdout.strip()
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < NODE_MAJOR:
        raise SetupFailure(f"Node.js {NODE_MAJOR} or newer is needed, this is {version or 'unknown'}.")


def check_ports(settings: LocalSettings) -> None:
    """Every port is free and no two parts want the same.

    Raises
    ------
    SetupFailure
        If not.
    """
    wanted = {
        "SANSFILM_HTTP_PORT": settings.http_port,
        "SANSFILM_DICOM_PORT": settings.dicom_port,
        "SANSFILM_DICOM_TLS_PORT": settings.dicom_tls_port,
    }
    if not settings.aws_endpoint:
        wanted["SANSFILM_AWS_PORT"] = settings.aws_port
    for name, port in wanted.items():
        if list(wanted.values()).count(port) > 1:
            raise SetupFailure(f"{name} asks for port {port}, which another part of the platform has.")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                reason = "is in use" if error.errno == 98 or "in use" in str(error) else f"cannot be used ({error})"
                raise SetupFailure(f"Port {port} {reason}: stop what uses it or set {name} to another.") from error


def check_disk(settings: LocalSettings) -> None:
    """There is room for what will be installed and archived.

    Raises
    ------
    SetupFailure
        If there is not, or the state directory cannot be written.
    """
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(settings.state_dir).free
    except OSError as error:
        raise SetupFailure(f"The state directory {settings.state_dir} cannot be used: {error.strerror}.") from error
    if not os.access(settings.state_dir, os.W_OK):
        raise SetupFailure(f"The state directory {settings.state_dir} cannot be written to.")
    needed = FREE_BYTES if settings.settings_file.exists() else FREE_BYTES_FIRST
    if free < needed:
        raise SetupFailure(
            f"Only {free / 1e9:.1f} GB are free for {settings.state_dir}; {needed / 1e9:.1f} GB are needed."
        )


def lock_state(settings: LocalSettings) -> IO[str]:
    """Claim the state directory until the returned file is closed, which the end of the process does at the latest.

    A platform that is just stopping is waited for.

    Raises
    ------
    SetupFailure
        If another platform has it.
    """
    lock = (settings.state_dir / "lock").open("w")
    deadline = time.monotonic() + STOPPING_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError as error:
            if time.monotonic() > deadline:
                lock.close()
                raise SetupFailure(f"A platform already runs on {settings.state_dir}; stop it first.") from error
        time.sleep(0.1)
