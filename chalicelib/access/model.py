"""Who and what the registry knows: hospitals, application entities, users, contacts; sessions, roles, permissions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from chalicelib.archive.confidentiality import Kind
from chalicelib.archive.scope import Scope


class Permission(Enum):
    """What a role may do, within the session's scope."""

    READ_IMAGES = "read-images"
    STORE_INSTANCES = "store-instances"
    READ_LEDGER = "read-ledger"
    REGISTER_CONTACTS = "register-contacts"
    HAND_OVER_CODES = "hand-over-codes"
    """To patients of the session's hospital."""
    PRESENT_CODES = "present-codes"
    """As a professional whom a patient gave the code."""
    MANAGE_GRANTS = "manage-grants"
    """As the patient, or for the patient: who may see the exams."""
    DECIDE_FOR_ONESELF = "decide-for-oneself"
    """As the patient alone: whom a mandate was given, whether other hospitals are opposed."""
    MANAGE_SECOND_FACTORS = "manage-second-factors"
    """Of one's own sign-in with a code."""
    READ_AUDIT = "read-audit"
    OPERATE = "operate"
    """Region-wide administration: registry, queues, rejected instances; no images."""
    SHARE = "share"
    """Give studies of one's own scope to others for a time."""
    END_SHARES = "end-shares"
    """Of the session's hospital's studies, whoever made them."""
    MARK_DOCUMENTS = "mark-documents"
    """Keep documents of the session's hospital back, and lift that."""
    MANAGE_ACCOUNTS = "manage-accounts"
    """Of the session's hospital, an operator of every: machines' credentials, whether accounts may sign in."""
    DECLARE_CARE = "declare-care"
    """That the session's hospital treats a patient whom another one has exams of; record an opposition."""
    OPEN_PRIORS = "open-priors"
    """Of other hospitals, by a care relation."""
    BREAK_GLASS = "break-glass"
    REVIEW_BREAK_GLASS = "review-break-glass"


class Role(Enum):
    """Roles of the surface (`make -s token ROLE=...`)."""

    RADIOLOGIST = "radiologist"
    GP = "gp"
    FINANCE = "finance"
    OPERATOR = "operator"
    GATEWAY = "gateway"
    DESK = "desk"
    PATIENT = "patient"
    PROXY = "proxy"
    """Whoever acts for a patient (docs/adr/0035)."""
    GUEST = "guest"
    """Whoever opened the link of a share."""
    PRIVACY_OFFICER = "privacy-officer"
    PACS_MANAGER = "pacs-manager"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.RADIOLOGIST: frozenset(
        {
            Permission.READ_IMAGES,
            Permission.SHARE,
            Permission.MARK_DOCUMENTS,
            Permission.DECLARE_CARE,
            Permission.OPEN_PRIORS,
            Permission.BREAK_GLASS,
        }
    ),
    Role.GP: frozenset({Permission.READ_IMAGES, Permission.PRESENT_CODES, Permission.SHARE, Permission.BREAK_GLASS}),
    Role.GUEST: frozenset({Permission.READ_IMAGES}),
    Role.FINANCE: frozenset({Permission.READ_LEDGER}),
    Role.OPERATOR: frozenset(
        {Permission.OPERATE, Permission.READ_LEDGER, Permission.READ_AUDIT, Permission.MANAGE_ACCOUNTS}
    ),
    Role.PACS_MANAGER: frozenset(
        {
            Permission.READ_IMAGES,
            Permission.MANAGE_ACCOUNTS,
            Permission.MARK_DOCUMENTS,
            Permission.DECLARE_CARE,
            Permission.END_SHARES,
        }
    ),
    Role.GATEWAY: frozenset({Permission.READ_IMAGES, Permission.STORE_INSTANCES, Permission.REGISTER_CONTACTS}),
    Role.DESK: frozenset(
        {
            Permission.REGISTER_CONTACTS,
            Permission.HAND_OVER_CODES,
            Permission.MARK_DOCUMENTS,
            Permission.DECLARE_CARE,
        }
    ),
    Role.PATIENT: frozenset(
        {
            Permission.READ_IMAGES,
            Permission.MANAGE_GRANTS,
            Permission.SHARE,
            Permission.DECIDE_FOR_ONESELF,
            Permission.MANAGE_SECOND_FACTORS,
        }
    ),
    Role.PROXY: frozenset(
        {Permission.READ_IMAGES, Permission.MANAGE_GRANTS, Permission.SHARE, Permission.MANAGE_SECOND_FACTORS}
    ),
    Role.PRIVACY_OFFICER: frozenset({Permission.READ_AUDIT, Permission.REVIEW_BREAK_GLASS}),
}


