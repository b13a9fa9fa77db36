"""Care relations and oppositions in the registry's table (docs/adr/0028).

| item | pk | sk |
|---|---|---|
| relation, at the hospital that treats | `H#{hospital}#P#{patient id}` | `CARE#{relation id}` |
| relation, at the hospital that has the exams | `H#{hospital}#P#{patient id}` | `CARED#{relation id}` |
| ids of a patient's relations | `H#{hospital}#P#{patient id}` | `CARES` |
| opposition | `H#{hospital}#P#{patient id}` | `OPPOSITION#{issuer}` |

A relation and its id are written and deleted in one transaction. By the ids the relations of many patients are read by
key; that of a relation which expired by itself leads nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.access.care_relations import CareRelation, Opposition
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_requests import TransactionCancelled, batch_get, beginning_with, call
from chalicelib.errors import Conflict


class DynamoDBCareRelations:
    """Implements `access.care_relations.CareRelations`.

    Parameters
    ----------
    reads
        `dynamodb_reads.DynamoDBReads`: a worklist waits for them.
    """

    def __init__(self, dynamodb: Any, reads: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._reads = reads
        self._table = table

    def put(self, relation: CareRelation) -> None:
        """Keep a relation."""
        own, other = relation.own, relation.other
        values: dict[str, Value] = {
            "own_hospital": own.hospital,
            "own_patient_id": own.patient_id,
            "own_issuer": own.issuer,
            "other_hospital": other.hospital,
            "other_patient_id": other.patient_id,
            "other_issuer": other.issuer,
            "declared_by": relation.declared_by,
            "declared_by_name": relation.declared_by_name,
            "declared_at": relation.declared_at,
            "expires_at": relation.expires_at,
        }
        items = [to_item({**key, **values}) for key in _keys(relation)]
        self._write([*({"Put": {"TableName": self._table, "Item": item}} for item in items), self._id("ADD", relation)])

    def of_own(self, patient: PatientRef) -> list[CareRelation]:
        """Relations of a patient whom a hospital treats."""
        return [one for one in self._live(patient, "CARE#") if one.own == patient]

    def of_many(self, patients: Sequence[PatientRef]) -> list[CareRelation]:
        """Relations of patients whom hospitals treat, of those who do not oppose: one or three BatchGetItems."""
        wanted, now = set(patients), time.time()
        # Of a worklist's patients 50 keys; most have no relation.
        listed = self._batch_get({"pk": pk, "sk": "CARES"} for pk in sorted(set(map(_pk, wanted))))
        keys = [
            {"pk": item["pk"]["S"], "sk": f"CARE#{one}"} for item in listed for one in item.get("ids", {}).get("SS", ())
        ]
        items = map(from_item, self._batch_get(keys))
        relations = [_relation(values) for values in items if values["expires_at"] > now]
        relations = [one for one in relations if one.own in wanted]
        sides = {patient for one in relations for patient in (one.own, one.other)}
        recorded = self._batch_get(map(_opposition_key, sorted(sides, key=lambda one: tuple(vars(one).values()))))
        opposed = {(item["pk"]["S"], item["sk"]["S"]) for item in recorded if from_item(item)["opposes"]}
        return [one for one in relations if not opposed & {_opposition_of(one.own), _opposition_of(one.other)}]

    def of_other(self, patient: PatientRef) -> list[CareRelation]:
        """Relations of a patient whom a hospital has exams of."""
        return [one for one in self._live(patient, "CARED#") if one.other == patient]

    def delete(self, relation: CareRelation) -> None:
        """Forget a relation."""
        deletes = ({"Delete": {"TableName": self._table, "Key": to_item(key)}} for key in _keys(relation))
        self._write([*deletes, self._id("DELETE", relation)])

    def record_opposition(self, opposition: Opposition) -> None:
        """Replace what is recorded."""
        values: dict[str, Value] = {
            **_opposition_key(opposition.patient),
            "opposes": opposition.opposes,
            "recorded_by_name": opposition.recorded_by_name,
            "recorded_at": opposition.recorded_at,
        }
        call(self._dynamodb.put_item, TableName=self._table, Item=to_item(values))

    def opposition(self, patient: PatientRef) -> Opposition | None:
        """What was recorded last."""
        key = to_item(_opposition_key(patient))
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        values = from_item(answer["Item"])
        return Opposition(patient, values["opposes"], values["recorded_by_name"], values["recorded_at"])

    def _id(self, action: str, relation: CareRelation) -> dict[str, Any]:
        """Add or delete a relation's id among those of the patient whom the hospital treats."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"pk": _pk(relation.own), "sk": "CARES"}),
                "UpdateExpression": f"{action} ids :ids",
                "ExpressionAttributeValues": {":ids": {"SS": [relation.relation_id]}},
            }
        }

    def _batch_get(self, keys: Iterable[Mapping[str, Value]]) -> list[dict[str, Any]]:
        return batch_get(self._reads, self._table, list(map(to_item, keys)), consistent=True)

    def _write(self, writes: list[dict[str, Any]]) -> None:
        try:
            call(self._dynamodb.transact_write_items, TransactItems=writes)
        except TransactionCancelled as error:
            raise Conflict("The care relation was changed by somebody else meanwhile.") from error

    def _live(self, patient: PatientRef, beginning: str) -> list[CareRelation]:
        now = time.time()
        items = beginning_with(self._dynamodb, self._table, _pk(patient), beginning)
        return [_relation(values) for values in map(from_item, items) if values["expires_at"] > now]


def _pk(patient: PatientRef) -> str:
    return f"H#{patient.hospital}#P#{patient.patient_id}"


def _opposition_of(patient: PatientRef) -> tuple[str, str]:
    return _pk(patient), f"OPPOSITION#{patient.issuer}"


def _opposition_key(patient: PatientRef) -> dict[str, Value]:
    pk, sk = _opposition_of(patient)
    return {"pk": pk, "sk": sk}


def _keys(relation: CareRelation) -> list[dict[str, Value]]:
    return [
        {"pk": _pk(relation.own), "sk": f"CARE#{relation.relation_id}"},
        {"pk": _pk(relation.other), "sk": f"CARED#{relation.relation_id}"},
    ]


def _relation(values: dict[str, Any]) -> CareRelation:
    own, other = (
        PatientRef(*(values[f"{side}_{name}"] for name in ("hospital", "patient_id", "issuer")))
        for side in ("own", "other")
    )
    rest = (values[name] for name in ("declared_by", "declared_by_name", "declared_at", "expires_at"))
    return CareRelation(own, other, *rest)
