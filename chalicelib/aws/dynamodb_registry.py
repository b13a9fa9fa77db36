"""The registry in DynamoDB.

| item | pk | sk |
|---|---|---|
| hospital | `HOSPITALS` | `{hospital}` |
| application entity | `APPLICATION-ENTITIES` | `{ae title}` |
| user | `U#{username}` | `USER` |
| session | `U#{subject}` | `SESSION#{session id}` |
| known address | `U#{username}` | `ADDRESS#{digest}` |
| contact | `H#{hospital}#P#{patient id}` | `CONTACT#{issuer}` |
| attempts | `ATTEMPTS#{key}` | `{window}` |

Notifications are in the same table, see `dynamodb_notifications`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from chalicelib.access.model import ApplicationEntity, Contact, Hospital, Role, Session, SessionOrigin, User
from chalicelib.access.ports import ABSENT, ANY_REVISION
from chalicelib.archive.scope import Scope
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, call, query
from chalicelib.errors import Conflict, PreconditionFailed

SESSION_KEPT_S = 7 * 24 * 3600
"""How long the record of a session outlives it."""
ADDRESS_KEPT_S = 30 * 24 * 3600


class DynamoDBRegistry:
    """Implements `access.ports.Registry`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def hospital(self, hospital_id: str) -> Hospital | None:
        """One hospital."""
        values = self._get("HOSPITALS", hospital_id)
        return _hospital(values) if values else None

    def hospitals(self) -> list[Hospital]:
        """Every hospital by its id."""
        return [_hospital(values) for values in self._query("HOSPITALS")]

    def put_hospital(self, hospital: Hospital, if_revision: str | None = None) -> str:
        """Register or replace a hospital."""
        values: dict[str, Value] = {
            "name": hospital.name,
            "sms_name": hospital.sms_name,
            "maximum_associations": hospital.maximum_associations,
            "maximum_instances_per_minute": hospital.maximum_instances_per_minute,
            "maximum_bytes_per_day": hospital.maximum_bytes_per_day,
            "networks": ",".join(sorted(hospital.networks)),
            "revision": _new_revision(),
        }
        try:
            self._put("HOSPITALS", hospital.hospital_id, values, **_condition(*_revision_is(if_revision)))
        except ConditionFailed as error:
            raise PreconditionFailed("The hospital is not registered in this revision.") from error
        return str(values["revision"])

    def application_entity(self, ae_title: str) -> ApplicationEntity | None:
        """The application entity of that title."""
        values = self._get("APPLICATION-ENTITIES", ae_title) if ae_title else None
        return _application_entity(values) if values else None

    def application_entities(self) -> list[ApplicationEntity]:
        """Every application entity by title."""
        return [_application_entity(values) for values in self._query("APPLICATION-ENTITIES")]

    def put_application_entity(self, application_entity: ApplicationEntity, if_revision: str | None = None) -> str:
        """Register or replace an application entity; `Conflict` if another hospital holds the title."""
        values: dict[str, Value] = {
            "hospital": application_entity.hospital,
            "services": ",".join(sorted(application_entity.services)),
            "host": application_entity.host,
            "port": application_entity.port,
            "tls": application_entity.tls,
            "certificate_fingerprints": ",".join(sorted(application_entity.certificate_fingerprints)),
            "tls_only": application_entity.tls_only,
            "networks": ",".join(sorted(application_entity.networks)),
            "enabled": application_entity.enabled,
            "revision": _new_revision(),
        }
        is_own: _Test = ("(attribute_not_exists(pk) OR hospital = :hospital)", {":hospital": values["hospital"]})
        condition = _condition(is_own, *_revision_is(if_revision))
        try:
            self._put("APPLICATION-ENTITIES", application_entity.ae_title, values, **condition)
        except ConditionFailed as error:
            found = self.application_entity(application_entity.ae_title)
            if if_revision is None or (found and found.hospital != application_entity.hospital):
                raise Conflict("Another hospital holds this AE title.") from error
            raise PreconditionFailed("The application entity is not registered in this revision.") from error
        return str(values["revision"])

    def delete_application_entity(self, application_entity: ApplicationEntity, if_revision: str) -> None:
        """Remove a hospital's application entity."""
        is_own: _Test = ("hospital = :hospital", {":hospital": application_entity.hospital})
        try:
            call(
                self._dynamodb.delete_item,
                TableName=self._table,
                Key=to_item({"pk": "APPLICATION-ENTITIES", "sk": application_entity.ae_title}),
                **_condition(is_own, *_revision_is(if_revision)),
            )
        except ConditionFailed as error:
            raise PreconditionFailed("The application entity is not registered in this revision.") from error

    def user(self, username: str) -> User | None:
        """One user."""
        values = self._get(f"U#{username.lower()}", "USER")
        return user_of(values) if values else None

    def put_user(self, user: User) -> None:
        """Register or replace a user."""
        values: dict[str, Value] = {
            "username": user.username,
            "display_name": user.display_name,
            "role": user.role.value,
            "hospital": user.hospital,
            "scope": json.dumps(user.scope.to_claims()),
            "password_hash": user.password_hash,
            "disabled": user.disabled,
        }
        self._put(f"U#{user.username.lower()}", "USER", values)

    def contact(self, hospital: str, patient_id: str, issuer: str = "") -> Contact | None:
        """How a patient of a hospital may be reached."""
        values = self._get(f"H#{hospital}#P#{patient_id}", f"CONTACT#{issuer}")
        if values is None:
            return None
        return Contact(
            hospital, patient_id, issuer, values["phone_number"], values["consent"], values["registered_at_ms"]
        )

    def put_contact(self, contact: Contact) -> None:
        """Register or replace a contact."""
        values: dict[str, Value] = {
            "phone_number": contact.phone_number,
            "consent": contact.consent,
            "registered_at_ms": contact.registered_at_ms,
        }
        self._put(f"H#{contact.hospital}#P#{contact.patient_id}", f"CONTACT#{contact.issuer}", values)

    def put_session(self, session: Session, origin: SessionOrigin) -> None:
        """Register a session."""
        now = int(time.time())
        values: dict[str, Value] = {
            "role": session.role.value,
            "hospital": session.hospital,
            "way": origin.way,
            "address": origin.address,
            "agent": origin.agent,
            "created_at": now,
            "last_seen_at": now,
            "ended": False,
            "expires_at": session.expires_at + SESSION_KEPT_S,
        }
        self._put(f"U#{session.subject}", f"SESSION#{session.session_id}", values)

    def session_is_active(self, subject: str, session_id: str) -> bool:
        """Whether a session is registered and was not ended."""
        values = self._get(f"U#{subject}", f"SESSION#{session_id}")
        return values is not None and not values["ended"]

    def end_session(self, subject: str, session_id: str) -> None:
        """End a session; one that is not registered stays so."""
        with suppress(ConditionFailed):
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=to_item({"pk": f"U#{subject}", "sk": f"SESSION#{session_id}"}),
                UpdateExpression="SET ended = :true",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":true": {"BOOL": True}},
            )

    def sessions_of(self, subject: str) -> Iterator[str]:
        """Ids of a subject's sessions that were not ended."""
        for values in self._query(f"U#{subject}", "SESSION#"):
            if not values["ended"]:
                yield values["sk"].removeprefix("SESSION#")

    def remember_address(self, username: str, address: str) -> None:
        """Remember for 30 days that a user signed in from an address (a digest)."""
        self._put(f"U#{username.lower()}", f"ADDRESS#{address}", {"expires_at": int(time.time()) + ADDRESS_KEPT_S})

    def knows_address(self, username: str, address: str) -> bool:
        """Whether the user signed in from the address within 30 days."""
        values = self._get(f"U#{username.lower()}", f"ADDRESS#{address}")
        return values is not None and values["expires_at"] > time.time()

    def count_attempt(self, key: str, window: int, window_s: int, by: int = 1) -> int:
        """Add to the attempts of a window; return their number."""
        answer = call(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=to_item({"pk": f"ATTEMPTS#{key}", "sk": str(window)}),
            UpdateExpression="ADD attempts :by SET expires_at = :expires_at",
            ExpressionAttributeValues=to_item({":by": by, ":expires_at": (window + 2) * window_s}),
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["attempts"]["N"])

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = call(
            self._dynamodb.get_item, TableName=self._table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return from_item(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str, sk_prefix: str = "") -> Iterator[dict[str, Any]]:
        condition, values = "pk = :pk", to_item({":pk": pk})
        if sk_prefix:
            condition += " AND begins_with(sk, :sk)"
            values |= to_item({":sk": sk_prefix})
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )
        return map(from_item, items)

    def _put(self, pk: str, sk: str, values: dict[str, Value], **condition: Any) -> None:
        call(self._dynamodb.put_item, TableName=self._table, Item=to_item({"pk": pk, "sk": sk, **values}), **condition)


