"""The last verification of each chain, in the table of the audit trail.

| item | pk | sk |
|---|---|---|
| last verification | `VERIFIED#{chain}` | `VERIFIED` |
"""

from __future__ import annotations

from typing import Any

from chalicelib.access.audit_verification import Verification
from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import call


class DynamoDBAuditVerifications:
    """Implements `access.audit_verification.Verifications`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def last(self, chain: str) -> Verification | None:
        """The last one."""
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=_key(chain), ConsistentRead=True)
        if "Item" not in answer:
            return None
        values = from_item(answer["Item"])
        texts = tuple(values["problems"].splitlines())
        return Verification(values["at_ms"], values["from_block"], values["blocks"], texts, values["anchor_day"])

    def put(self, chain: str, found: Verification) -> None:
        """Keep one in place of the last."""
        item = to_item(
            {
                "at_ms": found.at_ms,
                "from_block": found.from_block,
                "blocks": found.blocks,
                "problems": "\n".join(found.problems),
                "anchor_day": found.anchor_day,
            }
        )
        call(self._dynamodb.put_item, TableName=self._table, Item={**_key(chain), **item})


def _key(chain: str) -> dict[str, Any]:
    return to_item({"pk": f"VERIFIED#{chain}", "sk": "VERIFIED"})
