"""The archive's application entity: admits associations and listens until told to stop."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

import pydicom.config
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification

from chalicelib import errors
from chalicelib.settings import Settings
from scp_fargate import c_find
from scp_fargate.admission import Watch, objection_to
from scp_fargate.association import Archive, IncomingAssociation
from scp_fargate.c_echo import on_c_echo
from scp_fargate.identifier import FIND_MODELS, RETRIEVE_MODELS
from scp_fargate.incoming_server import GivenConnection, IncomingServer
from scp_fargate.limits import Connections, Limits
from scp_fargate.operation import acknowledge_at_once, forget_stale_cancel
from scp_fargate.presentation_contexts import service_of, supported_contexts

if TYPE_CHECKING:
    from pynetdicom.events import Event

MAXIMUM_PDU_BYTES = 128 << 10
ACSE_TIMEOUT_S = 30
IDLE_TIMEOUT_S = 120

PERMANENT, TRANSIENT = 0x01, 0x02
SERVICE_USER, SERVICE_PROVIDER_PRESENTATION = 0x01, 0x03
CALLING_AE_TITLE_NOT_RECOGNIZED = 0x03
TEMPORARY_CONGESTION, LOCAL_LIMIT_EXCEEDED = 0x01, 0x02
STORAGE_SUPPORT = bytes((2, 0, 3, 0, 0, 0))
"""Level 2 (full), signatures kept bit for bit, nothing coerced (PS3.4 table B.3-1)."""


@dataclass
class RunningEntity:
    """A listening application entity."""

    ae: AE
    servers: list[IncomingServer]
    archive: Archive
    watch: Watch | None = None

    def associations(self) -> list[IncomingAssociation]:
        """Associations that are open."""
        return [association for server in self.servers for association in server.active_associations]

    def report(self) -> dict[str, int]:
        """Counts of this process."""
        return {"associations": len(self.associations()), **self.archive.counts.snapshot()}

    def serve(self, connection: GivenConnection) -> None:
        """Serve a connection that another process accepted."""
        if connection.secured:
            # Its handshake may take a while.
            Thread(target=self._serve, args=(connection,), name="handshake", daemon=True).start()
        else:
            self._serve(connection)

    def _serve(self, connection: GivenConnection) -> None:
        (server,) = self.servers
        try:
            server.finish_request(connection, connection.getpeername())
        except Exception:
            server.handle_error(connection, None)
            connection.close()

    def stop(self, grace_s: float) -> None:
        """Take no new association; let open ones finish within the grace period, then abort them."""
        open_associations = self.associations()
        for server in self.servers:
            if server.accepts:
                server.shutdown()
        self.archive.logger.info("stopping", extra={"associations": len(open_associations)})
        deadline = time.monotonic() + grace_s
        # A connection that has not asked for an association (a port probe) deserves no grace.
        while time.monotonic() < deadline and any(
            each.is_alive() and each.is_established for each in open_associations
        ):
            time.sleep(0.05)
        for association in open_associations:
            if association.is_alive():
                association.log("aborted at the end of the grace period", level="warning")
                association.abort()
        if self.watch is not None:
            self.watch.stop()
        self.archive.quotas.stop()
        self.archive.commitments.close()
        self.archive.callers.close()
        self.archive.trail.close()
        self.archive.sent.close()
        self.archive.counts.send()


def listen(settings: Settings, archive: Archive, accepts: bool = True) -> RunningEntity:
    """Listen for associations in threads of their own.

    With `accepts` false another process listens, and connections are handed to `RunningEntity.serve`.

    Raises
    ------
    OSError
        If a port is in use.
    """
    _configure_pynetdicom()
    ae = AE(ae_title=settings.ae_title)
    ae.require_called_aet = True
    # `Limits` counts, and lets some more in to hear why they are rejected.
    ae.maximum_associations = 1_000_000
    ae.maximum_pdu_size = MAXIMUM_PDU_BYTES
    ae.acse_timeout = ACSE_TIMEOUT_S
    ae.dimse_timeout = ACSE_TIMEOUT_S
    ae.network_timeout = IDLE_TIMEOUT_S
    ae.add_supported_context(Verification)
    handlers = [
        (evt.EVT_REQUESTED, _on_requested),
        (evt.EVT_REJECTED, _on_end, ["association rejected"]),
        (evt.EVT_ACCEPTED, _on_accepted),
        (evt.EVT_RELEASED, _on_end, ["association released"]),
        (evt.EVT_ABORTED, _on_end, ["association aborted"]),
        (evt.EVT_CONN_CLOSE, _on_connection_closed),
        (evt.EVT_C_ECHO, on_c_echo),
        (evt.EVT_SOP_EXTENDED, _on_sop_class_extended),
        (evt.EVT_DIMSE_RECV, forget_stale_cancel),
        (evt.EVT_DATA_SENT, acknowledge_at_once),
    ]
    limits, connections = Limits(settings) if accepts else None, Connections()
    ports = [(settings.dicom_port, False), (settings.dicom_tls_port if archive.tls else 0, True)]
    for port, secured in ports if accepts else ports[:1]:
        if accepts and not port:
            continue
        server = ae.make_server(
            (settings.dicom_host, port),
            evt_handlers=handlers,
            server_class=IncomingServer,
            archive=archive,
            limits=limits,
            connections=connections,
            secured=secured,
        )
        # What `AE.start_server` notes for itself, and `server.shutdown` expects.
        ae._servers.append(server)
        if accepts:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="listener", daemon=True).start()
    entity = RunningEntity(ae, list(ae._servers), archive)
    entity.watch = Watch(entity.associations)
    return entity


def _configure_pynetdicom() -> None:
    """Process-wide: no UID stops a request before the archive has judged and kept it, nothing is logged about data."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.VALIDATORS["UI"] = lambda value: (True, "")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    library = logging.getLogger("pynetdicom")
    library.handlers = [logging.NullHandler()]
    library.propagate = False


