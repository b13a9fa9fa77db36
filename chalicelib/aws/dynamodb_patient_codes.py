"""Patient codes and challenges, in the registry's table.

| item | pk | sk |
|---|---|---|
| code, found without knowing the patient | `PATIENT-CODE#{index}` | `CODE` |
| the patient's live code | `H#{hospital}#P#{patient id}` | `PATIENT-CODE#{issuer}` |
| that of one who acts for the patient | `H#{hospital}#P#{patient id}` | `PROXY-CODE#{proxy id}` |
| challenge | `CHALLENGE#{id}` | `CHALLENGE` |

Both items of a code are written in one transaction; DynamoDB removes what has expired, readers leave it out before.
"""

from __future__ import annotations

import time
from typing import Any

from chalicelib.access.holders import Holder
from chalicelib.access.patient_codes import PatientCode
from chalicelib.access.patient_sign_in import Challenge
from chalicelib.access.second_factors import Means
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, TransactionCancelled, call
from chalicelib.errors import Conflict


class DynamoDBPatientCodes:
    """Implements `access.patient_codes.PatientCodes`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def of_index(self, index: str) -> PatientCode | None:
        """The code of an index."""
        return _code(get(self._dynamodb, self._table, f"PATIENT-CODE#{index}", "CODE"))

    def of_patient(self, patient: PatientRef, proxy_id: str = "") -> PatientCode | None:
        """The code of a patient, or of one who acts for the patient."""
        return _code(self._pointer(Holder(patient, proxy_id)))

    def put(self, code: PatientCode) -> None:
        """Make it the holder's only code."""
        before = self._pointer(code.holder)
        values: dict[str, Value] = {
            "hospital": code.patient.hospital,
            "patient_id": code.patient.patient_id,
            "issuer": code.patient.issuer,
            "code_index": code.index,
            "verifier": code.verifier,
            "handed_over_at": code.handed_over_at,
            "expires_at": code.expires_at,
            "proxy_id": code.proxy_id,
        }
        by_index = to_item({"pk": f"PATIENT-CODE#{code.index}", "sk": "CODE", **values})
        pointer = to_item({**_pointer_key(code.holder), **values})
        condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        unchanged = _is_index(before["code_index"]) if before else condition
        writes: list[dict[str, Any]] = [
            {"Put": {"TableName": self._table, "Item": by_index, **condition}},
            {"Put": {"TableName": self._table, "Item": pointer, **unchanged}},
        ]
        if before:
            writes.append({"Delete": self._by_index(before["code_index"])})
        self._write(writes)

    def delete(self, patient: PatientRef, proxy_id: str = "") -> bool:
        """Forget a holder's code."""
        holder = Holder(patient, proxy_id)
        before = self._pointer(holder)
        if before is None:
            return False
        pointer = {"TableName": self._table, "Key": to_item(_pointer_key(holder)), **_is_index(before["code_index"])}
        self._write([{"Delete": pointer}, {"Delete": self._by_index(before["code_index"])}])
        return bool(before["expires_at"] > time.time())

    def _write(self, writes: list[dict[str, Any]]) -> None:
        try:
            call(self._dynamodb.transact_write_items, TransactItems=writes)
        except TransactionCancelled as error:
            raise Conflict("The patient's code was changed by somebody else meanwhile.") from error

    def _pointer(self, holder: Holder) -> dict[str, Any] | None:
        key = _pointer_key(holder)
        return get(self._dynamodb, self._table, key["pk"], key["sk"])

    def _by_index(self, index: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": to_item({"pk": f"PATIENT-CODE#{index}", "sk": "CODE"})}


class DynamoDBChallenges:
    """Implements `access.patient_sign_in.Challenges`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, challenge: Challenge) -> None:
        """Keep a new challenge."""
        item: dict[str, Value] = {
            **_challenge_key(challenge.challenge_id),
            "code_index": challenge.index,
            "is_right": challenge.is_right,
            "one_time_password": challenge.one_time_password,
            "tries": 0,
            "expires_at": challenge.expires_at,
            "means": challenge.means.value,
        }
        call(self._dynamodb.put_item, TableName=self._table, Item=to_item(item))

    def set_one_time_password(self, challenge_id: str, one_time_password: str) -> Challenge | None:
        """Give a challenge the digest of its password, once."""
        return self._update(
            challenge_id,
            "SET one_time_password = :password",
            "is_right = :true AND one_time_password = :none AND expires_at > :now",
            {":password": one_time_password, ":true": True, ":none": "", ":now": int(time.time())},
        )

    def take_try(self, challenge_id: str, tries: int) -> Challenge | None:
        """Use one of a challenge's tries."""
        return self._update(challenge_id, "ADD tries :one", "tries < :tries", {":one": 1, ":tries": tries})

    def close(self, challenge_id: str) -> bool:
        """Forget a challenge."""
        answer = call(
            self._dynamodb.delete_item,
            TableName=self._table,
            Key=to_item(_challenge_key(challenge_id)),
            ReturnValues="ALL_OLD",
        )
        return bool(answer.get("Attributes"))

    def _update(self, challenge_id: str, change: str, condition: str, values: dict[str, Value]) -> Challenge | None:
        try:
            answer = call(
                self._dynamodb.update_item,
                TableName=self._table,
                Key=to_item(_challenge_key(challenge_id)),
                UpdateExpression=change,
                ConditionExpression=f"attribute_exists(pk) AND {condition}",
                ExpressionAttributeValues=to_item(values),
                ReturnValues="ALL_NEW",
            )
        except ConditionFailed:
            return None
        found = from_item(answer["Attributes"])
        return Challenge(
            challenge_id,
            found["code_index"],
            found["is_right"],
            found["expires_at"],
            found["one_time_password"],
            Means(found.get("means", "sms")),
        )


def get(dynamodb: Any, table: str, pk: str, sk: str) -> dict[str, Any] | None:
    """An item, read consistently."""
    answer = call(dynamodb.get_item, TableName=table, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=True)
    return from_item(answer["Item"]) if "Item" in answer else None


def _pointer_key(holder: Holder) -> dict[str, str]:
    sk = f"PROXY-CODE#{holder.proxy_id}" if holder.proxy_id else f"PATIENT-CODE#{holder.patient.issuer}"
    return {"pk": partition_of(holder.patient), "sk": sk}


def partition_of(patient: PatientRef) -> str:
    """Where what belongs to a patient lies; patients of one id and several issuers share it."""
    return f"H#{patient.hospital}#P#{patient.patient_id}"


def _challenge_key(challenge_id: str) -> dict[str, Value]:
    return {"pk": f"CHALLENGE#{challenge_id}", "sk": "CHALLENGE"}


def _is_index(index: str) -> dict[str, Any]:
    return {
        "ConditionExpression": "code_index = :before",
        "ExpressionAttributeValues": to_item({":before": index}),
    }


def _code(values: dict[str, Any] | None) -> PatientCode | None:
    if values is None or values["expires_at"] <= time.time():
        return None
    patient = PatientRef(values["hospital"], values["patient_id"], values["issuer"])
    return PatientCode(
        patient,
        values["code_index"],
        values["verifier"],
        values["handed_over_at"],
        values["expires_at"],
        values.get("proxy_id", ""),
    )
