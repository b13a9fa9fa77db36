"""Verification SCU (PS3.4 A): does a registered application entity answer C-ECHO, and if not, why in plain words."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import Verification

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity
from scp_fargate.outgoing import Outgoing, Route
from scp_fargate.reactor_checkpoint import keep_responses

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


def echo(outgoing: Outgoing, called: ApplicationEntity) -> Echo:
    """Send C-ECHO to the registered address of an application entity.

    Raises
    ------
    errors.Conflict
        If it has no address or one that is never called, or expects TLS without our having a certificate.
    """
    if not called.host:
        raise errors.Conflict("The application entity has no address: register its destination first.")
    place = f"{called.host}:{called.port}"
    try:
        route = outgoing.route(called)
    except (OSError, UnicodeError):
        return Echo(False, f"The host name {called.host} does not resolve to an address.")
    connected: list[bool] = []
    rejections: list[A_ASSOCIATE_RJ] = []

    def keep_rejection(event: evt.Event) -> None:
        # `Association.is_rejected` misses a rejection that comes before the requestor's thread looks at the socket.
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            rejections.append(event.pdu)

    ae = AE(ae_title=outgoing.ae_title)
    ae.connection_timeout, ae.acse_timeout, ae.dimse_timeout = CONNECT_S, ASSOCIATE_S, ECHO_S
    ae.network_timeout = CONNECT_S + ASSOCIATE_S + ECHO_S
    ae.add_requested_context(Verification)
    started = time.monotonic()
    association = ae.associate(
        route.address,
        route.port,
        ae_title=called.ae_title,
        tls_args=route.tls_args,
        evt_handlers=[
            (evt.EVT_CONN_OPEN, lambda _: connected.append(True)),
            (evt.EVT_CONN_OPEN, keep_responses),
            (evt.EVT_PDU_RECV, keep_rejection),
        ],
    )
    try:
        if not association.is_established:
            if not connected:
                return Echo(False, _why_not_connected(route, place, time.monotonic() - started))
            if rejections:
                return Echo(False, _why_rejected(rejections[0], called, place, outgoing.ae_title))
            return Echo(False, _why_not_associated(association, place, called.tls))
        return _outcome(association, called, place)
    finally:
        if association.is_established:
            association.release()


def _why_not_connected(route: Route, place: str, waited_s: float) -> str:
    """pynetdicom keeps the reason to itself, so ask the system again, unless time went by."""
    if route.tls_args and waited_s < CONNECT_S and (failure := _handshake_failure(route)):
        return f"{place} takes connections, but TLS fails: {failure}."
    silent = f"Nothing answers at {place}: the address is wrong, the machine is off, or a firewall is in between."
    if waited_s >= CONNECT_S:
        return silent
    try:
        socket.create_connection((route.address, route.port), PROBE_S).close()
    except ConnectionRefusedError:
        return f"The machine answers, but nothing listens at {place} (connection refused)."
    except TimeoutError:
        return silent
    except OSError as error:
        return f"{place} cannot be reached ({error.strerror or 'network error'})."
    return f"{place} closed the connection at once."


def _handshake_failure(route: Route) -> str:
    """Why there is no TLS, "" if that is not the reason."""
    assert route.tls_args  # noqa: S101 - narrows a type
    context, name = route.tls_args
    try:
        plain = socket.create_connection((route.address, route.port), PROBE_S)
    except OSError:
        return ""
    try:
        with plain:
            context.wrap_socket(plain, server_hostname=name).close()
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is refused ({getattr(error, 'verify_message', 'it is not registered')})".lower()
    except ssl.SSLError as error:
        return f"it does not speak it as expected ({error.reason or 'no reason given'})".lower()
    except OSError:
        return "it does not speak it"
    return ""


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


def _why_not_associated(association: Association, place: str, tls: bool) -> str:
    if association.rejected_contexts:
        return f"{place} accepted the association, but not the Verification SOP class."
    hint = "it may refuse the archive's certificate" if tls else "it may expect TLS"
    return f"{place} takes connections but does not answer as a DICOM application entity; {hint}."


def _outcome(association: Association, called: ApplicationEntity, place: str) -> Echo:
    response = association.send_c_echo()
    if "Status" not in response:
        return Echo(False, f"{place} accepted the association, but did not answer C-ECHO.")
    if response.Status != 0:
        return Echo(False, f"{place} answered C-ECHO with status {response.Status:04X}.")
    return Echo(True, f"{called.ae_title} at {place} answered C-ECHO.")
