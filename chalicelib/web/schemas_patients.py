"""JSON Schemas of patients' codes, their sign-in, and the access that they give."""

from __future__ import annotations

from chalicelib.access.second_factors import Means
from chalicelib.web.schema_parts import STRING, TIME, Schema, list_of, object_of

CODE: Schema = {
    "type": "string",
    "minLength": 10,
    "maxLength": 40,
    "description": "Ten characters of Crockford's base32 in any case; spaces and hyphens do not matter",
}
BIRTH_DATE: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
PATIENT_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 64, "description": "PatientID (0010,0020)"}
ISSUER: Schema = {"type": "string", "maxLength": 64, "description": "IssuerOfPatientID (0010,0021)"}
GRANT = object_of(
    {
        "basis": {
            "type": "string",
            "enum": ["code", "care", "emergency"],
            "description": "The patient's code, a care relation, or break-glass",
        },
        "id": STRING,
        "professional": STRING,
        "hospital": STRING,
        "patient_id": STRING,
        "granted_at": TIME,
        "expires_at": TIME,
    }
)

PATIENT_SCHEMAS: dict[str, Schema] = {
    "PatientCodeRequest": object_of(
        {
            "patient_id": PATIENT_ID,
            "issuer": ISSUER,
            "birth_date": BIRTH_DATE,
            "patient_name": {"type": "string", "maxLength": 100, "description": "Printed on the sheet, kept nowhere"},
        },
        frozenset({"issuer", "patient_name"}),
    ),
    "PatientCode": object_of(
        {
            "code": {"type": "string", "description": "XXXXX-XXXXX, answered this once"},
            "sheet_pdf": {"type": "string", "contentEncoding": "base64", "contentMediaType": "application/pdf"},
            "patient_id": STRING,
            "issuer": STRING,
            "handed_over_at": TIME,
            "expires_at": TIME,
        }
    ),
    "PatientCodeState": object_of(
        {
            "has_code": {"type": "boolean"},
            "patient_id": STRING,
            "issuer": STRING,
            "handed_over_at": TIME,
            "expires_at": TIME,
            "phone_number_ends_in": {"type": "string", "description": "Two digits, empty without a number"},
        },
        frozenset({"handed_over_at", "expires_at"}),
    ),
    "PatientCredentials": object_of({"code": CODE, "birth_date": BIRTH_DATE}),
    "PatientSignIn": object_of(
        {
            "code": CODE,
            "birth_date": BIRTH_DATE,
            "means": {
                "type": "string",
                "enum": [means.value for means in Means],
                "description": "How the second factor is going to be shown; by default an SMS is sent",
            },
        },
        frozenset({"means"}),
    ),
    "Challenge": object_of({"challenge": STRING, "expires_in_s": {"type": "integer"}}),
    "OneTimePassword": object_of(
        {
            "challenge": {"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"},
            "one_time_password": {
                "type": "string",
                "pattern": "^([0-9]{6}|[0-9A-Za-z]{4}[ -]?[0-9A-Za-z]{4})$",
                "description": "Six digits of an SMS or application, or a code of a printed list",
            },
        }
    ),
    "AccessGrant": GRANT,
    "AccessGrantChange": object_of({"until": {**BIRTH_DATE, "description": "Its last day, in Paris"}}),
    "AccessGrants": list_of("access_grants", GRANT),
}
