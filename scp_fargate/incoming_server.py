"""Connections on their way to associations: judged, secured where the port is that of TLS."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from scp_fargate.association import STALLED_AFTER_S, Archive, BoundedSocket, IncomingAssociation, nothing
from scp_fargate.limits import Connections, Limits, Verdict


class GivenConnection(socket.socket):
    """A connection that was accepted, perhaps by another process, and judged."""

    secured = False
    """Whether it came to the TLS port."""
    admitted = True
    on_end: Callable[[], None] = staticmethod(nothing)


class IncomingRequestHandler(RequestHandler):  # type: ignore[misc]
    """Makes an `IncomingAssociation` of a connection."""

    server: IncomingServer
    request: GivenConnection

    def _create_association(self) -> IncomingAssociation:
        connection, fingerprint = self._secured()
        connection.settimeout(STALLED_AFTER_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        association = IncomingAssociation(self.ae, self.server.archive)
        association.certificate_fingerprint = fingerprint
        association.admitted, association.on_end = self.request.admitted, self.request.on_end
        association._server = self.server
        # pynetdicom finds its associations by this name.
        association.name = f"AcceptorThread@{datetime.now():%Y%m%d%H%M%S}"
        association.set_socket(BoundedSocket(association, client_socket=connection))
        acceptor = association.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = self.server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        association.requestor.address_info = self.remote
        for event, handlers in self.server._handlers.items():
            if event.is_intervention:
                association.bind(event, *handlers)
            else:
                for handler, args in handlers:
                    association.bind(event, handler, args)
        return association

    def _secured(self) -> tuple[socket.socket, str]:
        """The connection to go on with, and the fingerprint of the peer's certificate; OSError if it is not trusted."""
        if not self.request.secured:
            return self.request, ""
        archive = self.server.archive
        assert archive.tls is not None  # noqa: S101 - narrows a type
        try:
            return archive.tls.accept(self.request)
        except OSError as error:
            archive.counts.add("tls_handshakes_failed")
            reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
            archive.logger.warning("TLS handshake failed", extra={"peer": self.client_address[0], "reason": reason})
            raise


class IncomingServer(ThreadedAssociationServer):  # type: ignore[misc]
    """Listens for associations."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(
        self, *args: Any, archive: Archive, limits: Limits | None, connections: Connections, secured: bool = False,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        self.archive = archive
        self.accepts = limits is not None
        """False: another process accepts, judges, and hands connections over."""
        self._limits = limits
        self._connections = connections
        self._secured = secured
        super().__init__(*args, request_handler=IncomingRequestHandler, **kwargs)

    def server_bind(self) -> None:
        """Bind, unless another process does."""
        if self.accepts:
            super().server_bind()

    def server_activate(self) -> None:
        """Listen, unless another process does."""
        if self.accepts:
            super().server_activate()

    def get_request(self) -> tuple[GivenConnection, Any]:
        """Accept a connection."""
        accepted, address = super().get_request()
        connection = GivenConnection(fileno=accepted.detach())
        connection.secured = self._secured
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Judge a connection; False to close it."""
        address = client_address[0]
        assert self._limits is not None  # noqa: S101 - narrows a type
        verdict = self._limits.judge(address, [self._connections])
        if verdict is Verdict.DROP:
            self.archive.counts.add("connections_dropped")
            return False
        request.admitted = verdict is Verdict.ADMIT
        self._connections.begin(address, request.admitted)
        request.on_end = partial(self._connections.end, address, request.admitted)
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line instead of a stack trace on stderr."""
        self.archive.logger.warning("connection failed before negotiation")
        request.on_end()
