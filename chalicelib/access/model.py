"""Sessions, roles and permissions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from chalicelib.archive.scope import Scope


class Permission(Enum):
    """What a role may do, within the session's scope."""

    READ_IMAGES = "read-images"
    STORE_INSTANCES = "store-instances"
    READ_LEDGER = "read-ledger"
    REGISTER_CONTACTS = "register-contacts"
    OPERATE = "operate"
    """Region-wide administration: registry, queues, rejected instances; no images."""


class Role(Enum):
    """Roles of the surface (`make -s token ROLE=...`)."""

    RADIOLOGIST = "radiologist"
    GP = "gp"
    FINANCE = "finance"
    OPERATOR = "operator"
    GATEWAY = "gateway"
    DESK = "desk"


PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.RADIOLOGIST: frozenset({Permission.READ_IMAGES}),
    Role.GP: frozenset({Permission.READ_IMAGES}),
    Role.FINANCE: frozenset({Permission.READ_LEDGER}),
    Role.OPERATOR: frozenset({Permission.OPERATE, Permission.READ_LEDGER}),
    Role.GATEWAY: frozenset({Permission.READ_IMAGES, Permission.STORE_INSTANCES, Permission.REGISTER_CONTACTS}),
    Role.DESK: frozenset({Permission.REGISTER_CONTACTS}),
}


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

    def may(self, permission: Permission) -> bool:
        """Whether the session's role carries a permission."""
        return permission in PERMISSIONS[self.role]
