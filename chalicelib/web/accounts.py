"""Accounts: disabled and enabled again by an operator, or the PACS manager of their hospital."""

from __future__ import annotations

from chalice.app import Blueprint, Request, Response

from chalicelib import errors, wiring, wiring_accounts
from chalicelib.access.model import Permission, Role, Session, User
from chalicelib.web.authorizer import sessions_authorizer
from chalicelib.web.http import current_session, handles_errors, path_value, respond_json
from chalicelib.web.schemas import json_body
from chalicelib.web.sessions import NOT_STORED

routes = Blueprint(__name__)

ACCOUNT = "/api/accounts/{account}"


@routes.route(ACCOUNT, methods=["GET"], authorizer=sessions_authorizer)
@handles_errors
def read_account(account: str) -> Response:
    """Whose account it is, and whether it may sign in."""
    _, user = _managed(routes.current_request, account)
    return _shown(user, is_disabled=user.disabled)


@routes.route(ACCOUNT, methods=["PUT"], authorizer=sessions_authorizer)
@handles_errors
def put_account(account: str) -> Response:
    """Disable an account, which ends its sessions, or take that back."""
    request = routes.current_request
    session, user = _managed(request, account)
    is_disabled = json_body(request, "AccountState")["disabled"]
    # Users with a password have sessions under their name in lower case, others under the name their provider gave.
    subjects = {user.username, user.username.lower()}
    if is_disabled and session.subject in subjects:
        raise errors.Conflict("Nobody disables the account that he or she is signed in with.")
    wiring_accounts.accounts().set_disabled(user.username, is_disabled)
    if is_disabled:
        registry = wiring.registry()
        for subject in subjects:
            for session_id in list(registry.sessions_of(subject)):
                registry.end_session(subject, session_id)
    return _shown(user, is_disabled=is_disabled)


def _managed(request: Request, account: str) -> tuple[Session, User]:
    """The caller, and an account that the caller manages; others are as if there were none."""
    session = current_session(request, Permission.MANAGE_ACCOUNTS)
    user = wiring.registry().user(path_value(account))
    if user is None or (session.role is not Role.OPERATOR and user.hospital != session.hospital):
        raise errors.NotFound("There is no such account.")
    return session, user


def _shown(user: User, *, is_disabled: bool) -> Response:
    shown = {
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role.value,
        "hospital": user.hospital,
        "disabled": is_disabled,
    }
    return respond_json(shown, 200, NOT_STORED)
