"""One transaction of the index writer on a series, decided from what was read (docs/adr/0001). No requests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.archive.levels import SERIES_TAGS, STUDY_TAGS, date_key, fill, select, text
from chalicelib.archive.model import DicomJson, InstanceRecord
from chalicelib.archive.ports import IndexOutcome
from chalicelib.aws import index_items as shape
from chalicelib.aws.index_items import Item
from chalicelib.aws.index_postings import posting_items, series_locator
from chalicelib.aws.update_expression import Update, number

MODALITY = "00080060"
_PATIENT_ID = "00100020"
_ISSUER_OF_PATIENT_ID = "00100021"
_ACCESSION_NUMBER = "00080050"


@dataclass(frozen=True)
class Current:
    """Items as read before a transaction; it commits only if they still say the same."""

    study: Item | None
    series: Item | None
    guards: Mapping[str, Item]
    """By SOP Instance UID."""
    known_conflicts: frozenset[str]
    """Sort keys of those conflicts among the records that were counted before."""


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

    @property
    def cleared(self) -> list[InstanceRecord]:
        """Created instances that were conflicts before."""
        return [record for record in self.created if shape.conflict_sk(record) in self.current.known_conflicts]


def decide(records: Sequence[InstanceRecord], current: Current) -> Plan:
    """Sort instances of one series, no two of which share a SOP Instance UID, into created, duplicate and conflict."""
    plan = Plan(records, current)
    plan.study_attributes = known_attributes(current.study) or {}
    plan.series_attributes = known_attributes(current.series) or {}
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
        if guard["study_instance_uid"]["S"] != record.keys.study_instance_uid:
            return "other-study"
        if guard["series_instance_uid"]["S"] != record.keys.series_instance_uid:
            return "other-series"
        return "" if guard["digest"]["S"] == record.digest else "other-bytes"
    for tag in (_PATIENT_ID, _ISSUER_OF_PATIENT_ID):
        known, given = text(study_attributes, tag), text(record.dicom_json, tag)
        if known and given and known != given:
            return "other-patient"
    return ""


def writes(plan: Plan, table: str, bodies: Mapping[str, bytes | None]) -> list[dict[str, Any]]:
    """Members of the transaction, 2 an instance plus study, series and postings; empty if all is known.

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
        members.append(_put_if_absent(table, shape.guard_item(record)))
    members += [_delete_conflict(table, record) for record in plan.cleared]
    members += [_put_if_absent(table, shape.conflict_item(record, reason)) for record, reason in plan.conflicts]
    if plan.created and not plan.current.series:
        members.append({"Put": {"TableName": table, "Item": series_locator(*series_of(plan))}})
    return members + [{"Put": {"TableName": table, "Item": item}} for item in _new_postings(plan)]


def series_of(plan: Plan) -> tuple[str, str, str]:
    """Hospital, Study and Series Instance UID of a plan's records."""
    keys = plan.records[0].keys
    return keys.hospital, keys.study_instance_uid, keys.series_instance_uid


def _new_postings(plan: Plan) -> list[Item]:
    before = _postings_before(plan)
    return [item for item in _postings_after(plan) if item not in before] if plan.created else []


def _postings_before(plan: Plan) -> list[Item]:
    known = known_attributes(plan.current.study)
    return posting_items(*series_of(plan)[:2], known, modalities_of(plan.current.study)) if known else []


def _postings_after(plan: Plan) -> list[Item]:
    modalities = modalities_of(plan.current.study) | _created_modalities(plan)
    return posting_items(*series_of(plan)[:2], plan.study_attributes, modalities)


def housekeeping(plan: Plan, table: str) -> list[dict[str, Any]]:
    """Transaction, after that of a plan, that removes postings which it made obsolete; empty if there are none.

    They are when the date or name of a study was completed. Searches pass over them, so nothing is lost without it.
    """
    study = plan.current.study
    if not study or not plan.created or plan.study_attributes == known_attributes(study):
        return []
    outdated = obsolete(_postings_before(plan), _postings_after(plan))
    if not outdated:
        return []
    hospital, study_instance_uid, _ = series_of(plan)
    study_key = shape.key(shape.study_pk(hospital, study_instance_uid), "STUDY")
    return removal(table, study_key, int(study["revision"]["N"]) + 1, outdated)


def obsolete(before: Iterable[Item], after: Iterable[Item]) -> list[Item]:
    """Keys of items of `before` whose place no item of `after` takes."""
    kept = {(item["pk"]["S"], item["sk"]["S"]) for item in after}
    return [shape.key(*place) for item in before if (place := (item["pk"]["S"], item["sk"]["S"])) not in kept]


def removal(table: str, study_key: Item, revision: int, outdated: Iterable[Item]) -> list[dict[str, Any]]:
    """Transaction that removes postings while the study is at a revision that does not have them."""
    unchanged = {
        "TableName": table,
        "Key": study_key,
        "ConditionExpression": "revision = :revision",
        "ExpressionAttributeValues": {":revision": number(revision)},
    }
    return [{"ConditionCheck": unchanged}] + [{"Delete": {"TableName": table, "Key": place}} for place in outdated]


