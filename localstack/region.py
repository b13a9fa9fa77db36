"""The demonstration region: hospitals, application entities and users of the local platform (not product code)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from chalicelib.access.model import ApplicationEntity, Hospital, Role, User
from chalicelib.access.passwords import hash_password, verify_password
from chalicelib.access.ports import ABSENT, Registry
from chalicelib.access.sessions import Identity
from chalicelib.archive.scope import PatientRef, Scope
from chalicelib.errors import Conflict, PreconditionFailed

HOSPITALS = (
    Hospital("hopital-nord", "Hopital Nord"),
    Hospital("hopital-sud", "Hopital Sud"),
    Hospital("clinique-ouest", "Clinique Ouest"),
)

_STORE = frozenset({"store"})
_PACS = frozenset({"store", "query", "retrieve"})

APPLICATION_ENTITIES = (
    ApplicationEntity("NORD_CT1", "hopital-nord", _STORE),
    ApplicationEntity("NORD_MR1", "hopital-nord", _STORE),
    ApplicationEntity("NORD_PACS", "hopital-nord", _PACS, "127.0.0.1", 11121),
    ApplicationEntity("SUD_CT1", "hopital-sud", _STORE),
    ApplicationEntity("SUD_CR1", "hopital-sud", _STORE),
    ApplicationEntity("SUD_PACS", "hopital-sud", _PACS, "127.0.0.1", 11122),
    ApplicationEntity("OUEST_US1", "clinique-ouest", _STORE),
    ApplicationEntity("OUEST_MG1", "clinique-ouest", _STORE),
    ApplicationEntity("OUEST_PACS", "clinique-ouest", _PACS, "127.0.0.1", 11123),
)

_SHORT = {"hopital-nord": "nord", "hopital-sud": "sud", "clinique-ouest": "ouest"}
_STAFF = {
    Role.RADIOLOGIST: ("radiologue", "Radiologue"),
    Role.DESK: ("manipulateur", "Manipulateur"),
    Role.FINANCE: ("finance", "Finances"),
    Role.PACS_MANAGER: ("pacs", "Gestionnaire PACS"),
    Role.PRIVACY_OFFICER: ("dpo", "Protection des données"),
}


def users(gp_patients: Iterable[PatientRef] = ()) -> list[User]:
    """Every demonstration user, without a password: per hospital a radiologist, a radiographer, the finance
    department, the PACS manager, the data protection officer; a general practitioner who sees `gp_patients`; the
    region's operator."""
    staff = [
        User(f"{name}.{_SHORT[hospital.hospital_id]}", f"{title}, {hospital.name}", role, hospital.hospital_id,
             Scope(hospitals=(hospital.hospital_id,)), "")
        for hospital in HOSPITALS
        for role, (name, title) in _STAFF.items()
    ]  # fmt: skip
    return [
        *staff,
        User("medecin", "Médecin traitant", Role.GP, "", Scope(patients=tuple(gp_patients)), ""),
        User("exploitation", "Exploitation régionale", Role.OPERATOR, "", Scope(), ""),
    ]


def generate_passwords() -> dict[str, str]:
    """A password for every demonstration user (80 bits)."""
    return {user.username: secrets.token_hex(10) for user in users()}


def seed(
    registry: Registry,
    passwords: Mapping[str, str],
    gp_patients: Iterable[PatientRef] = (),
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Register hospitals, application entities and users; repeating it leaves what operators changed as it is.

    Parameters
    ----------
    passwords
        By username, one for each of `users()`.
    fingerprints
        Of the certificates that hospitals show on the TLS port, by hospital.
    """
    for hospital in HOSPITALS:
        with suppress(PreconditionFailed):
            registry.put_hospital(hospital, ABSENT)
    for application_entity in APPLICATION_ENTITIES:
        certificates = frozenset(filter(None, [(fingerprints or {}).get(application_entity.hospital)]))
        with suppress(PreconditionFailed, Conflict):
            registry.put_application_entity(replace(application_entity, certificate_fingerprints=certificates), ABSENT)
    for user in users(gp_patients):
        known = registry.user(user.username)
        password = passwords[user.username]
        unchanged = known is not None and verify_password(known.password_hash, password)
        password_hash = known.password_hash if known is not None and unchanged else hash_password(password)
        wanted = User(
            user.username, user.display_name, user.role, user.hospital, user.scope, password_hash, user.disabled
        )
        if wanted != known:
            registry.put_user(wanted)


def token_identity(role: Role, hospital: str, gp_patients: Iterable[PatientRef] = ()) -> Identity:
    """Whom `make token` signs in: the role at a hospital, or region-wide for `gp` and `operator`.

    Raises
    ------
    ValueError
        If the role needs a hospital of the region and has none.
    """
    if role is Role.GP:
        return Identity("token.gp", "Token, gp", role, "", Scope(patients=tuple(gp_patients)))
    if role in (Role.PATIENT, Role.PROXY):
        raise ValueError("Patients sign in with their code: see /patient")
    if role is Role.OPERATOR:
        return Identity("token.operator", "Token, operator", role, "", Scope())
    if hospital not in _SHORT:
        raise ValueError(f"HOSPITAL is one of {', '.join(_SHORT)}")
    name = f"Token, {role.value}, {hospital}"
    return Identity(f"token.{role.value}.{hospital}", name, role, hospital, Scope(hospitals=(hospital,)))
