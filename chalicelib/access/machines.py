"""Machines of hospitals: OAuth2 client credentials (RFC 6749 4.4), scoped to services, rotated without a gap.

A secret is 256 random bits, shown once. What is kept is its MAC by the key of codes, which cannot leave KMS: such a
secret cannot be guessed, so a slow hash would protect nothing and let strangers make the archive work (docs/adr/0026).
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from chalicelib.access.code_attempts import QUARTER_S, Allowance, Attempt, digest, origin_digest
from chalicelib.access.model import Role, Session, SessionOrigin
from chalicelib.access.patient_codes import CodeKey
from chalicelib.access.ports import Registry, SessionSigner
from chalicelib.access.registration import known_hospital
from chalicelib.access.sessions import Identity, issue_session
from chalicelib.archive.scope import Scope
from chalicelib.errors import Conflict, NotAuthenticated, NotFound

SUBJECT = "client:"
OVERLAP_S = 7 * 86_400
"""How long the secret before is good too, unless who rotates says otherwise."""
FAILURES_PER_CLIENT_AND_ADDRESS, FAILURES_PER_ADDRESS = 50, 500
"""In a quarter of an hour; a stranger elsewhere uses up nobody's."""
MOST_MACHINES = 100
LONGEST_CLIENT_ID = 100
_NOBODY = "0" * 64
WRONG = "Client or secret is wrong."


class NotGranted(Exception):
    """A scope was asked for that the machine does not have (`invalid_scope`)."""


@dataclass(frozen=True)
class MachineSecret:
    """One of a machine's secrets, as it is kept. Times are seconds since the epoch."""

    digest: str
    """HMAC-SHA-256, hexadecimal."""
    created_at: int
    expires_at: int = 0
    """0: until it is replaced."""

    def is_live(self, now: float) -> bool:
        """Whether it opens anything."""
        return not self.expires_at or self.expires_at > now


@dataclass(frozen=True)
class Machine:
    """A system of a hospital that signs in by itself."""

    hospital: str
    client_id: str
    """`{hospital}.{12 hexadecimal digits}`."""
    name: str
    services: tuple[str, ...]
    """Of `store`, `query`, `retrieve`."""
    secrets: tuple[MachineSecret, ...]
    """The newest first, two at most."""
    created_at: int

    @property
    def subject(self) -> str:
        """Of its sessions."""
        return SUBJECT + self.client_id


class Machines(Protocol):
    """Registered machines. `errors.Unavailable` when the registry does not answer."""

    def machine(self, hospital: str, client_id: str) -> Machine | None:
        """One of a hospital's machines."""

    def machines(self, hospital: str) -> list[Machine]:
        """A hospital's machines by client id."""

    def put(self, machine: Machine, before: Machine | None) -> None:
        """Keep a machine in place of what it was, None for a new one. `errors.Conflict` if it is another by now."""

    def delete(self, machine: Machine) -> None:
        """Forget a machine; safe to repeat."""


def create_machine(
    registry: Registry, machines: Machines, key: CodeKey, hospital: str, name: str, services: Collection[str]
) -> tuple[Machine, str]:
    """Register a machine; return it and its secret, which nobody can show again.

    Raises
    ------
    errors.NotFound
        If there is no such hospital.
    errors.Conflict
        If it has too many machines.
    """
    known_hospital(registry, hospital)
    if len(machines.machines(hospital)) >= MOST_MACHINES:
        raise Conflict(f"A hospital has at most {MOST_MACHINES} machines; revoke one first.")
    now = int(time.time())
    client_id = f"{hospital}.{secrets.token_hex(6)}"
    secret, kept = _new_secret(key, client_id, now)
    machine = Machine(hospital, client_id, name, tuple(sorted(services)), (kept,), now)
    machines.put(machine, None)
    return machine, secret


