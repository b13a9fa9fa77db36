"""Accounts and their sessions, in the registry's table (items: see `dynamodb_registry`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.access.accounts import AccountState, SessionRecord
from chalicelib.access.model import SessionOrigin, User
from chalicelib.access.share_model import Kind
from chalicelib.aws.dynamodb_access_grants import GRANTED
from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_registry import SESSION_KEPT_S, user_of
from chalicelib.aws.dynamodb_requests import ConditionFailed, batch_get, beginning_with, call
from chalicelib.aws.dynamodb_share_items import AT, ended_key
from chalicelib.errors import NotFound

SESSION = "SESSION#"


class DynamoDBAccounts:
    """Implements `access.accounts.Accounts`.

    Parameters
    ----------
    reads
        `dynamodb_reads.DynamoDBReads`, for what every request waits for.
    """

    def __init__(self, dynamodb: Any, reads: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._reads = reads
        self._table = table

    def record_user(self, user: User) -> User:
        """Register somebody who signed in elsewhere."""
        answer = call(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=_key(user.username, "USER"),
            UpdateExpression="SET username = :username, display_name = :display_name, #role = :role, "
            "hospital = :hospital, #scope = :scope, password_hash = if_not_exists(password_hash, :password_hash), "
            "disabled = if_not_exists(disabled, :false)",
            ExpressionAttributeNames={"#role": "role", "#scope": "scope"},
            ExpressionAttributeValues=to_item(
                {
                    ":username": user.username,
                    ":display_name": user.display_name,
                    ":role": user.role.value,
                    ":hospital": user.hospital,
                    ":scope": json.dumps(user.scope.to_claims()),
                    ":password_hash": user.password_hash,
                    ":false": False,
                }
            ),
            ReturnValues="ALL_NEW",
        )
        return user_of(from_item(answer["Attributes"]))

    def set_disabled(self, username: str, disabled: bool) -> None:
        """Disable a user or take that back."""
        try:
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=_key(username, "USER"),
                UpdateExpression="SET disabled = :disabled",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=to_item({":disabled": disabled}),
            )
        except ConditionFailed as error:
            raise NotFound("There is no such account.") from error

    def state(self, subject: str, session_id: str, watched: Sequence[tuple[Kind, str]] = ()) -> AccountState:
        """A session and its subject now, and what was taken back from some recipients."""
        keys = [
            _key(subject, SESSION + session_id, lower=False),
            _key(subject, "USER"),
            _key(subject, GRANTED, lower=False),
            *(to_item(ended_key(*target)) for target in watched),
        ]
        found: dict[str, dict[str, Any]] = {}
        ended_at = 0
        for item in batch_get(self._reads, self._table, keys, consistent=True):
            values = from_item(item)
            found[values["sk"]] = values
            if values["sk"] == AT:
                ended_at = max(ended_at, values["at"])
        session, user, granted = found.get(SESSION + session_id), found.get("USER"), found.get(GRANTED)
        return AccountState(
            _record(session) if session else None,
            user is not None and not user["disabled"],
            granted["until"] if granted else 0,
            ended_at,
        )

    def records(self, subject: str) -> list[SessionRecord]:
        """A subject's sessions."""
        items = beginning_with(self._dynamodb, self._table, f"U#{subject}", SESSION)
        return [_record(from_item(item)) for item in items]

    def touch(self, subject: str, before: SessionRecord, now: int, expires_at: int) -> bool:
        """Write that a session was used."""
        try:
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=_key(subject, SESSION + before.session_id, lower=False),
                UpdateExpression="SET last_seen_at = :now, expires_at = :expires_at",
                ConditionExpression="attribute_exists(pk) AND ended = :false "
                "AND (attribute_not_exists(last_seen_at) OR last_seen_at = :before)",
                ExpressionAttributeValues=to_item(
                    {
                        ":now": now,
                        ":expires_at": expires_at + SESSION_KEPT_S,
                        ":false": False,
                        ":before": before.last_seen_at,
                    }
                ),
            )
        except ConditionFailed:
            return False
        return True


def _key(subject: str, sk: str, *, lower: bool = True) -> dict[str, Any]:
    """Users are found in lower case; sessions by their subject as it is."""
    return to_item({"pk": f"U#{subject.lower() if lower else subject}", "sk": sk})


def _record(values: dict[str, Any]) -> SessionRecord:
    return SessionRecord(
        values["sk"].removeprefix(SESSION),
        values["role"],
        values["hospital"],
        SessionOrigin(values.get("way", ""), values.get("address", ""), values.get("agent", "")),
        values.get("created_at", 0),
        values.get("last_seen_at", 0),
        values["expires_at"] - SESSION_KEPT_S,
        values["ended"],
    )
