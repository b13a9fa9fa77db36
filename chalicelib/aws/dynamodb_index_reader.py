"""Access patterns of the index on DynamoDB (docs/adr/0001)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.archive.model import IndexedObject, InstanceRecord, Posting, SeriesRecord, StudyRecord
from chalicelib.archive.ports import LiveMarks, MarksReader, ObjectStore
from chalicelib.aws import index_items as shape
from chalicelib.aws.dynamodb_requests import batch_get, beginning_with, call, query
from chalicelib.aws.index_postings import posting, series_locator_pk, term_pk
from chalicelib.aws.tables import BY_ACCESSION, BY_DATE, BY_PATIENT, CONFLICTS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.aws.dynamodb_reads import DynamoDBReads

PAGE = 100
"""Studies read ahead of what a caller takes: a worklist page and its filter rarely need more."""


class DynamoDBIndexReader:
    """`archive.ports.IndexReader` on one table. Safe to share between threads."""

    def __init__(
        self, client: DynamoDBClient | DynamoDBReads, table: str, objects: ObjectStore, marks: MarksReader
    ) -> None:
        self._client: Any = client
        self._table = table
        self._objects = objects
        self._marks = marks

    def live_marks(self, hospital: str, study_instance_uids: Iterable[str]) -> Mapping[str, LiveMarks]:
        """What is kept back of studies."""
        return self._marks.live_marks(hospital, study_instance_uids)

    def study(self, hospital: str, study_instance_uid: str) -> StudyRecord | None:
        """One study, read consistently."""
        item = self._get(shape.study_pk(hospital, study_instance_uid), "STUDY")
        return shape.study_record(item) if item and "attributes" in item else None

    def series(self, hospital: str, study_instance_uid: str, series_instance_uid: str) -> SeriesRecord | None:
        """One series, read consistently."""
        item = self._get(shape.study_pk(hospital, study_instance_uid), shape.series_sk(series_instance_uid))
        return shape.series_record(item) if item else None

    def series_of_study(self, hospital: str, study_instance_uid: str) -> Iterator[SeriesRecord]:
        """Series of a study by Series Instance UID."""
        pk = shape.study_pk(hospital, study_instance_uid)
        return map(shape.series_record, self._beginning_with(pk, "SERIES#"))

    def instance(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str
    ) -> InstanceRecord | None:
        """One instance, read consistently."""
        sk = shape.instance_sk(series_instance_uid, sop_instance_uid)
        item = self._get(shape.study_pk(hospital, study_instance_uid), sk)
        return self._instance_record(item) if item else None

    def instances_of_series(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str
    ) -> Iterator[InstanceRecord]:
        """Instances of a series by SOP Instance UID."""
        pk = shape.study_pk(hospital, study_instance_uid)
        return map(self._instance_record, self._beginning_with(pk, shape.instance_sk(series_instance_uid, "")))

    def stored_instances_of_series(
        self, hospital: str, study_instance_uid: str, series_instance_uid: str
    ) -> Iterator[InstanceRecord]:
        """The same without attributes, frame table and bulk data."""
        pk, sk = shape.study_pk(hospital, study_instance_uid), shape.instance_sk(series_instance_uid, "")
        return map(shape.stored_instance, self._beginning_with(pk, sk, shape.STORED_INSTANCE))

    def objects_of_instances(self, hospital: str, sop_instance_uids: Sequence[str]) -> Mapping[str, IndexedObject]:
        """Where instances are, by SOP Instance UID; those that the index lacks are left out."""
        guards = self._batch_get(shape.guard_key(hospital, uid) for uid in dict.fromkeys(sop_instance_uids))
        instances = self._batch_get(shape.guarded_instance_key(guard) for guard in guards)
        pks = {item["pk"]["S"] for item in instances}
        conflicts = {
            conflict["sk"]["S"].split("#")[1] for pk in pks for conflict in self._beginning_with(pk, "CONFLICT#", "sk")
        }
        found = (shape.indexed_object(item, conflicts) for item in instances)
        return {each.keys.sop_instance_uid: each for each in found}

    def _batch_get(self, keys: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return batch_get(self._client, self._table, list(keys), consistent=True)

    def object_keys_of_study(self, hospital: str, study_instance_uid: str) -> set[str]:
        """Keys of the objects that the index knows of a study, conflicts included."""
        pk = shape.study_pk(hospital, study_instance_uid)
        items = [*self._beginning_with(pk, "INSTANCE#", "object_key"), *self._beginning_with(pk, "CONFLICT#")]
        return {item["object_key"]["S"] for item in items}

    def studies_by_date(self, hospital: str, first: str, last: str, page: int = PAGE) -> Iterator[StudyRecord]:
        """Studies with first <= StudyDate <= last (DA, "" for open), newest first; see `archive.ports.IndexReader`."""
        pk, index = shape.by_date_pk(hospital), {"IndexName": BY_DATE}
        return map(shape.study_record, self._between(("gsi1pk", "date_key"), pk, (first, last), page, **index))

    def studies_by_patient_id(self, hospital: str, patient_id: str) -> Iterator[StudyRecord]:
        """Studies with exactly that Patient ID, newest first."""
        return self._listed(BY_PATIENT, "gsi2pk", shape.by_patient_pk(hospital, patient_id))

    def studies_by_accession_number(self, hospital: str, accession_number: str) -> Iterator[StudyRecord]:
        """Studies with exactly that Accession Number, newest first."""
        pk = shape.by_accession_pk(hospital, accession_number)
        return self._listed(BY_ACCESSION, "gsi3pk", pk)

    def postings(self, hospital: str, term: str, first: str, last: str, page: int = PAGE) -> Iterator[Posting]:
        """Studies listed under a term, newest first."""
        return map(posting, self._between(("pk", "sk"), term_pk(hospital, term), (first, last), page))

    def studies(self, hospital: str, study_instance_uids: Iterable[str], page: int = PAGE) -> Iterator[StudyRecord]:
        """Studies in the order given; those that do not exist are left out."""
        return self._studies((shape.study_pk(hospital, uid) for uid in study_instance_uids), page)

    def studies_of_series(self, hospital: str, series_instance_uid: str) -> Iterator[str]:
        """Study Instance UIDs of the studies that have a series of that UID."""
        items = query(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": series_locator_pk(hospital, series_instance_uid)}},
            ConsistentRead=True,
        )
        return (item["sk"]["S"] for item in items)

    def conflicts(self, hospital: str) -> Iterator[Mapping[str, str]]:
        """Quarantined instances, newest first."""
        items = query(
            self._client,
            TableName=self._table,
            IndexName=CONFLICTS,
            KeyConditionExpression="gsi4pk = :pk",
            ExpressionAttributeValues={":pk": {"S": shape.conflicts_pk(hospital)}},
            ScanIndexForward=False,
        )
        return map(shape.conflict_mapping, items)

    def _between(
        self, names: tuple[str, str], pk: str, dates: tuple[str, str], page: int, **more: Any
    ) -> Iterator[dict[str, Any]]:
        """Items by (partition key, sort key), the latter a `levels.date_key` within the dates, newest first."""
        first, last = dates
        return query(
            self._client,
            TableName=self._table,
            KeyConditionExpression=f"{names[0]} = :pk AND {names[1]} BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": pk},
                ":first": {"S": first or "00000000"},
                ":last": {"S": f"{last or '99999999'}#~"},
            },
            ScanIndexForward=False,
            Limit=page,
            **more,
        )

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer: dict[str, Any] = call(
            self._client.get_item, TableName=self._table, Key=shape.key(pk, sk), ConsistentRead=True
        )
        return answer.get("Item")

    def _beginning_with(
        self, pk: str, beginning: str, projection: str = "", limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Items of a partition whose sort key begins so, read consistently."""
        return beginning_with(self._client, self._table, pk, beginning, projection, limit)

    def _listed(self, index: str, partition_key: str, pk: str) -> Iterator[StudyRecord]:
        """Studies that a GSI lists, newest first; a table made when it held keys alone is asked once more."""
        items = query(
            self._client,
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression=f"{partition_key} = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ScanIndexForward=False,
            Limit=PAGE,
        )
        for item in items:
            if "attributes" in item:
                yield shape.study_record(item)
            else:
                yield from self._studies([item["pk"]["S"]])

    def _studies(self, pks: Iterable[str], page: int = PAGE) -> Iterator[StudyRecord]:
        """Studies in the order given; those that are gone by now are left out."""
        pks = iter(pks)
        while some := list(islice(pks, min(page, PAGE))):
            distinct = [shape.key(pk, "STUDY") for pk in dict.fromkeys(some)]
            found = batch_get(self._client, self._table, distinct, consistent=False)
            by_pk = {item["pk"]["S"]: item for item in found}
            yield from (shape.study_record(by_pk[pk]) for pk in some if "attributes" in by_pk.get(pk, ()))

    def _instance_record(self, item: dict[str, Any]) -> InstanceRecord:
        spilled = self._objects.read(item["body_key"]["S"]) if "body_key" in item else None
        return shape.instance_record(item, spilled)
