"""Access that patients gave to professionals, in the registry's table.

| item | pk | sk |
|---|---|---|
| by professional | `U#{subject}` | `GRANT#{grant id}` |
| by patient | `H#{hospital}#P#{patient id}` | `GRANT#{grant id}` |
| until when, at most | `U#{subject}` | `GRANTED` |

The first two are written and deleted in one transaction. Patients of one id and several issuers share a partition. The
last is written before them and never taken back: it is read with the session (`dynamodb_accounts`), and says to most
requests that there are no grants to read.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from chalicelib.access.access_grants import CODE, AccessGrant
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, TransactionCancelled, beginning_with, call
from chalicelib.errors import Conflict

GRANTED = "GRANTED"


class DynamoDBAccessGrants:
    """Implements `access.access_grants.AccessGrants`.

    Parameters
    ----------
    reads
        `dynamodb_reads.DynamoDBReads`: every request of a professional reads its grants.
    """

    def __init__(self, dynamodb: Any, reads: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._reads = reads
        self._table = table

    def put(self, grant: AccessGrant) -> None:
        """Keep a grant."""
        self._announce(grant)
        values: dict[str, Value] = {
            "hospital": grant.patient.hospital,
            "patient_id": grant.patient.patient_id,
            "issuer": grant.patient.issuer,
            "subject": grant.subject,
            "professional": grant.professional,
            "granted_at": grant.granted_at,
            "expires_at": grant.expires_at,
            "basis": grant.basis,
            "reference": grant.reference,
        }
        self._write([{"Put": {"TableName": self._table, "Item": to_item({**key, **values})}} for key in _keys(grant)])

    def of_professional(self, subject: str) -> list[AccessGrant]:
        """A professional's grants."""
        return self._live(f"U#{subject}")

    def of_patient(self, patient: PatientRef) -> list[AccessGrant]:
        """A patient's grants."""
        found = self._live(f"H#{patient.hospital}#P#{patient.patient_id}")
        return [grant for grant in found if grant.patient == patient]

    def delete(self, grant: AccessGrant) -> None:
        """Forget a grant."""
        self._write([{"Delete": {"TableName": self._table, "Key": to_item(key)}} for key in _keys(grant)])

    def _announce(self, grant: AccessGrant) -> None:
        with suppress(ConditionFailed):  # another one lasts longer
            call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=to_item({"pk": f"U#{grant.subject}", "sk": GRANTED}),
                UpdateExpression="SET #until = :until",
                ConditionExpression="attribute_not_exists(#until) OR #until < :until",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues=to_item({":until": grant.expires_at}),
            )

    def _write(self, writes: list[dict[str, Any]]) -> None:
        try:
            call(self._dynamodb.transact_write_items, TransactItems=writes)
        except TransactionCancelled as error:
            raise Conflict("The access was changed by somebody else meanwhile.") from error

    def _live(self, pk: str) -> list[AccessGrant]:
        now = time.time()
        items = map(from_item, beginning_with(self._reads, self._table, pk, "GRANT#"))
        return [_grant(values) for values in items if values["expires_at"] > now]


def _keys(grant: AccessGrant) -> list[dict[str, Value]]:
    sk = f"GRANT#{grant.grant_id}"
    patient = grant.patient
    return [
        {"pk": f"U#{grant.subject}", "sk": sk},
        {"pk": f"H#{patient.hospital}#P#{patient.patient_id}", "sk": sk},
    ]


def _grant(values: dict[str, Any]) -> AccessGrant:
    return AccessGrant(
        PatientRef(values["hospital"], values["patient_id"], values["issuer"]),
        values["subject"],
        values["professional"],
        values["granted_at"],
        values["expires_at"],
        values.get("basis", CODE),
        values.get("reference", ""),
    )
