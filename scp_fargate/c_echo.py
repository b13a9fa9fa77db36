"""Verification SCP (PS3.4 A)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scp_fargate import dimse_status

if TYPE_CHECKING:
    from pynetdicom.events import Event

    from scp_fargate.association import IncomingAssociation


def on_c_echo(event: Event) -> int:
    """Answer that the archive can be reached and knows the caller."""
    association: IncomingAssociation = event.assoc
    association.counts.add("echoes")
    association.log("C-ECHO")
    return dimse_status.SUCCESS
