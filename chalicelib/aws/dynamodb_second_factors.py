"""Applications and printed codes of those who sign in with a code, in the registry's table.

| item | pk | sk |
|---|---|---|
| application | `SECOND-FACTOR#{subject}` | `TOTP` |
| printed codes, an attribute `code_{index}` each | `SECOND-FACTOR#{subject}` | `PRINTED` |
"""

from __future__ import annotations

import time
from typing import Any

from chalicelib.access.holders import Holder
from chalicelib.access.second_factors import PrintedList, Totp
from chalicelib.aws.dynamodb_items import Value, to_item
from chalicelib.aws.dynamodb_patient_codes import get
from chalicelib.aws.dynamodb_requests import ConditionFailed, call

_CODE = "code_"


class DynamoDBSecondFactors:
    """Implements `access.second_factors.SecondFactors`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def totp(self, holder: Holder) -> Totp:
        """The application of a holder."""
        values = get(self._dynamodb, self._table, *_key(holder, "TOTP").values()) or {}
        return Totp(
            values.get("nonce", ""),
            values.get("confirmed_at", 0),
            values.get("last_step", 0),
            values.get("pending_nonce", ""),
            values.get("pending_until", 0),
        )

    def begin_totp(self, holder: Holder, nonce: str, until: int) -> None:
        """Keep what an application that is being added is derived from."""
        values: dict[str, Value] = {":nonce": nonce, ":until": until}
        self._update(_key(holder, "TOTP"), "SET pending_nonce = :nonce, pending_until = :until", "", values)

    def confirm_totp(self, holder: Holder, nonce: str, step: int) -> bool:
        """Make the pending application the only one."""
        values: dict[str, Value] = {":nonce": nonce, ":step": step, ":now": int(time.time())}
        change = "SET nonce = :nonce, last_step = :step, confirmed_at = :now REMOVE pending_nonce, pending_until"
        return self._update(_key(holder, "TOTP"), change, "pending_nonce = :nonce AND pending_until > :now", values)

    def use_step(self, holder: Holder, nonce: str, step: int) -> bool:
        """Use a step of an application."""
        values: dict[str, Value] = {":nonce": nonce, ":step": step}
        condition = "nonce = :nonce AND last_step < :step"
        return self._update(_key(holder, "TOTP"), "SET last_step = :step", condition, values)

    def forget_totp(self, holder: Holder) -> bool:
        """Forget an application."""
        return "nonce" in self._delete(_key(holder, "TOTP"))

    def printed(self, holder: Holder) -> PrintedList:
        """The printed codes of a holder."""
        values = get(self._dynamodb, self._table, *_key(holder, "PRINTED").values()) or {}
        codes = {name.removeprefix(_CODE): value for name, value in values.items() if name.startswith(_CODE)}
        return PrintedList(values.get("printed_at", 0), codes)

    def put_printed(self, holder: Holder, printed: PrintedList) -> None:
        """Replace the printed codes of a holder."""
        codes: dict[str, Value] = {f"{_CODE}{index}": verifier for index, verifier in printed.codes.items()}
        item = to_item({**_key(holder, "PRINTED"), "printed_at": printed.printed_at, **codes})
        call(self._dynamodb.put_item, TableName=self._table, Item=item)

    def use_printed(self, holder: Holder, index: str) -> bool:
        """Use a printed code."""
        attribute = f"{_CODE}{index}"  # hexadecimal digits
        return self._update(_key(holder, "PRINTED"), f"REMOVE {attribute}", f"attribute_exists({attribute})", {})

    def forget(self, holder: Holder) -> None:
        """Forget all of a holder's."""
        for kind in ("TOTP", "PRINTED"):
            self._delete(_key(holder, kind))

    def _delete(self, key: dict[str, str]) -> dict[str, Any]:
        answer = call(self._dynamodb.delete_item, TableName=self._table, Key=to_item(key), ReturnValues="ALL_OLD")
        return answer.get("Attributes") or {}

    def _update(self, key: dict[str, str], change: str, condition: str, values: dict[str, Value]) -> bool:
        try:
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=to_item(key),
                UpdateExpression=change,
                **({"ConditionExpression": condition} if condition else {}),
                **({"ExpressionAttributeValues": to_item(values)} if values else {}),
            )
        except ConditionFailed:
            return False
        return True


def _key(holder: Holder, kind: str) -> dict[str, str]:
    return {"pk": f"SECOND-FACTOR#{holder.subject}", "sk": kind}
