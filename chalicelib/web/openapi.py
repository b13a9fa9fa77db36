"""OpenAPI 3.1 of everything under /api, from the schemas that the routes check: `/api/openapi.json`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib.web import (
    openapi_accounts,
    openapi_audit,
    openapi_billing,
    openapi_care,
    openapi_cost,
    openapi_disputes,
    openapi_marks,
    openapi_patients,
    openapi_proxies,
    openapi_registry,
    openapi_sharing,
)
from chalicelib.web.http import gzipped, handles_errors, respond
from chalicelib.web.openapi_operation import json_content, operation, path_parameter
from chalicelib.web.schema_parts import STRING
from chalicelib.web.schemas import SCHEMAS

routes = Blueprint(__name__)

PROBLEMS = {
    400: "The request is malformed; `detail` names the offending part",
    401: "No valid session",
    403: "The session's role or hospital does not permit this",
    404: "There is nothing by that name",
    409: "The state of the resource forbids this, `detail` says why",
    412: "It was changed, removed or registered meanwhile: read it again",
    413: "Too much would be read or returned, `detail` says how to narrow it",
    428: "It exists: name the revision that is meant by If-Match",
    429: "Wait for the seconds that Retry-After names",
    503: "A service that is needed did not answer; try again later",
}
HOSPITAL_PARAMETER = {
    "name": "hospital",
    "in": "query",
    "required": True,
    "schema": STRING,
    "description": "Hospital id",
}


def _operator_list(name: str, summary: str, schema: str) -> dict[str, Any]:
    return {"get": operation(name, summary, schema, parameters=(HOSPITAL_PARAMETER,), problems=(400, 401, 403, 503))}


OF_A_MONTH = (
    {**HOSPITAL_PARAMETER, "required": False, "description": "Hospital id; by default the session's own"},
    {
        "name": "period",
        "in": "query",
        "schema": {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"},
        "description": "Month in which the lines were recorded, in Paris; by default the current one",
    },
)


def _statement() -> dict[str, Any]:
    summary = "What a hospital owes for a month, rated by the price list in force"
    return operation("readStatement", summary, "Statement", parameters=OF_A_MONTH, problems=(400, 401, 403, 404, 503))


def _ledger() -> dict[str, Any]:
    parameters = (
        *OF_A_MONTH,
        {
            "name": "after",
            "in": "query",
            "schema": {"type": "integer", "minimum": 0},
            "description": "Only lines whose seq is greater",
        },
    )
    summary = "Lines of a hospital's ledger, at most 1000"
    return operation("readLedger", summary, "Ledger", parameters=parameters, problems=(400, 401, 403, 503))


def _paths() -> dict[str, Any]:
    health = operation("health", "Every part that the API needs answers", "Health", problems=(), is_public=True)
    health["responses"]["503"] = {"description": "A part does not answer", "content": json_content("Health")}
    described = operation("describe", "This document", None, problems=(), is_public=True)
    described["responses"]["200"]["content"] = {"application/json": {"schema": {"type": "object"}}}
    sign_in = operation(
        "signIn",
        "Sign in; the session's token is set as a cookie",
        "Session",
        body="Credentials",
        problems=(400, 401, 429, 503),
        is_public=True,
    )
    sign_in["responses"]["200"]["headers"] = {
        "Set-Cookie": {"schema": STRING, "description": "`__Host-sansfilm`, HttpOnly, SameSite=Strict"}
    }
    contact = operation(
        "registerContact",
        "Register or replace the mobile number of a patient of the session's hospital",
        "RegisteredContact",
        body="Contact",
        problems=(400, 401, 403, 503),
    )
    return {
        **openapi_registry.paths(),
        **openapi_billing.paths(),
        **openapi_cost.paths(),
        **openapi_disputes.paths(),
        **openapi_patients.paths(),
        **openapi_proxies.paths(),
        **openapi_sharing.paths(),
        **openapi_marks.paths(),
        **openapi_care.paths(),
        **openapi_audit.paths(),
        **openapi_accounts.paths(),
        "/api/session": {
            "post": sign_in,
            "get": operation("readSession", "Who is signed in", "Session"),
            "delete": operation("signOut", "End the session", None, status=204),
        },
        "/api/hospitals/{hospital}/contacts/{patient}": {
            "parameters": [
                path_parameter("hospital", "Hospital id"),
                path_parameter("patient", "PatientID (0010,0020)"),
            ],
            "put": contact,
        },
        "/api/ledger": {"get": _ledger()},
        "/api/statement": {"get": _statement()},
        "/api/operations/rejections": _operator_list("listRejections", "Latest refused instances", "Rejections"),
        "/api/operations/conflicts": _operator_list("listConflicts", "Instances in quarantine", "Conflicts"),
        "/api/operations/notifications": _operator_list(
            "listNotifications", "SMS whose outcome is unknown", "Notifications"
        ),
        "/api/operations/queues": {"get": operation("listQueues", "What waits in each queue", "Queues")},
        "/api/healthz": {"get": health},
        "/api/openapi.json": {"get": described},
    }


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = {str(status): {"description": text, "content": problem} for status, text in PROBLEMS.items()}
    responses["429"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    # API Gateway itself answers these when a session is missing, not valid, or when there is no such route.
    for status in ("401", "403"):
        responses[status]["content"] = {**problem, "application/json": {"schema": {"type": "object"}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sans Film",
            "version": "1",
            "description": "The portal's API. Images are served by DICOMweb (PS3.18) under /dicomweb.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "responses": responses,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-sansfilm"},
            },
        },
    }


@routes.route("/api/openapi.json", methods=["GET"])
@handles_errors
def read_openapi() -> Response:
    """The OpenAPI document."""
    body = json.dumps(document(), ensure_ascii=False).encode()
    return gzipped(respond(body, "application/json"), routes.current_request)
