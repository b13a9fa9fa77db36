"""One transaction of the index writer on a series, decided from what was read (docs/adr/0001). No requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.archive.levels import SERIES_TAGS, STUDY_TAGS, fill, select, text
from chalicelib.archive.model import DicomJson, InstanceRecord
from chalicelib.archive.ports import IndexOutcome
from chalicelib.aws import index_items as shape
from chalicelib.aws.index_items import Item

_MODALITY = "00080060"
_PATIENT_ID = "00100020"
_ACCESSION_NUMBER = "00080050"


@dataclass(frozen=True)
class Current:
    """Items as read before a transaction; it commits only if they still say the same."""

    study: Item | None
    series: Item | None
    guards: Mapping[str, Item]
    """By SOP Instance UID."""
    known_conflicts: frozenset[str]
    """Sort keys of conflicts that were counted before."""


@dataclass
class Plan:
    """Outcomes of a group of instances, and what is new about it."""

    records: Sequence[InstanceRecord]
    current: Current
    outcomes: list[IndexOutcome] = field(default_factory=list)
    created: list[InstanceRecord] = field(default_factory=list)
    conflicts: list[tuple[InstanceRecord, str]] = field(default_factory=list)
    study_attributes: DicomJson = field(default_factory=dict)
    series_attributes: DicomJson = field(default_factory=dict)


def decide(records: Sequence[InstanceRecord], current: Current) -> Plan:
    """Sort instances of one series, no two of which share a SOP Instance UID, into created, duplicate and conflict."""
    plan = Plan(records, current)
    if current.study:
        plan.study_attributes = shape.unpack(current.study["attributes"]["B"])
    if current.series:
        plan.series_attributes = shape.unpack(current.series["attributes"]["B"])
    for record in records:
        guard = current.guards.get(record.keys.sop_instance_uid)
        reason = _conflict_reason(record, guard, plan.study_attributes)
        if reason:
            plan.outcomes.append(IndexOutcome.CONFLICT)
            if shape.conflict_sk(record) not in current.known_conflicts:
                plan.conflicts.append((record, reason))
        elif guard:
            plan.outcomes.append(IndexOutcome.DUPLICATE)
        else:
            plan.outcomes.append(IndexOutcome.CREATED)
            plan.created.append(record)
            plan.study_attributes = fill(plan.study_attributes, select(record.dicom_json, STUDY_TAGS))
            plan.series_attributes = fill(plan.series_attributes, select(record.dicom_json, SERIES_TAGS))
    return plan


def _conflict_reason(record: InstanceRecord, guard: Item | None, study_attributes: DicomJson) -> str:
    if guard:
        if guard["series_instance_uid"]["S"] != record.keys.series_instance_uid:
            return "other-series"
        return "" if guard["digest"]["S"] == record.digest else "other-bytes"
    known, given = text(study_attributes, _PATIENT_ID), text(record.dicom_json, _PATIENT_ID)
    return "other-patient" if known and given and known != given else ""


def writes(plan: Plan, table: str, bodies: Mapping[str, bytes | None]) -> list[dict[str, Any]]:
    """Members of the transaction, at most 2 an instance plus study, series and name tokens; empty if all is known.

    `bodies` holds each created instance's body by SOP Instance UID, None where it was spilled.
    """
    if not plan.created and not plan.conflicts:
        return []
    members: list[dict[str, Any]] = [_study_update(plan, table)]
    if plan.created:
        members.append(_series_update(plan, table))
    for record in plan.created:
        body = bodies[record.keys.sop_instance_uid]
        members.append({"Put": {"TableName": table, "Item": shape.instance_item(record, body)}})
        members.append(_put_if_absent(table, guard_item(record)))
    members += [_put_if_absent(table, shape.conflict_item(record, reason)) for record, reason in plan.conflicts]
    return members + _name_token_writes(plan, table)


def guard_sk(sop_instance_uid: str) -> str:
    """Sort key of the guard: a SOP Instance UID belongs to one series of a study and has one content."""
    return f"SOP#{sop_instance_uid}"


def guard_item(record: InstanceRecord) -> Item:
    """Guard of an instance."""
    keys = record.keys
    return {
        **shape.key(shape.study_pk(keys.hospital, keys.study_instance_uid), guard_sk(keys.sop_instance_uid)),
        "series_instance_uid": {"S": keys.series_instance_uid},
        "digest": {"S": record.digest},
    }


def _put_if_absent(table: str, item: Item) -> dict[str, Any]:
    return {"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


class _Update:
    """An update expression in the making; every name is a placeholder, because many are reserved words."""

    def __init__(self) -> None:
        self._set: list[str] = []
        self._add: list[str] = []
        self._conditions: list[str] = []
        self._names: dict[str, str] = {}
        self._values: Item = {}

    def _name(self, name: str) -> str:
        self._names[f"#{name}"] = name
        return f"#{name}"

    def _value(self, value: Item) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def set(self, name: str, value: Item) -> None:
        self._set.append(f"{self._name(name)} = {self._value(value)}")

    def add(self, name: str, value: Item) -> None:
        self._add.append(f"{self._name(name)} {self._value(value)}")

    def require(self, name: str, comparison: str, value: Item) -> None:
        self._conditions.append(f"{self._name(name)} {comparison} {self._value(value)}")

    def require_absent(self) -> None:
        self._conditions.append("attribute_not_exists(pk)")

    def member(self, table: str, key: Item) -> dict[str, Any]:
        expression = ("SET " + ", ".join(self._set) if self._set else "") + " ADD " + ", ".join(self._add)
        update = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": expression.strip(),
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
            "ConditionExpression": " AND ".join(self._conditions),
        }
        return {"Update": update}


def _number(value: int) -> Item:
    return {"N": str(value)}


def _study_update(plan: Plan, table: str) -> dict[str, Any]:
    study, keys = plan.current.study, plan.records[0].keys
    update = _Update()
    revision = int(study["revision"]["N"]) if study else 0
    if study:
        # Counters commute; what was decided from the attributes holds only while they are the same.
        update.require("revision", "=", _number(revision))
    else:
        update.require_absent()
    if plan.study_attributes != _known_attributes(study):
        _set_study_attributes(update, plan)
        update.set("revision", _number(revision + 1))
    update.add("series_count", _number(1 if plan.created and not plan.current.series else 0))
    update.add("instance_count", _number(len(plan.created)))
    update.add("conflict_count", _number(len(plan.conflicts)))
    update.add("size_bytes", _number(sum(record.size_bytes for record in plan.created)))
    if plan.created:
        update.set("state", {"S": "receiving"})
        modalities = {text(record.dicom_json, _MODALITY) for record in plan.created} - {""}
        if modalities:
            update.add("modalities", shape.strings(modalities))
        update.add("sop_classes", shape.strings(record.sop_class_uid for record in plan.created))
        _set_received(update, study, [record.received_at_ms for record in plan.created])
    return update.member(table, shape.key(shape.study_pk(keys.hospital, keys.study_instance_uid), "STUDY"))


def _known_attributes(item: Item | None) -> DicomJson | None:
    return shape.unpack(item["attributes"]["B"]) if item else None


def _set_study_attributes(update: _Update, plan: Plan) -> None:
    keys, attributes = plan.records[0].keys, plan.study_attributes
    update.set("attributes", {"B": shape.pack(attributes)})
    update.set("date_key", {"S": shape.date_key(attributes, keys.study_instance_uid)})
    update.set("gsi1pk", {"S": shape.by_date_pk(keys.hospital)})
    if patient_id := text(attributes, _PATIENT_ID):
        update.set("gsi2pk", {"S": shape.by_patient_pk(keys.hospital, patient_id)})
    if accession_number := text(attributes, _ACCESSION_NUMBER):
        update.set("gsi3pk", {"S": shape.by_accession_pk(keys.hospital, accession_number)})


def _set_received(update: _Update, study: Item | None, received_at_ms: list[int]) -> None:
    """Widen first and last; the conditions make a slower writer read again instead of narrowing them."""
    first, last = min(received_at_ms), max(received_at_ms)
    if study is None or first < int(study["first_received_at_ms"]["N"]):
        update.set("first_received_at_ms", _number(first))
        if study:
            update.require("first_received_at_ms", ">", _number(first))
    if study is None or last > int(study["last_received_at_ms"]["N"]):
        update.set("last_received_at_ms", _number(last))
        if study:
            update.require("last_received_at_ms", "<", _number(last))


def _series_update(plan: Plan, table: str) -> dict[str, Any]:
    series, keys = plan.current.series, plan.records[0].keys
    update = _Update()
    revision = int(series["revision"]["N"]) if series else 0
    if series:
        update.require("revision", "=", _number(revision))
    else:
        update.require_absent()
    if plan.series_attributes != _known_attributes(series):
        update.set("attributes", {"B": shape.pack(plan.series_attributes)})
        update.set("revision", _number(revision + 1))
    update.add("instance_count", _number(len(plan.created)))
    update.add("size_bytes", _number(sum(record.size_bytes for record in plan.created)))
    pk = shape.study_pk(keys.hospital, keys.study_instance_uid)
    return update.member(table, shape.key(pk, shape.series_sk(keys.series_instance_uid)))


def _name_token_writes(plan: Plan, table: str) -> list[dict[str, Any]]:
    """Name tokens of a study that is new or whose name or date was filled in; outdated ones go."""
    keys = plan.records[0].keys
    before = study_name_token_items(keys.hospital, keys.study_instance_uid, _known_attributes(plan.current.study))
    after = study_name_token_items(keys.hospital, keys.study_instance_uid, plan.study_attributes)
    gone = [{"pk": item["pk"], "sk": item["sk"]} for item in before if item not in after]
    return [{"Put": {"TableName": table, "Item": item}} for item in after if item not in before] + [
        {"Delete": {"TableName": table, "Key": item_key}} for item_key in gone
    ]


def study_name_token_items(hospital: str, study_instance_uid: str, attributes: DicomJson | None) -> list[Item]:
    """Name token items of a study."""
    if not attributes:
        return []
    when = shape.date_key(attributes, study_instance_uid)
    return [shape.name_token_item(hospital, study_instance_uid, token, when) for token in shape.name_tokens(attributes)]
