"""Uses of break-glass in the registry's table, kept for the review (docs/adr/0028).

| item | pk | sk |
|---|---|---|
| use | `BREAK-GLASS#{hospital}` | `{time}#{id}` |
"""

from __future__ import annotations

from typing import Any

from chalicelib.access.break_glass import BrokenGlass, Reason, Review
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import call

MOST_LISTED = 200


class DynamoDBBrokenGlasses:
    """Implements `access.break_glass.BrokenGlasses`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, broken: BrokenGlass) -> None:
        """Keep a use, or its review. It never expires: whoever was looked at may ask for years."""
        patient = broken.patient
        values = {name: value for name, value in vars(broken).items() if name not in ("patient", "reason", "review")}
        # `expires_at` is what the table forgets items by.
        values["lasts_until"] = values.pop("expires_at")
        item = to_item(
            {
                "pk": f"BREAK-GLASS#{patient.hospital}",
                "sk": f"{broken.broken_at:012}#{broken.event_id}",
                "patient_id": patient.patient_id,
                "issuer": patient.issuer,
                "reason": broken.reason.value,
                "review": broken.review.value,
                **values,
            }
        )
        call(self._dynamodb.put_item, TableName=self._table, Item=item)

    def of_hospital(self, hospital: str) -> list[BrokenGlass]:
        """The newest uses, newest first."""
        answer = call(
            self._dynamodb.query,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": f"BREAK-GLASS#{hospital}"}),
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=MOST_LISTED,
        )
        return [_broken(hospital, from_item(item)) for item in answer["Items"]]


def _broken(hospital: str, values: dict[str, Any]) -> BrokenGlass:
    own = {name: values[name] for name in values if name not in ("pk", "sk", "patient_id", "issuer", "lasts_until")}
    own |= {"reason": Reason(own["reason"]), "review": Review(own["review"]), "expires_at": values["lasts_until"]}
    return BrokenGlass(patient=PatientRef(hospital, values["patient_id"], values["issuer"]), **own)
