"""JSON Schemas of care relations, oppositions and break-glass."""

from __future__ import annotations

from chalicelib.web.schema_parts import STRING, TIME, Schema, list_of, object_of

HOSPITAL_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
PATIENT_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 64, "description": "PatientID (0010,0020)"}
ISSUER: Schema = {"type": "string", "maxLength": 64, "description": "IssuerOfPatientID (0010,0021)"}
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
MAYBE_TIME: Schema = {"type": ["string", "null"]}
REASON: Schema = {
    "type": "string",
    "enum": ["vital-emergency", "patient-cannot-answer", "urgent-transfer", "on-call-advice", "other"],
}
RELATION = object_of(
    {
        "id": STRING,
        "hospital": {"type": "string", "description": "Id of the hospital that has the exams"},
        "hospital_name": STRING,
        "patient_id": {"type": "string", "description": "As that hospital knows the patient"},
        "declared_by": STRING,
        "declared_at": TIME,
        "expires_at": TIME,
        "is_open": {"type": "boolean", "description": "The session's user has opened them"},
        "exams": {
            "type": "array",
            "description": "Without what is masked",
            "items": object_of(
                {
                    "study_instance_uid": STRING,
                    "study_date": STRING,
                    "description": STRING,
                    "modalities": {"type": "array", "items": STRING},
                }
            ),
        },
    }
)
USE = object_of(
    {
        "id": STRING,
        "patient_id": STRING,
        "issuer": STRING,
        "professional": STRING,
        "professional_hospital": STRING,
        "reason": REASON,
        "explanation": STRING,
        "at": TIME,
        "expires_at": TIME,
        "review": {"type": "string", "enum": ["open", "justified", "not-justified"]},
        "reviewed_by": STRING,
        "reviewed_at": MAYBE_TIME,
        "comment": STRING,
    }
)
CARE_SCHEMAS: dict[str, Schema] = {
    "CareRelationRequest": object_of(
        {
            "patient_id": PATIENT_ID,
            "issuer": ISSUER,
            "other": object_of(
                {"hospital": HOSPITAL_ID, "patient_id": PATIENT_ID, "issuer": ISSUER}, frozenset({"issuer"})
            ),
            "informed": {"type": "boolean", "description": "The patient was informed and does not oppose"},
        },
        frozenset({"issuer"}),
    ),
    "CareRelation": RELATION,
    "CareRelations": list_of("care_relations", RELATION),
    "Priors": list_of(
        "studies",
        object_of(
            {
                "study_instance_uid": STRING,
                "priors": {
                    "type": "array",
                    "description": "By hospital and patient; studies without any are left out",
                    "items": object_of(
                        {
                            "hospital": STRING,
                            "hospital_name": STRING,
                            "exams": {"type": "integer", "minimum": 1, "description": "Without what is masked"},
                            "is_at_least": {"type": "boolean", "description": "There are more"},
                            "newest": {"type": "string", "description": "Study Date (DA) of the newest"},
                            "is_open": {"type": "boolean", "description": "The session's user has opened them"},
                        }
                    ),
                },
            }
        ),
    ),
    "OppositionRequest": object_of({"opposes": {"type": "boolean"}}),
    "Opposition": object_of({"opposes": {"type": "boolean"}, "recorded_by": STRING, "recorded_at": MAYBE_TIME}),
    "BreakGlassRequest": object_of(
        {
            "hospital": HOSPITAL_ID,
            "patient_id": {**PATIENT_ID, "description": "Or family name, given name and birth date"},
            "issuer": ISSUER,
            "family_name": NAME,
            "given_name": NAME,
            "birth_date": {"type": "string", "pattern": "^[0-9]{8}$", "description": "YYYYMMDD"},
            "reason": REASON,
            "explanation": {"type": "string", "minLength": 10, "maxLength": 500},
        },
        frozenset({"patient_id", "issuer", "family_name", "given_name", "birth_date"}),
    ),
    "EmergencyAccess": object_of({"id": STRING, "hospital": STRING, "patient_id": STRING, "expires_at": TIME}),
    "BrokenGlass": USE,
    "BrokenGlasses": list_of("uses", USE),
    "BreakGlassReview": object_of(
        {"justified": {"type": "boolean"}, "comment": {"type": "string", "maxLength": 1000}}, frozenset({"comment"})
    ),
}
