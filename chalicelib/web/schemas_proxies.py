"""JSON Schemas of those who act for patients, and of second factors (docs/adr/0035)."""

from __future__ import annotations

from chalicelib.access.proxies import Relation
from chalicelib.web.schema_parts import STRING, TIME, Schema, list_of, object_of
from chalicelib.web.schemas_patients import BIRTH_DATE

DAY: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
PDF: Schema = {"type": "string", "contentEncoding": "base64", "contentMediaType": "application/pdf"}
PRINTED_NAME: Schema = {"type": "string", "maxLength": 100, "description": "Printed on the sheet, kept nowhere"}
CHECKED: Schema = {"type": "boolean", "const": True, "description": "Proof of identity was seen at the desk"}
RELATION: Schema = {
    "type": "string",
    "enum": [relation.value for relation in Relation],
    "description": "parent: holder of parental authority; guardian: tuteur; trusted-person: by a written mandate",
}
PROXY = object_of(
    {
        "id": STRING,
        "name": STRING,
        "relation": RELATION,
        "basis": {"type": "string", "description": "What was shown at the desk"},
        "phone_number_ends_in": {"type": "string", "description": "Two digits, empty without a number"},
        "registered_at": TIME,
        "registered_by": STRING,
        "ends_at": TIME,
        "may_be_ended_by_patient": {"type": "boolean"},
    }
)
SIX_DIGITS: Schema = {"type": "string", "pattern": "^[0-9]{6}$"}

PROXY_SCHEMAS: dict[str, Schema] = {
    "ProxyRequest": object_of(
        {
            "identity_checked": CHECKED,
            "birth_date": {**BIRTH_DATE, "description": "The patient's"},
            "relation": RELATION,
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "basis": {"type": "string", "minLength": 3, "maxLength": 200},
            "phone_number": {"type": "string", "maxLength": 30},
            "until": {**DAY, "description": "Last day; for a parent the 18th birthday ends it at the latest"},
            "patient_name": PRINTED_NAME,
        },
        frozenset({"phone_number", "until", "patient_name"}),
    ),
    "ProxyCodeRequest": object_of(
        {"identity_checked": CHECKED, "birth_date": BIRTH_DATE, "patient_name": PRINTED_NAME},
        frozenset({"patient_name"}),
    ),
    "ProxyCode": object_of(
        {
            "code": {"type": "string", "description": "XXXXX-XXXXX, answered this once"},
            "sheet_pdf": PDF,
            "expires_at": TIME,
            "proxy": PROXY,
        }
    ),
    "Proxies": list_of("proxies", PROXY),
    "SecondFactors": object_of(
        {
            "phone_number_ends_in": {"type": "string", "description": "Two digits, empty without a number"},
            "totp": {"type": "boolean", "description": "Whether an authenticator application was added"},
            "printed_codes_left": {
                "type": ["integer", "null"],
                "description": "Codes of the printed list that were not used; null without a list",
            },
        }
    ),
    "TotpEnrolment": object_of(
        {
            "secret": {"type": "string", "description": "Base32, answered this once"},
            "uri": {"type": "string", "description": "otpauth address, for a QR code"},
        }
    ),
    "TotpConfirmation": object_of({"one_time_password": SIX_DIGITS}),
    "PrintedCodesRequest": object_of(
        {"identity_checked": CHECKED, "holder_name": PRINTED_NAME}, frozenset({"holder_name"})
    ),
    "PrintedCodes": object_of({"sheet_pdf": PDF, "count": {"type": "integer"}}),
}
