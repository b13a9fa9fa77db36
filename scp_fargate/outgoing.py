"""How the archive calls application entities of hospitals: C-MOVE, storage commitment, C-ECHO self-tests."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.access.destinations import may_be_called
from chalicelib.access.model import ApplicationEntity

if TYPE_CHECKING:
    from chalicelib.settings import Settings
    from scp_fargate.tls import Tls


@dataclass(frozen=True)
class Route:
    """Where an application entity is called, and how."""

    address: str
    """IP address: the caller connects to it alone, so that a name cannot mean another one meanwhile."""
    port: int
    tls_args: tuple[ssl.SSLContext, str] | None
    """What pynetdicom takes; None without TLS."""


@dataclass(frozen=True)
class Outgoing:
    """Calls of one process."""

    ae_title: str
    loopback: bool
    """Whether application entities may be on this machine; if not, the archive's own interfaces are never called."""
    tls: Tls | None
    """None: the archive has no certificate to present."""

    def route(self, destination: ApplicationEntity) -> Route:
        """How a registered destination is called.

        Raises
        ------
        errors.Conflict
            If one of its addresses is of a range that is never called, or it wants TLS and the archive has none.
        OSError, UnicodeError
            If its host name does not resolve.
        """
        tls_args = None
        if destination.tls:
            if self.tls is None:
                raise errors.Conflict("The destination expects TLS, for which the archive has no certificate.")
            tls_args = self.tls.context_for(destination.certificate_fingerprints), destination.host
        return Route(resolve(destination.host, destination.port, self.loopback), destination.port, tls_args)


def outgoing(settings: Settings, tls: Tls | None) -> Outgoing:
    """Calls as the settings say."""
    return Outgoing(settings.ae_title, _is_loopback(settings.dicom_host), tls)


def resolve(host: str, port: int, loopback: bool) -> str:
    """An IP address of a host.

    Raises
    ------
    errors.Conflict
        If one of its addresses is of a range that is never called.
    OSError
        If the name does not resolve.
    """
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not all(may_be_called(ip_address(address.partition("%")[0]), loopback=loopback) for address in found):
        raise errors.Conflict(f"{host} leads to an address in which no application entity can be; it is not called.")
    return found[0]


def _is_loopback(host: str) -> bool:
    """Who listens on the loopback interface alone is on one machine with its modalities."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