_Test = tuple[str, dict[str, Value]]
"""A condition and its values."""


def _new_revision() -> str:
    # Not a number: what is deleted and registered again must not have a revision that it had before.
    return secrets.token_hex(8)


def _revision_is(revision: str | None) -> list[_Test]:
    if revision is None:
        return []
    if revision == ABSENT:
        return [("attribute_not_exists(pk)", {})]
    if revision == ANY_REVISION:
        return [("attribute_exists(pk)", {})]
    return [("revision = :revision", {":revision": revision})]


def _condition(*tests: _Test) -> dict[str, Any]:
    """Parameters of a request that is done only if every test holds."""
    if not tests:
        return {}
    condition: dict[str, Any] = {"ConditionExpression": " AND ".join(test for test, _ in tests)}
    values = {name: value for _, own in tests for name, value in own.items()}
    return condition | ({"ExpressionAttributeValues": to_item(values)} if values else {})


def _hospital(values: dict[str, Any]) -> Hospital:
    return Hospital(
        hospital_id=values["sk"],
        name=values["name"],
        sms_name=values["sms_name"],
        maximum_associations=values.get("maximum_associations", 0),
        maximum_instances_per_minute=values.get("maximum_instances_per_minute", 0),
        maximum_bytes_per_day=values.get("maximum_bytes_per_day", 0),
        networks=_words(values.get("networks", "")),
        revision=values.get("revision", ""),
    )


def _application_entity(values: dict[str, Any]) -> ApplicationEntity:
    return ApplicationEntity(
        ae_title=values["sk"],
        hospital=values["hospital"],
        services=_words(values["services"]),
        host=values["host"],
        port=values["port"],
        tls=values.get("tls", False),
        certificate_fingerprints=_words(values.get("certificate_fingerprints", "")),
        tls_only=values.get("tls_only", False),
        networks=_words(values.get("networks", "")),
        enabled=values.get("enabled", True),
        revision=values.get("revision", ""),
    )


def _words(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def user_of(values: dict[str, Any]) -> User:
    """The user of an item."""
    return User(
        username=values["username"],
        display_name=values["display_name"],
        role=Role(values["role"]),
        hospital=values["hospital"],
        scope=Scope.from_claims(json.loads(values["scope"])),
        password_hash=values["password_hash"],
        disabled=values["disabled"],
    )
