"""Shares in the registry table (items: see `dynamodb_share_items`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from chalicelib.access.share_model import Ender, Kind, Share, Use
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, TransactionCancelled, batch_get, call, query
from chalicelib.aws.dynamodb_share_items import (
    ENDED_KEPT_S,
    ended_key,
    key_of,
    list_with,
    place_of,
    pointers,
    share_of,
    use_item,
    values_of,
)
from chalicelib.errors import Conflict, Unavailable

MOST_LISTED = 200
"""Shares that one list shows, the newest."""


class DynamoDBShares:
    """Implements `access.shares.Shares`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, share: Share) -> None:
        """Register a new share."""
        values = values_of(share)
        lives: dict[str, Value] = {"expires_at": share.ends_at}
        items: list[dict[str, Value]] = [
            {"pk": f"SHARE#{share.share_id}", "sk": "SHARE", **values},
            {"pk": f"SHARES-MADE#{share.maker}", "sk": place_of(share), "expires_at": values["expires_at"]},
            *({**key, **lives} for key in pointers(share)),
        ]
        if share.kind is not Kind.LINK:
            items.append({"pk": list_with(share.kind, share.recipient), "sk": place_of(share), **values})
        new = {"TableName": self._table, "ConditionExpression": "attribute_not_exists(pk)"}
        self._transact([{"Put": {**new, "Item": to_item(item)}} for item in items])

    def share(self, share_id: str) -> Share | None:
        """One share."""
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key_of(share_id), ConsistentRead=True)
        return share_of(from_item(answer["Item"])) if "Item" in answer else None

    def made_by(self, maker: str) -> Iterator[Share]:
        """Shares of a maker, newest first."""
        return self._of_places(self._listed(f"SHARES-MADE#{maker}"))

    def given_to(self, kind: Kind, recipient: str) -> Iterator[Share]:
        """Shares to a user or hospital, newest first."""
        return map(share_of, self._listed(list_with(kind, recipient)))

    def about(self, patient: PatientRef) -> Iterator[Share]:
        """Live shares of a patient's studies, newest first."""
        places = self._listed(f"H#{patient.hospital}#P#{patient.patient_id}", prefix="SHARE#")
        return (share for share in self._of_places(places) if _is_live(share) and patient in share.patients)

    def at(self, hospital: str, before: str = "") -> tuple[list[Share], str]:
        """Some live shares of a hospital's studies, newest first."""
        places = self._listed(f"SHARES-AT#{hospital}", before=before)
        following = places[-1]["sk"] if len(places) == MOST_LISTED else ""
        return [share for share in self._of_places(places) if _is_live(share)], following

    def revoke(self, share: Share, now: int, by: Ender) -> None:
        """End a share; the first time counts."""
        update = {
            "TableName": self._table,
            "Key": key_of(share.share_id),
            "UpdateExpression": "SET revoked_at = :now, revoked_by = :by",
            "ConditionExpression": "revoked_at = :never",
            "ExpressionAttributeValues": to_item({":now": now, ":by": by.value, ":never": 0}),
        }
        listed = list(pointers(share))
        if share.kind is not Kind.LINK:
            listed.append({"pk": list_with(share.kind, share.recipient), "sk": place_of(share)})
        try:
            self._transact([{"Update": update}, *self._deleted(listed), self._noted(share, now)])
        except Unavailable:
            known = self.share(share.share_id)
            if known is None or not known.revoked_at:
                raise

    def narrow(self, share: Share, kept: Share, now: int) -> None:
        """Replace what a share gives by less."""
        keys = [key_of(share.share_id)]
        if share.kind is not Kind.LINK:
            keys.append(to_item({"pk": list_with(share.kind, share.recipient), "sk": place_of(share)}))
        before, after = values_of(share), values_of(kept)
        update = {
            "TableName": self._table,
            "UpdateExpression": "SET grants = :grants, patients = :patients",
            "ConditionExpression": "grants = :before AND revoked_at = :never",
            "ExpressionAttributeValues": to_item(
                {
                    ":grants": after["grants"],
                    ":patients": after["patients"],
                    ":before": before["grants"],
                    ":never": 0,
                }
            ),
        }
        left = list(pointers(kept))
        gone = [key for key in pointers(share) if key not in left]
        try:
            self._transact(
                [*({"Update": {**update, "Key": key}} for key in keys), *self._deleted(gone), self._noted(share, now)]
            )
        except Unavailable as error:
            raise Conflict("The share was changed meanwhile.") from error

    def _deleted(self, keys: list[dict[str, Value]]) -> list[dict[str, Any]]:
        return [{"Delete": {"TableName": self._table, "Key": to_item(key)}} for key in keys]

    def _noted(self, share: Share, now: int) -> dict[str, Any]:
        """That something was taken from those who have the share: what is remembered of them is out of date."""
        item = {**ended_key(*share.target), "at": now, "expires_at": now + ENDED_KEPT_S}
        return {"Put": {"TableName": self._table, "Item": to_item(item)}}

    def count_passcode_failure(self, share_id: str, by: int = 1) -> int:
        """Add to the failures of a passcode."""
        answer = call(
            self._dynamodb.update_item,
            TableName=self._table,
            Key=key_of(share_id),
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
                Key=key_of(share.share_id),
                UpdateExpression="ADD uses :one",
                ConditionExpression="revoked_at = :zero AND ends_at > :now AND "
                "(maximum_uses = :zero OR uses < maximum_uses)",
                ExpressionAttributeValues=to_item({":one": 1, ":zero": 0, ":now": use.used_at}),
            )
        except ConditionFailed:
            return False
        call(self._dynamodb.put_item, TableName=self._table, Item=use_item(share, use))
        return True

    def note_use(self, share: Share, use: Use) -> None:
        """Count and list the first use of a session of a recipient by name."""
        new = {
            "TableName": self._table,
            "Item": use_item(share, use),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        count = {
            "TableName": self._table,
            "Key": key_of(share.share_id),
            "UpdateExpression": "ADD uses :one",
            "ExpressionAttributeValues": to_item({":one": 1}),
        }
        with suppress(TransactionCancelled):  # it was noted before
            call(self._dynamodb.transact_write_items, TransactItems=[{"Put": new}, {"Update": count}])

    def uses(self, share_id: str) -> Iterator[Use]:
        """Who used it."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :use)",
            ExpressionAttributeValues=to_item({":pk": f"SHARE#{share_id}", ":use": "USE#"}),
            ConsistentRead=True,
        )
        found = [
            Use(values["used_at"], values["sk"].removeprefix("USE#"), values["address"], values["who"])
            for values in map(from_item, items)
        ]
        return iter(sorted(found, key=lambda use: (use.used_at, use.session_id)))

    def _of_places(self, places: list[dict[str, Any]]) -> Iterator[Share]:
        """The shares of a list, in its order."""
        ids = [place["sk"].rpartition("#")[2] for place in places]
        found = batch_get(self._dynamodb, self._table, [key_of(share_id) for share_id in ids], consistent=True)
        shares = {share.share_id: share for share in (share_of(from_item(item)) for item in found)}
        return (shares[share_id] for share_id in ids if share_id in shares)

    def _listed(self, pk: str, *, prefix: str = "", before: str = "") -> list[dict[str, Any]]:
        condition, values = "pk = :pk", {":pk": pk}
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :prefix)", {**values, ":prefix": prefix}
        elif before:
            condition, values = f"{condition} AND sk < :before", {**values, ":before": before}
        answer = call(
            self._dynamodb.query,
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item({**values}),
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


def _is_live(share: Share) -> bool:
    return not share.revoked_at and share.ends_at > time.time()
