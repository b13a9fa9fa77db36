"""Notifications in the registry table.

| item | pk | sk |
|---|---|---|
| notification | `H#{hospital}#NOTIFICATIONS` | `{study}` |
| marker of one whose outcome is open | `H#{hospital}#OPEN-NOTIFICATIONS` | `{study}` |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.aws.dynamodb_items import Item, from_item, to_item
from chalicelib.aws.dynamodb_requests import TransactionCancelled, call, query
from chalicelib.errors import Unavailable
from chalicelib.notify.announce import CLAIMABLE, OPEN, Notification, State

UNSETTLED = f"attribute_not_exists(pk) OR #state IN ({', '.join(f':{i}' for i in range(len(CLAIMABLE)))})"
CLAIMABLE_VALUES = {f":{i}": state.value for i, state in enumerate(sorted(CLAIMABLE, key=lambda state: state.value))}


class DynamoDBNotifications:
    """Implements `notify.announce.Notifications`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def claim(self, hospital: str, study_instance_uid: str, now_ms: int) -> bool:
        """Take the right to send."""
        return self._write(Notification(hospital, study_instance_uid, State.CLAIMED, now_ms), only_unsettled=True)

    def record(self, notification: Notification) -> None:
        """Replace what is known."""
        self._write(notification, only_unsettled=notification.state in {State.NO_CONTACT, State.NO_CONSENT})

    def of_study(self, hospital: str, study_instance_uid: str) -> Notification | None:
        """The notification of a study."""
        answer = call(
            self._dynamodb.get_item,
            TableName=self._table,
            Key=to_item({"pk": f"H#{hospital}#NOTIFICATIONS", "sk": study_instance_uid}),
            ConsistentRead=True,
        )
        return _notification(hospital, answer["Item"]) if "Item" in answer else None

    def unresolved(self, hospital: str) -> Iterator[Notification]:
        """Notifications whose outcome is open."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": f"H#{hospital}#OPEN-NOTIFICATIONS"}),
            ConsistentRead=True,
        )
        for item in items:
            yield _notification(hospital, item)

    def _write(self, notification: Notification, *, only_unsettled: bool) -> bool:
        values = {
            "sk": notification.study_instance_uid,
            "state": notification.state.value,
            "changed_at_ms": notification.changed_at_ms,
            "detail": notification.detail,
        }
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": to_item({"pk": f"H#{notification.hospital}#NOTIFICATIONS", **values}),
        }
        if only_unsettled:
            put |= {
                "ConditionExpression": UNSETTLED,
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": to_item(CLAIMABLE_VALUES),
            }
        marker = {"pk": f"H#{notification.hospital}#OPEN-NOTIFICATIONS", **values}
        marking: dict[str, Any] = (
            {"Put": {"TableName": self._table, "Item": to_item(marker)}}
            if notification.state in OPEN
            else {
                "Delete": {"TableName": self._table, "Key": to_item({"pk": marker["pk"], "sk": marker["sk"]})},
            }
        )
        try:
            call(self._dynamodb.transact_write_items, TransactItems=[{"Put": put}, marking])
        except TransactionCancelled as error:
            known = self.of_study(notification.hospital, notification.study_instance_uid)
            if only_unsettled and known is not None and known.state not in CLAIMABLE:
                return False
            raise Unavailable("The registry is busy.") from error
        return True


def _notification(hospital: str, item: Item) -> Notification:
    values = from_item(item)
    return Notification(hospital, values["sk"], State(values["state"]), values["changed_at_ms"], values["detail"])
