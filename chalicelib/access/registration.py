"""Registering hospitals and their application entities (PS3.8 D.3.3.2; AE: PS3.5 6.2), each change against a revision.

Hospitals are not removed: their ids are part of the archive's object keys and of the ledger. Nothing else refers to an
application entity but by its title, so that removing one leaves nothing behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network

from chalicelib.access.destinations import valid_host
from chalicelib.access.model import ApplicationEntity, Hospital
from chalicelib.access.ports import ABSENT, Registry
from chalicelib.errors import BadRequest, Conflict, NotFound, PreconditionFailed, PreconditionRequired
from chalicelib.notify.message import exam_available

HOSPITAL_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
NAME_CHARACTERS = 100
AE_BYTES = 16
FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def register_hospital(
    registry: Registry, hospital: Hospital, if_revision: str | None, *, public_url: str
) -> tuple[Hospital, bool]:
    """Register a hospital, or replace the revision `if_revision` of it; return it and whether it is new.

    Raises
    ------
    errors.BadRequest
        If id, names or networks are not valid; the name for messages has to leave room for the text of an SMS.
    errors.PreconditionFailed
        If it has another revision.
    errors.PreconditionRequired
        If it is registered and no revision was named.
    """
    if not HOSPITAL_ID.fullmatch(hospital.hospital_id):
        raise BadRequest("A hospital's id has 1 to 64 lower case letters, digits and inner hyphens.")
    name, sms_name = hospital.name.strip(), hospital.sms_name.strip()
    for text, least in ((name, 1), (sms_name, 0)):
        if not least <= len(text) <= NAME_CHARACTERS or not text.isprintable():
            raise BadRequest(f"A name has {least} to {NAME_CHARACTERS} printable characters.")
    try:
        exam_available(sms_name or name, public_url)
    except ValueError as error:
        raise BadRequest(f"The name for SMS cannot be used: {error}.") from error
    wanted = replace(hospital, name=name, sms_name=sms_name, networks=_networks(hospital.networks))
    try:
        revision = registry.put_hospital(wanted, if_revision or ABSENT)
    except PreconditionFailed as error:
        raise _refusal(error, if_revision) from error
    return replace(wanted, revision=revision), not if_revision


def application_entities_of(registry: Registry, hospital_id: str) -> list[ApplicationEntity]:
    """Application entities of a hospital by title.

    Raises
    ------
    errors.NotFound
        If there is no such hospital.
    """
    known_hospital(registry, hospital_id)
    return [each for each in registry.application_entities() if each.hospital == hospital_id]


def known_hospital(registry: Registry, hospital_id: str) -> Hospital:
    """A registered hospital.

    Raises
    ------
    errors.NotFound
        If there is none by that id.
    """
    hospital = registry.hospital(hospital_id) if hospital_id else None
    if hospital is None:
        raise NotFound("No hospital is registered by that id.")
    return hospital


def known_application_entity(registry: Registry, hospital_id: str, ae_title: str) -> ApplicationEntity:
    """A registered application entity of a hospital.

    Raises
    ------
    errors.NotFound
        If the hospital has none of that title.
    """
    application_entity = registry.application_entity(ae_title.strip(" "))
    if application_entity is None or application_entity.hospital != hospital_id:
        raise NotFound("The hospital has no application entity of that title.")
    return application_entity


def register_application_entity(
    registry: Registry, application_entity: ApplicationEntity, if_revision: str | None
) -> tuple[ApplicationEntity, bool]:
    """Register an application entity, or replace the revision `if_revision` of it; return it and whether it is new.

    Raises
    ------
    errors.BadRequest
        If title, address, a network or a certificate's fingerprint is not valid, or TLS alone is allowed and no
        certificate is registered.
    errors.Conflict
        If another hospital holds the title, or a certificate.
    errors.NotFound
        If there is no such hospital.
    errors.PreconditionFailed
        If it has another revision.
    errors.PreconditionRequired
        If it is registered and no revision was named.
    """
    known_hospital(registry, application_entity.hospital)
    wanted = replace(
        application_entity,
        ae_title=valid_ae_title(application_entity.ae_title),
        host=valid_host(application_entity.host) if application_entity.host else "",
        certificate_fingerprints=_fingerprints(application_entity.certificate_fingerprints),
        networks=_networks(application_entity.networks),
    )
    if wanted.tls_only and not wanted.certificate_fingerprints:
        raise BadRequest("tls_only: without a registered certificate the application entity could not call at all.")
    _check_certificates(registry, wanted)
    try:
        revision = registry.put_application_entity(wanted, if_revision or ABSENT)
    except PreconditionFailed as error:
        raise _refusal(error, if_revision) from error
    return replace(wanted, revision=revision), not if_revision


def remove_application_entity(
    registry: Registry, hospital_id: str, ae_title: str, if_revision: str | None
) -> ApplicationEntity:
    """Remove the revision `if_revision` of an application entity; return what was removed.

    Raises
    ------
    errors.NotFound
        If the hospital has none of that title.
    errors.PreconditionFailed
        If it has another revision.
    errors.PreconditionRequired
        If no revision was named.
    """
    found = known_application_entity(registry, hospital_id, ae_title)
    if not if_revision:
        raise PreconditionRequired("Name what is to be removed: If-Match with its ETag.")
    registry.delete_application_entity(found, if_revision)
    return found


def valid_ae_title(text: str) -> str:
    """An AE title without the spaces around it, which say nothing (PS3.5 6.2).

    Raises
    ------
    errors.BadRequest
        If it is none.

    >>> valid_ae_title(" NORD_CT1 ")
    'NORD_CT1'
    """
    title = text.strip(" ")
    if not 0 < len(title) <= AE_BYTES or "\\" in title or not title.isascii() or not title.isprintable():
        raise BadRequest(f"An AE title has 1 to {AE_BYTES} characters of ASCII, no backslash, no control character.")
    return title


def _fingerprints(texts: Iterable[str]) -> frozenset[str]:
    fingerprints = frozenset(text.replace(":", "").strip().lower() for text in texts)
    if not all(map(FINGERPRINT.fullmatch, fingerprints)):
        raise BadRequest("A certificate's fingerprint is its SHA-256, 64 hexadecimal digits, colons between allowed.")
    return fingerprints


def _networks(texts: Iterable[str]) -> frozenset[str]:
    try:
        return frozenset(str(ip_network(text.strip())) for text in texts)
    except ValueError:
        raise BadRequest("A network is an IPv4 or IPv6 prefix such as 10.1.0.0/16, without bits after it.") from None


def _check_certificates(registry: Registry, wanted: ApplicationEntity) -> None:
    """One certificate never stands for two hospitals."""
    if wanted.certificate_fingerprints:
        for other in registry.application_entities():
            if other.hospital != wanted.hospital and other.certificate_fingerprints & wanted.certificate_fingerprints:
                raise Conflict("Another hospital holds a certificate with this fingerprint.")


def _refusal(error: PreconditionFailed, if_revision: str | None) -> PreconditionFailed | PreconditionRequired:
    if if_revision is None:
        return PreconditionRequired("It is registered already: to replace it, send If-Match with its ETag.")
    return error
