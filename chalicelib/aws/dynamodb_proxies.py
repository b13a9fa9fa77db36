"""Those who act for patients, in the registry's table.

| item | pk | sk |
|---|---|---|
| proxy | `H#{hospital}#P#{patient id}` | `PROXY#{proxy id}` |

DynamoDB removes what has expired, readers leave it out before. Patients of one id and several issuers share a
partition.
"""

from __future__ import annotations

import time
from typing import Any

from chalicelib.access.holders import Holder
from chalicelib.access.proxies import Proxy, Relation
from chalicelib.archive.scope import PatientRef
from chalicelib.aws.dynamodb_items import Value, from_item, to_item
from chalicelib.aws.dynamodb_patient_codes import get, partition_of
from chalicelib.aws.dynamodb_requests import beginning_with, call


class DynamoDBProxies:
    """Implements `access.proxies.Proxies`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def of_patient(self, patient: PatientRef) -> list[Proxy]:
        """Who acts for a patient now, the latest first."""
        items = beginning_with(self._dynamodb, self._table, partition_of(patient), "PROXY#")
        found = [proxy for item in items if (proxy := _proxy(from_item(item))) and proxy.patient == patient]
        return sorted(found, key=lambda proxy: (-proxy.registered_at, proxy.proxy_id))

    def of_holder(self, holder: Holder) -> Proxy | None:
        """One of them."""
        key = _key(holder.patient, holder.proxy_id)
        values = get(self._dynamodb, self._table, key["pk"], key["sk"])
        proxy = _proxy(values) if values else None
        return proxy if proxy and proxy.patient == holder.patient else None

    def put(self, proxy: Proxy) -> None:
        """Register or replace one."""
        values: dict[str, Value] = {
            **_key(proxy.patient, proxy.proxy_id),
            "proxy_id": proxy.proxy_id,
            "hospital": proxy.patient.hospital,
            "patient_id": proxy.patient.patient_id,
            "issuer": proxy.patient.issuer,
            "name": proxy.name,
            "relation": proxy.relation.value,
            "basis": proxy.basis,
            "phone_number": proxy.phone_number,
            "registered_at": proxy.registered_at,
            "registered_by": proxy.registered_by,
            "expires_at": proxy.ends_at,
        }
        call(self._dynamodb.put_item, TableName=self._table, Item=to_item(values))

    def delete(self, proxy: Proxy) -> None:
        """Forget one."""
        key = to_item(_key(proxy.patient, proxy.proxy_id))
        call(self._dynamodb.delete_item, TableName=self._table, Key=key)


def _key(patient: PatientRef, proxy_id: str) -> dict[str, str]:
    return {"pk": partition_of(patient), "sk": f"PROXY#{proxy_id}"}


def _proxy(values: dict[str, Any]) -> Proxy | None:
    if values["expires_at"] <= time.time():
        return None
    return Proxy(
        values["proxy_id"],
        PatientRef(values["hospital"], values["patient_id"], values["issuer"]),
        values["name"],
        Relation(values["relation"]),
        values["basis"],
        values["phone_number"],
        values["registered_at"],
        values["registered_by"],
        values["expires_at"],
    )
