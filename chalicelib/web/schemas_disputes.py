"""JSON Schemas of contested lines."""

from __future__ import annotations

from chalicelib.billing.disputes import Reason, State
from chalicelib.web.schema_parts import STRING, Schema, list_of, object_of
from chalicelib.web.schemas_billing import PERIOD

_SENTENCE: Schema = {"type": "string", "maxLength": 500, "pattern": "^[^\\x00-\\x09\\x0b-\\x1f<>]*$"}
_STATES = [state.value for state in State]
_REASONS: Schema = {"enum": [reason.value for reason in Reason]}
_UID: Schema = {"type": "string", "pattern": "^[0-9.]{0,64}$"}
DISPUTE = object_of(
    {
        "id": STRING,
        "hospital": STRING,
        "invoice": {"type": "string", "description": "Number of the invoice"},
        "period": {**PERIOD, "description": "Month that the exam belongs to"},
        "seq": {"type": "integer", "description": "Line of the hospital's ledger"},
        "accession_number": STRING,
        "study_instance_uid": STRING,
        "reason": _REASONS,
        "state": {"enum": _STATES},
        "history": {
            "type": "array",
            "items": object_of(
                {
                    "state": {"enum": _STATES},
                    "at": {"type": "string", "format": "date-time"},
                    "by": STRING,
                    "text": STRING,
                }
            ),
        },
        "credit_note": {"type": ["string", "null"], "description": "Number of the credit note that came of it"},
        "credited": {"type": ["string", "null"], "description": "What it gives back, with VAT"},
    }
)
DISPUTE_SCHEMAS: dict[str, Schema] = {
    "Dispute": DISPUTE,
    "Disputes": list_of("disputes", DISPUTE),
    "DisputeRequest": object_of(
        {
            "invoice": {"type": "string", "minLength": 1, "maxLength": 35},
            "accession_number": {"type": "string", "minLength": 1, "maxLength": 64},
            "reason": _REASONS,
            "text": {**_SENTENCE, "description": "No names: the accession number says whose exam it is"},
            "study_instance_uid": {**_UID, "description": "Where several exams have the accession number"},
        },
        frozenset({"text", "study_instance_uid"}),
    ),
    "DisputeDecision": object_of(
        {
            "hospital": STRING,
            "outcome": {"enum": ["accepted", "refused"]},
            "text": {**_SENTENCE, "description": "Why; must not be empty when refused"},
        },
        frozenset({"text"}),
    ),
}