def _on_requested(event: Event) -> None:
    """Admit registered callers to the services that they may use; reject others (PS3.8 9.3.4)."""
    association: IncomingAssociation = event.assoc
    request = association.requestor.primitive
    association.calling_ae_title = (request.calling_ae_title or "").strip()
    if not association.admitted:
        _reject(association, TRANSIENT, SERVICE_PROVIDER_PRESENTATION, LOCAL_LIMIT_EXCEEDED, "local limit exceeded")
        return
    try:
        refused = objection_to(association)
        caller = association.archive.callers.resolve(association.calling_ae_title)
    except errors.Unavailable:
        _reject(association, TRANSIENT, SERVICE_PROVIDER_PRESENTATION, TEMPORARY_CONGESTION, "registry unavailable")
        return
    except Exception as error:
        association.log_unforeseen("registry failed", error)
        _reject(association, TRANSIENT, SERVICE_PROVIDER_PRESENTATION, TEMPORARY_CONGESTION, "registry failed")
        return
    if refused or caller is None:
        # One reason to the peer, whatever it is: who guesses learns nothing.
        certificate = association.certificate_fingerprint
        _reject(association, PERMANENT, SERVICE_USER, CALLING_AE_TITLE_NOT_RECOGNIZED, refused, certificate)
        return
    association.hospital = caller.hospital
    association.services = caller.services
    if not _begin_for_hospital(association):
        return
    receives = {uid for uid, role in association.requestor.role_selection.items() if role.scp_role}
    association.acceptor.supported_contexts = supported_contexts(
        request.presentation_context_definition_list, caller.services, receives
    )


def _begin_for_hospital(association: IncomingAssociation) -> bool:
    """Whether the hospital may have one more association; it is rejected if not."""
    try:
        end = association.archive.hospital_associations.begin(association.hospital)
    except errors.Unavailable:
        _reject(association, TRANSIENT, SERVICE_PROVIDER_PRESENTATION, TEMPORARY_CONGESTION, "registry unavailable")
        return False
    if end is None:
        why = "local limit of the hospital exceeded"
        _reject(association, TRANSIENT, SERVICE_PROVIDER_PRESENTATION, LOCAL_LIMIT_EXCEEDED, why)
        return False
    association.end_of_hospital = end
    return True


def _reject(
    association: IncomingAssociation, result: int, source: int, reason: int, why: str, certificate: str = ""
) -> None:
    association.counts.add("associations_rejected")
    more = {"certificate": certificate} if certificate else {}
    association.log("association rejected", level="warning", reason=why, peer=association.requestor.address, **more)
    association.acse.send_reject(result, source, reason)
    association.kill()


def _on_connection_closed(event: Event) -> None:
    """Wake the thread that waits for A-ASSOCIATE-RQ: it would keep its place until the ACSE timeout."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


def _on_sop_class_extended(event: Event) -> dict[str, bytes]:
    """Answer SOP Class Extended Negotiation of Query/Retrieve and Storage (PS3.7 D.3.3.5)."""
    association: IncomingAssociation = event.assoc
    answers: dict[str, bytes] = {}
    for uid, information in event.app_info.items():
        if uid in FIND_MODELS and "query" in association.services:
            answers[uid] = c_find.negotiate(information)
            association.extensions[str(uid)] = c_find.extensions(answers[uid])
        elif uid in RETRIEVE_MODELS and "retrieve" in association.services:
            # Relational retrieval as asked for, no Enhanced Multi-Frame conversion (PS3.4 C.5.2.1, C.5.3.1).
            answers[uid] = bytes(min(byte, 1) for byte in information[:1]) + bytes(max(0, len(information) - 1))
            if answers[uid][:1] == b"\x01":
                association.relational_retrieve.add(str(uid))
        elif service_of(uid) == "store" and "store" in association.services:
            answers[uid] = STORAGE_SUPPORT
    return answers


def _on_accepted(event: Event) -> None:
    association: IncomingAssociation = event.assoc
    association.counts.add("associations_accepted")
    if association.certificate_fingerprint:
        association.counts.add("tls_associations_accepted")
    association.log(
        "association accepted",
        tls=bool(association.certificate_fingerprint),
        peer=association.requestor.address,
        contexts_accepted=len(association.accepted_contexts),
        contexts_rejected=len(association.rejected_contexts),
    )


def _on_end(event: Event, what: str) -> None:
    association: IncomingAssociation = event.assoc
    association.counts.add(what.replace("association ", "associations_"))
    association.log(what)
