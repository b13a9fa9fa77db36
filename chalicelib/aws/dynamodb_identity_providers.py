"""Identity providers and sign-ins under way, in the registry's table.

| item | pk | sk |
|---|---|---|
| provider | `IDENTITY-PROVIDERS` | `{id}` |
| sign-in under way | `SIGN-IN#{SHA-256 of the state}` | `SIGN-IN` |
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from chalicelib.access.model import Role
from chalicelib.access.oidc_model import IdentityProvider, PendingSignIn, RoleRule
from chalicelib.access.ports import ABSENT, ANY_REVISION
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, call, query
from chalicelib.errors import PreconditionFailed

PROVIDERS = "IDENTITY-PROVIDERS"


class DynamoDBIdentityProviders:
    """Implements `access.oidc_model.IdentityProviders`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def provider(self, provider_id: str) -> IdentityProvider | None:
        """One of them."""
        if not provider_id:
            return None
        key = to_item({"pk": PROVIDERS, "sk": provider_id})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return _provider(from_item(answer["Item"])) if "Item" in answer else None

    def providers(self) -> list[IdentityProvider]:
        """All by id."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": PROVIDERS}),
            ConsistentRead=True,
        )
        return [_provider(from_item(item)) for item in items]

    def put(self, provider: IdentityProvider, if_revision: str | None = None) -> str:
        """Register or replace."""
        revision = secrets.token_hex(8)
        item = to_item({"pk": PROVIDERS, "sk": provider.provider_id, **_values(provider), "revision": revision})
        self._change(self._dynamodb.put_item, if_revision, Item=item)
        return revision

    def delete(self, provider_id: str, if_revision: str) -> None:
        """Remove."""
        self._change(self._dynamodb.delete_item, if_revision, Key=to_item({"pk": PROVIDERS, "sk": provider_id}))

    def _change(self, operation: Any, if_revision: str | None, **parameters: Any) -> None:
        condition: dict[str, Any] = {}
        if if_revision == ABSENT:
            condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        elif if_revision == ANY_REVISION:
            condition = {"ConditionExpression": "attribute_exists(pk)"}
        elif if_revision is not None:
            values = to_item({":revision": if_revision})
            condition = {"ConditionExpression": "revision = :revision", "ExpressionAttributeValues": values}
        try:
            call(operation, TableName=self._table, **parameters, **condition)
        except ConditionFailed as error:
            raise PreconditionFailed("The identity provider is not registered in this revision.") from error


class DynamoDBPendingSignIns:
    """Implements `access.oidc_model.PendingSignIns`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, state: str, pending: PendingSignIn) -> None:
        """Keep one under its state."""
        call(self._dynamodb.put_item, TableName=self._table, Item=to_item({**_key(state), **vars(pending)}))

    def take(self, state: str) -> PendingSignIn | None:
        """Remove and return one: DynamoDB gives the old item to the one request that removed it."""
        answer = call(
            self._dynamodb.delete_item, TableName=self._table, Key=to_item(_key(state)), ReturnValues="ALL_OLD"
        )
        if "Attributes" not in answer:
            return None
        values = from_item(answer["Attributes"])
        return PendingSignIn(**{name: value for name, value in values.items() if name not in ("pk", "sk")})


def _key(state: str) -> dict[str, str]:
    return {"pk": f"SIGN-IN#{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()}", "sk": "SIGN-IN"}


def _values(provider: IdentityProvider) -> dict[str, Value]:
    values: dict[str, Value] = {
        name: value for name, value in vars(provider).items() if isinstance(value, str) and name != "provider_id"
    }
    rules = [[sorted(rule.facts), rule.role.value, rule.hospital] for rule in provider.rules]
    return values | {
        "rules": json.dumps(rules),
        "algorithms": ",".join(provider.algorithms),
        "enabled": provider.enabled,
    }


def _provider(values: dict[str, Any]) -> IdentityProvider:
    own = {name: value for name, value in values.items() if name not in ("pk", "sk")}
    rules = [RoleRule(frozenset(facts), Role(role), hospital) for facts, role, hospital in json.loads(own["rules"])]
    own |= {"rules": tuple(rules), "algorithms": tuple(own["algorithms"].split(","))}
    return IdentityProvider(provider_id=values["sk"], **own)
