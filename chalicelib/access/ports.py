"""Ports of access: the registry and the key that signs sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from chalicelib.access.model import ApplicationEntity, Contact, Hospital, Session, SessionOrigin, User

ABSENT, ANY_REVISION = "", "*"


class Registry(Protocol):
    """Hospitals, application entities, users, contacts and sessions. `errors.Unavailable` when it does not answer."""

    def hospital(self, hospital_id: str) -> Hospital | None:
        """One hospital."""

    def hospitals(self) -> list[Hospital]:
        """Every hospital by its id (a region has about a hundred)."""

    def put_hospital(self, hospital: Hospital, if_revision: str | None = None) -> str:
        """Register or replace a hospital; return its new revision.

        Parameters
        ----------
        if_revision
            Only if this is its revision; `ABSENT`: only if it is not registered; `ANY_REVISION`: only if it is.

        Raises
        ------
        errors.PreconditionFailed
            If not.
        """

    def application_entity(self, ae_title: str) -> ApplicationEntity | None:
        """The registered application entity of that title (PS3.8 D.3.3.2)."""

    def application_entities(self) -> list[ApplicationEntity]:
        """Every application entity by title."""

    def put_application_entity(self, application_entity: ApplicationEntity, if_revision: str | None = None) -> str:
        """Register or replace an application entity; return its new revision; `if_revision` as for hospitals.

        Raises
        ------
        errors.Conflict
            If another hospital holds the title.
        errors.PreconditionFailed
            If the revision is another.
        """

    def delete_application_entity(self, application_entity: ApplicationEntity, if_revision: str) -> None:
        """Remove a hospital's application entity; `if_revision` is a revision or `ANY_REVISION`.

        Raises
        ------
        errors.PreconditionFailed
            If it is not registered, by another hospital, or has another revision.
        """

    def user(self, username: str) -> User | None:
        """One user by the name used to sign in."""

    def put_user(self, user: User) -> None:
        """Register or replace a user."""

    def contact(self, hospital: str, patient_id: str, issuer: str = "") -> Contact | None:
        """How a patient of a hospital may be reached."""

    def put_contact(self, contact: Contact) -> None:
        """Register or replace a contact."""

    def put_session(self, session: Session, origin: SessionOrigin) -> None:
        """Register a session; it is forgotten some time after its end."""

    def session_is_active(self, subject: str, session_id: str) -> bool:
        """Whether a session is registered and was not ended, read consistently."""

    def end_session(self, subject: str, session_id: str) -> None:
        """End a session; safe to repeat."""

    def sessions_of(self, subject: str) -> Iterator[str]:
        """Ids of a subject's sessions that were not ended."""

    def remember_address(self, username: str, address: str) -> None:
        """Remember for 30 days that a user signed in from an address (a digest)."""

    def knows_address(self, username: str, address: str) -> bool:
        """Whether the user signed in from the address within 30 days."""

    def count_attempt(self, key: str, window: int, window_s: int, by: int = 1) -> int:
        """Add to the attempts under a key in a window (number of `window_s` since the epoch); return their number."""


class SessionSigner(Protocol):
    """A P-256 key that never leaves its keeper."""

    def sign(self, message: bytes) -> bytes:
        """ECDSA over SHA-256 of a message: r and s, 32 bytes each (RFC 7518 3.4)."""

    def public_key_pem(self) -> bytes:
        """The public key (SubjectPublicKeyInfo, PEM)."""
