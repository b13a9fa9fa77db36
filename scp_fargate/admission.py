"""Who may have an association: judged when it is asked for, and again as long as it lasts (PS3.8 9.3.4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.access.model import ApplicationEntity, Hospital

if TYPE_CHECKING:
    from scp_fargate.association import IncomingAssociation

LOOK_EVERY_S = 1.0
"""The registry itself is asked every few seconds (`callers.FRESH_S`)."""


def objection(
    caller: ApplicationEntity | None, hospital: Hospital | None, address: str, certificate_fingerprint: str
) -> str:
    """Why a calling application entity may have no association, "" if it may.

    Parameters
    ----------
    caller
        What is registered under its title, None if nothing, or if it is disabled.
    certificate_fingerprint
        SHA-256 of the certificate that it showed; "" without TLS.

    >>> ct = ApplicationEntity("CT", "nord", tls_only=True, networks=frozenset({"10.1.0.0/16"}))
    >>> objection(ct, None, "10.1.2.3", "")
    'TLS is required'
    """
    if caller is None:
        return "calling AE title not recognized"
    if certificate_fingerprint:
        # It may be another hospital's, or one that was revoked.
        if certificate_fingerprint not in caller.certificate_fingerprints:
            return "certificate not registered"
    elif caller.tls_only:
        return "TLS is required"
    networks = caller.networks or (hospital.networks if hospital else frozenset())
    if networks and not is_within(address, networks):
        return "address outside the registered networks"
    return ""


def is_within(address: str, networks: Collection[str]) -> bool:
    """Whether an IP address lies in one of some networks.

    >>> is_within("::ffff:10.1.2.3", ["10.1.0.0/16"]), is_within("10.2.0.1", ["10.1.0.0/16"])
    (True, False)
    """
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    known = getattr(known, "ipv4_mapped", None) or known
    return any(known in ip_network(network) for network in networks)


def objection_to(association: IncomingAssociation) -> str:
    """`objection` to an association that is asked for, or open.

    Raises
    ------
    errors.Unavailable
        If the registry does not answer.
    """
    archive = association.archive
    caller = archive.callers.resolve(association.calling_ae_title)
    if association.hospital and caller is not None and caller.hospital != association.hospital:
        return "the title is another hospital's now"
    hospital = archive.hospitals.resolve(caller.hospital) if caller else None
    found = objection(caller, hospital, association.requestor.address or "", association.certificate_fingerprint)
    if not found and association.certificate and archive.tls and archive.tls.is_revoked(association.certificate):
        return "certificate revoked"
    return found


class Watch:
    """Ends associations whose application entity may have none any more: each after the message under way."""

    def __init__(self, associations: Callable[[], Iterable[IncomingAssociation]]) -> None:
        self._associations = associations
        self._stopping = threading.Event()
        threading.Thread(target=self._run, name="admission", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            for association in self._associations():
                if association.is_established and not association.revoked:
                    self._look(association)

    @staticmethod
    def _look(association: IncomingAssociation) -> None:
        try:
            reason = objection_to(association)
        except errors.Unavailable:
            # Reception outlives an outage of the registry.
            return
        except Exception as error:
            association.log_unforeseen("admission failed", error)
            return
        if reason:
            association.counts.add("associations_revoked")
            association.log("association revoked", level="warning", reason=reason)
            association.revoked = True
