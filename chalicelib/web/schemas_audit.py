"""JSON Schemas of the audit trail."""

from __future__ import annotations

from chalicelib.access.audit import Action, Outcome
from chalicelib.web.schema_parts import COUNT, STRING, TIME, Schema, list_of, object_of

HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
EVENT = object_of(
    {
        "key": {"type": "string", "description": "Key of the event within its chain"},
        "chain": {"type": "string", "description": "Hospital, or _region"},
        "when": TIME,
        "action": {"type": "string", "enum": [action.value for action in Action]},
        "outcome": {"type": "string", "enum": [outcome.value for outcome in Outcome]},
        "who": object_of(
            {
                "subject": STRING,
                "name": STRING,
                "role": STRING,
                "hospital": STRING,
                "address": STRING,
                "session": STRING,
                "professional_id": {"type": "string", "description": "RPPS"},
                "organization": {"type": "string", "description": "Place of work that was signed in for"},
            },
            frozenset({"address", "session", "professional_id", "organization"}),
        ),
        "hospital": STRING,
        "patient": {
            "oneOf": [object_of({"hospital": STRING, "patient_id": STRING, "issuer": STRING}), {"type": "null"}]
        },
        "study_instance_uid": STRING,
        "detail": {"type": "object"},
    }
)
BLOCK = object_of(
    {
        "chain": STRING,
        "seq": {"type": "integer", "minimum": 1},
        "previous_hash": HASH,
        "root": HASH,
        "count": COUNT,
        "sealed_at_ms": COUNT,
    }
)
STUDY = object_of(
    {
        "hospital": STRING,
        "study_instance_uid": STRING,
        "study_date": STRING,
        "description": STRING,
        "modalities": {"type": "array", "items": STRING},
    }
)
AUDIT_SCHEMAS: dict[str, Schema] = {
    "AuditEvents": list_of(
        "events",
        EVENT,
        before={"type": ["string", "null"], "description": "Parameter for the next page"},
        hospitals={"type": "object", "description": "Names by id", "additionalProperties": STRING},
        studies={"type": "array", "items": STUDY, "description": "Exams that a patient's own events name"},
    ),
    "AuditState": object_of(
        {
            "chain": STRING,
            "blocks": COUNT,
            "sealed_at": {"oneOf": [TIME, {"type": "null"}]},
            "anchored_day": {"oneOf": [STRING, {"type": "null"}], "description": "Of the newest anchor of a week"},
            "verified": {
                "oneOf": [
                    object_of(
                        {
                            "at": TIME,
                            "from_block": COUNT,
                            "blocks": COUNT,
                            "problems": {"type": "array", "items": STRING, "description": "The first twenty"},
                        }
                    ),
                    {"type": "null"},
                ]
            },
        }
    ),
    "AuditAnchor": object_of(
        {
            "day": STRING,
            "made_at_ms": COUNT,
            "chains": {"type": "object", "additionalProperties": object_of({"seq": COUNT, "hash": HASH})},
        }
    ),
    "AuditReceipt": object_of(
        {
            "event": {"type": "object", "description": "What the leaf's hash is of (canonical JSON)"},
            "proof": {
                "type": "array",
                "items": {"type": "array", "items": STRING, "minItems": 2, "maxItems": 2},
                "description": "Side and hash of each sibling on the way to the root",
            },
            "blocks": {"type": "array", "items": BLOCK},
            "anchor": {"oneOf": [object_of({"day": STRING, "seq": COUNT, "hash": HASH}), {"type": "null"}]},
        }
    ),
}