def rotate_secret(
    machines: Machines, key: CodeKey, hospital: str, client_id: str, overlap_s: int = OVERLAP_S
) -> tuple[Machine, str]:
    """Give a machine a new secret; the newest before it stays good for a while, older ones end now.

    Raises
    ------
    errors.NotFound
        If the hospital has no such machine.
    errors.Conflict
        If somebody else changed it meanwhile.
    """
    machine = known_machine(machines, hospital, client_id)
    now = int(time.time())
    secret, kept = _new_secret(key, client_id, now)
    newest = replace(machine.secrets[0], expires_at=now + overlap_s)
    rotated = replace(machine, secrets=(kept, newest) if overlap_s else (kept,))
    machines.put(rotated, machine)
    return rotated, secret


def revoke_machine(registry: Registry, machines: Machines, hospital: str, client_id: str) -> Machine:
    """Forget a machine and end its sessions.

    Raises
    ------
    errors.NotFound
        If the hospital has no such machine.
    """
    machine = known_machine(machines, hospital, client_id)
    machines.delete(machine)
    for session_id in list(registry.sessions_of(machine.subject)):
        registry.end_session(machine.subject, session_id)
    return machine


def known_machine(machines: Machines, hospital: str, client_id: str) -> Machine:
    """A hospital's machine.

    Raises
    ------
    errors.NotFound
        If it has none by that id.
    """
    machine = machines.machine(hospital, client_id)
    if machine is None:
        raise NotFound("The hospital has no such machine.")
    return machine


@dataclass(frozen=True)
class MachineAccess:
    """What signing in as a machine needs."""

    registry: Registry
    machines: Machines
    key: CodeKey
    signer: SessionSigner


def token_for_machine(
    access: MachineAccess,
    client_id: str,
    secret: str,
    scopes: Iterable[str],
    origin: SessionOrigin,
    *,
    issuer: str,
    lifetime_s: int,
) -> tuple[str, Session]:
    """A token for a client and its secret, for the scopes that were asked for, by default all of its own.

    Raises
    ------
    errors.NotAuthenticated
        If they do not belong together: the same answer after the same calls for an unknown client.
    errors.TooManyAttempts
        If the caller has to wait.
    NotGranted
        If a scope is not the machine's.
    """
    client_id = client_id[:LONGEST_CLIENT_ID]
    attempt = _attempt(access.registry, client_id, origin.address)
    attempt.count()
    machine = access.machines.machine(client_id.rpartition(".")[0] or "-", client_id)
    if not _is_right(machine, _digest(access.key, client_id, secret)) or machine is None:
        raise NotAuthenticated(WRONG)
    attempt.settle(succeeded=True)
    asked = tuple(sorted(set(scopes))) or machine.services
    if not set(asked) <= set(machine.services):
        raise NotGranted
    identity = Identity(
        machine.subject,
        machine.name,
        Role.GATEWAY,
        machine.hospital,
        Scope(hospitals=(machine.hospital,)),
        services=asked,
    )
    return issue_session(access.registry, access.signer, identity, issuer=issuer, lifetime_s=lifetime_s, origin=origin)


def _attempt(registry: Registry, client_id: str, address: str) -> Attempt:
    where = origin_digest(address)
    return Attempt(
        registry,
        [
            Allowance(f"MACHINE-ADDRESS#{where}", FAILURES_PER_ADDRESS, QUARTER_S),
            Allowance(f"MACHINE#{digest(client_id)}#{where}", FAILURES_PER_CLIENT_AND_ADDRESS, QUARTER_S),
        ],
    )


def _is_right(machine: Machine | None, offered: str) -> bool:
    """Whether a secret's digest is one of a machine's; two are compared whoever asks."""
    now = time.time()
    kept = [one.digest for one in machine.secrets if one.is_live(now)] if machine else []
    first, second = [*kept, _NOBODY, _NOBODY][:2]
    return hmac.compare_digest(offered, first) | hmac.compare_digest(offered, second)


def _new_secret(key: CodeKey, client_id: str, now: int) -> tuple[str, MachineSecret]:
    secret = "sf_" + secrets.token_urlsafe(32)
    return secret, MachineSecret(_digest(key, client_id, secret), now)


def _digest(key: CodeKey, client_id: str, secret: str) -> str:
    return key.mac(f"sansfilm/client-secret/1\0{client_id}\0{secret[:200]}".encode()).hex()
