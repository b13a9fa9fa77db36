"""Verification SCU (PS3.4 A): does a registered application entity answer C-ECHO, and if not, why in plain words."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import Verification

from chalicelib import errors
from chalicelib.access.destinations import may_be_called
from chalicelib.access.model import ApplicationEntity

if TYPE_CHECKING:
    from pynetdicom.association import Association

CONNECT_S, ASSOCIATE_S, ECHO_S = 4, 4, 2
"""Together the time that the caller is promised."""
PROBE_S = 1


@dataclass(frozen=True)
class Echo:
    """Outcome of a C-ECHO."""

    answered: bool
    detail: str


def resolve(host: str, port: int, *, loopback: bool) -> str:
    """An IP address of a host; the caller connects to it alone, so that the name cannot mean another one meanwhile.

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


def is_loopback(host: str) -> bool:
    """Who listens on the loopback interface alone is on one machine with its modalities."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def echo(calling_ae_title: str, called: ApplicationEntity, *, loopback: bool) -> Echo:
    """Send C-ECHO to the registered address of an application entity.

    Raises
    ------
    errors.Conflict
        If it has no address or one that is never called.
    """
    if not called.host:
        raise errors.Conflict("The application entity has no address: register its destination first.")
    place = f"{called.host}:{called.port}"
    try:
        address = resolve(called.host, called.port, loopback=loopback)
    except (OSError, UnicodeError):
        return Echo(False, f"The host name {called.host} does not resolve to an address.")
    connected: list[bool] = []
    rejections: list[A_ASSOCIATE_RJ] = []

    def keep_rejection(event: evt.Event) -> None:
        # `Association.is_rejected` misses a rejection that comes before the requestor's thread looks at the socket.
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(event.pdu)

    ae = AE(ae_title=calling_ae_title)
    ae.connection_timeout, ae.acse_timeout, ae.dimse_timeout = CONNECT_S, ASSOCIATE_S, ECHO_S
    ae.network_timeout = CONNECT_S + ASSOCIATE_S + ECHO_S
    ae.add_requested_context(Verification)
    started = time.monotonic()
    association = ae.associate(
        address,
        called.port,
        ae_title=called.ae_title,
        evt_handlers=[(evt.EVT_CONN_OPEN, lambda _: connected.append(True)), (evt.EVT_PDU_RECV, keep_rejection)],
    )
    try:
        if not association.is_established:
            if not connected:
                return Echo(False, _why_not_connected(address, called.port, place, time.monotonic() - started))
            if rejections:
                return Echo(False, _why_rejected(rejections[0], called, place, calling_ae_title))
            return Echo(False, _why_not_associated(association, place))
        return _outcome(association, called, place)
    finally:
        if association.is_established:
            association.release()


def _why_not_connected(address: str, port: int, place: str, waited_s: float) -> str:
    """pynetdicom keeps the reason to itself, so ask the system again, unless time went by."""
    silent = f"Nothing answers at {place}: the address is wrong, the machine is off, or a firewall is in between."
    if waited_s >= CONNECT_S:
        return silent
    try:
        socket.create_connection((address, port), PROBE_S).close()
    except ConnectionRefusedError:
        return f"The machine answers, but nothing listens at {place} (connection refused)."
    except TimeoutError:
        return silent
    except OSError as error:
        return f"{place} cannot be reached ({error.strerror or 'network error'})."
    return f"{place} closed the connection at once."


def _why_rejected(rejection: A_ASSOCIATE_RJ, called: ApplicationEntity, place: str, calling_ae_title: str) -> str:
    try:
        reason = rejection.reason_str  # PS3.8 table 9-21
    except ValueError:
        reason = "a reason that the standard does not know"
    hint = {
        "Calling AE title not recognised": f" It does not know {calling_ae_title}.",
        "Called AE title not recognised": f" It is not called {called.ae_title}.",
    }.get(reason, "")
    return f"{place} rejected the association: {reason.lower()}.{hint}"


def _why_not_associated(association: Association, place: str) -> str:
    if association.rejected_contexts:
        return f"{place} accepted the association, but not the Verification SOP class."
    return f"{place} takes connections but does not answer as a DICOM application entity; it may expect TLS."


def _outcome(association: Association, called: ApplicationEntity, place: str) -> Echo:
    response = association.send_c_echo()
    if "Status" not in response:
        return Echo(False, f"{place} accepted the association, but did not answer C-ECHO.")
    if response.Status != 0:
        return Echo(False, f"{place} answered C-ECHO with status {response.Status:04X}.")
    return Echo(True, f"{called.ae_title} at {place} answered C-ECHO.")
