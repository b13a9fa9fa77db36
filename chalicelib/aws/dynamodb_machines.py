"""Machines of hospitals, in the registry's table: pk `MACHINES#{hospital}`, sk `{client id}`."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.access.machines import Machine, MachineSecret
from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, call, query
from chalicelib.errors import Conflict


class DynamoDBMachines:
    """Implements `access.machines.Machines`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def machine(self, hospital: str, client_id: str) -> Machine | None:
        """One of a hospital's machines."""
        if not client_id:
            return None
        key = to_item({"pk": f"MACHINES#{hospital}", "sk": client_id})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return _machine(from_item(answer["Item"])) if "Item" in answer else None

    def machines(self, hospital: str) -> list[Machine]:
        """A hospital's machines by client id."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": f"MACHINES#{hospital}"}),
            ConsistentRead=True,
        )
        return [_machine(from_item(item)) for item in items]

    def put(self, machine: Machine, before: Machine | None) -> None:
        """Keep a machine in place of what it was."""
        item = to_item(
            {
                "pk": f"MACHINES#{machine.hospital}",
                "sk": machine.client_id,
                "name": machine.name,
                "services": ",".join(machine.services),
                "secrets": _secrets(machine),
                "created_at": machine.created_at,
            }
        )
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if before:
            condition = {
                "ConditionExpression": "secrets = :before",
                "ExpressionAttributeValues": to_item({":before": _secrets(before)}),
            }
        try:
            call(self._dynamodb.put_item, TableName=self._table, Item=item, **condition)
        except ConditionFailed as error:
            raise Conflict("The machine was changed meanwhile: read it again.") from error

    def delete(self, machine: Machine) -> None:
        """Forget a machine."""
        key = to_item({"pk": f"MACHINES#{machine.hospital}", "sk": machine.client_id})
        call(self._dynamodb.delete_item, TableName=self._table, Key=key)


def _secrets(machine: Machine) -> str:
    return json.dumps([[secret.digest, secret.created_at, secret.expires_at] for secret in machine.secrets])


def _machine(values: dict[str, Any]) -> Machine:
    return Machine(
        values["pk"].removeprefix("MACHINES#"),
        values["sk"],
        values["name"],
        tuple(values["services"].split(",")),
        tuple(MachineSecret(*secret) for secret in json.loads(values["secrets"])),
        values["created_at"],
    )
