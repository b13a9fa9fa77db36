"""JSON Schemas of shares."""

from __future__ import annotations

from chalicelib.web.schema_parts import COUNT, STRING, TIME, Schema, list_of, object_of

UID: Schema = {"type": "string", "pattern": "^[0-9.]{1,64}$"}
TOKEN: Schema = {
    "type": "string",
    "minLength": 10,
    "maxLength": 200,
    "description": "What follows # in the address of the link",
}
STATE: Schema = {"type": "string", "enum": ["live", "expired", "revoked", "used-up", "locked"]}
KIND: Schema = {"type": "string", "enum": ["link", "user", "professional", "hospital"]}
MODALITIES: Schema = {"type": "array", "items": STRING}
FROM = object_of({"name": STRING, "hospital": STRING})
STUDY = object_of(
    {
        "hospital": STRING,
        "study_instance_uid": STRING,
        "series": {"type": "array", "items": STRING, "description": "Series Instance UIDs; none: all of the study"},
        "patient_name": STRING,
        "study_date": STRING,
        "description": STRING,
        "modalities": MODALITIES,
    }
)
GIVES: dict[str, Schema] = {
    "reports": {"type": "boolean", "description": "Reports and documents are given too"},
    "download": {"type": "boolean", "description": "Instances may be retrieved as files, not only looked at"},
}
RECIPIENT: Schema = {"type": "string", "description": "Name of the user or hospital, RPPS number; the label of a link"}
PHONE_END: Schema = {
    "type": "string",
    "description": "Last two digits of the number that the one-time password goes to; empty without one",
}
TERMS: dict[str, Schema] = {
    "id": STRING,
    "kind": KIND,
    **GIVES,
    "created_at": TIME,
    "expires_at": TIME,
    "state": STATE,
    "uses": {**COUNT, "description": "Openings of a link, or sessions of recipients by name in which it was used"},
}
SHARE: dict[str, Schema] = {
    **TERMS,
    "recipient": RECIPIENT,
    "label": STRING,
    "message": STRING,
    "studies": {"type": "array", "items": STUDY},
    "maximum_uses": {**COUNT, "description": "0: any number"},
    "has_passcode": {"type": "boolean"},
    "phone_number_ends_in": PHONE_END,
    "under_access": {"type": "boolean", "description": "It ends with the access that the patient gave its maker"},
    "revoked_by": {"type": "string", "enum": ["", "maker", "patient", "hospital", "operator", "grant"]},
}
SHARE_OF_OTHERS = object_of(
    {
        **TERMS,
        "from": FROM,
        "recipient": RECIPIENT,
        "studies": {"type": "array", "items": STUDY, "description": "The patient's, or the hospital's, alone"},
        "is_own": {"type": "boolean", "description": "Made by whoever asks"},
    }
)

SHARING_SCHEMAS: dict[str, Schema] = {
    "ShareRequest": object_of(
        {
            "studies": {
                "type": "array",
                "minItems": 1,
                "maxItems": 40,
                "items": object_of(
                    {
                        "study_instance_uid": UID,
                        "hospital": {"type": "string", "maxLength": 64, "description": "Whose, where several have it"},
                        "series": {"type": "array", "items": UID, "minItems": 1, "maxItems": 60, "uniqueItems": True},
                    },
                    frozenset({"hospital", "series"}),
                ),
            },
            "kind": KIND,
            "recipient": {
                "type": "string",
                "minLength": 1,
                "maxLength": 100,
                "description": "Username, RPPS number or hospital id; not for a link",
            },
            "label": {"type": "string", "maxLength": 100, "description": "Who the recipient is"},
            "message": {"type": "string", "maxLength": 1000},
            **GIVES,
            "days": {
                "type": "integer",
                "minimum": 1,
                "maximum": 3650,
                "description": "At most what the archive allows",
            },
            "maximum_uses": {"type": "integer", "minimum": 0, "maximum": 1000},
            "passcode": {"type": "string", "minLength": 6, "maxLength": 64},
            "phone_number": {
                "type": "string",
                "maxLength": 40,
                "description": "Of a link: a mobile that a one-time password is sent to; French without a country code",
            },
        },
        frozenset(
            {
                "recipient",
                "label",
                "message",
                "reports",
                "download",
                "days",
                "maximum_uses",
                "passcode",
                "phone_number",
            }
        ),
    ),
    "NewShare": object_of(
        {**SHARE, "url": {"type": "string", "description": "Of the link, shown this once"}}, frozenset({"url"})
    ),
    "Share": object_of(
        {
            **SHARE,
            "opened": {
                "type": "array",
                "items": object_of(
                    {
                        "at": TIME,
                        "network": {"type": "string", "description": "From which, shortened"},
                        "who": {"type": "string", "description": "A recipient by name; empty for a link"},
                    }
                ),
            },
        }
    ),
    "Shares": list_of("shares", object_of(SHARE)),
    "SharesOfPatient": list_of("shares", SHARE_OF_OTHERS),
    "SharesOfHospital": list_of(
        "shares",
        SHARE_OF_OTHERS,
        next={"type": "string", "description": "Next page's `before`, empty at the end"},
    ),
    "OperatedShare": object_of({**TERMS, "hospitals": {"type": "array", "items": STRING}, "study_count": COUNT}),
    "ReceivedShares": list_of(
        "shares",
        object_of(
            {
                "id": STRING,
                "from": FROM,
                "kind": KIND,
                "message": STRING,
                "studies": {"type": "array", "items": STUDY},
                **GIVES,
                "expires_at": TIME,
            }
        ),
    ),
    "ShareToken": object_of({"token": TOKEN}),
    "ShareCredentials": object_of(
        {"token": TOKEN, "passcode": {"type": "string", "maxLength": 64}}, frozenset({"passcode"})
    ),
    "SharePreview": object_of(
        {
            "state": STATE,
            "from": FROM,
            "message": STRING,
            "exams": {
                "type": "array",
                "items": object_of({"study_date": STRING, "modalities": MODALITIES}),
                "description": "None once the share has ended",
            },
            **GIVES,
            "expires_at": TIME,
            "has_passcode": {"type": "boolean"},
            "has_one_time_password": {"type": "boolean", "description": "One is sent to a phone, see `beginOpening`"},
            "phone_number_ends_in": PHONE_END,
        }
    ),
}
