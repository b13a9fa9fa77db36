"""Shares in the registry table.

| item | pk | sk |
|---|---|---|
| share | `SHARE#{id}` | `SHARE` |
| use of its link | `SHARE#{id}` | `USE#{time}#{session id}` |
| share of a maker | `SHARES-MADE#{subject}` | `{time}#{id}` |
| share with a user or hospital | `SHARES-WITH#{kind}#{recipient}` | `{time}#{id}` |

The list of shares with somebody holds a copy of each share, so that one query says what is given; a share that is
revoked leaves it in the transaction that revokes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.access.share_model import Kind, Share, Use
from chalicelib.archive.scope import Scope
from chalicelib.aws.dynamodb_items import Item, Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, TransactionCancelled, batch_get, call, query
from chalicelib.errors import Unavailable

KEPT_S = 366 * 86400
"""How long the record of a share outlives it: its maker sees who used it."""
MOST_LISTED = 200
"""Shares that one list shows, the newest."""


class DynamoDBShares:
    """Implements `access.shares.Shares`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, share: Share) -> None:
        """Register a new share."""
        values = _values(share)
        items = [
            {"pk": f"SHARE#{share.share_id}", "sk": "SHARE", **values},
            {"pk": f"SHARES-MADE#{share.maker}", "sk": _place(share), "expires_at": values["expires_at"]},
        ]
        if share.kind is not Kind.LINK:
            items.append({"pk": _with(share.kind, share.recipient), "sk": _place(share), **values})
        new = {"TableName": self._table, "ConditionExpression": "attribute_not_exists(pk)"}
        self._transact([{"Put": {**new, "Item": to_item(item)}} for item in items])

    def share(self, share_id: str) -> Share | None:
        """One share."""
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=_key(share_id), ConsistentRead=True)
        return _share(from_item(answer["Item"])) if "Item" in answer else None

    def made_by(self, maker: str) -> Iterator[Share]:
        """Shares of a maker, newest first."""
        places = self._listed(f"SHARES-MADE#{maker}")
        ids = [place["sk"].partition("#")[2] for place in places]
        found = batch_get(self._dynamodb, self._table, [_key(share_id) for share_id in ids], consistent=True)
        shares = {share.share_id: share for share in (_share(from_item(item)) for item in found)}
        return (shares[share_id] for share_id in ids if share_id in shares)

    def given_to(self, kind: Kind, recipient: str) -> Iterator[Share]:
        """Shares to a user or hospital, newest first."""
        return map(_share, self._listed(_with(kind, recipient)))

    def revoke(self, share: Share, now: int) -> None:
        """End a share; the first time counts."""
        update = {
            "TableName": self._table,
            "Key": _key(share.share_id),
            "UpdateExpression": "SET revoked_at = :now",
            "ConditionExpression": "revoked_at = :never",
            "ExpressionAttributeValues": to_item({":now": now, ":never": 0}),
        }
        changes: list[dict[str, Any]] = [{"Update": update}]
        if share.kind is not Kind.LINK:
            listed = {"pk": _with(share.kind, share.recipient), "sk": _place(share)}
            changes.append({"Delete": {"TableName": self._table, "Key": to_item(listed)}})
        try:
            self._transact(changes)
        except Unavailable:
            known = self.share(share.share_id)
            if known is None or not known.revoked_at:
                raise

    def count_passcode_failure(self, share_id: str, by: int = 1) -> int:
        """Add to the failures of a passcode."""
        answer = call(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=_key(share_id),
            UpdateExpression="ADD passcode_failures :by",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues=to_item({":by": by}),
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["passcode_failures"]["N"])

    def use(self, share: Share, use: Use) -> bool:
        """Count a use while there is one left, then list it."""
        try:
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=_key(share.share_id),
                UpdateExpression="ADD uses :one",
                ConditionExpression="revoked_at = :zero AND ends_at > :now AND "
                "(maximum_uses = :zero OR uses < maximum_uses)",
                ExpressionAttributeValues=to_item({":one": 1, ":zero": 0, ":now": use.used_at}),
            )
        except ConditionFailed:
            return False
        item: dict[str, Value] = {
            "pk": f"SHARE#{share.share_id}",
            "sk": f"USE#{use.used_at:012}#{use.session_id}",
            "address": use.address,
            "expires_at": share.ends_at + KEPT_S,
        }
        call(self._dynamodb.put_item, TableName=self._table, Item=to_item(item))
        return True

    def uses(self, share_id: str) -> Iterator[Use]:
        """Who opened the link."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :use)",
            ExpressionAttributeValues=to_item({":pk": f"SHARE#{share_id}", ":use": "USE#"}),
            ConsistentRead=True,
        )
        for values in map(from_item, items):
            _, used_at, session_id = values["sk"].split("#", 2)
            yield Use(int(used_at), session_id, values["address"])

    def _listed(self, pk: str) -> list[dict[str, Any]]:
        answer = call(
            self._dynamodb.query,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": pk}),
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=MOST_LISTED,
        )
        return [from_item(item) for item in answer["Items"]]

    def _transact(self, changes: list[dict[str, Any]]) -> None:
        try:
            call(self._dynamodb.transact_write_items, TransactItems=changes)
        except TransactionCancelled as error:
            raise Unavailable("The registry is busy.") from error


def _key(share_id: str) -> Item:
    return to_item({"pk": f"SHARE#{share_id}", "sk": "SHARE"})


def _with(kind: Kind, recipient: str) -> str:
    return f"SHARES-WITH#{kind.value}#{recipient}"


def _place(share: Share) -> str:
    return f"{share.created_at:012}#{share.share_id}"


def _values(share: Share) -> dict[str, str | int]:
    return {
        "share_id": share.share_id,
        "maker": share.maker,
        "maker_name": share.maker_name,
        "maker_hospital": share.maker_hospital,
        "grants": json.dumps(share.scope.to_claims(), separators=(",", ":")),
        "kind": share.kind.value,
        "recipient": share.recipient,
        "label": share.label,
        "message": share.message,
        "created_at": share.created_at,
        "ends_at": share.ends_at,
        "maximum_uses": share.maximum_uses,
        "secret_digest": share.secret_digest,
        "passcode_hash": share.passcode_hash,
        "uses": share.uses,
        "passcode_failures": share.passcode_failures,
        "revoked_at": share.revoked_at,
        "expires_at": share.ends_at + KEPT_S,
    }


def _share(values: dict[str, Any]) -> Share:
    own = {name: values[name] for name in values if name not in ("pk", "sk", "expires_at", "grants", "kind")}
    grants = Scope.from_claims(json.loads(values["grants"])).shared
    return Share(**own, grants=grants, kind=Kind(values["kind"]))
