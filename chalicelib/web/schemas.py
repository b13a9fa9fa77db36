"""JSON Schemas (2020-12) of the portal's API: checked at the edge of the API and published in openapi.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from chalice.app import Request

from chalicelib import errors
from chalicelib.access.model import Permission, Role
from chalicelib.web.schema_parts import COUNT, STRING, TIME, Schema
from chalicelib.web.schema_parts import list_of as _list
from chalicelib.web.schema_parts import object_of as _object
from chalicelib.web.schemas_accounts import ACCOUNT_SCHEMAS
from chalicelib.web.schemas_audit import AUDIT_SCHEMAS
from chalicelib.web.schemas_billing import BILLING_SCHEMAS
from chalicelib.web.schemas_care import CARE_SCHEMAS
from chalicelib.web.schemas_cost import COST_SCHEMAS
from chalicelib.web.schemas_disputes import DISPUTE_SCHEMAS
from chalicelib.web.schemas_marks import MARK_SCHEMAS
from chalicelib.web.schemas_patients import PATIENT_SCHEMAS
from chalicelib.web.schemas_proxies import PROXY_SCHEMAS
from chalicelib.web.schemas_sharing import SHARING_SCHEMAS

MAX_BODY_BYTES = 16_384

HOSPITAL = _object({"id": STRING, "name": STRING})
REVISION: Schema = {"type": "string", "description": "Changes with every change; in quotes it is the ETag"}
NETWORKS: Schema = {
    "type": "array",
    "items": {"type": "string", "minLength": 3, "maxLength": 43},
    "uniqueItems": True,
    "maxItems": 50,
}
HOSPITAL_PROPERTIES: dict[str, Schema] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 100},
    "sms_name": {
        "type": "string",
        "maxLength": 100,
        "description": "Name in SMS, short enough for one; by default the name",
    },
    "maximum_associations": {
        "type": "integer",
        "minimum": 0,
        "maximum": 1000,
        "description": "Open at once in one ingest container; 0, the default: as many as its settings say",
    },
    "maximum_instances_per_minute": {
        **COUNT,
        "maximum": 1 << 50,
        "description": "Instances that it may store in a minute; 0, the default: any number",
    },
    "maximum_bytes_per_day": {
        **COUNT,
        "maximum": 1 << 50,
        "description": "Bytes that it may store in a day (UTC); 0, the default: any number",
    },
    "networks": {
        **NETWORKS,
        "description": "Networks (CIDR) from which its application entities may call over DIMSE, unless theirs are "
        "registered; none, the default: from anywhere",
    },
}
APPLICATION_ENTITY: dict[str, Schema] = {
    "services": {
        "type": "array",
        "items": {"type": "string", "enum": ["store", "query", "retrieve"]},
        "uniqueItems": True,
        "description": "What it may ask of the archive; store includes storage commitment",
    },
    "destination": {
        **_object(
            {
                "host": {"type": "string", "minLength": 1, "maxLength": 253, "description": "Host name or IP address"},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                "tls": {
                    "type": "boolean",
                    "description": "TLS is spoken there; its certificate has to be one of certificate_fingerprints, "
                    "or of its host name where none is registered; by default false",
                },
            },
            frozenset({"tls"}),
        ),
        "description": "Where it listens: destination of C-MOVE, storage commitment, C-ECHO",
    },
    "certificate_fingerprints": {
        "type": "array",
        "items": {"type": "string", "minLength": 64, "maxLength": 95},
        "maxItems": 10,
        "description": "SHA-256 of the certificates that it presents over TLS, in hexadecimal",
    },
    "tls_only": {
        "type": "boolean",
        "description": "It may not call on the port without TLS; by default whether it has a certificate",
    },
    "networks": {
        **NETWORKS,
        "description": "Networks (CIDR) from which it may call; none, the default: those of its hospital",
    },
    "enabled": {"type": "boolean", "description": "One that is not may neither call nor be called"},
}
REGISTERED_APPLICATION_ENTITY = _object(
    {"ae_title": STRING, "hospital": STRING, **APPLICATION_ENTITY, "revision": REVISION}, frozenset({"destination"})
)

SCHEMAS: dict[str, Schema] = {
    "Credentials": _object(
        {
            "username": {"type": "string", "minLength": 1, "maxLength": 100},
            "password": {"type": "string", "minLength": 1, "maxLength": 200},
        }
    ),
    "Session": _object(
        {
            "display_name": STRING,
            "role": {
                "type": "string",
                "enum": [role.value for role in Role],
            },
            "hospital": {"oneOf": [HOSPITAL, {"type": "null"}]},
            "permissions": {
                "type": "array",
                "items": {
                    "type": "string",
                    "enum": [permission.value for permission in Permission],
                },
            },
            "expires_at": TIME,
            "professional_id": {"type": "string", "description": "RPPS, where the identity provider told it"},
            "organization": {"type": "string", "description": "Place of work, likewise"},
        },
        frozenset({"professional_id", "organization"}),
    ),
    "Hospitals": _list("hospitals", HOSPITAL),
    "Hospital": _object({"id": STRING, **HOSPITAL_PROPERTIES, "revision": REVISION}),
    "HospitalProperties": _object(HOSPITAL_PROPERTIES, frozenset(HOSPITAL_PROPERTIES) - {"name"}),
    "ApplicationEntities": _list("application_entities", REGISTERED_APPLICATION_ENTITY),
    "ApplicationEntity": REGISTERED_APPLICATION_ENTITY,
    "ApplicationEntityProperties": _object(APPLICATION_ENTITY, frozenset(APPLICATION_ENTITY) - {"services"}),
    "Echo": _object(
        {
            "answered": {"type": "boolean", "description": "The application entity answered C-ECHO with success"},
            "detail": {"type": "string", "description": "What happened, in plain words"},
            "duration_ms": COUNT,
        }
    ),
    "Contact": _object(
        {
            "phone_number": {
                "type": "string",
                "minLength": 4,
                "maxLength": 30,
                "description": "A mobile number, international or as written in France",
            },
            "consent": {"type": "boolean", "description": "The patient agreed to be told by SMS"},
            "issuer": {"type": "string", "maxLength": 64, "description": "IssuerOfPatientID (0010,0021)"},
        },
        frozenset({"issuer"}),
    ),
    "RegisteredContact": _object(
        {
            "hospital": STRING,
            "patient_id": STRING,
            "issuer": STRING,
            "phone_number": {"type": "string", "description": "E.164"},
            "consent": {"type": "boolean"},
        }
    ),
    "Ledger": _list(
        "lines",
        _object(
            {
                "seq": {"type": "integer", "minimum": 1},
                "event": STRING,
                "study_instance_uid": STRING,
                "accession_number": STRING,
                "hospital": STRING,
                "event_time": TIME,
                "recorded_at": TIME,
                "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "previous_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "modalities": {"type": "string", "description": "Values of Modality, with \\ between them"},
            },
            frozenset({"modalities"}),
        ),
        next_after={"type": ["integer", "null"], "description": "Ask again with after= this for the lines that follow"},
    ),
    "Rejections": _list(
        "rejections",
        _object(
            {
                "object_key": STRING,
                "received_at": TIME,
                "size_bytes": COUNT,
                "reason": STRING,
                "detail": STRING,
                "calling_ae_title": STRING,
                "correlation_id": STRING,
            }
        ),
    ),
    "Conflicts": _list("conflicts", {"type": "object", "additionalProperties": {"type": "string"}}),
    "Queues": _list("queues", _object({"name": STRING, "available": COUNT, "in_flight": COUNT, "delayed": COUNT})),
    "Notifications": _list(
        "notifications",
        _object(
            {
                "study_instance_uid": STRING,
                "state": {"type": "string", "enum": ["claimed", "unknown"]},
                "changed_at": TIME,
                "detail": STRING,
            }
        ),
    ),
    "Health": _object(
        {
            "status": {"type": "string", "enum": ["ok", "unavailable"]},
            "parts": {
                "type": "object",
                "additionalProperties": {"type": "string", "enum": ["ok", "unavailable"]},
            },
        }
    ),
    **BILLING_SCHEMAS,
    **COST_SCHEMAS,
    **DISPUTE_SCHEMAS,
    **PATIENT_SCHEMAS,
    **PROXY_SCHEMAS,
    **SHARING_SCHEMAS,
    **MARK_SCHEMAS,
    **CARE_SCHEMAS,
    **AUDIT_SCHEMAS,
    **ACCOUNT_SCHEMAS,
    "Problem": _object(
        {"type": STRING, "title": STRING, "status": {"type": "integer"}, "detail": STRING}, frozenset({"title"})
    ),
}


@cache
def _validator(name: str) -> Callable[[Any], Any]:
    import fastjsonschema

    validator: Callable[[Any], Any] = fastjsonschema.compile(SCHEMAS[name], use_formats=False)
    return validator


def json_body(request: Request, schema: str) -> dict[str, Any]:
    """The request's JSON body, valid against a schema.

    Raises
    ------
    errors.BadRequest
        Saying what is wrong without repeating values.
    """
    import fastjsonschema

    body = request.raw_body
    if len(body) > MAX_BODY_BYTES:
        raise errors.BadRequest(f"The body has more than {MAX_BODY_BYTES} bytes.")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.BadRequest("The body is not JSON.") from error
    try:
        _validator(schema)(value)
    except fastjsonschema.JsonSchemaValueException as error:
        where = (error.name or "").removeprefix("data").lstrip(".") or "the body"
        if error.rule in {"required", "additionalProperties"}:
            allowed = ", ".join(error.definition["properties"])
            raise errors.BadRequest(f"{where}: the properties are {allowed}.") from error
        raise errors.BadRequest(f"{where}: must satisfy {error.rule} {error.rule_definition}.") from error
    return dict(value)