SEES: dict[Role, frozenset[Kind]] = {
    Role.RADIOLOGIST: frozenset({Kind.DELAYED, Kind.PRIVATE}),
    Role.GP: frozenset({Kind.DELAYED}),
    Role.PACS_MANAGER: frozenset({Kind.DELAYED}),
    Role.GATEWAY: frozenset({Kind.DELAYED}),
    Role.PATIENT: frozenset({Kind.MASKED, Kind.PRIVATE}),
    Role.PROXY: frozenset({Kind.MASKED}),
}
"""Marks that keep nothing back from a role; from roles that are not named all of them do (docs/adr/0027)."""

SERVICES_OF_PERMISSION: dict[Permission, frozenset[str]] = {
    Permission.READ_IMAGES: frozenset({"query", "retrieve"}),
    Permission.STORE_INSTANCES: frozenset({"store"}),
}
"""Which services a permission is about; a machine has no other permission."""


@dataclass(frozen=True)
class SessionOrigin:
    """Where a session began, as its owner is shown it."""

    way: str = ""
    """`password`, `code`, `share`, `machine`, or an identity provider's id."""
    address: str = ""
    agent: str = ""
    """User-Agent of the browser, shortened."""


@dataclass(frozen=True)
class Session:
    """Who is asking, as whom, and what they may see."""

    session_id: str
    subject: str
    display_name: str
    role: Role
    hospital: str
    """Hospital on whose behalf the session acts, "" for region-wide roles."""
    scope: Scope
    expires_at: int
    """Seconds since the epoch."""
    renewable_until: int = 0
    """Seconds since the epoch until which use prolongs it; 0: it ends when it expires."""
    professional_id: str = ""
    """RPPS, where the identity provider told it."""
    organization: str = ""
    """Place of work, likewise."""
    services: tuple[str, ...] | None = None
    """Of `store`, `query`, `retrieve`, where the session is a machine's; None: whatever the role may."""

    def may(self, permission: Permission) -> bool:
        """Whether the session's role, and a machine's services, carry a permission."""
        if permission not in PERMISSIONS[self.role]:
            return False
        return self.services is None or not SERVICES_OF_PERMISSION.get(permission, frozenset()).isdisjoint(
            self.services
        )

    @property
    def has_grants(self) -> bool:
        """Whether its professional may have been given patients for a time (`access.access_grants`)."""
        return any(map(self.may, (Permission.PRESENT_CODES, Permission.OPEN_PRIORS, Permission.BREAK_GLASS)))

    def serves(self, service: str) -> bool:
        """Whether a machine was given a service; anybody else was, by the role."""
        return self.services is None or service in self.services


@dataclass(frozen=True)
class Hospital:
    """A hospital: a name space of its own (D3)."""

    hospital_id: str
    """Lower case letters, digits and hyphens; part of object keys and never changed."""
    name: str
    sms_name: str = ""
    """Name for messages, within the characters of GSM 03.38; `name` when empty."""
    maximum_associations: int = 0
    """Associations that it may have open in one ingest container; 0: as many as the container's settings say."""
    maximum_instances_per_minute: int = 0
    """Instances that it may store in a minute, in the whole region's archive; 0: any number. The next two alike."""
    maximum_bytes_per_day: int = 0
    """Bytes of data sets that it may store in a day (UTC)."""
    networks: frozenset[str] = field(default_factory=frozenset)
    """Networks (CIDR) that its application entities call from, unless theirs are registered; empty: any."""
    revision: str = field(default="", compare=False)
    """Changes with every change of the registered hospital."""


@dataclass(frozen=True)
class ApplicationEntity:
    """A remote DICOM node (PS3.8 D.3.3.2) and what it may do."""

    ae_title: str
    hospital: str
    services: frozenset[str] = field(default_factory=frozenset)
    """Of `store`, `query`, `retrieve`."""
    host: str = ""
    """Where it listens as a C-MOVE destination, "" if it does not."""
    port: int = 0
    tls: bool = False
    """Whether TLS is spoken at that address."""
    certificate_fingerprints: frozenset[str] = field(default_factory=frozenset)
    """SHA-256 of the certificates (DER) that it presents over TLS, calling or called, 64 lower case hexadecimal digits
    each."""
    tls_only: bool = False
    """Whether it may not call on the port without TLS."""
    networks: frozenset[str] = field(default_factory=frozenset)
    """Networks (CIDR) that it calls from; empty: those of its hospital."""
    enabled: bool = True
    """One that is not may neither call nor be called."""
    revision: str = field(default="", compare=False)
    """Changes with every change of the registered application entity."""

    SERVICES = frozenset({"store", "query", "retrieve"})


@dataclass(frozen=True)
class User:
    """Someone who signs in with a name and a password."""

    username: str
    """As typed, compared in lower case."""
    display_name: str
    role: Role
    hospital: str
    """"" for region-wide roles."""
    scope: Scope
    password_hash: str
    """Argon2id in PHC string format."""
    disabled: bool = False


@dataclass(frozen=True)
class Contact:
    """How a patient of a hospital may be reached."""

    hospital: str
    patient_id: str
    issuer: str
    phone_number: str
    """E.164."""
    consent: bool
    """The patient agreed to be told by SMS that exams are available."""
    registered_at_ms: int = 0
