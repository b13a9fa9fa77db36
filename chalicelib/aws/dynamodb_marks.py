"""What is kept back of studies, in the registry's table (docs/adr/0027).

| item | pk | sk |
|---|---|---|
| marks of a study | `H#{hospital}#S#{study}` | `MARKS` |

One item holds every mark of a study, also those that ended: one read says what is kept back, a hundred studies are one
BatchGetItem. It changes under the condition that nobody changed it meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.archive.confidentiality import Kind, Mark, Target
from chalicelib.archive.ports import LiveMarks
from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import ConditionFailed, batch_get, call
from chalicelib.errors import Conflict, Unavailable


class DynamoDBMarks:
    """Implements `access.marking.Marks` and `archive.ports.MarksReader`. Safe to share between threads.

    Parameters
    ----------
    reads
        `dynamodb_reads.DynamoDBReads`: a viewer waits for them.
    """

    def __init__(self, client: Any, reads: Any, table: str) -> None:
        self._client = client
        self._reads = reads
        self._table = table

    def live_marks(self, hospital: str, study_instance_uids: Iterable[str]) -> Mapping[str, LiveMarks]:
        """See `archive.ports.MarksReader`."""
        by_pk = {_key(hospital, uid)["pk"]["S"]: uid for uid in study_instance_uids}
        if len(by_pk) == 1:
            (uid,) = by_pk.values()
            return {uid: _live(self.of_study(hospital, uid)[0])}
        keys = [to_item({"pk": pk, "sk": "MARKS"}) for pk in by_pk]
        found = batch_get(self._reads, self._table, keys, consistent=True)
        return {by_pk[item["pk"]["S"]]: _live(_marks(item)) for item in found}

    def of_study(self, hospital: str, study_instance_uid: str) -> tuple[list[Mark], int]:
        """Every mark of a study, oldest first, and the revision that `put` takes."""
        key = _key(hospital, study_instance_uid)
        item = call(self._reads.get_item, TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return (_marks(item), int(item["revision"]["N"])) if item else ([], 0)

    def put(self, hospital: str, study_instance_uid: str, marks: Iterable[Mark], revision: int) -> None:
        """Replace the marks of a study if they have that revision; 0: if there are none.

        Raises
        ------
        errors.Conflict
            If somebody else changed them meanwhile.
        """
        texts = json.dumps([_values(mark) for mark in marks], separators=(",", ":"))
        item = {**_key(hospital, study_instance_uid), **to_item({"marks": texts, "revision": revision + 1})}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if revision:
            values = to_item({":revision": revision})
            condition = {"ConditionExpression": "revision = :revision", "ExpressionAttributeValues": values}
        try:
            call(self._client.put_item, TableName=self._table, Item=item, **condition)
        except ConditionFailed as error:
            raise Conflict("The marks of the study were changed by somebody else meanwhile: look again.") from error


def _key(hospital: str, study_instance_uid: str) -> dict[str, dict[str, str]]:
    return to_item({"pk": f"H#{hospital}#S#{study_instance_uid}", "sk": "MARKS"})


def _live(marks: Iterable[Mark]) -> LiveMarks:
    now = time.time()
    return tuple(mark for mark in marks if mark.is_live(now))


def _values(mark: Mark) -> dict[str, Any]:
    target = mark.target
    return {
        **{name: value for name, value in vars(mark).items() if name not in ("kind", "target")},
        "kind": mark.kind.value,
        "target": [target.series_instance_uid, target.sop_instance_uid, target.reports],
    }


def _marks(item: Mapping[str, Any]) -> list[Mark]:
    """The marks of an item; what cannot be understood may keep anything back, so nothing may be shown."""
    try:
        found = json.loads(from_item(item)["marks"])
        return [Mark(**{**one, "kind": Kind(one["kind"]), "target": Target(*one["target"])}) for one in found]
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("What is kept back of the study cannot be read.") from error
