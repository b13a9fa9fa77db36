"""OpenAPI of the audit trail."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_operation import operation, path_parameter
from chalicelib.web.schema_parts import STRING


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {**STRING, **schema},
        "description": description,
    }


SEARCHED = (
    _query("hospital", "Hospital id, or _region; by default the session's own"),
    _query("patient_id", "PatientID (0010,0020) in that hospital"),
    _query("issuer", "Issuer of Patient ID (0010,0021)"),
    _query("study", "Study Instance UID"),
    _query("subject", "User, or ae: and an AE title"),
    _query("from", "First day or moment, UTC"),
    _query("to", "Last day, or moment that is not included, UTC"),
    _query("before", "Key of the last event of the page before", pattern="^[0-9]{13}#[0-9a-f]{32}$"),
    _query("format", "Representation, instead of Accept", enum=["json", "csv", "fhir"]),
)


def paths() -> dict[str, Any]:
    """Searching events, a patient's own, receipts."""
    problems = (400, 401, 403, 413, 503)
    search = operation(
        "searchAuditEvents", "Who looked at what, newest first", "AuditEvents", parameters=SEARCHED, problems=problems
    )
    search["responses"]["200"]["content"] |= {
        "text/csv": {"schema": STRING},
        "application/fhir+json": {"schema": {"type": "object", "description": "Bundle of AuditEvent (FHIR R4)"}},
    }
    chain = {**_query("hospital", "Chain of the event: hospital id, or _region"), "required": True}
    return {
        "/api/audit-events": {"get": search},
        "/api/my/audit-events": {
            "get": operation(
                "readMyAuditEvents", "Who looked at the patient's own exams, newest first", "AuditEvents",
                parameters=tuple(each for each in SEARCHED if each["name"] == "before"), problems=(400, 401, 403, 503),
            ),
        },
        "/api/audit-state": {
            "get": operation(
                "readAuditState", "How far a trail is sealed, anchored and verified", "AuditState",
                parameters=(_query("hospital", "Hospital id, or _region; by default the session's own"),),
                problems=(400, 401, 403, 503),
            ),
        },
        "/api/audit-anchors/{day}": {
            "parameters": [path_parameter("day", "Day, UTC, YYYY-MM-DD")],
            "get": operation(
                "readAuditAnchor", "Heads of all chains on a day, as anchored", "AuditAnchor",
                problems=(400, 401, 403, 404, 503),
            ),
        },
        "/api/audit-events/{event}/receipt": {
            "parameters": [path_parameter("event", "Key of the event")],
            "get": operation(
                "readAuditReceipt", "Proof that an event is in its chain", "AuditReceipt", parameters=(chain,),
                problems=(400, 401, 403, 404, 503),
            ),
        },
    }  # fmt: skip
