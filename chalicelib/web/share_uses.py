"""That a recipient by name looked at what was shared: counted once a session, for whoever shared it."""

from __future__ import annotations

import time

from chalice.app import Request

from chalicelib import errors, wiring
from chalicelib.access import audit_basis
from chalicelib.access.audit import Action, AuditEvent
from chalicelib.access.model import Role, Session
from chalicelib.access.share_model import Use
from chalicelib.access.shared_scope import shares_with
from chalicelib.web.http import client_address
from chalicelib.web.share_answers import network_of

LOOKING = frozenset({Action.READ_STUDY, Action.RETRIEVE, Action.RENDER})


def note_use(request: Request, session: Session, event: AuditEvent) -> None:
    """Note a use of each share that an access rests on. The trail has it too, so that a failure refuses nothing."""
    if event.detail.get("basis") != audit_basis.SHARE or event.action not in LOOKING or session.role is Role.GUEST:
        return
    who = " · ".join(
        filter(None, (session.display_name, session.professional_id and f"RPPS {session.professional_id}"))
    )
    use = Use(int(time.time()), session.session_id, network_of(client_address(request)), who)
    try:
        for share in shares_with(wiring.shares(), session):
            if share.scope.shares_of(event.hospital, event.study_instance_uid):
                wiring.shares().note_use(share, use)
    except errors.ArchiveError as error:
        wiring.logger("api").warning("use of a share not noted", extra={"error": type(error).__name__})
