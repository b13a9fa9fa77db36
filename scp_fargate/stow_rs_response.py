"""Store Instances Response Module (PS3.18 10.5.3, table I.1-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scp_fargate.dimse_status import OUT_OF_RESOURCES, SUCCESS

DicomJson = dict[str, Any]


@dataclass(frozen=True)
class StoreOutcome:
    """What became of one instance of a request."""

    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_class_uid: str = ""
    """Like the other UIDs `""` when the instance could not be read so far."""
    sop_instance_uid: str = ""
    failure_reason: int = SUCCESS
    warning_reason: int = 0
    is_too_large: bool = False
    """It passed what one process has room for."""

    @property
    def is_stored(self) -> bool:
        """Whether S3 has it."""
        return self.failure_reason == SUCCESS


def status_code(outcomes: Sequence[StoreOutcome]) -> int:
    """Status of the response (PS3.18 table 10.5.3-1).

    200 when all instances were stored, 202 when some were or with warnings, 409 when none was; when none was because
    all are too large 413, and 503 for want of resources alone, because the same request may succeed later.

    >>> stored, refused = StoreOutcome(), StoreOutcome(failure_reason=0xC003)
    >>> status_code([stored]), status_code([stored, refused]), status_code([refused])
    (200, 202, 409)
    """
    stored = [outcome for outcome in outcomes if outcome.is_stored]
    if stored:
        has_warnings = any(outcome.warning_reason for outcome in stored)
        return 200 if len(stored) == len(outcomes) and not has_warnings else 202
    if all(outcome.is_too_large for outcome in outcomes):
        return 413
    return 503 if all(outcome.failure_reason == OUT_OF_RESOURCES for outcome in outcomes) else 409


def store_response(outcomes: Sequence[StoreOutcome], dicomweb_url: str) -> DicomJson:
    """The response's data set. Addresses are below `dicomweb_url`, which has no trailing slash."""
    stored = [outcome for outcome in outcomes if outcome.is_stored]
    named = [outcome for outcome in outcomes if not outcome.is_stored and outcome.sop_instance_uid]
    others = [outcome for outcome in outcomes if not outcome.is_stored and not outcome.sop_instance_uid]
    studies = {outcome.study_instance_uid for outcome in stored}
    response: DicomJson = {}
    if len(studies) == 1:
        response["00081190"] = _attribute("UR", f"{dicomweb_url}/studies/{studies.pop()}")
    if named:
        response["00081198"] = _sequence([{**_reference(each), **_failure(each)} for each in named])
    if stored:
        response["00081199"] = _sequence([_stored(each, dicomweb_url) for each in stored])
    if others:
        response["0008119A"] = _sequence([_failure(each) for each in others])
    return response


def _stored(outcome: StoreOutcome, dicomweb_url: str) -> DicomJson:
    address = (
        f"{dicomweb_url}/studies/{outcome.study_instance_uid}/series/{outcome.series_instance_uid}"
        f"/instances/{outcome.sop_instance_uid}"
    )
    warning = {"00081196": _attribute("US", outcome.warning_reason)} if outcome.warning_reason else {}
    return {**_reference(outcome), "00081190": _attribute("UR", address), **warning}


def _reference(outcome: StoreOutcome) -> DicomJson:
    return {
        "00081150": _attribute("UI", outcome.sop_class_uid),
        "00081155": _attribute("UI", outcome.sop_instance_uid),
    }


def _failure(outcome: StoreOutcome) -> DicomJson:
    return {"00081197": _attribute("US", outcome.failure_reason)}


def _attribute(vr: str, value: str | int) -> DicomJson:
    return {"vr": vr, "Value": [value]}


def _sequence(items: list[DicomJson]) -> DicomJson:
    return {"vr": "SQ", "Value": items}