def _put_if_absent(table: str, item: Item) -> dict[str, Any]:
    return {"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}


def _delete_conflict(table: str, record: InstanceRecord) -> dict[str, Any]:
    """The instance in whose favour it was set aside is gone from the archive."""
    pk = shape.study_pk(record.keys.hospital, record.keys.study_instance_uid)
    item_key = shape.key(pk, shape.conflict_sk(record))
    return {"Delete": {"TableName": table, "Key": item_key, "ConditionExpression": "attribute_exists(pk)"}}


def first_revision() -> int:
    """Revision of a new item: not that of one that was removed, which a slow writer may have read."""
    return random.getrandbits(48)


def _study_update(plan: Plan, table: str) -> dict[str, Any]:
    study, keys = plan.current.study, plan.records[0].keys
    update = Update()
    revision = int(study["revision"]["N"]) if study else first_revision()
    if study:
        # Counters commute; what was decided from the attributes holds only while they are the same.
        update.require("revision", "=", number(revision))
    else:
        update.require_absent()
    if plan.created and plan.study_attributes != known_attributes(study):
        set_study_attributes(update, keys.hospital, keys.study_instance_uid, plan.study_attributes)
        update.set("revision", number(revision + 1))
    elif study and _created_modalities(plan) - modalities_of(study):
        # The study is listed under it: who lists it anew meanwhile has to read again.
        update.set("revision", number(revision + 1))
    elif not study:
        # Nothing of it is served: without attributes it only counts its conflicts, and no search finds it.
        update.set("revision", number(first_revision()))
    update.add("series_count", number(1 if plan.created and not plan.current.series else 0))
    update.add("instance_count", number(len(plan.created)))
    update.add("conflict_count", number(len(plan.conflicts) - len(plan.cleared)))
    update.add("size_bytes", number(sum(record.size_bytes for record in plan.created)))
    if plan.created:
        update.set("state", {"S": "receiving"})
        modalities = _created_modalities(plan)
        if modalities:
            update.add("modalities", shape.strings(modalities))
        update.add("sop_classes", shape.strings(record.sop_class_uid for record in plan.created))
        _set_received(update, study, [record.received_at_ms for record in plan.created])
    return update.member(table, shape.key(shape.study_pk(keys.hospital, keys.study_instance_uid), "STUDY"))


def _created_modalities(plan: Plan) -> set[str]:
    return {text(record.dicom_json, MODALITY) for record in plan.created} - {""}


def modalities_of(study: Item | None) -> set[str]:
    """Modalities of a study, by its item."""
    return set(study["modalities"]["SS"]) if study and "modalities" in study else set()


def known_attributes(item: Item | None) -> DicomJson | None:
    """Attributes of a study or series; None of a study of which nothing is served."""
    return shape.unpack(item["attributes"]["B"]) if item and "attributes" in item else None


def set_study_attributes(update: Update, hospital: str, study_instance_uid: str, attributes: DicomJson) -> None:
    """Attributes of a study and the keys by which searches find it."""
    update.set("attributes", {"B": shape.pack(attributes)})
    update.set("date_key", {"S": date_key(attributes, study_instance_uid)})
    update.set("gsi1pk", {"S": shape.by_date_pk(hospital)})
    if patient_id := text(attributes, _PATIENT_ID):
        update.set("gsi2pk", {"S": shape.by_patient_pk(hospital, patient_id)})
    if accession_number := text(attributes, _ACCESSION_NUMBER):
        update.set("gsi3pk", {"S": shape.by_accession_pk(hospital, accession_number)})


def _set_received(update: Update, study: Item | None, received_at_ms: list[int]) -> None:
    """Widen first and last; the conditions make a slower writer read again instead of narrowing them."""
    first, last = min(received_at_ms), max(received_at_ms)
    if study and "first_received_at_ms" not in study:
        study = None  # Nothing of it was served before, which its revision proves.
    if study is None or first < int(study["first_received_at_ms"]["N"]):
        update.set("first_received_at_ms", number(first))
        if study:
            update.require("first_received_at_ms", ">", number(first))
    if study is None or last > int(study["last_received_at_ms"]["N"]):
        update.set("last_received_at_ms", number(last))
        if study:
            update.require("last_received_at_ms", "<", number(last))


def _series_update(plan: Plan, table: str) -> dict[str, Any]:
    series, keys = plan.current.series, plan.records[0].keys
    update = Update()
    revision = int(series["revision"]["N"]) if series else first_revision()
    if series:
        update.require("revision", "=", number(revision))
    else:
        update.require_absent()
    if plan.series_attributes != known_attributes(series):
        update.set("attributes", {"B": shape.pack(plan.series_attributes)})
        update.set("revision", number(revision + 1))
    update.add("instance_count", number(len(plan.created)))
    update.add("size_bytes", number(sum(record.size_bytes for record in plan.created)))
    pk = shape.study_pk(keys.hospital, keys.study_instance_uid)
    return update.member(table, shape.key(pk, shape.series_sk(keys.series_instance_uid)))
